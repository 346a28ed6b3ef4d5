//! The gate's exit codes and files, with runners that really take longer.

use serde_json::Value;

use crate::common::{Ended, Workplace};
#[cfg(unix)]
use crate::survival::{signal, until};

const MATRIX: &str = r#"
version: 1
name: gated
videos: [{id: film, path: film.mp4}]
models:
  - {id: one, family: llava-next, weights: "dummy:llava-next-tiny"}
  - {id: two, family: llava-next, weights: "dummy:llava-next-tiny?seed=1"}
settings: {dtype: f32, max_new_tokens: 8}
run: {repeats: 6, warmup: 0, cache_check: 0}
gate: {max_regression: 50%, confidence: 0.9}
"#;

/// Runners that take this long for a scene, `slow` three times as long as `steady`, and some that go wrong with one model.
const SCRIPTS: [(&str, &str); 5] = [
    ("steady", r#"{"rules": [{"then": {"do": "slow", "ms": 40}}]}"#),
    ("slow", r#"{"rules": [{"then": {"do": "slow", "ms": 120}}]}"#),
    (
        "crashing",
        r#"{"rules": [{"when": {"model": "two"}, "then": {"do": "crash"}}, {"then": {"do": "slow", "ms": 40}}]}"#,
    ),
    ("all-crashing", r#"{"rules": [{"then": {"do": "crash"}}]}"#),
    ("stubborn", r#"{"slowdown": false}"#),
];

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "the fake runner does not look inside");
    workplace.write("matrix.yaml", MATRIX);
    let fake = std::path::Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("bench-runner-fake");
    let runners = SCRIPTS.map(|(name, script)| {
        format!("{name}: {{program: {:?}, args: [--script, '{script}']}}\n", fake.display().to_string())
    });
    workplace.write("runners.yaml", runners.concat());
    workplace
}

fn session(workplace: &Workplace, more: &str) -> Ended {
    workplace.bench(&format!("gate --matrix matrix.yaml --rounds 6 --out gate {more}"))
}

/// Cell and number of each measured repeat of a side.
fn measured(workplace: &Workplace, journal: &str) -> Vec<(String, u64)> {
    let lines = workplace.json_lines(journal);
    let results = lines.iter().map(|line| &line["what"]["result"]);
    let measured = results.filter(|result| result["pass"] == "measured");
    measured.map(|result| (result["cell"].to_string(), result["repeat"].as_u64().unwrap())).collect()
}

fn checks(workplace: &Workplace) -> Vec<Value> {
    workplace.json("gate/verdict.json")["checks"].as_array().unwrap().clone()
}

#[test]
fn the_same_runner_passes() {
    let workplace = workplace();
    let ended = session(&workplace, "--base steady --head steady").expect(0);
    assert!(ended.stdout.contains("PASS 2 · FAIL 0 · INCONCLUSIVE 0 · MISSING 0"), "{}", ended.stdout);
    let verdict = workplace.json("gate/verdict.json");
    assert_eq!((&verdict["format"], &verdict["pairing"]), (&1.into(), &"paired".into()));
    assert_eq!(workplace.json("gate/base/manifest.json")["session"]["arm"], "base");
    // The two runs of a session are run directories like any others.
    workplace.bench("gate --base gate/base --head gate/head --out again").expect(0);
    let again = workplace.json("again/verdict.json");
    assert_eq!(again["checks"], verdict["checks"], "a session is judged as its two directories are");
}

#[test]
fn a_slower_runner_is_a_regression_and_its_stage_is_named() {
    let workplace = workplace();
    let ended = session(&workplace, "--base steady --head slow").expect(10);
    assert!(ended.stdout.contains("FAIL 2"), "{}", ended.stdout);
    for check in checks(&workplace) {
        assert_eq!((&check["verdict"], &check["stage"]["metric"]), (&"fail".into(), &"stages.decode".into()));
        let ratio = check["compared"]["ratio"].as_f64().unwrap();
        assert!((2.0..4.0).contains(&ratio), "{check:#}");
    }
    // The other way round it is faster, which is no reason to fail.
    workplace.bench("gate --base gate/head --head gate/base --out turned").expect(0);
    assert!(workplace.read("turned/gate.md").contains("✅ Improvements"));
    workplace.bench("compare gate/base gate/head").expect(0);
    let compared = workplace.bench("compare gate/head gate/base --json").expect(0).json();
    assert_eq!(compared["overview"]["rows"][1]["count"], 2, "both cells are faster");
}

#[test]
fn a_cell_that_head_breaks_is_missing_though_the_others_pass() {
    let workplace = workplace();
    let ended = session(&workplace, "--base steady --head crashing").expect(12);
    assert!(ended.stdout.contains("PASS 1 · FAIL 0 · INCONCLUSIVE 0 · MISSING 1"), "{}", ended.stdout);
    let missing = checks(&workplace).into_iter().find(|check| check["verdict"] == "missing").unwrap();
    assert!(missing["reason"].as_str().unwrap().contains("SIGABRT"), "{missing:#}");
}

#[test]
fn nothing_gated_is_not_a_pass() {
    let workplace = workplace();
    let ended = session(&workplace, "--base all-crashing --head steady").expect(12);
    assert!(ended.stdout.contains("Nothing was gated"), "{}", ended.stdout);
    assert!(checks(&workplace).is_empty());
    assert!(workplace.read("gate/junit.xml").contains("something is gated"));
}

#[test]
fn too_few_rounds_are_inconclusive() {
    let workplace = workplace();
    let ended =
        workplace.bench("gate --matrix matrix.yaml --rounds 1 --base steady --head steady --out gate");
    assert!(ended.expect(11).stdout.contains("INCONCLUSIVE 2"));
}

#[test]
fn another_machine_or_film_is_not_comparable() {
    let workplace = workplace();
    workplace.bench("run matrix.yaml --runner steady --out base").expect(0);
    workplace.write("film.mp4", "another film");
    workplace.bench("run matrix.yaml --runner steady --out head").expect(0);
    let ended = workplace.bench("gate --baseline base/manifest.json --head head").expect(12);
    assert!(ended.stdout.contains("NOT COMPARABLE"), "{}", ended.stdout);
    assert!(ended.stdout.contains("input film"), "{}", ended.stdout);
    assert!(workplace.bench("compare base head").expect(1).stderr.contains("--accept-differences"));
    workplace.bench("compare base head --accept-differences").expect(0);
}

#[test]
fn a_self_test_sees_a_slowed_stage_and_says_when_it_cannot() {
    let workplace = workplace();
    let ended = session(&workplace, "--base steady --self-test=decode:200%").expect(10);
    assert!(ended.stdout.contains("The gate sees: decode of head was slowed by 200.0 %"), "{}", ended.stdout);
    assert!(checks(&workplace).iter().all(|check| check["stage"]["metric"] == "stages.decode"));
    // What takes no time cannot be slowed so that it shows.
    let ended = workplace
        .bench("gate --matrix matrix.yaml --rounds 3 --base steady --self-test=vision:200% --out blind")
        .expect(11);
    assert!(ended.stdout.contains("BLIND"), "{}", ended.stdout);
    let refused = session(&workplace, "--base stubborn --self-test").expect(2);
    assert!(refused.stderr.contains("does not offer to be slowed down"), "{}", refused.stderr);
    session(&workplace, "--base steady --self-test=decoding:80%").expect(2);
}

#[test]
fn workflows_get_annotations_and_a_summary() {
    let workplace = workplace();
    session(&workplace, "--base steady --head slow").expect(10);
    workplace.write("summary.md", "before\n");
    let summary = workplace.path("summary.md").display().to_string();
    let gate = ["gate", "--base", "gate/base", "--head", "gate/head"];
    let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.as_str())];
    let ended = workplace.command_with(&gate, &variables).expect(10);
    let annotations =
        ended.stdout.lines().filter(|line| line.starts_with("::error title=Regression%3A rtf "));
    assert_eq!(annotations.count(), 2, "{}", ended.stdout);
    let page = workplace.read("gate/head/gate.md");
    assert_eq!(workplace.read("summary.md"), format!("before\n{page}"));
    let quiet = workplace.command(&gate).expect(10);
    assert!(!quiet.stdout.contains("::error"), "{}", quiet.stdout);
}

