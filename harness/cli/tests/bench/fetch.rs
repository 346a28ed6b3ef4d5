//! `bench fetch` from a hub on a local port, and what plans and runs make of what it brought.

use reelbench_testkit::http::{Server, answer};
use reelbench_testkit::hub::{COMMIT, Repository};
use serde_json::Value;

use crate::common::{Ended, Workplace};

const MATRIX: &str = r#"version: 1
name: fetched
videos: [{id: film, path: film.mp4}]
stage1:
  scene: {}
  asr: {weights: "hf:o/speech@v1", per: file}
models:
  - {id: llava, family: llava-next, weights: "hf:o/small"}
run: {repeats: 1, warmup: 0}
"#;

/// A folder with a matrix, and a hub that has the models it names.
fn place(matrix: &str) -> (Workplace, Server) {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.write("matrix.yaml", matrix);
    let small = Repository::new("o/small").with_model();
    let speech = Repository::new("o/speech").with("config.json", "{}").with("model.safetensors", "speech");
    let server = Server::start(move |_, request| {
        if request.target.contains("o/speech/") || request.target.contains("o/speech@") {
            speech.answer(request)
        } else {
            small.answer(request)
        }
    });
    (workplace, server)
}

fn bench(workplace: &Workplace, server: &Server, args: &str) -> Ended {
    let cache = workplace.path("cache").display().to_string();
    let url = server.url();
    let variables = [("HF_ENDPOINT", url.as_str()), ("XDG_CACHE_HOME", &cache), ("HF_TOKEN", "hf_4711")];
    workplace.command_with(&args.split_whitespace().collect::<Vec<_>>(), &variables)
}

#[test]
fn a_plan_names_the_command_that_then_brings_everything_for_plan_and_run() {
    let (workplace, server) = place(MATRIX);
    let before = bench(&workplace, &server, "plan matrix.yaml --runner fake").expect(2);
    let missing: Vec<&str> = before.stderr.lines().collect();
    assert_eq!(missing.len(), 2, "{}", before.stderr);
    assert!(missing.iter().all(|line| line.ends_with("run `bench fetch matrix.yaml`")), "{}", before.stderr);
    assert!(server.received().is_empty(), "a plan asks nobody");

    let fetched = bench(&workplace, &server, "fetch matrix.yaml").expect(0);
    assert!(fetched.stdout.contains(&format!("hf:o/speech@v1  commit {COMMIT}")), "{}", fetched.stdout);
    assert!(fetched.stdout.contains("fetched   hash ok"), "{}", fetched.stdout);
    assert!(fetched.stdout.ends_with(" KiB\n"), "{}", fetched.stdout);
    assert!(fetched.stderr.contains("fetch    hf:o/small: model-1.safetensors"), "{}", fetched.stderr);

    bench(&workplace, &server, "plan matrix.yaml --runner fake --offline").expect(0);
    let asked = server.received().len();
    bench(&workplace, &server, "run matrix.yaml --runner fake --offline --out run").expect(0);
    assert_eq!(server.received().len(), asked, "a run asks nobody");
    let manifest = workplace.json("run/manifest.json");
    let weights: Vec<&Value> = manifest["inputs"].as_array().unwrap().iter().collect();
    let of = |word: &str| weights.iter().filter(|input| input["used_by"] == word).count();
    assert_eq!((of("hf:o/small"), of("hf:o/speech@v1")), (6, 2));
    for input in weights.iter().filter(|input| input["used_by"] != "film") {
        let path = input["path"].as_str().unwrap();
        assert!(path.contains(&format!("/snapshots/{COMMIT}/")), "the commit is on record: {path}");
    }
}

#[test]
fn json_tells_each_file_and_what_is_known_of_it() {
    let (workplace, server) = place(MATRIX);
    let state = |args: &str| {
        let json = bench(&workplace, &server, args).expect(0).json();
        let speech = &json["models"][0];
        assert_eq!((&speech["model"], &speech["commit"]), (&"hf:o/speech@v1".into(), &COMMIT.into()));
        let file = &speech["files"][1];
        assert_eq!((&file["path"], &file["bytes"]), (&"model.safetensors".into(), &6.into()));
        format!("{} {}", file["state"].as_str().unwrap(), file["checked"].as_str().unwrap())
    };
    assert_eq!(state("fetch matrix.yaml --json"), "fetched hash");
    assert_eq!(state("fetch matrix.yaml --json"), "present size");
    assert_eq!(state("fetch matrix.yaml --json --verify"), "present hash");
    let asked = server.received().len();
    assert_eq!(state("fetch matrix.yaml --json --offline"), "present presence");
    assert_eq!(state("fetch matrix.yaml --json --offline --verify"), "present hash");
    assert_eq!(server.received().len(), asked);
}

#[test]
fn offline_all_that_is_missing_is_named_and_nobody_asked() {
    let (workplace, server) = place(&MATRIX.replace("videos: [", "videos: [{catalog: sintel-trailer}, "));
    let ended = bench(&workplace, &server, "fetch matrix.yaml --offline").expect(1);
    let errors: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(errors.len(), 3, "{}", ended.stderr);
    for (error, what) in errors.iter().zip(["the film sintel-trailer", "hf:o/speech@v1", "hf:o/small"]) {
        assert!(error.starts_with(&format!("error: {what} is not on this machine")), "{error}");
    }
    assert!(ended.stdout.ends_with("3 not there\n"), "{}", ended.stdout);
    assert!(server.received().is_empty() && !workplace.path("hub").exists());
}

#[test]
fn one_model_that_cannot_be_had_does_not_stop_the_others() {
    let (workplace, server) = place(&MATRIX.replace("hf:o/speech@v1", "hf:o/speech@v9"));
    let ended = bench(&workplace, &server, "fetch matrix.yaml --json").expect(1);
    let json = ended.json();
    assert_eq!(json["models"].as_array().unwrap().len(), 1);
    assert!(json["failures"][0].as_str().unwrap().contains("no such revision"), "{json:#}");
    assert!(ended.stderr.contains("error: hf:o/speech@v9: the hub has no such revision"), "{}", ended.stderr);
}

#[test]
fn a_token_that_is_refused_is_not_shown() {
    let (workplace, _) = place(MATRIX);
    let locked = Server::start(|_, _| answer(401, "who is hf_4711?"));
    let ended = bench(&workplace, &locked, "fetch matrix.yaml").expect(1);
    assert!(ended.stderr.contains("check that the token in HF_TOKEN"), "{}", ended.stderr);
    assert!(!format!("{}{}", ended.stderr, ended.stdout).contains("hf_4711"));
    assert_eq!(locked.received()[0].header("authorization"), Some("Bearer hf_4711"));
}

#[test]
fn a_matrix_with_a_mistake_fetches_nothing() {
    let (workplace, server) = place(&MATRIX.replace("llava-next", "lava-next"));
    let ended = bench(&workplace, &server, "fetch matrix.yaml").expect(2);
    assert!(ended.stderr.starts_with("matrix.yaml:8:"), "{}", ended.stderr);
    assert!(server.received().is_empty());
}

#[test]
fn offline_refuses_cells_that_ask_a_service() {
    let (workplace, server) = place(
        "version: 1\nname: remote\nvideos: [{id: film, path: film.mp4}]\nstage1:\n  \
         asr: {engine: openai, model: whisper-1, per: file}\n",
    );
    bench(&workplace, &server, "plan matrix.yaml --runner fake").expect(0);
    let ended = bench(&workplace, &server, "plan matrix.yaml --runner fake --offline").expect(2);
    assert!(ended.stderr.contains("--offline: 1 cells ask a service"), "{}", ended.stderr);
}
