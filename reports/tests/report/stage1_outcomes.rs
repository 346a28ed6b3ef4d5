//! How stage-1 cells are judged, and what they found.

use reelbench_protocol::{Failure, FailureKind, SceneSpec, Stage, Stage1Output, Stage1Spec, Work};
use reelbench_reports::{Instability, Outcome, Results, Template, rebuild};
use serde_json::{Value, json};

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;

#[test]
fn what_differs_between_repeats_names_stage_and_scene() {
    let unstable = |change: fn(&mut Stage1Output, u32)| {
        let cell = full_cell("sintel", AT_REST);
        let run = run_of(&[&cell], |cell, repeat| {
            with_output(sequential(cell, 1000), |output| change(output, repeat))
        });
        judged(&run).remove(0)
    };
    let outcome = Outcome::Unstable(Instability::Repeats);
    let says = |reason: &str| (outcome, reason.to_owned());
    assert_eq!(unstable(|_, _| {}).0, Outcome::Ok);
    assert_eq!(
        unstable(|output, repeat| output.transcript.as_mut().unwrap().segments[0].tokens.push(repeat)),
        says("asr: results differ between repeats in scene 0")
    );
    assert_eq!(
        unstable(
            |output, repeat| output.sounds.as_mut().unwrap().windows[1].tags[0].score -= 0.01 * repeat as f32
        ),
        says("ast: results differ between repeats in scene 1")
    );
    assert_eq!(
        unstable(|output, repeat| {
            let frames = &mut output.objects.as_mut().unwrap().frames;
            frames[0].boxes[0].track = Some(repeat);
            frames[3].boxes[0].xyxy[0] += repeat as f32;
        }),
        says("yolo: results differ between repeats in scenes 0, 1")
    );
    assert_eq!(
        unstable(|output, repeat| output.scenes.as_mut().unwrap().scenes[1].end_s += f64::from(repeat)),
        says("scene: results differ between repeats in scene 1")
    );
}

#[test]
fn knobs_of_speed_must_not_change_what_is_found() {
    let knobs = [
        AT_REST,
        Knobs { concurrency: 4, ..AT_REST },
        Knobs { batch: 8, ..AT_REST },
        Knobs { concurrency: 4, parallel: true, ..AT_REST },
    ];
    let cells = knobs.map(|knobs| full_cell("sintel", knobs));
    let elsewhere = full_cell("other", Knobs { concurrency: 4, ..AT_REST });
    let run = run_of(&[&elsewhere, &cells[0], &cells[1], &cells[2], &cells[3]], |cell, _| {
        with_output(sequential(cell, 1000), |output| {
            if cell.id == cells[1].id || cell.id == cells[3].id || cell.id == elsewhere.id {
                output.transcript.as_mut().unwrap().segments[0].text.push('!');
            }
            if cell.id == cells[3].id {
                output.sounds.as_mut().unwrap().windows[0].tags[0].index = 7;
            }
        })
    });
    let unstable = |reason: &str| (Outcome::Unstable(Instability::Knobs), reason.to_owned());
    assert_eq!(
        judged(&run),
        [
            (Outcome::Ok, String::new()),
            (Outcome::Ok, String::new()),
            unstable("asr: results differ from those with asr.concurrency 1 in scene 0"),
            (Outcome::Ok, String::new()),
            unstable(
                "asr: results differ from those with asr.concurrency 1, parallel false in scene 0; \
                 ast: results differ from those with asr.concurrency 1, parallel false in scene 0"
            ),
        ]
    );
}

#[test]
fn without_a_cell_at_rest_the_first_of_the_plan_stands_in() {
    let cells = [2, 4].map(|concurrency| full_cell("sintel", Knobs { concurrency, ..AT_REST }));
    let run = run_of(&[&cells[0], &cells[1]], |cell, _| {
        with_output(sequential(cell, 1000), |output| {
            if cell.id == cells[1].id {
                output.transcript.as_mut().unwrap().segments.clear();
            }
        })
    });
    let reasons: Vec<_> = judged(&run).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["", "asr: results differ from those with asr.concurrency 2 in scene 0"]);
}

#[test]
fn a_stage_without_a_result_or_with_a_failure_fails_the_cell() {
    let judged_with = |change: fn(&mut Stage1Output)| {
        let cell = full_cell("sintel", AT_REST);
        judged(&run_of(&[&cell], |cell, _| with_output(sequential(cell, 1000), change))).remove(0)
    };
    assert_eq!(
        judged_with(|output| output.sounds = None),
        (Outcome::Failed, "ast: the runner gave no result".to_owned())
    );
    let failed = judged_with(|output| {
        output.objects = None;
        output.failures.push(Failure::new(FailureKind::Input, "no picture").in_stage(Stage::Yolo));
    });
    assert_eq!(failed, (Outcome::Failed, "yolo: no picture".to_owned()));
}

