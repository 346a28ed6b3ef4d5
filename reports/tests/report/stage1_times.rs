//! Stage 1's times: overlapping spans, waiting, and what side by side saves.

use reelbench_protocol::{Activity, CellEnd, Failure, FailureKind, JournalEvent, Output, Stage};
use reelbench_reports::{Template, rebuild};
use serde_json::json;

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;

#[test]
fn overlapping_stages_share_each_moment_and_sum_to_the_wall_time() {
    let cell = full_cell("sintel", Knobs { parallel: true, ..AT_REST });
    let spans = vec![
        span(Stage::Scene, Activity::Compute, 0, 100),
        span(Stage::Asr, Activity::Compute, 100, 600),
        // Beside speech: 200 ms of it shared by the two.
        span(Stage::Ast, Activity::Compute, 300, 200),
        span(Stage::Yolo, Activity::Compute, 700, 200),
    ];
    let run = run_of(&[&cell], |cell, _| result_of(cell, 1000, spans.clone(), Output::Stage1(found())));
    let summary = summary(run.write());
    let stages = &summary["cells"][0]["stages_s"];
    assert_eq!(
        stages,
        &json!({"scene": 0.1, "asr": 0.5, "ast": 0.1, "yolo": 0.2, "unattributed": 0.100_000_007})
    );
    assert!(summary["cells"][0].get("activities_s").is_none(), "it only computes");
}

#[test]
fn waiting_is_told_from_working() {
    let cell = remote_cell("sintel");
    let run = run_of(&[&cell], |cell, _| remote(cell));
    let summary = summary(run.write());
    let cell = &summary["cells"][0];
    assert_eq!(cell["stages_s"]["asr"], 0.9);
    // From 100 to 500 ms by halves, from 500 to 700 ms waiting alone.
    assert_eq!(cell["activities_s"], json!({"asr": {"compute": 0.1, "network": 0.4, "rate_limit": 0.4}}));
    let report = read(run.write(), "report.md");
    assert!(
        report.contains(
            "The time of ASR is 11.1 % computing, 44.4 % on the network, 44.4 % waiting for the rate limit (1 cell)."
        ),
        "{report}"
    );
    assert!(report.contains("|    ASR | ASR Computing | ASR Network | ASR Rate Limit |"), "{report}");
}

#[test]
fn a_whole_report_of_stage_1() {
    let at_rest = full_cell("sintel", AT_REST);
    let parallel = full_cell("sintel", Knobs { parallel: true, ..AT_REST });
    let (service, crashed) = (remote_cell("sintel"), full_cell("broken", AT_REST));
    let mut run = run_of(&[&at_rest, &parallel, &service], |cell, repeat| {
        if cell.id == service.id {
            remote(cell)
        } else if cell.id == parallel.id {
            sequential(cell, 16_000 + u64::from(repeat) * 100)
        } else {
            sequential(cell, 20_000 + u64::from(repeat) * 100)
        }
    });
    if let Some(JournalEvent::Planned { cells, .. }) = run.events.get_mut(1) {
        cells.push(crashed.clone());
    }
    let failure =
        Failure::new(FailureKind::Internal, "the runner ended with signal 11").in_stage(Stage::Yolo);
    let finished = run.events.pop();
    run.end(&crashed, CellEnd::Failed, failure, &[]);
    run.events.extend(finished);
    rebuild(run.write(), &Template::Embedded).unwrap();
    insta::assert_snapshot!("stage1_report", read(run.write(), "report.md"));
}
