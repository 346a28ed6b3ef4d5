//! Two runs that were made up, and what the gate makes of them.

use reelbench_protocol::{Arm, Metric, Output, PlannedCell, RepeatResult, Session, Work};
use reelbench_reports::{
    CheckVerdict, ComparedRuns, Comparing, Criteria, Flag, Gate, GateVerdict, Limit, Results, Said,
};

use crate::fixtures::cached;
use crate::support::*;

/// Wall times in milliseconds of a captioning cell in base.
const BASE: [u64; 3] = [10_000, 10_010, 9_990];

fn rtf_within(max_regression: f64) -> Criteria {
    Criteria { limits: vec![Limit { metric: Metric::Rtf, max_regression }], confidence: 0.95 }
}

/// A caption of a film whose scenes nobody looks for.
fn caption() -> PlannedCell {
    let mut work = caption_cell("sintel", "llava-tiny", cached(), &stage1_cell("sintel", 1)).spec.work;
    if let Work::Caption(caption) = &mut work {
        caption.scene = None;
    }
    planned("sintel", work, None)
}

/// A run of one caption, as one side of a session.
fn run(arm: Arm, wall_ms: [u64; 3], change: impl Fn(RepeatResult) -> RepeatResult) -> RunDir {
    let caption = caption();
    let mut run = RunDir::planned(vec![caption.clone()], vec![]);
    run.manifest.session = Some(Session { id: "session-1".into(), arm, slowdown: None });
    run.measure(&caption, wall_ms, |wall_ms| change(caption_result(&caption, wall_ms)));
    run.finish();
    run
}

fn load(run: &RunDir) -> Results {
    Results::load(run.write()).unwrap()
}

fn judge(head: &RunDir, criteria: Criteria) -> Gate {
    Gate::new(&load(&run(Arm::Base, BASE, |result| result)), &load(head), criteria)
}

fn head(wall_ms: [u64; 3]) -> RunDir {
    run(Arm::Head, wall_ms, |result| result)
}

/// The same repeat with one stage's spans taking this many milliseconds more, and all after them later.
fn with_longer_decode(mut result: RepeatResult, more_ms: u64) -> RepeatResult {
    let mut later = 0;
    for span in &mut result.spans {
        span.start_ns += later;
        if span.stage == reelbench_protocol::Stage::Decode {
            span.duration_ns += more_ms * MS / 2;
            later += more_ms * MS / 2;
        }
    }
    result.wall_ns += more_ms * MS;
    result
}

#[test]
fn the_interval_decides() {
    let verdict = |wall_ms, allowed| judge(&head(wall_ms), rtf_within(allowed)).verdict;
    assert_eq!(verdict([10_020, 10_000, 10_010], 0.05), GateVerdict::Pass);
    assert_eq!(verdict([12_000, 12_050, 11_950], 0.05), GateVerdict::Regression);
    assert_eq!(verdict([12_000, 12_050, 11_950], 0.3), GateVerdict::Pass);
    assert_eq!(verdict([10_000, 13_000, 9_000], 0.05), GateVerdict::Inconclusive);
}

#[test]
fn more_cells_make_each_interval_wider_so_that_they_hold_together() {
    let side = |films: &[&str], arm, wall_ms| {
        let cells: Vec<PlannedCell> =
            films.iter().map(|film| planned(film, caption().spec.work, None)).collect();
        let mut run = RunDir::planned(cells.clone(), vec![]);
        run.manifest.session = Some(Session { id: "session-1".into(), arm, slowdown: None });
        for cell in &cells {
            run.measure(cell, wall_ms, |wall_ms| caption_result(cell, wall_ms));
        }
        run.finish();
        load(&run)
    };
    let width = |films: &[&str]| {
        let (base, head) = (side(films, Arm::Base, BASE), side(films, Arm::Head, [10_020, 10_000, 10_030]));
        let gate = Gate::new(&base, &head, rtf_within(0.05));
        let interval = gate.checks[0].compared.as_ref().unwrap().interval.unwrap();
        interval.hi - interval.lo
    };
    assert!(width(&["sintel", "tears", "bunny"]) > 1.2 * width(&["sintel"]));
}

#[test]
fn rounds_are_paired_only_within_a_session() {
    // Both sides slow down from round to round in step: side by side there is nothing to see.
    let drift = [10_000, 14_000, 18_000];
    let base = load(&run(Arm::Base, drift, |result| result));
    let mut other = run(Arm::Head, drift, |result| result);
    assert_eq!(Gate::new(&base, &load(&other), rtf_within(0.05)).verdict, GateVerdict::Pass);
    other.manifest.session = None;
    assert_eq!(Gate::new(&base, &load(&other), rtf_within(0.05)).verdict, GateVerdict::Inconclusive);
}

#[test]
fn the_stage_that_takes_longer_is_named() {
    let slower = run(Arm::Head, BASE, |result| with_longer_decode(result, 3_000));
    let gate = judge(&slower, rtf_within(0.05));
    let stage = gate.checks[0].stage.as_ref().unwrap();
    assert_eq!((gate.verdict, stage.metric), (GateVerdict::Regression, Metric::Decode));
    assert!((stage.difference_s - 3.0).abs() < 1e-6 && (stage.of_s - 3.0).abs() < 1e-6);
    assert!(gate.markdown().unwrap().contains("decode: +3.00 s of +3.00 s (ratio 1.750)"));
}

