//! The real pipeline on the repository's clip: what the report, the summary and the outputs say agrees.

use serde_json::Value;

use crate::common::{Workplace, clip};

const MATRIX: &str = r#"
version: 1
name: pipeline
videos: [{id: clip, path: clip.mp4}]
stage1:
  scene: {}
  asr: {weights: "dummy:whisper-tiny.en", per: [file, scene]}
models:
  - {id: llava, family: llava-next, weights: "dummy:llava-next-tiny"}
settings: {use_cache: [true, false], frames_per_scene: [1, 2], dtype: f32, max_new_tokens: 8}
run: {repeats: 2, warmup: 1}
"#;

#[test]
fn a_matrix_is_measured_and_its_files_agree() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "clip.mp4");
    workplace.write("matrix.yaml", MATRIX);
    workplace.bench("matrix.yaml --out run --save-frames").expect(0);
    let summary = workplace.json("run/summary.json");
    let cells = summary["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 2 + 4);
    for cell in cells {
        assert_eq!(cell["outcome"], "ok", "{cell:#}");
        stages_sum_to_the_wall_time(cell);
        rtf_is_wall_time_over_length(cell);
    }
    cache_on_and_off_say_the_same(&workplace, cells);
    report_shows_the_summary(&workplace, cells);
    frames_were_kept(&workplace, cells);
}

fn stages_sum_to_the_wall_time(cell: &Value) {
    let stages = cell["stages_s"].as_object().unwrap();
    let sum: f64 = stages.values().map(|seconds| seconds.as_f64().unwrap()).sum();
    let wall = cell["wall_s"]["median"].as_f64().unwrap();
    assert!((sum - wall).abs() < 1e-9, "{sum} against {wall}");
    let unattributed = stages["unattributed"].as_f64().unwrap();
    assert!(
        (0.0..0.05 * wall + 0.01).contains(&unattributed),
        "{unattributed} of {wall} s belong to no stage"
    );
}

fn rtf_is_wall_time_over_length(cell: &Value) {
    let rtf = cell["rtf"]["median"].as_f64().unwrap();
    let wall = cell["wall_s"]["median"].as_f64().unwrap();
    let media = cell["media_s"].as_f64().unwrap();
    assert!((15.0..25.0).contains(&media), "the clip's length: {media}");
    assert!((rtf - wall / media).abs() < 1e-9 * rtf);
}

fn cache_on_and_off_say_the_same(workplace: &Workplace, cells: &[Value]) {
    let outputs = workplace.json_lines("run/outputs.jsonl");
    let tokens = |cell: &Value| -> Vec<Value> {
        let lines = outputs.iter().filter(|line| line["cell"] == cell["id"]);
        lines.map(|line| line["tokens"].clone()).collect()
    };
    let captions: Vec<&Value> = cells.iter().filter(|cell| cell["kind"] == "caption").collect();
    for frames in [1, 2] {
        let mut pair = captions.iter().filter(|cell| cell["requested"]["frames_per_scene"] == frames);
        let (on, off) = (pair.next().unwrap(), pair.next().unwrap());
        assert_ne!(on["requested"]["use_cache"], off["requested"]["use_cache"]);
        assert!(!tokens(on).is_empty());
        assert_eq!(tokens(on), tokens(off));
    }
}

fn report_shows_the_summary(workplace: &Workplace, cells: &[Value]) {
    let report = workplace.read("run/report.md");
    assert!(report.contains("dummy weights"));
    for cell in cells.iter().filter(|cell| cell["kind"] == "caption") {
        let rtf = cell["rtf"]["median"].as_f64().unwrap();
        let setting = |name: &str| cell["requested"][name].to_string();
        // Whether the cache is on, the status tells.
        let (frames, is_cached) = (setting("frames_per_scene"), setting("use_cache") == "true");
        let row = report
            .lines()
            .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
            .find(|row| row.len() > 8 && row[3] == frames && row[8].contains("(No Cache)") != is_cached)
            .unwrap_or_else(|| panic!("no row for {cell:#} in\n{report}"));
        let shown: f64 = row[7].trim_start_matches("**").split('x').next().unwrap().parse().unwrap();
        assert!((shown - rtf).abs() < 0.006 * rtf, "{shown} stands for {rtf}");
    }
}

fn frames_were_kept(workplace: &Workplace, cells: &[Value]) {
    let scenes: u64 = cells
        .iter()
        .filter(|cell| cell["kind"] == "caption")
        .map(|cell| {
            cell["scenes"].as_u64().unwrap() * cell["requested"]["frames_per_scene"].as_u64().unwrap()
        })
        .sum();
    let mut pictures = 0;
    let mut folders = vec![workplace.path("run/frames")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                pictures += 1;
            }
        }
    }
    assert_eq!(pictures, scenes);
}

#[test]
fn without_scene_detection_a_film_is_one_scene_and_max_scenes_is_kept() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "clip.mp4");
    let matrix = r#"
version: 1
name: whole
videos: [{id: clip, path: clip.mp4}]
models: [{id: llava, family: llava-next, weights: "dummy:llava-next-tiny"}]
settings: {frames_per_scene: 3, max_new_tokens: 4}
run: {repeats: 1, warmup: 0}
"#;
    workplace.write("matrix.yaml", matrix);
    workplace.bench("matrix.yaml --out run").expect(0);
    let outputs = workplace.json_lines("run/outputs.jsonl");
    assert_eq!(outputs.len(), 1);
    let times: Vec<f64> = serde_json::from_value(outputs[0]["frame_pts_s"].clone()).unwrap();
    // Frames 0, 136 and 272 of 408.
    let expected = [0.0, 136.0 / 24.0, 272.0 / 24.0];
    assert_eq!(times.len(), expected.len());
    assert!(times.iter().zip(expected).all(|(time, expected)| (time - expected).abs() < 1e-9), "{times:?}");
    assert_eq!(
        workplace.json("run/summary.json")["cells"][0]["effective"]["dtype"],
        "f32",
        "auto is resolved"
    );

    workplace.write(
        "matrix.yaml",
        matrix
            .replace("models:", "stage1: {scene: {}}\nmodels:")
            .replace("warmup: 0", "warmup: 0, max_scenes: 2"),
    );
    workplace.bench("matrix.yaml --out limited").expect(0);
    assert_eq!(workplace.json_lines("limited/outputs.jsonl").len(), 2);
    let summary = workplace.json("limited/summary.json");
    assert_eq!(summary["cells"][1]["effective"]["max_scenes"], 2);
    assert!(
        workplace.read("limited/report.md").contains("max_scenes 2"),
        "a part of a film is shown as such"
    );
    let part = summary["cells"][1]["media_s"].as_f64().unwrap();
    assert!((part - 5.0).abs() < 1e-6, "two scenes end at frame 120: {part}");
}
