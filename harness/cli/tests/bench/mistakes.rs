//! What a user gets wrong is said at once, with its place and a remedy.

use crate::common::Workplace;

#[test]
fn every_mistake_of_a_matrix_is_listed_with_its_line() {
    let workplace = Workplace::new();
    workplace.write(
        "matrix.yaml",
        r#"version: 1
name: mistakes
videos:
  - {id: film, path: nowhere.mp4}
stage1:
  scene: {detektor: content}
models:
  - id: llava
    family: lava-next
    weights: "dummy:llava-next-tiny"
settings:
  use_cache: []
  num_beams: two
"#,
    );
    let ended = workplace.bench("matrix.yaml --runner fake").expect(2);
    insta::assert_snapshot!(ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(!workplace.path("runs").exists(), "nothing was started");
}

#[test]
fn what_the_runner_does_not_offer_is_refused_at_its_line() {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.write(
        "matrix.yaml",
        r#"version: 1
name: refused
videos:
  - {id: film, path: film.mp4}
models:
  - {id: blip, family: instructblip, weights: "dummy:instructblip-tiny"}
  - {id: llava, family: llava-next, weights: "dummy:llava-next-tyny"}
settings:
  quantization: [none, nf4]
"#,
    );
    let ended = workplace.bench("plan matrix.yaml").expect(2);
    insta::assert_snapshot!(ended.stderr);
}

#[test]
fn a_missing_matrix_a_missing_runner_and_an_empty_selection_are_told() {
    let workplace = Workplace::new();
    let ended = workplace.bench("nothing.yaml").expect(2);
    assert!(ended.stderr.contains("nothing.yaml"), "{}", ended.stderr);
    workplace.write("film.mp4", "film");
    workplace.write(
        "matrix.yaml",
        "version: 1\nname: small\nvideos: [{id: film, path: film.mp4}]\nstage1: {scene: {}}\n",
    );
    let ended = workplace.bench("matrix.yaml --runner absent").expect(1);
    assert!(ended.stderr.contains("runner `absent` was not found"), "{}", ended.stderr);
    let ended = workplace.bench("plan matrix.yaml --runner fake --only video=other").expect(2);
    assert!(ended.stderr.contains("matches none of the 1 cells"), "{}", ended.stderr);
    let ended = workplace.bench("plan matrix.yaml --runner fake --only vidio=film").expect(2);
    assert!(ended.stderr.contains("unknown key `vidio`"), "{}", ended.stderr);
}

#[test]
fn a_file_named_like_a_subcommand_does_not_hide_it() {
    let workplace = Workplace::new();
    workplace.write("schema", "");
    assert!(workplace.bench("schema").expect(0).json()["properties"].is_object());
}

#[test]
fn a_number_that_json_cannot_hold_is_refused() {
    let ended = Workplace::new().bench("probe scenes film.mp4 --threshold nan").expect(2);
    assert!(ended.stderr.contains("not a finite number"), "{}", ended.stderr);
}

#[test]
fn a_plan_lists_every_cell_and_runs_nothing() {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.write(
        "matrix.yaml",
        r#"version: 1
name: plan
videos: [{id: film, path: film.mp4}]
stage1: {scene: {}}
models: [{id: llava, family: llava-next, weights: "dummy:llava-next-tiny"}]
settings: {use_cache: [true, false], frames_per_scene: [1, 2], dtype: f32}
"#,
    );
    let ended = workplace.bench("plan matrix.yaml --runner fake").expect(0);
    insta::assert_snapshot!(ended.stdout);
    let plan = workplace.bench("plan matrix.yaml --runner fake --json").expect(0).json();
    assert_eq!(plan["cells"].as_array().unwrap().len(), 5);
    assert!(!workplace.path("runs").exists());
}

#[test]
fn a_runner_of_ones_own_is_named_in_runners_yaml() {
    let workplace = Workplace::new();
    let fake = std::path::Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("bench-runner-fake");
    workplace.write("film.mp4", "film");
    workplace.write(
        "matrix.yaml",
        "version: 1\nname: own\nvideos: [{id: film, path: film.mp4}]\nstage1: {scene: {}}\n",
    );
    workplace.write("runners.yaml", format!("mine: {{program: {}}}\n", fake.display()));
    workplace.bench("matrix.yaml --runner mine --out run").expect(0);
    assert_eq!(workplace.json("run/manifest.json")["runner"]["name"], "fake");
    workplace.write("runners.yaml", "mine: {programme: x}\n");
    let ended = workplace.bench("matrix.yaml --runner mine --out again").expect(2);
    assert!(ended.stderr.contains("runners.yaml:1"), "{}", ended.stderr);
}