#[test]
fn labels_out_of_order_fail_the_cell() {
    let cell = full_cell("sintel", AT_REST);
    let run = run_of(&[&cell], |cell, _| {
        with_output(sequential(cell, 1000), |output| {
            output.sounds.as_mut().unwrap().windows[0].tags.reverse();
        })
    });
    let reason = "ast: the labels of the window at 0 s do not begin with the best";
    assert_eq!(judged(&run), [(Outcome::Failed, reason.to_owned())]);
}

#[test]
fn what_was_found_stands_scene_by_scene_in_the_outputs() {
    let (whole, failing) = (full_cell("sintel", AT_REST), full_cell("mute", AT_REST));
    let scenes_only = Work::Stage1(Stage1Spec { scene: Some(SceneSpec::default()), ..Stage1Spec::default() });
    let scenes_only = planned("scenes-only", scenes_only, None);
    let run = run_of(&[&whole, &failing, &scenes_only], |cell, _| {
        with_output(sequential(cell, 1000), |output| {
            if cell.id == failing.id {
                output.scenes = None;
                output.transcript = None;
                let failure = Failure::new(FailureKind::Input, "no sound").in_stage(Stage::Asr);
                output.failures.push(failure);
            }
        })
    });
    rebuild(run.write(), &Template::Embedded).unwrap();
    let outputs = read(run.write(), "outputs.jsonl");
    let lines: Vec<&str> = outputs.lines().collect();
    assert_eq!(lines.len(), 3 * 2 + 3, "two scenes, and a film as a whole");
    assert_eq!(
        lines[0],
        format!(
            r#"{{"cell":"{}","repeat":0,"video":"sintel","scene":0,"start_s":0.0,"end_s":10.0,"transcript":"hello","sounds":[{{"label":"Speech","index":0,"score":0.75}},{{"label":"Music","index":137,"score":0.25}}],"objects":[{{"label":"person","class":0,"track":1,"count":1,"frames":2,"first_s":0.0,"last_s":5.0,"score":0.75}},{{"label":"person","class":0,"track":2,"count":1,"frames":1,"first_s":5.0,"last_s":5.0,"score":0.5}}]}}"#,
            whole.id
        )
    );
    let line = |index: usize| -> Value { serde_json::from_str(lines[index]).unwrap() };
    assert_eq!((&line(1)["scene"], &line(1)["transcript"]), (&json!(1), &json!("")), "nothing was said");
    assert_eq!((&line(1)["start_s"], &line(1)["end_s"]), (&json!(10.0), &json!(20.0)));
    assert_eq!((&line(5)["repeat"], &line(5)["scene"]), (&json!(2), &json!(1)));
    let film = line(6);
    assert_eq!((&film["scene"], &film["start_s"], &film["end_s"]), (&json!(0), &json!(0.0), &json!(20.0)));
    assert!(film.get("transcript").is_none(), "what was not found out is absent");
    assert_eq!(film["error"], "asr: no sound");
    let file: Value = serde_json::from_str(&read(run.write(), &format!("stage1/{}.json", whole.id))).unwrap();
    assert_eq!(file["sounds"]["windows"][0]["tags"][0]["label"], "Speech");
    assert_eq!(file["objects"]["frames"][1]["boxes"][0]["xyxy"], json!([5.0, 10.0, 25.0, 50.0]));
}

#[test]
fn several_weights_of_a_cell_are_all_named() {
    let cell = full_cell("sintel", AT_REST);
    let results = Results::load(run_of(&[&cell], |cell, _| sequential(cell, 1000)).write()).unwrap();
    let summary = &results.summary.cells[0];
    assert_eq!(summary.weights, ["hf:openai/whisper-tiny.en", "dummy:ast-tiny", "dummy:yolov8n?seed=1"]);
    assert!(summary.dummy_weights);
    let dummies: Vec<_> = results.report.setup.dummy_weights.iter().map(String::as_str).collect();
    assert_eq!(dummies, ["dummy:ast-tiny", "dummy:yolov8n?seed=1"], "and not the one that was trained");
}

#[test]
fn a_caption_has_the_settings_of_what_its_question_tells_of() {
    let stage1 = full_cell("sintel", AT_REST);
    let Work::Stage1(spec) = &stage1.spec.work else { panic!() };
    let mut caption = caption_cell("sintel", "llava-tiny", cached(), &stage1);
    if let Work::Caption(work) = &mut caption.spec.work {
        work.question = "They say: {transcript}".into();
        work.asr.clone_from(&spec.asr);
    }
    let run = run_of(&[&stage1, &caption], |cell, _| match cell.spec.work {
        Work::Stage1(_) => sequential(cell, 1000),
        Work::Caption(_) => {
            let mut result = caption_result(cell, 12_000);
            result.effective.retain(|key, _| !key.contains('.'));
            result
        }
    });
    let results = Results::load(run.write()).unwrap();
    let cell = &results.summary.cells[1];
    assert_eq!((cell.outcome, cell.reason.as_deref()), (Outcome::Ok, None));
    let effective = cell.effective.as_ref().unwrap();
    assert_eq!(effective["asr.weights"], "hf:openai/whisper-tiny.en");
    assert!(!effective.contains_key("yolo.tracker"), "it tells of speech alone");
}
