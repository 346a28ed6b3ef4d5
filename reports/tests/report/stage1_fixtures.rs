//! Cells with all base stages, and runs of them.

use crate::support::*;
use reelbench_protocol::{
    Activity, AsrModel, AsrSpec, AstSpec, FrameObjects, ObjectBox, Objects, Output, PlannedCell,
    Quantization, RemoteSpec, RepeatResult, SceneSpec, SoundWindow, Sounds, Span, Stage, Stage1Output,
    Stage1Spec, Tag, Tracker, Unit, Weights, Work, YoloSpec,
};

/// How a stage-1 cell with all stages is set.
#[derive(Clone, Copy)]
pub(crate) struct Knobs {
    pub(crate) concurrency: u32,
    pub(crate) batch: u32,
    pub(crate) parallel: bool,
}

pub(crate) const AT_REST: Knobs = Knobs { concurrency: 1, batch: 1, parallel: false };

pub(crate) fn spec(asr: AsrSpec, knobs: Knobs) -> Stage1Spec {
    Stage1Spec {
        scene: Some(SceneSpec::default()),
        asr: Some(AsrSpec { concurrency: knobs.concurrency, ..asr }),
        ast: Some(AstSpec {
            weights: Weights::Dummy { preset: "ast-tiny".into(), seed: 0 },
            quantization: Quantization::None,
            per: Unit::File,
            batch: knobs.batch,
        }),
        yolo: Some(YoloSpec {
            weights: Weights::Dummy { preset: "yolov8n".into(), seed: 1 },
            every_nth_frame: 120,
            tracker: Tracker::Bytetrack,
        }),
        parallel: knobs.parallel,
    }
}

pub(crate) fn full_cell(video: &str, knobs: Knobs) -> PlannedCell {
    planned(video, Work::Stage1(spec(whisper(1), knobs)), None)
}

pub(crate) fn remote_cell(video: &str) -> PlannedCell {
    let remote = RemoteSpec {
        endpoint: "https://example.openai.azure.com".into(),
        model: "whisper".into(),
        requests_per_minute: Some(3),
        request_timeout_s: 60,
        api_version: None,
    };
    let asr = AsrSpec { model: AsrModel::Azure(remote), ..whisper(1) };
    planned(video, Work::Stage1(spec(asr, Knobs { concurrency: 2, ..AT_REST })), None)
}

pub(crate) fn span(stage: Stage, activity: Activity, start_ms: u64, duration_ms: u64) -> Span {
    Span { stage, scene: None, activity, start_ns: start_ms * MS, duration_ns: duration_ms * MS }
}

pub(crate) fn found() -> Stage1Output {
    let tag = |label: &str, index, score| Tag { label: label.into(), index, score };
    let window = |start_s, end_s, tags| SoundWindow { start_s, end_s, tags };
    let person = |left, score, track| ObjectBox {
        xyxy: [left, 10.0, left + 20.0, 50.0],
        score,
        class: 0,
        label: "person".into(),
        track: Some(track),
    };
    let frame = |frame: u32, boxes| FrameObjects { frame, pts_s: f64::from(frame) / 24.0, boxes };
    Stage1Output {
        scenes: Some(two_scenes()),
        transcript: Some(hello()),
        sounds: Some(Sounds {
            windows: vec![
                window(0.0, 10.0, vec![tag("Speech", 0, 0.75), tag("Music", 137, 0.25)]),
                window(10.0, 20.0, vec![tag("Music", 137, 0.5)]),
            ],
        }),
        objects: Some(Objects {
            tracker: Tracker::Bytetrack,
            frames: vec![
                frame(0, vec![person(0.0, 0.5, 1)]),
                frame(120, vec![person(5.0, 0.75, 1), person(60.0, 0.5, 2)]),
                frame(240, vec![]),
                frame(360, vec![person(0.0, 0.25, 3)]),
            ],
        }),
        failures: Vec::new(),
    }
}

/// The stages one after the other: 10 % scenes, 70 % speech, 10 % sounds, 9 % objects.
pub(crate) fn sequential(cell: &PlannedCell, wall_ms: u64) -> RepeatResult {
    let compute =
        |stage, start, share| span(stage, Activity::Compute, wall_ms * start / 100, wall_ms * share / 100);
    let spans = vec![
        compute(Stage::Scene, 0, 10),
        compute(Stage::Asr, 10, 70),
        compute(Stage::Ast, 80, 10),
        compute(Stage::Yolo, 90, 9),
    ];
    result_of(cell, wall_ms, spans, Output::Stage1(found()))
}

/// The same with another output.
pub(crate) fn with_output(mut result: RepeatResult, change: impl FnOnce(&mut Stage1Output)) -> RepeatResult {
    if let Output::Stage1(output) = &mut result.output {
        change(output);
    }
    result
}

/// A run of cells, each measured as `result` says.
pub(crate) fn run_of(cells: &[&PlannedCell], result: impl Fn(&PlannedCell, u32) -> RepeatResult) -> RunDir {
    let mut run = RunDir::planned(cells.iter().map(|&cell| cell.clone()).collect(), vec![]);
    for cell in cells {
        run.load(cell, 1500);
        for repeat in 0..3 {
            run.repeat(RepeatResult { repeat, ..result(cell, repeat) });
        }
    }
    run.finish();
    run
}

/// Two requests at once, of which the second waits until it is allowed.
pub(crate) fn remote(cell: &PlannedCell) -> RepeatResult {
    let spans = vec![
        span(Stage::Asr, Activity::Compute, 0, 100),
        span(Stage::Asr, Activity::Network, 100, 400),
        span(Stage::Asr, Activity::RateLimit, 100, 600),
        span(Stage::Asr, Activity::Network, 700, 200),
        span(Stage::Ast, Activity::Compute, 900, 50),
        span(Stage::Yolo, Activity::Compute, 950, 50),
    ];
    result_of(cell, 1000, spans, Output::Stage1(found()))
}
