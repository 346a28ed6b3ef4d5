//! Films that cannot be used are rows with the file's name; the other cells go on.

use std::fs;

use serde_json::Value;

use crate::common::{Workplace, clip};

fn matrix(videos: &str) -> String {
    format!(
        r#"
version: 1
name: broken
videos:
  - {{id: good, path: good.mp4}}
{videos}
stage1:
  scene: {{}}
  asr: {{weights: "dummy:whisper-tiny.en"}}
models:
  - {{id: llava, family: llava-next, weights: "dummy:llava-next-tiny"}}
settings: {{dtype: f32, max_new_tokens: 4, frames_per_scene: 1}}
run: {{repeats: 1, warmup: 0}}
"#
    )
}

fn cell<'a>(summary: &'a Value, video: &str, kind: &str) -> &'a Value {
    let mut cells = summary["cells"].as_array().unwrap().iter();
    cells.find(|cell| cell["video"] == video && cell["kind"] == kind).unwrap()
}

#[test]
fn films_that_cannot_be_decoded_are_rows_and_the_good_one_is_measured() {
    let workplace = Workplace::new();
    let film = fs::read(clip()).unwrap();
    workplace.write("good.mp4", &film);
    workplace.write("text.mp4", "this is no film");
    workplace.write("empty.mp4", "");
    workplace.write("half.mp4", &film[..film.len() / 2]);
    workplace.write(
        "matrix.yaml",
        matrix("  - {id: text, path: text.mp4}\n  - {id: empty, path: empty.mp4}\n  - {id: half, path: half.mp4}"),
    );
    workplace.bench("matrix.yaml --out run").expect(3);
    let summary = workplace.json("run/summary.json");
    assert_eq!(cell(&summary, "good", "stage1")["outcome"], "ok");
    assert_eq!(cell(&summary, "good", "caption")["outcome"], "ok");
    for video in ["text", "empty", "half"] {
        let stage1 = cell(&summary, video, "stage1");
        assert_eq!(stage1["outcome"], "failed", "{stage1:#}");
        let reason = stage1["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("{video}.mp4")), "{reason}");
    }
    assert_eq!(cell(&summary, "text", "caption")["outcome"], "skipped");
}

#[test]
fn a_weights_folder_with_a_mistake_costs_its_own_cells_only() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "good.mp4");
    workplace.write("weights/config.json", "{}");
    workplace.write("weights/model.safetensors", "not safetensors at all");
    let text =
        matrix("").replace("models:\n", "models:\n  - {id: broken, family: llava-next, weights: weights}\n");
    workplace.write("matrix.yaml", text);
    workplace.bench("matrix.yaml --out run").expect(3);
    let summary = workplace.json("run/summary.json");
    let by_model = |model: &str| {
        summary["cells"].as_array().unwrap().iter().find(|cell| cell["model"] == model).unwrap()
    };
    assert_eq!(by_model("llava")["outcome"], "ok");
    let broken = by_model("broken");
    assert_eq!(broken["outcome"], "skipped", "{broken:#}");
    assert!(broken["reason"].as_str().unwrap().contains("weights"), "{broken:#}");
}

#[test]
fn a_film_without_sound_is_one_in_which_nothing_is_said() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "good.mp4");
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/no_sound.mp4");
    workplace.copy(fixture.as_ref(), "mute.mp4");
    workplace.write("matrix.yaml", matrix("  - {id: mute, path: mute.mp4}"));
    workplace.bench("matrix.yaml --out run").expect(0);
    let summary = workplace.json("run/summary.json");
    assert_eq!(cell(&summary, "mute", "caption")["outcome"], "ok");
    let stage1 = cell(&summary, "mute", "stage1");
    assert_eq!(stage1["outcome"], "ok", "{stage1:#}");
    let mut mute = workplace.json_lines("run/outputs.jsonl");
    mute.retain(|line| line["video"] == "mute" && line["cell"] == stage1["id"]);
    assert!(!mute.is_empty());
    assert!(mute.iter().all(|line| line["transcript"] == ""), "{mute:#?}");
}
