//! How often cells are run, and for how long.

use std::time::Duration;

use reelbench_matrix::{HowMany, RunOverrides};
use reelbench_protocol::{AdaptiveRepeats, Repeats, Warmup};

use crate::common::{errors, parse};

const FILM: &str = "version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nstage1: {scene: {}}\n";
const AUTO: AdaptiveRepeats = AdaptiveRepeats { at_least: 5, at_most: 30, precision: 0.02, budget_s: 600.0 };

fn with_run(run: &str) -> String {
    format!("{FILM}run: {{{run}}}\n")
}

fn repeats(run: &str) -> (Repeats, Warmup) {
    let matrix = parse(&with_run(run)).unwrap();
    (matrix.run().repeats, matrix.run().warmup)
}

#[test]
fn auto_has_defaults_and_takes_what_is_given() {
    assert_eq!(repeats(""), (Repeats::Fixed(3), Warmup::Fixed(1)));
    let warm = Warmup::UntilWarm { at_most: 5, within: 0.05 };
    assert_eq!(repeats("repeats: auto, warmup: auto"), (Repeats::Adaptive(AUTO), warm));
    let given = "repeats: auto, min_repeats: 7, max_repeats: 50, precision: 0.5%, repeat_budget: 2h";
    let adaptive = AdaptiveRepeats { at_least: 7, at_most: 50, precision: 0.005, budget_s: 7200.0 };
    assert_eq!(repeats(given), (Repeats::Adaptive(adaptive), Warmup::Fixed(1)));
    let matrix = parse(&with_run("run_timeout: 8h")).unwrap();
    assert_eq!(matrix.run().run_timeout, Some(Duration::from_hours(8)));
}

#[test]
fn what_has_no_effect_on_a_fixed_number_is_an_error_at_its_line() {
    let error = errors(&format!("{FILM}run:\n  repeats: 3\n  precision: 1%\n  min_repeats: 4\n"));
    let said = |line, key| {
        format!(
            "matrix.yaml:{line}:3: `{key}` has no effect on a fixed number of repeats; add `repeats: auto`, or leave it out"
        )
    };
    assert_eq!(error, format!("{}\n{}", said(7, "precision"), said(8, "min_repeats")));
    assert!(errors(&with_run("repeat_budget: 5m")).contains("has no effect"), "also where none is given");
}

#[test]
fn mistakes_name_their_remedy() {
    let of = |run: &str| errors(&with_run(run));
    assert!(of("repeats: often").contains("`repeats` must be a whole number from 1 to 100000 or auto"));
    assert!(of("repeats: 0").contains("from 1 to 100000 or auto, found 0"));
    let crossed = of("repeats: auto, min_repeats: 8, max_repeats: 6");
    assert!(
        crossed.contains("`min_repeats` (8) is more than `max_repeats` (6); raise `max_repeats`"),
        "{crossed}"
    );
    assert!(
        of("repeats: auto, min_repeats: 31").contains("`min_repeats` (31) is more than `max_repeats` (30)")
    );
    assert!(of("repeats: auto, precision: 2").contains("`precision` must be"));
    assert!(of("run_timeout: soon").contains("`soon` is not a time to wait"));
}

#[test]
fn the_command_line_goes_before_the_matrix() {
    let overridden = |run: &str, repeats: &str, warmup: &str| {
        let mut matrix = parse(&with_run(run)).unwrap();
        let (repeats, warmup) = (Some(repeats.parse().unwrap()), Some(warmup.parse().unwrap()));
        matrix.override_run(RunOverrides { repeats, warmup, ..RunOverrides::default() });
        (matrix.run().repeats, matrix.run().warmup)
    };
    assert_eq!(overridden("repeats: auto", "9", "0"), (Repeats::Fixed(9), Warmup::Fixed(0)));
    let warm = Warmup::UntilWarm { at_most: 5, within: 0.05 };
    assert_eq!(overridden("", "auto", "auto"), (Repeats::Adaptive(AUTO), warm));
    let precise = Repeats::Adaptive(AdaptiveRepeats { precision: 0.01, ..AUTO });
    assert_eq!(overridden("repeats: auto, precision: 1%", "auto", "auto").0, precise);
    assert!("some".parse::<HowMany>().is_err() && "-1".parse::<HowMany>().is_err());
}
