//! What a run was made from is written down, and can be made again from what is written.

use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Workplace, clip};

const MATRIX: &str = r#"
version: 1
name: provenance
videos: [{id: film, path: film.mp4}]
models:
  - {id: hub, family: llava-next, weights: "hf:owner/model"}
  - {id: file, family: llava-next, weights: "weights/model.safetensors"}
  - {id: dummy, family: llava-next, weights: "dummy:llava-next-tiny?seed=5"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 1, warmup: 0}
"#;
const COMMIT: &str = "87c7102498dcde7456f24cfd30239ca606ed9063";

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "film.mp4");
    workplace.write("matrix.yaml", MATRIX);
    let model = "hub/models--owner--model";
    workplace.write(&format!("{model}/refs/main"), COMMIT);
    for name in ["config.json", "model.safetensors", "tokenizer.json", "qformer_tokenizer/tokenizer.json"] {
        workplace.write(&format!("{model}/snapshots/{COMMIT}/{name}"), name);
    }
    for name in ["model.safetensors", "config.json", "unrelated.json"] {
        workplace.write(&format!("weights/{name}"), name);
    }
    // A runner that is found in PATH and runs a script.
    workplace.write("runners.yaml", "script: {program: sh, args: [start.sh]}\n");
    let fake = std::path::Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("bench-runner-fake");
    workplace.write("start.sh", format!("exec {}\n", fake.display()));
    workplace
}

fn used_by<'a>(files: &'a Value, user: &str) -> Vec<&'a str> {
    let files = files.as_array().unwrap().iter().filter(|file| file["used_by"] == user);
    files.map(|file| file["path"].as_str().unwrap()).collect()
}

#[test]
fn a_manifest_names_everything_that_a_run_was_made_from() {
    let workplace = workplace();
    workplace.bench("run matrix.yaml --runner script --out run").expect(0);
    let manifest = workplace.json("run/manifest.json");
    assert_eq!(manifest["format"], 1);
    assert_eq!(manifest["folder"], workplace.path("").canonicalize().unwrap().to_str().unwrap());
    assert_eq!(
        manifest["weights"],
        json!([
            {"kind": "files", "name": "weights/model.safetensors", "path": workplace.path("weights/model.safetensors")},
            {"kind": "hub", "name": "hf:owner/model", "commit": COMMIT},
            {"kind": "dummy", "preset": "llava-next-tiny", "seed": 5},
        ])
    );
    let inputs = &manifest["inputs"];
    let of_hub = used_by(inputs, "hf:owner/model");
    assert_eq!(of_hub.len(), 4, "{of_hub:?}");
    assert!(of_hub.iter().any(|path| path.ends_with("qformer_tokenizer/tokenizer.json")), "{of_hub:?}");
    assert_eq!(used_by(inputs, "weights/model.safetensors").len(), 2, "the file and its configuration");
    assert_eq!(used_by(inputs, "film").len(), 1);
    let runner = used_by(&manifest["binaries"], "runner");
    assert!(runner[0].ends_with("/sh") && runner[1] == "start.sh", "{runner:?}");
    assert_eq!(used_by(&manifest["binaries"], "bench").len(), 1);
    for file in inputs.as_array().unwrap().iter().chain(manifest["binaries"].as_array().unwrap()) {
        assert_eq!(file["sha256"].as_str().unwrap().len(), 64, "{file}");
    }
    let environment = &manifest["environment"];
    for key in
        ["cpu", "cpu_features", "cores", "governor", "memory_bytes", "gpus", "os", "ffmpeg", "variables"]
    {
        assert!(environment.get(key).is_some(), "{key} is not in {environment:#}");
    }
}

#[test]
fn the_real_runner_says_which_ffmpeg_it_decodes_with() {
    let workplace = workplace();
    let matrix = "version: 1\nname: a\nvideos: [{id: film, path: film.mp4}]\nstage1: {scene: {}}\nrun: {repeats: 1, warmup: 0}\n";
    workplace.write("matrix.yaml", matrix);
    workplace.bench("matrix.yaml --out run").expect(0);
    let manifest = workplace.json("run/manifest.json");
    let ffmpeg = manifest["environment"]["ffmpeg"].as_str().unwrap();
    assert!(ffmpeg.starts_with(|c: char| c.is_ascii_digit()), "{ffmpeg}");
}

#[test]
fn a_report_says_where_everything_is_and_its_command_makes_such_a_run_again() {
    let workplace = workplace();
    let variables = [("BENCH_RUNNER", "script"), ("RAYON_NUM_THREADS", "1")];
    let args =
        ["run", "matrix.yaml", "--only", "model=du*", "--repeats", "2", "--device", "cpu", "--out", "run"];
    workplace.command_with(&args, &variables).expect(0);

    let shown = workplace.bench("report run").expect(0).stdout;
    for line in [
        "report: run/report.md",
        "beside it: summary.json, cells.parquet, stages.parquet, scenes.parquet, conditions.parquet, outputs.jsonl, \
         trace.json, charts/, report.html, manifest.json, \
         matrix.yaml, journal.jsonl, logs/",
        "the same run again:",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
    let command = workplace.json("run/manifest.json")["command"].clone();
    assert_eq!(command.as_array().unwrap().len(), args.len() + 3, "with the runner's name");

    let (_, command) = shown.split_once("the same run again:\n").unwrap();
    let command = command.replace("[WORK]", workplace.path("").to_str().unwrap().trim_end_matches('/'));
    let ended = Command::new("sh")
        .args(["-c", &command])
        .current_dir("/")
        .env_remove("BENCH_RUNNER")
        .env("HF_HUB_CACHE", workplace.path("hub"))
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let runs: Vec<_> =
        std::fs::read_dir(workplace.path("runs")).unwrap().map(|run| run.unwrap().path()).collect();
    assert_eq!(runs.len(), 1);
    let again: Value =
        serde_json::from_slice(&std::fs::read(runs[0].join("manifest.json")).unwrap()).unwrap();
    let first = workplace.json("run/manifest.json");
    for key in ["matrix_sha256", "binaries", "environment", "inputs", "weights", "folder", "runner"] {
        assert_eq!(again[key], first[key], "{key}");
    }
    let summary: Value =
        serde_json::from_slice(&std::fs::read(runs[0].join("summary.json")).unwrap()).unwrap();
    let cells = |summary: &Value| -> Vec<(Value, usize)> {
        let cells = summary["cells"].as_array().unwrap().iter();
        cells.map(|cell| (cell["id"].clone(), cell["rtf"]["samples"].as_array().unwrap().len())).collect()
    };
    assert_eq!(cells(&summary), cells(&workplace.json("run/summary.json")));
}
