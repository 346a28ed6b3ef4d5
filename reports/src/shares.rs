//! How much of a repeat's time each of its spans stands for.
//!
//! Spans overlap where work goes on side by side. Each moment is then shared equally among the spans that cover it,
//! whatever their stages and activities, so that the shares of all spans and what none covers sum to the wall time.

use reelbench_protocol::Span;

/// Fractional bits of a nanosecond while shares are added up. With 64 bits of nanoseconds before them they fit 128 bits,
/// and what a million overlapping spans lose to rounding stays below a hundred-thousandth of a nanosecond.
const FRACTION_BITS: u32 = 60;

/// The share of every span in whole nanoseconds, in the order given. A span that overlaps no other keeps its duration.
///
/// The shares sum to the time that any span covers, exactly; and those of one stage, or of one activity within it, are
/// off by less than a nanosecond in all. O(n log n).
pub(crate) fn shares(spans: &[Span]) -> Vec<u64> {
    let exact = exact_shares(spans);
    let mut by_activity: Vec<usize> = (0..spans.len()).collect();
    by_activity.sort_by_key(|&index| (spans[index].stage, spans[index].activity));
    // A running sum is rounded, and not each share, so that what is lost in one is made up for in the next.
    let mut sum = 0;
    let mut told = 0;
    let mut shares = vec![0; spans.len()];
    for index in by_activity {
        sum += exact[index];
        let rounded = whole_nanoseconds(sum);
        shares[index] = rounded - told;
        told = rounded;
    }
    shares
}

fn whole_nanoseconds(fixed: u128) -> u64 {
    let half = 1 << (FRACTION_BITS - 1);
    ((fixed + half) >> FRACTION_BITS) as u64
}

/// The shares as fixed-point numbers.
///
/// Spans that are under way at the same moment get the same, so one running sum of `dt / spans under way` serves them
/// all: a span's share is how much that sum grows from its start to its end.
fn exact_shares(spans: &[Span]) -> Vec<u128> {
    let mut edges = Vec::with_capacity(2 * spans.len());
    for (index, span) in spans.iter().enumerate() {
        edges.push((span.start_ns, Edge::Start, index));
        edges.push((span.start_ns.saturating_add(span.duration_ns), Edge::End, index));
    }
    edges.sort_unstable();
    let mut shares = vec![0; spans.len()];
    let (mut now_ns, mut under_way, mut grown) = (0, 0_u128, 0_u128);
    for (at_ns, edge, index) in edges {
        // Where none is under way, no share grows.
        grown += (u128::from(at_ns - now_ns) << FRACTION_BITS).checked_div(under_way).unwrap_or(0);
        now_ns = at_ns;
        match edge {
            Edge::Start => {
                under_way += 1;
                shares[index] = grown;
            }
            Edge::End => {
                under_way -= 1;
                shares[index] = grown - shares[index];
            }
        }
    }
    shares
}

