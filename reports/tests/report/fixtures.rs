//! Whole runs that several tests look at.

use std::fs;
use std::path::Path;

use reelbench_protocol::{
    CaptionSettings, CellEnd, Failure, FailureKind, Output, PlannedCell, RepeatResult, SceneCaption,
    SkippedCell, Stage,
};
use reelbench_reports::{Outcome, Results, Template, rebuild};
use serde_json::{Value, json};

use crate::support::*;

pub(crate) fn cached() -> CaptionSettings {
    CaptionSettings::default()
}

pub(crate) fn uncached() -> CaptionSettings {
    CaptionSettings { use_cache: false, ..cached() }
}

/// One stage-1 cell, and captions with and without cache.
pub(crate) fn finished_run() -> RunDir {
    let stage1 = stage1_cell("sintel", 1);
    let with = caption_cell("sintel", "llava-tiny", cached(), &stage1);
    let without = caption_cell("sintel", "llava-tiny", uncached(), &stage1);
    let mut run = RunDir::planned(vec![stage1.clone(), with.clone(), without.clone()], vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    run.measure(&with, [12_000, 12_300, 11_900], |wall_ms| caption_result(&with, wall_ms));
    run.measure(&without, [250_000, 252_000, 257_000], |wall_ms| caption_result(&without, wall_ms));
    run.finish();
    run
}

/// A run in which every status occurs.
pub(crate) fn mixed_run() -> RunDir {
    let stage1 = stage1_cell("sintel", 1);
    let silent = stage1_cell("mute", 1);
    let model = |name: &str, settings| caption_cell("sintel", name, settings, &stage1);
    let fast = model("fast", cached());
    let [cache, no_cache] = [model("cache-bug", cached()), model("cache-bug", uncached())];
    let flaky = model("flaky", cached());
    let differs = model("ignores-beams", CaptionSettings { num_beams: 4, ..cached() });
    let ended = ["big", "slow", "crash", "late"].map(|name| model(name, cached()));
    let scene_fails = model("bad_scene", cached());
    let cells = [&stage1, &silent, &fast, &cache, &no_cache, &flaky, &differs, &scene_fails];
    let reason = "phi3-v | needs <b>num_crops</b>\nat least `1`".into();
    let skipped = vec![SkippedCell { cell: model("phi", cached()), reason }];
    let mut run = RunDir::planned(cells.into_iter().chain(&ended).cloned().collect(), skipped);

    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    run.measure(&silent, [100, 100, 100], |wall_ms| without_speech(stage1_result(&silent, wall_ms)));
    run.measure(&fast, [10_000, 10_200, 9_900], |wall_ms| caption_result(&fast, wall_ms));
    run.measure(&cache, [30_000, 30_000, 30_000], |wall_ms| {
        with_scenes(caption_result(&cache, wall_ms), |scene| scene.tokens[2] += scene.scene)
    });
    run.measure(&no_cache, [60_000, 60_000, 60_000], |wall_ms| caption_result(&no_cache, wall_ms));
    run.measure(&flaky, [30_000, 31_000, 32_000], |wall_ms| {
        with_scenes(caption_result(&flaky, wall_ms), |scene| scene.tokens.push(wall_ms as u32))
    });
    run.measure(&differs, [30_000, 30_000, 30_000], |wall_ms| {
        let mut result = caption_result(&differs, wall_ms);
        result.effective.insert("num_beams".into(), json!(1));
        result
    });
    run.measure(&scene_fails, [30_000, 30_000, 30_000], |wall_ms| {
        with_scenes(caption_result(&scene_fails, wall_ms), fail_second_scene)
    });
    end_early(&mut run, &ended);
    run.finish();
    run
}

/// Ends cells for want of memory, for want of time, with a crash, and for want of another cell's scenes.
fn end_early(run: &mut RunDir, [oom, slow, crash, late]: &[PlannedCell; 4]) {
    let memory = Failure::new(FailureKind::Memory, "killed by the kernel").in_stage(Stage::Vision);
    run.end(oom, CellEnd::Oom, memory, &["loading", "```", "\u{1b}[31mkilled\u{1b}[0m </details>"]);
    let time =
        Failure::new(FailureKind::Internal, "no answer within 30m").in_stage(Stage::Decode).in_scene(7);
    run.end(slow, CellEnd::Timeout, time, &[]);
    let crashed = Failure::new(FailureKind::Internal, "the runner ended with signal 11");
    run.end(crash, CellEnd::Failed, crashed, &["thread 'main' panicked"]);
    let missing = Failure::new(FailureKind::Input, "its scenes are missing").in_stage(Stage::Scene);
    run.end(late, CellEnd::Skipped, missing, &[]);
}

fn without_speech(mut result: RepeatResult) -> RepeatResult {
    if let Output::Stage1(output) = &mut result.output {
        output.transcript = None;
        output.failures.push(Failure::new(FailureKind::Input, "mute.mp4 has no sound").in_stage(Stage::Asr));
    }
    result
}

fn fail_second_scene(scene: &mut SceneCaption) {
    if scene.scene == 1 {
        let failure = Failure::new(FailureKind::Internal, "no frame at 12.5 s");
        scene.failure = Some(failure.in_stage(Stage::Frames).in_scene(1));
        scene.tokens.clear();
        scene.finish = None;
    }
}

/// The same repeat with its captions changed.
fn with_scenes(mut result: RepeatResult, change: impl Fn(&mut SceneCaption)) -> RepeatResult {
    if let Output::Caption { scenes } = &mut result.output {
        scenes.iter_mut().for_each(change);
    }
    result
}

/// A file of a run directory.
pub(crate) fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

/// `summary.json` of a run directory, rebuilt.
pub(crate) fn summary(dir: &Path) -> Value {
    rebuild(dir, &Template::Embedded).unwrap();
    serde_json::from_str(&read(dir, "summary.json")).unwrap()
}

/// Outcome and reason of every cell.
pub(crate) fn judged(run: &RunDir) -> Vec<(Outcome, String)> {
    let cells = Results::load(run.write()).unwrap().summary.cells.into_iter();
    cells.map(|cell| (cell.outcome, cell.reason.unwrap_or_default())).collect()
}
