//! Questions that tell of what stage 1 found, from the matrix to the prompt; and keys of services, which reach the
//! runner and no file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::common::{Workplace, cells_of};

const MATRIX: &str = r#"
version: 1
name: findings
videos: [{id: film, path: film.mp4}]
stage1:
  scene: {}
  asr: {weights: "dummy:ok", per: scene, concurrency: [2, 1]}
  ast: {weights: "dummy:ok", per: scene, batch: [1, 4]}
  yolo: {weights: "dummy:ok", every_nth_frame: [5, 10]}
  parallel: [false, true]
models:
  - {id: plain, family: llava-next, weights: "dummy:ok"}
  - {id: told, family: llava-next, weights: "dummy:ok", question: "Said: {transcript} Heard: {sounds}. Seen: {objects}. {{!}}"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 1}
"#;

fn workplace(matrix: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "the fake runner does not look inside");
    workplace.write("matrix.yaml", matrix);
    workplace
}

#[test]
fn a_plan_shows_which_cell_feeds_a_caption() {
    let workplace = workplace(MATRIX);
    let plan = workplace.bench("plan matrix.yaml --runner fake --json").expect(0).json();
    let cells = plan["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 2 * 2 * 2 * 2 + 1 + 2);
    let told: Vec<&Value> = cells.iter().filter(|cell| cell["model"] == "told").collect();
    for (caption, every_nth) in told.iter().zip([5, 10]) {
        let feeder = cells.iter().find(|cell| cell["id"] == caption["stage1_from"]).unwrap();
        for key in ["asr.concurrency", "ast.batch", "yolo.every_nth_frame", "scene.threshold"] {
            assert_eq!(feeder["requested"][key], caption["requested"][key], "{key}");
        }
        assert_eq!(feeder["requested"]["yolo.every_nth_frame"], every_nth);
        assert_eq!(feeder["requested"]["parallel"], false);
    }
    let text = workplace.bench("plan matrix.yaml --runner fake --only model=told").expect(0).stdout;
    for caption in told {
        let (id, from) = (caption["id"].as_str().unwrap(), caption["stage1_from"].as_str().unwrap());
        let line = text.lines().find(|line| line.starts_with(id)).unwrap();
        assert!(line.contains(&format!("from {from}")), "{line}");
        assert!(text.lines().any(|line| line.starts_with(from)), "the feeder is planned too:\n{text}");
    }
}

#[test]
fn every_scene_is_asked_about_with_what_was_found_in_it() {
    let workplace = workplace(MATRIX);
    workplace.bench("matrix.yaml --runner fake --out run").expect(0);
    let summary = workplace.json("run/summary.json");
    let outputs = workplace.json_lines("run/outputs.jsonl");
    let prompts = |model: &str| -> Vec<Vec<String>> {
        let of_cell = |cell: &Value| {
            let lines = outputs.iter().filter(|line| line["cell"] == cell["id"] && line["repeat"] == 0);
            lines.map(|line| line["prompt"].as_str().unwrap().to_owned()).collect()
        };
        cells_of(&summary, model).into_iter().map(of_cell).collect()
    };
    let told = prompts("told");
    assert_eq!(told.len(), 2);
    for prompts in &told {
        assert!(prompts.len() > 1);
        let distinct: std::collections::HashSet<_> = prompts.iter().collect();
        assert_eq!(distinct.len(), prompts.len(), "each scene has speech of its own: {prompts:?}");
        for prompt in prompts {
            assert!(prompt.contains("Said: This is film from second "), "{prompt}");
            assert!(prompt.contains("Heard: sound ") && prompt.contains("Seen: 1 person. {!}"), "{prompt}");
        }
    }
    assert!(prompts("plain")[0].iter().all(|prompt| prompt.contains("Describe what happens in this scene.")));
}

#[test]
fn a_run_that_goes_on_asks_the_same_questions() {
    let workplace = workplace(MATRIX);
    workplace.bench("matrix.yaml --runner fake --out whole").expect(0);
    workplace.bench("matrix.yaml --runner fake --out parts").expect(0);
    // As after a kill at the first caption.
    let journal = workplace.read("parts/journal.jsonl");
    let lines = journal.lines().take_while(|line| !line.contains(r#""kind":"caption","scenes""#));
    let kept = lines.collect::<Vec<_>>().join("\n") + "\n";
    assert!(kept.len() > 1 && kept.len() < journal.len());
    workplace.write("parts/journal.jsonl", kept);
    workplace.bench("run matrix.yaml --runner fake --resume parts").expect(0);
    assert_eq!(workplace.read("parts/outputs.jsonl"), workplace.read("whole/outputs.jsonl"));
}

/// Two secrets that stand nowhere else.
const KEYS: [(&str, &str); 2] =
    [("AZURE_OPENAI_API_KEY", "azure-7f3e9c1d5b2a"), ("OPENAI_API_KEY", "openai-4d8a6e0b9f13")];

/// Every file below a folder that holds one of the keys.
fn leaks(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leaks(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            let holds = |key: &str| bytes.windows(key.len()).any(|window| window == key.as_bytes());
            if KEYS.iter().any(|(_, key)| holds(key)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn keys_reach_no_file_and_no_message() {
    let matrix = MATRIX.replace(
        "asr: {weights: \"dummy:ok\"",
        "asr: {engine: [whisper, azure], weights: \"dummy:ok\", endpoint: \"http://127.0.0.1:9\", model: whisper",
    );
    let workplace = workplace(&matrix);
    let ended = workplace.command_with(&["matrix.yaml", "--runner", "fake", "--out", "run"], &KEYS).expect(0);
    let doctor = workplace.command_with(&["doctor", "--runner", "fake", "--json"], &KEYS).expect(0);
    // A matrix that asks for the impossible, and a runner that is none.
    workplace.write("wrong.yaml", matrix.replace("dummy:ok", "dummy:okay"));
    let wrong = workplace.command_with(&["wrong.yaml", "--runner", "fake"], &KEYS).expect(2);
    let absent = workplace.command_with(&["matrix.yaml", "--runner", "film.mp4"], &KEYS).expect(1);
    for said in [ended, doctor, wrong, absent] {
        assert!(KEYS.iter().all(|(_, key)| !said.stdout.contains(key) && !said.stderr.contains(key)));
    }
    assert!(workplace.path("run/manifest.json").is_file() && workplace.path("run/logs").is_dir());
    assert_eq!(leaks(&workplace.path("")), Vec::<String>::new());
}

#[test]
fn keys_reach_the_runner() {
    let workplace = Workplace::new();
    // It says in its hello whether it was given both keys.
    let script = r#"#!/bin/sh
case "$AZURE_OPENAI_API_KEY/$OPENAI_API_KEY" in
  azure-7f3e9c1d5b2a/openai-4d8a6e0b9f13) name=has-both ;;
  *) name=has-not ;;
esac
printf '{"event":"hello","protocol":1,"runner":{"name":"%s","version":"1"},"capabilities":{"devices":["cpu"]}}\n' "$name"
read -r command
"#;
    let path = workplace.write("runner.sh", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let doctor =
        workplace.command_with(&["doctor", "--runner", "./runner.sh", "--json"], &KEYS).expect(0).json();
    assert_eq!(doctor["runner"]["runner"]["name"], "has-both");
}
