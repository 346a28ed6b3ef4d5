//! Whatever the numbers and words: a well-formed picture with all its marks inside.

use proptest::num::f64::{ANY, NORMAL};
use proptest::prelude::*;
use reelbench_charts::{
    Bar, Better, Candidate, Drift, Estimate, Intervals, Lane, Measure, Name, Pareto, Sample, Stack, Stacks,
    Timeline, Work,
};

use crate::fixtures::{drift, heading, intervals, pareto, stacks, timeline};
use crate::xml::Picture;

/// Ordinary numbers mostly; now and then any that there is.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 0.0..1000.0, 1 => -10.0..10.0, 1 => NORMAL, 1 => ANY, 1 => Just(0.0)]
}

/// Any words but those that a number without a value would leave behind.
fn words() -> impl Strategy<Value = String> {
    let words = prop_oneof!["[a-z_ 0-9]{0,30}", any::<String>()];
    words.prop_filter("as if from a number", |words| !says_no_number(words))
}

fn says_no_number(words: &str) -> bool {
    words.contains("NaN") || words.contains("inf")
}

fn name() -> impl Strategy<Value = Name> {
    (prop_oneof![Just("one".to_owned()), words()], words()).prop_map(|(group, own)| Name { group, own })
}

fn check(svg: &str) {
    let picture = Picture::of(svg);
    picture.check();
    assert!(!says_no_number(svg), "{svg}");
    assert!(picture.ids().iter().all(|id| id.starts_with("rb-")));
}

proptest! {
    #[test]
    fn any_intervals(rows in prop::collection::vec((name(), number(), prop::option::of((number(), number())), words()), 0..70)) {
        let row = |(name, value, interval, words)| Estimate { name, value, interval, words };
        check(&Intervals { rows: rows.into_iter().map(row).collect(), ..intervals() }.svg());
    }

    #[test]
    fn any_stacks(rows in prop::collection::vec((name(), prop::collection::vec((number(), words()), 0..4), words()), 0..70)) {
        let row = |(name, parts, words)| Stack { name, parts, words };
        check(&Stacks { rows: rows.into_iter().map(row).collect(), ..stacks() }.svg());
    }

    #[test]
    fn any_candidates(all in prop::collection::vec((words(), number(), number(), words()), 0..60), higher in any::<bool>()) {
        let candidates: Vec<_> = all.into_iter().map(|(name, x, y, words)| Candidate { name, x, y, words }).collect();
        let better = if higher { Better::Higher } else { Better::Lower };
        let x = Measure { better, ..pareto().x };
        check(&Pareto { candidates, x, ..pareto() }.svg());
    }

    #[test]
    fn any_samples(measured in prop::collection::vec((number(), number(), words()), 0..30), copies in prop_oneof![Just(1_usize), 30..80_usize]) {
        let sample = |(turn, percent, words)| Sample { turn, percent, words };
        let measured: Vec<Sample> = measured.into_iter().map(sample).collect();
        let many = measured.len() * copies;
        let measured = measured.into_iter().cycle().take(many).collect();
        check(&Drift { measured, ..drift(1) }.svg());
    }

    #[test]
    fn any_bars(lanes in prop::collection::vec((name(), prop::collection::vec((number(), number(), 0..3_usize, words()), 0..5)), 0..70), pauses in prop::collection::vec(number(), 0..5)) {
        let bar = |(start, length, work, words)| Bar { start, length, work: [Work::Load, Work::Warmup, Work::Sample][work], words };
        let lane = |(name, bars): (_, Vec<_>)| Lane { name, bars: bars.into_iter().map(bar).collect() };
        check(&Timeline { lanes: lanes.into_iter().map(lane).collect(), pauses, ..timeline(0) }.svg());
    }
}

#[test]
fn ids_of_two_charts_differ() {
    let (one, other) = (intervals(), Intervals { heading: heading("other"), ..intervals() });
    let (one, other) = (one.svg(), other.svg());
    let (one, other) = (Picture::of(&one), Picture::of(&other));
    assert!(!one.ids().is_empty());
    assert!(one.ids().iter().all(|id| !other.ids().contains(id)));
}