#[test]
fn a_calibration_tells_noise_and_rounds() {
    let workplace = workplace();
    let told =
        workplace.bench("calibrate matrix.yaml --runner steady --rounds 5 --out quiet --json").expect(0);
    let cells = told.json()["cells"].as_array().unwrap().clone();
    assert_eq!(cells.len(), 2);
    for cell in cells {
        assert_eq!((&cell["metric"], &cell["rounds"]), (&"rtf".into(), &5.into()));
        assert!(cell["noise"].as_f64().unwrap() > 0.0, "{cell:#}");
        assert!(cell["detectable"].as_f64().unwrap() > 0.0, "{cell:#}");
    }
}

#[test]
fn a_session_that_ran_out_of_time_goes_on_to_the_verdict_of_one_that_did_not() {
    let workplace = workplace();
    workplace.write("matrix.yaml", MATRIX.replace("run: {", "run: {run_timeout: 600ms, "));
    let again = "gate --matrix matrix.yaml --base steady --head slow --resume gate";
    let mut ended = session(&workplace, "--base steady --head slow").expect(3);
    let mut starts = 1;
    while ended.code == 3 {
        assert!(ended.stderr.contains("run.run_timeout"), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("go on with: bench {again}")), "{}", ended.stderr);
        assert!(!workplace.path("gate/verdict.json").exists(), "half a session is not judged");
        ended = workplace.bench(again);
        starts += 1;
        assert!(starts < 40, "no progress: {}", ended.stderr);
    }
    assert!(ended.expect(10).stdout.contains("FAIL 2"));
    let rounds: Vec<_> = ["gate/base/journal.jsonl", "gate/head/journal.jsonl"]
        .map(|journal| {
            let mut rounds = measured(&workplace, journal);
            rounds.sort();
            rounds
        })
        .into();
    assert_eq!(rounds[0].len(), 12, "two cells, six rounds, each once");
    assert_eq!(rounds[0], rounds[1]);
    assert_eq!(workplace.json("gate/verdict.json")["pairing"], "paired");
    assert_eq!(workplace.json("gate/base/manifest.json")["changes"], Value::Null);
    // To go on with one that has ended is to judge it again.
    workplace.bench(again).expect(10);
}

