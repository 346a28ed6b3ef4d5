//! Scores against references, from the run directory to the report.

use std::fs;
use std::path::Path;

use reelbench_protocol::{CaptionSettings, Output, PlannedCell, Quantization, RepeatResult, SceneCaption};
use reelbench_reports::{Results, Template, rebuild};
use serde_json::{Value, json};

use crate::fixtures::cached;
use crate::stage1_fixtures::{AT_REST, full_cell, run_of, sequential};
use crate::support::*;

fn reference(dir: &Path, video: &str, name: &str, text: &str) {
    let folder = dir.join("references").join(video);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

/// What each cell's `quality` holds.
fn quality(dir: &Path) -> Vec<Value> {
    let summary = Results::load(dir).unwrap_or_else(|error| panic!("{error}")).summary;
    summary.cells.iter().map(|cell| json!(cell.quality)).collect()
}

#[track_caller]
fn assert_scores(found: &Value, expected: &[(&str, f64)]) {
    let names: Vec<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    for (name, value) in expected {
        assert!((found[name].as_f64().unwrap() - value).abs() < 1e-12, "{name}: {found:#}");
    }
}

#[test]
fn speech_and_cuts_are_scored() {
    let cell = stage1_cell("sintel", 1);
    let run = run_of(&[&cell], |cell, _| stage1_result(cell, 1000));
    let dir = run.write();
    // It heard `hello`, and a cut at frame 240.
    reference(dir, "sintel", "transcript.txt", "Hello, world!");
    reference(dir, "sintel", "scenes.json", "[[0, 100], [100, 242], [242, 480]]");
    assert_scores(
        &quality(dir)[0],
        &[
            ("wer", 0.5),
            ("cer", 6.0 / 11.0),
            ("scene_precision", 1.0),
            ("scene_recall", 0.5),
            ("scene_f1", 2.0 / 3.0),
        ],
    );
}

#[test]
fn another_language_is_not_read_as_english() {
    let cell = stage1_cell("sintel", 1);
    let run = run_of(&[&cell], |cell, _| {
        crate::stage1_fixtures::with_output(stage1_result(cell, 1000), |output| {
            output.transcript.as_mut().unwrap().text = "du won't".into();
        })
    });
    let dir = run.write();
    reference(dir, "sintel", "transcript.de.txt", "du will not");
    let other = quality(dir)[0]["wer"].as_f64().unwrap();
    fs::rename(dir.join("references/sintel/transcript.de.txt"), dir.join("references/sintel/transcript.txt"))
        .unwrap();
    let english = quality(dir)[0]["wer"].as_f64().unwrap();
    // In English `won't` is `will not`; elsewhere it is `won t`, two other words.
    assert!((other - 2.0 / 3.0).abs() < 1e-12 && english == 0.0, "{other} {english}");
}

/// It saw a person in frames 0, 120 (two) and 360, none in 240; heard speech and music, then music.
#[test]
fn objects_tracks_and_sounds_are_scored_where_both_looked() {
    let cell = full_cell("sintel", AT_REST);
    let run = run_of(&[&cell], |cell, _| sequential(cell, 1000));
    let dir = run.write();
    let image = |id: u32, frame: u32| json!({"id": id, "frame": frame});
    let person = |id: u32, image: u32, left: u32, track: u32| json!({"id": id, "image_id": image, "category_id": 1, "bbox": [left, 10, 20, 40], "track_id": track});
    let objects = json!({
        // Nobody looked at frame 60.
        "images": [image(1, 0), image(2, 60), image(3, 120), image(4, 240)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [person(1, 1, 0, 7), person(2, 2, 2, 7), person(3, 3, 5, 7)],
    });
    reference(dir, "sintel", "objects.json", &objects.to_string());
    let sounds = json!([
        {"start_s": 0.0, "end_s": 10.0, "labels": ["Speech"]},
        {"start_s": 10.0, "end_s": 20.0, "labels": ["Music"]},
    ]);
    reference(dir, "sintel", "sounds.json", &sounds.to_string());
    // Three boxes found, two of them right, the wrong one (score 0.5) level with the second right one and after it in
    // the journal's order. One box too many of three wanted and found: MOTA 1 - 1/2, IDF1 2·2/(2+3).
    assert_scores(
        &quality(dir)[0],
        &[
            ("object_ap", 1.0),
            ("object_ap50", 1.0),
            ("mota", 0.5),
            ("idf1", 0.8),
            // Speech: 0.75 against 0. Music: 0.5 where it is, 0.25 where not.
            ("sound_ap", 1.0),
        ],
    );
}

/// A run with captions of both scenes by a reference setting and by a quantized one that parts at token 2 of scene 1.
fn captioned() -> (RunDir, [PlannedCell; 3]) {
    let stage1 = stage1_cell("sintel", 1);
    let exact = caption_cell("sintel", "llava-tiny", cached(), &stage1);
    let settings = CaptionSettings { quantization: Quantization::Q4k, ..cached() };
    let quantized = caption_cell("sintel", "llava-tiny", settings, &stage1);
    let cells = [stage1, exact, quantized];
    let result = |cell: &PlannedCell| {
        if cell == &cells[0] {
            return stage1_result(cell, 1000);
        }
        let is_quantized = cell == &cells[2];
        said(caption_result(cell, 1000), |scene| {
            scene.text = ["a cat sits on a mat", "two dogs run in the park"][scene.scene as usize].into();
            if is_quantized && scene.scene == 1 {
                scene.tokens = vec![4, 5, 9, 9];
                scene.text = "two dogs sleep".into();
            }
        })
    };
    let run = run_of(&cells.each_ref(), |cell, _| result(cell));
    (run, cells)
}

fn said(mut result: RepeatResult, change: impl Fn(&mut SceneCaption)) -> RepeatResult {
    if let Output::Caption { scenes } = &mut result.output {
        scenes.iter_mut().for_each(change);
    }
    result
}

#[test]
fn captions_agree_with_the_reference_setting_as_far_as_they_do() {
    let (run, _) = captioned();
    let found = quality(run.write());
    assert_eq!(found[0], json!({}));
    assert_scores(&found[1], &[("token_agreement", 1.0), ("scenes_equal", 1.0), ("tokens_per_scene", 3.0)]);
    // Seven places, five of them equal; scene 1 parts at token 2.
    let expected = [
        ("token_agreement", 5.0 / 7.0),
        ("scenes_equal", 0.5),
        ("first_divergence", 2.0),
        ("tokens_per_scene", 3.5),
    ];
    assert_scores(&found[2], &expected);
}

#[test]
fn captions_are_scored_by_scene_or_by_when_their_frames_are() {
    let (run, _) = captioned();
    let dir = run.write();
    let scores = |captions: &str| {
        reference(dir, "sintel", "captions.jsonl", captions);
        let found = quality(dir);
        [found[1]["rouge_l"].clone(), found[2]["rouge_l"].clone()]
    };
    let by_scene = scores(
        "{\"scene\": 0, \"references\": [\"a cat sits on a mat\"]}\n{\"scene\": 1, \"references\": [\"two dogs run in the park\"]}",
    );
    assert_eq!(by_scene[0], 1.0);
    assert!(by_scene[1].as_f64().unwrap() < 1.0);
    // Frames are at 0 and 5 s, and at 10 and 15 s.
    let by_time = scores(
        "{\"start_s\": 0, \"end_s\": 9, \"references\": [\"a cat sits on a mat\"]}\n{\"start_s\": 9, \"end_s\": 20, \"references\": [\"two dogs run in the park\"]}",
    );
    assert_eq!(by_time, by_scene);
    assert_eq!(
        scores("{\"start_s\": 30, \"end_s\": 40, \"references\": [\"credits\"]}"),
        [Value::Null, Value::Null]
    );
}

#[test]
fn films_are_scored_together_with_an_interval_over_films() {
    let cells = ["long", "short", "middle"].map(|video| stage1_cell(video, 1));
    let run = run_of(&cells.each_ref(), |cell, _| stage1_result(cell, 1000));
    let dir = run.write();
    // `hello` is all that is heard.
    reference(dir, "long", "transcript.txt", "hello to you all");
    reference(dir, "short", "transcript.txt", "hello");
    reference(dir, "middle", "transcript.txt", "hello world");
    let results = Results::load(dir).unwrap();
    let table = &results.report.quality_stage1.table;
    let rows: Vec<Vec<&str>> =
        table.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect();
    let of_column = |title: &str| table.columns.iter().position(|column| column.title == title).unwrap();
    let wer = of_column("WER");
    assert_eq!(
        rows.iter().map(|row| row[0]).collect::<Vec<_>>(),
        ["long", "short", "middle", "all 3 videos"]
    );
    // 4 edits of 7 words. Without one film in turn 1/3, 4/6 and 3/5: a standard error of 0.210673, times t of 4.302653.
    assert_eq!(rows.iter().map(|row| row[wer]).collect::<Vec<_>>(), ["75.0 %", "0.0 %", "50.0 %", "57.1 %"]);
    assert_eq!(table.rows[3][wer].note.as_deref(), Some("± 90.6 %"));
}

/// The same with references of speech and captions.
pub(crate) fn scored_run() -> RunDir {
    let (run, _) = captioned();
    let dir = run.write();
    reference(dir, "sintel", "transcript.srt", "1\n00:00:00,000 --> 00:00:01,000\nHello there\n");
    reference(
        dir,
        "sintel",
        "captions.jsonl",
        "{\"scene\": 0, \"references\": [\"a cat sits on a mat\"]}\n{\"scene\": 1, \"references\": [\"two dogs run\"]}",
    );
    run
}

#[test]
fn the_report_shows_them() {
    let run = scored_run();
    let dir = run.write();
    rebuild(dir, &Template::default()).unwrap();
    let report = fs::read_to_string(dir.join("report.md")).unwrap();
    let start = report.find("## Quality").unwrap();
    let end = start + 3 + report[start + 3..].find("\n## ").unwrap();
    let after = report.find("## Agreement").map_or("", |start| &report[start..]);
    let agreement = after.split("\n## ").next().unwrap();
    insta::assert_snapshot!("quality_section", format!("{}\n{agreement}", &report[start..end]));
}

#[test]
fn what_cannot_be_a_reference_is_named() {
    let (run, _) = captioned();
    let dir = run.write();
    let error = |name: &str, text: &str| {
        fs::remove_dir_all(dir.join("references")).ok();
        reference(dir, "sintel", name, text);
        Results::load(dir).unwrap_err().to_string().replace(&dir.display().to_string(), "RUN")
    };
    assert!(error("notes.txt", "hello").starts_with("RUN/references/sintel/notes.txt: not expected"));
    assert!(error("captions.jsonl", "{}").starts_with("RUN/references/sintel/captions.jsonl:1: "));
    reference(dir, "sintel", "captions.json", "{}");
    let twice = Results::load(dir).unwrap_err().to_string();
    assert!(twice.contains("captions.jsonl: not expected"), "{twice}");
}
