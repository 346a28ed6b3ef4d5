//! How cells are judged, and what numbers they have.

use reelbench_protocol::{JournalEvent, RepeatResult};
use reelbench_reports::{Results, Template, rebuild};

use crate::fixtures::*;
use crate::support::*;

#[test]
fn every_status() {
    let run = mixed_run();
    let rebuilt = rebuild(run.write(), &Template::Embedded).unwrap();
    assert_eq!((rebuilt.counts.ok, rebuilt.counts.not_ok()), (3, 10));
    let report = read(run.write(), "report.md");
    for status in [
        "✅ Real-time",
        "✅ Stable (No Cache)",
        "⚠️ Unstable Cache",
        "⚠️ Unstable ",
        "❌ OOM (vision)",
        "❌ Timeout (decode, scene 7)",
        "❌ Failed (frames, scene 1)",
        "❌ Failed (asr)",
        "❌ Failed ",
        "⏭ Skipped (scene)",
        "⏭ Skipped ",
    ] {
        assert!(report.contains(&format!("| {status}")), "no {status}");
    }
    insta::assert_snapshot!("mixed_report", report);
}

#[test]
fn reasons_name_the_place() {
    let reasons: Vec<_> = judged(&mixed_run()).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(
        reasons,
        [
            "",
            "asr: mute.mp4 has no sound",
            "",
            "cache: tokens differ from those with use_cache false in scene 1; first at scene 1, token 2: 7 with the cache, 6 without",
            "",
            "tokens differ between repeats in scenes 0, 1",
            "effective settings differ: num_beams: requested 4, effective 1",
            "1 of 2 scenes failed: scene 1: frames: no frame at 12.5 s",
            "vision: killed by the kernel",
            "decode, scene 7: no answer within 30m",
            "the runner ended with signal 11",
            "scene: its scenes are missing",
            "phi3-v | needs <b>num_crops</b>\nat least `1`",
        ]
    );
}

#[test]
fn only_measured_cells_have_numbers() {
    let run = mixed_run();
    for cell in summary(run.write())["cells"].as_array().unwrap() {
        let has_numbers = matches!(cell["outcome"].as_str().unwrap(), "ok" | "unstable");
        for key in ["rtf", "wall_s", "load_s", "stages_s", "scenes", "peak_rss_bytes", "weights_bytes"] {
            assert_eq!(cell[key].is_null(), !has_numbers, "{key} of {cell}");
        }
    }
}

#[test]
fn an_interrupted_run() {
    let stage1 = stage1_cell("sintel", 1);
    let started = caption_cell("sintel", "llava-tiny", cached(), &stage1);
    let waiting = caption_cell("sintel", "llava-tiny", uncached(), &stage1);
    let mut run = RunDir::planned(vec![stage1.clone(), started.clone(), waiting], vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    run.repeat(caption_result(&started, 12_000));
    run.events.push(JournalEvent::Interrupted);
    let torn = run.journal() + "{\"at_ms\":17673";
    let dir = run.write_journal(torn.as_bytes());
    rebuild(dir, &Template::Embedded).unwrap();
    let report = read(dir, "report.md");
    assert!(report.contains("❌ 2 of 3 cells did not end ok: 2 skipped. The run did not finish"), "{report}");
    let reasons: Vec<_> = judged(&run).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(
        reasons,
        ["", "not run: the run was interrupted after 1 of 3 repeats", "not run: the run was interrupted"]
    );
}

#[test]
fn a_resumed_run_takes_the_later_repeat() {
    let stage1 = stage1_cell("sintel", 1);
    let mut run = RunDir::planned(vec![stage1.clone()], vec![]);
    run.measure(&stage1, [1000, 1000, 5000], |wall_ms| stage1_result(&stage1, wall_ms));
    run.events.push(JournalEvent::Interrupted);
    run.events.push(run.events[0].clone());
    run.repeat(RepeatResult { repeat: 2, ..stage1_result(&stage1, 1100) });
    run.finish();
    let results = Results::load(run.write()).unwrap();
    let samples = &results.summary.cells[0].wall_s.as_ref().unwrap().samples;
    assert_eq!(samples.len(), 3);
    assert!((samples[2] - 1.1).abs() < 1e-6);
}

#[test]
fn two_repeats_in_the_middle_are_averaged() {
    let stage1 = stage1_cell("sintel", 1);
    let mut run = RunDir::planned(vec![stage1.clone()], vec![]);
    for (repeat, wall_ms) in (0..).zip([1000, 1300, 1100, 9000]) {
        run.repeat(RepeatResult { repeat, ..stage1_result(&stage1, wall_ms) });
    }
    run.finish();
    let cell = Results::load(run.write()).unwrap().summary.cells.remove(0);
    assert!((cell.wall_s.as_ref().unwrap().median - 1.2).abs() < 1e-6);
    assert!((cell.stage_s("asr").unwrap() - 0.96).abs() < 1e-12, "80 % of 1.1 s and 1.3 s");
    let sum: f64 = cell.stages_s.unwrap().0.iter().map(|(_, seconds)| seconds).sum();
    assert!((sum - cell.wall_s.unwrap().median).abs() < 1e-9);
}