#[cfg(unix)]
#[test]
fn a_session_that_was_interrupted_says_how_to_go_on_and_goes_on_as_it_began_or_not_at_all() {
    let workplace = workplace();
    let mut bench =
        workplace.start("gate --matrix matrix.yaml --base steady --self-test=decode:200% --out gate");
    until("a repeat of head", || {
        let journal = workplace.path("gate/head/journal.jsonl");
        std::fs::read_to_string(journal).is_ok_and(|text| text.contains("\"measured\""))
    });
    signal(&bench, "INT");
    assert_eq!(bench.wait().unwrap().code(), Some(130));
    let resume = |more: &str| workplace.bench(&format!("gate --matrix matrix.yaml --resume gate {more}"));
    for (other, what) in [
        ("--base steady --head steady", "session: slowdown is not what it was: decode:200% before, gone now"),
        (
            "--base steady --self-test=decode:300%",
            "session: slowdown is not what it was: decode:200% before, decode:300% now",
        ),
    ] {
        let refused = resume(other).expect(1).stderr;
        assert!(refused.contains(what) && !refused.contains("--accept-changes"), "{refused}");
    }
    resume("--base steady --self-test=decode:200% --rounds 9").expect(2);
    // One side alone would no longer run beside the other.
    let alone = workplace.bench("run matrix.yaml --runner steady --resume gate/head").expect(1).stderr;
    assert!(alone.contains("session: arm"), "{alone}");
    let told = resume("--base steady --self-test=decode:200% --quiet").expect(10);
    assert!(!told.stderr.contains("measured"), "{}", told.stderr);
    workplace.write("film.mp4", "another film");
    let refused = resume("--base steady --self-test=decode:200%").expect(1).stderr;
    assert!(refused.contains("film.mp4"), "{refused}");
}

#[test]
fn every_line_of_a_session_counts_the_repeats_of_both_sides() {
    let workplace = workplace();
    let ended = session(&workplace, "--base steady --head steady").expect(0);
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(lines.len(), 24, "{}", ended.stderr);
    assert!(lines[23].starts_with("[24/24] ") && lines[23].ends_with("about 0.00 s left)"), "{}", lines[23]);
    for arm in ["base", "head"] {
        let of_arm = lines.iter().filter(|line| line.contains(&format!("] {arm} measured ")));
        assert_eq!(of_arm.count(), 12, "{lines:#?}");
    }
}