#[test]
fn faster_by_saying_less_is_no_improvement() {
    let shorter = |mut result: RepeatResult| {
        if let Output::Caption { scenes } = &mut result.output {
            for scene in scenes {
                scene.tokens.truncate(2);
            }
        }
        result
    };
    let terse = run(Arm::Head, [7_000, 7_010, 6_990], shorter);
    let gate = judge(&terse, rtf_within(0.05));
    let cell = &gate.runs.cells[0];
    assert_eq!(
        cell.flags,
        [
            Flag::SaidLess { what: Said::Tokens, base: 6.0, head: 4.0 },
            Flag::OtherCaptions { scenes: 2, of: 2 }
        ]
    );
    let count = |row: usize| gate.overview().rows[row].count;
    assert_eq!((count(1), count(2)), (0, 1), "no improvement");
    assert!(
        gate.annotations()
            .contains("::warning title=Said less%3A sintel llava-tiny::said less (tokens 6 → 4)")
    );
    let comparing = Comparing::new(ComparedRuns::new(
        &load(&run(Arm::Base, BASE, |result| result)),
        &load(&terse),
        Criteria::default(),
    ));
    assert_eq!(comparing.overview.rows[2].count, 1, "faster, but said less");
    // As fast and as talkative, it is one.
    let gate = judge(&head([7_000, 7_010, 6_990]), rtf_within(0.05));
    assert_eq!(gate.overview().rows[1].count, 1);
}

#[test]
fn figures_without_spread_are_judged_exactly() {
    let memory = |bytes: u64| {
        run(Arm::Head, BASE, move |result| RepeatResult { peak_rss_bytes: Some(bytes), ..result })
    };
    let criteria = || Criteria {
        limits: vec![Limit { metric: Metric::PeakRssBytes, max_regression: 0.02 }],
        confidence: 0.95,
    };
    let same = judge(&memory(512 << 20), criteria());
    let compared = same.checks[0].compared.as_ref().unwrap();
    assert_eq!(same.verdict, GateVerdict::Pass);
    let interval = compared.interval.unwrap();
    assert!((interval.lo - 1.0).abs() < 1e-12 && (interval.hi - 1.0).abs() < 1e-12);
    assert_eq!(judge(&memory(523 << 20), criteria()).verdict, GateVerdict::Regression);
}

#[test]
fn fewer_tokens_a_second_are_worse() {
    let criteria = Criteria {
        limits: vec![Limit { metric: Metric::TokensPerS, max_regression: 0.05 }],
        confidence: 0.95,
    };
    let slower = judge(&run(Arm::Head, BASE, |result| with_longer_decode(result, 3_000)), criteria.clone());
    assert_eq!(slower.verdict, GateVerdict::Regression);
    assert!(slower.checks[0].compared.as_ref().unwrap().ratio.unwrap() < 0.6);
    assert_eq!(judge(&head([7_000, 7_010, 6_990]), criteria).verdict, GateVerdict::Pass);
}

#[test]
fn a_figure_that_head_does_not_tell_is_missing() {
    let criteria = Criteria {
        limits: vec![Limit { metric: Metric::PeakRssBytes, max_regression: 0.02 }],
        confidence: 0.95,
    };
    let silent = run(Arm::Head, BASE, |result| RepeatResult { peak_rss_bytes: None, ..result });
    let gate = judge(&silent, criteria);
    assert_eq!((gate.verdict, gate.checks[0].verdict), (GateVerdict::Incomplete, CheckVerdict::Missing));
    assert!(gate.junit().unwrap().contains("<error message=\"head does not tell peak_rss_bytes\""));
}

#[test]
fn another_machine_is_not_comparable_and_nothing_is_gated() {
    let mut foreign = head(BASE);
    foreign.manifest.environment.cpu = "Other CPU".into();
    let gate = judge(&foreign, rtf_within(0.05));
    assert_eq!((gate.verdict, gate.counts.total()), (GateVerdict::NotComparable, 0));
    assert!(gate.headline.contains("cpu: Test CPU | 3 GHz in base, Other CPU in head"), "{}", gate.headline);
    assert!(gate.annotations().starts_with("::error title=Nothing was gated::"));
}

#[test]
fn a_cell_that_head_lacks_is_missing() {
    let stage1 = stage1_cell("sintel", 1);
    let mut other = RunDir::planned(vec![stage1.clone()], vec![]);
    other.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    other.finish();
    let gate = judge(&other, rtf_within(0.05));
    assert_eq!(gate.verdict, GateVerdict::Incomplete);
    assert_eq!(gate.counts.missing, 1, "the new cell of head is not judged");
}

#[test]
fn names_of_films_cannot_break_a_page_or_its_xml() {
    let of = |wall_ms: u64| {
        let cell = caption();
        let mut run = RunDir::planned(vec![cell.clone()], vec![]);
        run.measure(&cell, [wall_ms, wall_ms + 10, wall_ms - 10], |wall_ms| caption_result(&cell, wall_ms));
        run.finish();
        run.manifest.name = "<script>&]]>".into();
        run
    };
    let gate = Gate::new(&load(&of(10_000)), &load(&of(20_000)), rtf_within(0.05));
    let page = gate.markdown().unwrap();
    assert!(!page.contains("<script>"), "{page}");
    insta::assert_snapshot!("gate_page", page);
    insta::assert_snapshot!("gate_junit", gate.junit().unwrap());
}
