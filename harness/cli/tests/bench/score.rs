//! Quality beside speed: references are read before anything runs, kept with the run, and scored again at will.

use std::fs;

use crate::common::{Workplace, cells_of};

const MATRIX: &str = r#"
version: 1
name: scored
videos:
  - id: film
    path: film.mp4
    reference: {transcript: words/film.txt, captions: captions.jsonl}
stage1:
  scene: {}
  asr: {weights: "dummy:whisper-tiny.en"}
models:
  - {id: good, family: llava-next, weights: "dummy:llava-next-tiny"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 0}
"#;

const CAPTIONS: &str = "{\"scene\": 0, \"references\": [\"w1 w2 w3\"]}\n";

fn films(transcript: &str, captions: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "the fake runner does not look inside");
    workplace.write("matrix.yaml", MATRIX);
    workplace.write("words/film.txt", transcript);
    workplace.write("captions.jsonl", captions);
    workplace
}

fn word_error_rate(workplace: &Workplace) -> f64 {
    let summary = workplace.json("run/summary.json");
    summary["cells"][0]["quality"]["wer"].as_f64().unwrap_or_else(|| panic!("{summary:#}"))
}

#[test]
fn a_run_is_scored_and_can_be_scored_again() {
    let workplace = films("nothing of this is said", CAPTIONS);
    workplace.bench("matrix.yaml --runner fake --out run").expect(0);
    assert!(word_error_rate(&workplace) >= 1.0);
    let summary = workplace.json("run/summary.json");
    let quality = &cells_of(&summary, "good")[0]["quality"];
    assert_eq!(quality["token_agreement"], 1.0, "{quality}");
    assert!(quality["rouge_l"].is_number() && quality["bleu_4"].is_number(), "{quality}");

    // What was said, as the run wrote it down.
    let stage1 = fs::read_dir(workplace.path("run/stage1")).unwrap().next().unwrap().unwrap().path();
    let found: serde_json::Value = serde_json::from_slice(&fs::read(stage1).unwrap()).unwrap();
    let said = found["transcript"]["text"].as_str().unwrap();
    workplace.write("words/film.txt", said);
    // The run keeps what it was scored against, until it is told otherwise.
    workplace.bench("score run").expect(0);
    assert!(word_error_rate(&workplace) >= 1.0);
    let before = workplace.read("run/journal.jsonl");
    let ended = workplace.bench("score run --matrix matrix.yaml").expect(0);
    assert!(ended.stdout.contains("WER") && ended.stdout.contains("0.0 %"), "{}", ended.stdout);
    assert!(word_error_rate(&workplace).abs() < f64::EPSILON);
    assert_eq!(workplace.read("run/references/film/transcript.txt"), said);
    assert!(workplace.read("run/report.md").contains("## Quality"));
    assert_eq!(workplace.read("run/journal.jsonl"), before, "nothing is measured");
    let json = workplace.bench("score run --json").expect(0).json();
    assert_eq!(json[0]["quality"]["wer"], 0.0, "{json:#}");
}

#[test]
fn a_reference_that_cannot_be_understood_is_an_error_before_anything_runs() {
    let workplace = films("hello", "{\"scene\": 0, \"references\": [\"a\"]}\n{\"scene\": zero}\n");
    let ended = workplace.bench("matrix.yaml --runner fake --out run").expect(2);
    assert!(ended.stderr.contains("captions.jsonl:2"), "{}", ended.stderr);
    assert!(ended.stderr.contains("matrix.yaml:7"), "{}", ended.stderr);
    assert!(!workplace.path("run").exists());
}

#[test]
fn what_cannot_be_scored_says_what_to_do() {
    let workplace = films("hello", CAPTIONS);
    workplace.write("plain.yaml", MATRIX.replace("reference:", "# reference:"));
    workplace.bench("plain.yaml --runner fake --out run").expect(0);
    let none = workplace.bench("score run").expect(1);
    assert!(none.stderr.contains("--matrix"), "{}", none.stderr);
    let nothing_new = workplace.bench("score run --matrix plain.yaml").expect(2);
    assert!(nothing_new.stderr.contains("names no reference"), "{}", nothing_new.stderr);
    let no_run = workplace.bench("score words").expect(1);
    assert!(no_run.stderr.contains("no run"), "{}", no_run.stderr);
}
