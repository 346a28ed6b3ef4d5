//! The base stages of the fake runner: what they find, how their times overlap, and how they go wrong.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Instant;

use common::{TestRun, caption, every_stage, plan, runner, service};
use reelbench_exec::{RunnerLog, RunnerProcess, StopFlag};
use reelbench_protocol::{
    Activity, CellEnd, Command, DetectProbe, Device, Event, Output, Pass, PlannedCell, Probe, RepeatResult,
    Span, Stage, Stage1Output, TagProbe, Weights, Work,
};
use serde_json::Value;

/// The measured repeats of one cell.
fn results(cell: &PlannedCell, args: &[&str]) -> Vec<RepeatResult> {
    let run = TestRun::new();
    run.finish(&plan(vec![cell.clone()]), &runner(args));
    let results = run.results(cell, Pass::Measured);
    assert_eq!(results.len(), 2, "{:?}", run.ending(cell));
    results
}

fn output(result: &RepeatResult) -> &Stage1Output {
    match &result.output {
        Output::Stage1(output) => output,
        Output::Caption { .. } => panic!("a stage-1 cell"),
    }
}

/// The first output of a cell whose behaviour is scripted.
fn misbehaving(cell: &PlannedCell, behaviour: &str) -> Vec<Stage1Output> {
    let script = format!(r#"{{"rules": [{{"then": {{"do": "{behaviour}"}}}}]}}"#);
    results(cell, &["--script", &script]).iter().map(|result| output(result).clone()).collect()
}

fn overlap(a: &Span, b: &Span) -> bool {
    a.start_ns < b.start_ns + b.duration_ns && b.start_ns < a.start_ns + a.duration_ns
}

#[test]
fn every_stage_finds_something_and_the_same_each_time() {
    let results = results(&every_stage("film", |_| {}), &[]);
    let found = output(&results[0]);
    assert_eq!(found, output(&results[1]));
    assert_eq!(found.scenes.as_ref().unwrap().scenes.len(), 3);
    assert_eq!(found.transcript.as_ref().unwrap().segments.len(), 3);
    let windows = &found.sounds.as_ref().unwrap().windows;
    assert_eq!((windows.len(), windows[0].tags.len()), (3, 10));
    assert!(windows.iter().all(|window| window.tags.is_sorted_by(|a, b| a.score > b.score)));
    let frames: Vec<u32> = found.objects.as_ref().unwrap().frames.iter().map(|frame| frame.frame).collect();
    assert_eq!(frames, (0..96).step_by(5).collect::<Vec<_>>());
    let stages: Vec<Stage> = results[0].spans.iter().map(|span| span.stage).collect();
    assert_eq!(stages, [Stage::Scene, Stage::Asr, Stage::Asr, Stage::Asr, Stage::Ast, Stage::Yolo]);
}

#[test]
fn knobs_change_times_and_not_results() {
    let rest = results(&every_stage("film", |_| {}), &[]);
    let busy = every_stage("film", |spec| {
        spec.parallel = true;
        spec.asr.as_mut().unwrap().concurrency = 4;
        spec.ast.as_mut().unwrap().batch = 8;
    });
    assert_eq!(output(&rest[0]), output(&results(&busy, &[])[0]));
    assert_ne!(*output(&rest[0]), misbehaving(&busy, "knob-bug")[0]);
}

#[test]
fn speech_and_sounds_go_on_side_by_side_where_asked() {
    let slow = ["--script", r#"{"rules": [{"then": {"do": "slow", "ms": 20}}]}"#];
    for parallel in [false, true] {
        let cell = every_stage("film", |spec| spec.parallel = parallel);
        let results = results(&cell, &slow);
        let of_stage = |stage| results[0].spans.iter().filter(move |span| span.stage == stage);
        let sounds = of_stage(Stage::Ast).next().unwrap();
        assert_eq!(of_stage(Stage::Asr).any(|speech| overlap(speech, sounds)), parallel);
    }
}

#[test]
fn a_service_works_travels_and_waits() {
    let activities = |cell: &PlannedCell| -> Vec<Activity> {
        let spans = results(cell, &[]).remove(0).spans;
        let speech = spans.iter().filter(|span| span.stage == Stage::Asr);
        speech.map(|span| span.activity).collect()
    };
    let unlimited = every_stage("film", |spec| spec.asr = Some(service(1, None)));
    assert_eq!(activities(&unlimited), [Activity::Compute, Activity::Network].repeat(3));
    let limited = every_stage("film", |spec| spec.asr = Some(service(1, Some(60))));
    assert_eq!(activities(&limited), [Activity::Compute, Activity::RateLimit, Activity::Network].repeat(3));
}

#[test]
fn requests_go_out_together_as_many_as_asked() {
    let under_way = |concurrency| {
        let cell = every_stage("film", |spec| spec.asr = Some(service(concurrency, None)));
        let spans = results(&cell, &[]).remove(0).spans;
        let requests: Vec<Span> =
            spans.into_iter().filter(|span| span.activity == Activity::Network).collect();
        assert_eq!(requests.len(), 3);
        requests.iter().map(|one| requests.iter().filter(|other| overlap(one, other)).count()).max().unwrap()
    };
    assert_eq!(under_way(1), 1);
    assert!((2..=3).contains(&under_way(3)));
}

#[test]
fn what_wavers_is_left_for_the_summary_to_find() {
    let cell = every_stage("film", |_| {});
    let differs = |behaviour: &str| {
        let found = misbehaving(&cell, behaviour);
        [
            found[0].transcript != found[1].transcript,
            found[0].sounds != found[1].sounds,
            found[0].objects != found[1].objects,
        ]
    };
    assert_eq!(differs("ok"), [false, false, false]);
    assert_eq!(differs("unstable-transcript"), [true, false, false]);
    assert_eq!(differs("unstable-sounds"), [false, true, false]);
    assert_eq!(differs("unstable-objects"), [false, false, true]);
    let unsorted = misbehaving(&cell, "unsorted-tags").remove(0).sounds.unwrap();
    assert!(unsorted.windows[0].tags.is_sorted_by(|a, b| a.score < b.score), "the worst first");
}

#[test]
fn a_failed_stage_leaves_the_others_be() {
    let found = misbehaving(&every_stage("film", |_| {}), "speech-failure").remove(0);
    assert_eq!(
        (found.transcript.is_some(), found.sounds.is_some(), found.objects.is_some()),
        (false, true, true)
    );
    assert_eq!(found.failures[0].to_string(), "asr: /films/film.mp4 has no sound");
}

#[test]
fn answers_that_cannot_be_are_not_believed() {
    for (behaviour, what) in [
        ("nan-box", "null"),
        ("negative-span", "-5"),
        ("long-overlap", "the span of yolo at 0 ns ends after the repeat's"),
    ] {
        let (bad, good) = (every_stage("bad", |_| {}), every_stage("good", |_| {}));
        let script =
            format!(r#"{{"rules": [{{"when": {{"video": "bad"}}, "then": {{"do": "{behaviour}"}}}}]}}"#);
        let run = TestRun::new();
        run.finish(&plan(vec![bad.clone(), good.clone()]), &runner(&["--script", &script]));
        let (end, failure, _) = run.ending(&bad).unwrap();
        assert_eq!(end, CellEnd::Failed, "{behaviour}: {failure}");
        assert!(failure.message.contains("the runner's answer is not usable: "), "{behaviour}: {failure}");
        assert!(failure.message.contains(what), "{behaviour}: {failure}");
        assert_eq!(run.results(&good, Pass::Measured).len(), 2, "{behaviour}");
    }
}

#[test]
fn any_setting_can_be_lied_about() {
    let said = |cell: PlannedCell| {
        let run = TestRun::new();
        run.finish(
            &plan(vec![cell.clone()]),
            &runner(&["--script", r#"{"rules": [{"then": {"do": "lie"}}]}"#]),
        );
        run.ending(&cell).unwrap().1.to_string()
    };
    let not_asked = "the runner did not do as asked: ";
    assert_eq!(
        said(every_stage("film", |_| {})),
        format!("{not_asked}yolo.weights: requested dummy:yolov8n, effective another")
    );
    let sounds = every_stage("film", |spec| (spec.scene, spec.yolo, spec.parallel) = (None, None, true));
    assert_eq!(said(sounds), format!("{not_asked}parallel: requested true, effective false"));
}

#[test]
fn a_preset_of_any_stage_says_what_happens() {
    let cell = every_stage("film", |spec| {
        spec.yolo.as_mut().unwrap().weights = Weights::Dummy { preset: "fail".to_owned(), seed: 0 };
    });
    let run = TestRun::new();
    run.finish(&plan(vec![cell.clone()]), &runner(&[]));
    assert_eq!(run.ending(&cell).unwrap().0, CellEnd::Failed);
}

#[test]
fn captions_are_asked_what_stage_1_has_to_tell() {
    let stage1 = every_stage("film", |_| {});
    let mut told = caption("film", "told", "ok", Some(&stage1));
    let Work::Caption(work) = &mut told.spec.work else { panic!() };
    work.question = "They say: {transcript}".to_owned();
    let run = TestRun::new();
    run.finish(&plan(vec![stage1, told.clone()]), &runner(&[]));
    let result = run.results(&told, Pass::Measured).remove(0);
    let Output::Caption { scenes } = result.output else { panic!() };
    assert_eq!(scenes[0].prompt, "USER: <image> They say: This is film from second 0. ASSISTANT:");
    assert_ne!(scenes[0].prompt, scenes[1].prompt);
}

fn probed(probe: Probe) -> Value {
    let (mut process, _) =
        RunnerProcess::start(&runner(&[]), &RunnerLog::Inherited, &StopFlag::new()).unwrap();
    process.send(&Command::Probe(Box::new(probe))).unwrap();
    match process.wait_event(Instant::now() + common::AMPLE).unwrap() {
        Event::Probed { result } => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn probes_have_the_keys_of_the_contract() {
    let weights = || Weights::Dummy { preset: "ok".to_owned(), seed: 0 };
    let (media, device) = (|| "film.mp4".into(), Device::Cpu);
    let tags = probed(Probe::Tag(TagProbe {
        media: media(),
        weights: weights(),
        device,
        start_s: 0.0,
        seconds: None,
    }));
    assert_eq!(tags["scores"].as_array().unwrap().len(), 527);
    assert_eq!(tags["scores"][3]["index"], 3);
    assert!(tags["scores"][3]["label"].is_string() && tags["scores"][3]["score"].is_f64());
    let detect =
        DetectProbe { media: media(), weights: weights(), device, conf: None, iou: 0.7, max_det: 300 };
    let found = &probed(Probe::Detect(detect))["frames"][0];
    assert_eq!(found["index"], 0);
    assert_eq!(found["boxes"][0]["xyxy"].as_array().unwrap().len(), 4);
    assert!(found["boxes"][0].get("track").unwrap().is_null());
}
