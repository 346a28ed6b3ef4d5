//! Every way a runner can go wrong is a row of the report, and the other cells go on.

use serde_json::Value;

use crate::common::{Workplace, cells_of};

const MATRIX: &str = r#"
version: 1
name: misbehaviour
videos:
  - {id: film, path: film.mp4}
stage1:
  scene: {}
models:
  - {id: good, family: llava-next, weights: "dummy:llava-next-tiny"}
  - {id: crashes, family: llava-next, weights: "dummy:crash"}
  - {id: hangs, family: llava-next, weights: "dummy:hang"}
  - {id: babbles, family: llava-next, weights: "dummy:garbage"}
  - {id: starves, family: llava-next, weights: "dummy:out-of-memory"}
  - {id: wavers, family: llava-next, weights: "dummy:unstable"}
  - {id: pretends, family: llava-next, weights: "dummy:lie"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 0, timeout: 2s}
"#;

fn run(workplace: &Workplace, matrix: &str) -> Value {
    workplace.write("film.mp4", "the fake runner does not look inside");
    workplace.write("matrix.yaml", matrix);
    let ended = workplace.bench("matrix.yaml --runner fake --out run").expect(3);
    assert!(ended.stdout.contains("report: [WORK]/run/report.md"), "{}", ended.stdout);
    workplace.json("run/summary.json")
}

#[test]
fn whatever_happens_to_one_cell_the_others_go_on() {
    let workplace = Workplace::new();
    let summary = run(&workplace, MATRIX);
    let outcome = |model: &str| {
        let cells = cells_of(&summary, model);
        assert_eq!(cells.len(), 1, "one row for {model}");
        (cells[0]["outcome"].as_str().unwrap().to_owned(), cells[0]["reason"].to_string())
    };
    assert_eq!(outcome("good").0, "ok");
    for (model, expected, word) in [
        ("crashes", "failed", "SIGABRT"),
        ("hangs", "timeout", "2s"),
        ("babbles", "failed", "protocol"),
        ("starves", "oom", "do not fit"),
        ("wavers", "unstable", "scene"),
        ("pretends", "failed", "effective"),
    ] {
        let (outcome, reason) = outcome(model);
        assert_eq!(outcome, expected, "{model}: {reason}");
        assert!(reason.contains(word), "{model}: {reason}");
    }
    let report = workplace.read("run/report.md");
    for status in ["❌ Failed", "❌ Timeout", "❌ OOM", "⚠️ Unstable", "✅"] {
        assert!(report.contains(status), "{status} is not in\n{report}");
    }
}

#[test]
fn numbers_are_given_only_where_the_work_was_done() {
    let workplace = Workplace::new();
    let summary = run(&workplace, MATRIX);
    for cell in summary["cells"].as_array().unwrap() {
        let measured = matches!(cell["outcome"].as_str().unwrap(), "ok" | "unstable");
        assert_eq!(cell["rtf"].is_object(), measured, "{cell:#}");
    }
}

#[test]
fn a_film_that_cannot_be_used_skips_its_captions_and_no_others() {
    let workplace = Workplace::new();
    workplace.write("other.mp4", "the fake runner does not look inside either");
    let matrix = r#"
version: 1
name: two-films
videos:
  - {id: film, path: film.mp4}
  - {id: other, path: other.mp4, sha256: "0000000000000000000000000000000000000000000000000000000000000000"}
stage1: {scene: {}}
models:
  - {id: good, family: llava-next, weights: "dummy:llava-next-tiny"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 1, warmup: 0}
"#;
    let summary = run(&workplace, matrix);
    for cell in summary["cells"].as_array().unwrap() {
        let expected = if cell["video"] == "other" { "failed" } else { "ok" };
        assert_eq!(cell["outcome"], expected, "{cell:#}");
    }
    let reasons: Vec<&str> = summary["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cell| cell["video"] == "other")
        .map(|cell| cell["reason"].as_str().unwrap())
        .collect();
    assert!(reasons.iter().all(|reason| reason.contains("wrong sha256")), "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("matrix.yaml:6")), "{reasons:?}");
}

#[test]
fn a_finished_run_is_reported_again_to_the_byte_and_resumes_to_nothing() {
    let workplace = Workplace::new();
    run(&workplace, MATRIX);
    let report = workplace.read("run/report.md");
    let journal = workplace.read("run/journal.jsonl");
    workplace.bench("report run").expect(0);
    assert_eq!(workplace.read("run/report.md"), report);
    workplace.bench("run matrix.yaml --runner fake --resume run").expect(3);
    assert_eq!(workplace.read("run/journal.jsonl"), journal, "there was nothing left to do");
}

#[test]
fn a_resumed_run_takes_no_other_cells_or_repeats() {
    let ended = Workplace::new().bench("run matrix.yaml --resume run --only model=good").expect(2);
    assert!(ended.stderr.contains("cannot be used with"), "{}", ended.stderr);
    Workplace::new().bench("run matrix.yaml --resume run --repeats 5").expect(2);
}

#[test]
fn only_runs_what_matches_and_what_it_needs() {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.write("matrix.yaml", MATRIX);
    workplace.bench("run matrix.yaml --runner fake --only model=good --out run --repeats 3").expect(0);
    let summary = workplace.json("run/summary.json");
    let kinds: Vec<_> =
        summary["cells"].as_array().unwrap().iter().map(|cell| cell["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["stage1", "caption"]);
    assert_eq!(summary["cells"][1]["rtf"]["samples"].as_array().unwrap().len(), 3);
}