/// One end of a span. Where several meet, starts come first, so that a span without duration starts before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Start,
    End,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use reelbench_protocol::{Activity, Stage};

    use super::*;

    fn span(stage: Stage, start_ns: u64, duration_ns: u64) -> Span {
        Span { stage, scene: None, activity: Activity::Compute, start_ns, duration_ns }
    }

    /// Nanoseconds that any span covers, found one nanosecond at a time.
    fn covered_ns(spans: &[Span]) -> u64 {
        let covers = |at: u64| spans.iter().any(|s| (s.start_ns..s.start_ns + s.duration_ns).contains(&at));
        let end = spans.iter().map(|span| span.start_ns + span.duration_ns).max().unwrap_or(0);
        (0..end).filter(|&at| covers(at)).count() as u64
    }

    #[test]
    fn spans_that_do_not_overlap_keep_their_durations() {
        let spans = [
            span(Stage::Asr, 10, 7),
            span(Stage::Scene, 0, 10),
            span(Stage::Asr, 30, 1),
            span(Stage::Yolo, 5, 0),
        ];
        assert_eq!(shares(&spans), [7, 10, 1, 0]);
        assert_eq!(shares(&[]), [0; 0]);
    }

    #[test]
    fn two_equal_spans_have_half_each() {
        let spans = [span(Stage::Asr, 100, 600), span(Stage::Ast, 100, 600)];
        assert_eq!(shares(&spans), [300, 300]);
        let odd = [span(Stage::Asr, 0, 7), span(Stage::Ast, 0, 7)];
        assert_eq!(shares(&odd), [4, 3], "an odd nanosecond goes to one of them");
    }

    #[test]
    fn a_nested_span_shares_only_its_own_time() {
        let spans = [span(Stage::Asr, 0, 100), span(Stage::Ast, 40, 20), span(Stage::Ast, 45, 10)];
        // 40 to 45 by halves, 45 to 55 by thirds, 55 to 60 by halves.
        assert_eq!(shares(&spans).iter().sum::<u64>(), 100);
        assert_eq!(shares(&spans), [88, 9, 3]);
    }

    #[test]
    fn a_thousand_requests_at_once_are_one_request_long() {
        let spans: Vec<Span> = (0..1_000).map(|_| span(Stage::Asr, 3, 1_000_003)).collect();
        let shares = shares(&spans);
        assert_eq!(shares.iter().sum::<u64>(), 1_000_003);
        assert!(shares.iter().all(|share| (1_000..=1_001).contains(share)));
    }

    #[test]
    fn stages_that_take_turns_do_not_drift_apart() {
        // A half nanosecond each: rounded one by one, one stage would get them all.
        let spans: Vec<Span> =
            (0..10_000).flat_map(|n| [span(Stage::Asr, 2 * n, 1), span(Stage::Ast, 2 * n, 1)]).collect();
        let shares = shares(&spans);
        let asr: u64 = shares.iter().step_by(2).sum();
        assert_eq!((asr, shares.iter().sum::<u64>()), (5_000, 10_000));
    }

    #[test]
    fn times_at_the_end_of_the_clock_are_no_trouble() {
        let spans = [span(Stage::Asr, 0, u64::MAX), span(Stage::Ast, u64::MAX - 1, 5)];
        assert_eq!(shares(&spans).iter().map(|&share| u128::from(share)).sum::<u128>(), u128::from(u64::MAX));
    }

    fn any_span() -> impl Strategy<Value = Span> {
        (0..Stage::ALL.len(), 0..Activity::ALL.len(), 0..60_u64, 0..40_u64).prop_map(
            |(stage, activity, start_ns, duration_ns)| Span {
                stage: Stage::ALL[stage],
                scene: None,
                activity: Activity::ALL[activity],
                start_ns,
                duration_ns,
            },
        )
    }

    proptest! {
        #[test]
        fn shares_sum_to_what_is_covered_and_are_those_of_every_moment(spans in prop::collection::vec(any_span(), 0..30)) {
            let shares = shares(&spans);
            prop_assert_eq!(shares.iter().sum::<u64>(), covered_ns(&spans));
            let mut expected: BTreeMap<_, f64> = BTreeMap::new();
            let mut got: BTreeMap<_, f64> = BTreeMap::new();
            for (span, share) in spans.iter().zip(&shares) {
                let every_moment = (span.start_ns..span.start_ns + span.duration_ns).map(|at| {
                    let covers = |s: &&Span| (s.start_ns..s.start_ns + s.duration_ns).contains(&at);
                    1.0 / spans.iter().filter(covers).count() as f64
                });
                let exact: f64 = every_moment.sum();
                prop_assert!((exact - *share as f64).abs() < 1.0 + 1e-9);
                *expected.entry((span.stage, span.activity)).or_default() += exact;
                *got.entry((span.stage, span.activity)).or_default() += *share as f64;
            }
            for (place, exact) in expected {
                prop_assert!((exact - got[&place]).abs() < 1.0 + 1e-9, "{:?}", place);
            }
        }
    }
}
