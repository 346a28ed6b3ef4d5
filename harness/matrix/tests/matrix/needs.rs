//! What can be fetched: told all at once, and in the way of nothing else.

use std::fs;

use reelbench_matrix::{Folders, HubModel, Matrix, MatrixError, Needs};
use tempfile::TempDir;

const TEXT: &str = r#"version: 1
name: needs
videos:
  - {catalog: sintel-trailer}
  - {id: own, path: own.mp4}
stage1:
  asr: {weights: ["hf:o/whisper@v1", "dummy:whisper-tiny"], per: file}
  yolo: {weights: own.safetensors}
models:
  - {id: one, family: llava-next, weights: "hf:o/llava"}
  - {id: two, family: phi3-v, weights: "hf:o/llava"}
include:
  - {model: one, use_cache: false}
"#;

/// A folder with a matrix and the files of its own that it names.
fn folder(text: &str) -> (TempDir, Folders) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("matrix.yaml", text), ("own.mp4", "film"), ("own.safetensors", "weights")] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let at = |name: &str| Some(folder.path().join(name));
    let folders = Folders { hub: at("hub"), films: at("films"), datasets: folder.path().join("datasets") };
    (folder, folders)
}

fn needs(text: &str) -> Result<Needs, MatrixError> {
    let (folder, folders) = folder(text);
    Matrix::needs(&folder.path().join("matrix.yaml"), &folders)
}

#[test]
fn models_of_the_hub_and_films_of_the_catalog_are_needed_once() {
    let needs = needs(TEXT).unwrap();
    let models: Vec<String> = needs.models.iter().map(HubModel::to_string).collect();
    assert_eq!(models, ["hf:o/whisper@v1", "hf:o/llava"]);
    let films: Vec<&str> = needs.films.iter().map(|film| film.id.as_str()).collect();
    assert_eq!(films, ["sintel-trailer"]);
}

#[test]
fn all_that_is_missing_is_told_with_its_line_and_the_command() {
    let (folder, folders) = folder(TEXT);
    let file = folder.path().join("matrix.yaml");
    let error = Matrix::load(&file, &folders).unwrap_err();
    let lines: Vec<u32> = error.problems.iter().map(|problem| problem.place.unwrap().line).collect();
    assert_eq!(lines, [4, 7, 10, 11], "nothing but what is missing: {error}");
    let command = format!("run `bench fetch {}`", file.display());
    assert!(
        error.problems.iter().all(|problem| problem.help.as_deref() == Some(command.as_str())),
        "{error}"
    );
}

#[test]
fn what_is_needed_is_so_whether_it_is_there_or_not() {
    let (folder, folders) = folder(TEXT);
    let file = folder.path().join("matrix.yaml");
    let before = Matrix::needs(&file, &folders).unwrap();
    for model in &before.models {
        let cache = folders.hub.as_deref().unwrap();
        let snapshot = model.snapshot(cache, "c0");
        fs::create_dir_all(&snapshot).unwrap();
        fs::write(snapshot.join("model.safetensors"), "weights").unwrap();
        let reference = model.reference(cache).unwrap();
        fs::create_dir_all(reference.parent().unwrap()).unwrap();
        fs::write(reference, "c0").unwrap();
    }
    fs::create_dir_all(folder.path().join("films")).unwrap();
    fs::write(folder.path().join("films").join(before.films[0].sha256.as_str()), "film").unwrap();
    Matrix::load(&file, &folders).unwrap();
    assert_eq!(Matrix::needs(&file, &folders).unwrap(), before);
}

#[test]
fn a_model_of_which_a_shard_is_missing_is_missing() {
    let (folder, folders) = folder(TEXT);
    let model: HubModel = "hf:o/llava@c0".parse().unwrap();
    let snapshot = model.snapshot(folders.hub.as_deref().unwrap(), "c0");
    fs::create_dir_all(&snapshot).unwrap();
    let index = r#"{"weight_map": {"a": "model-1.safetensors"}}"#;
    fs::write(snapshot.join("model.safetensors.index.json"), index).unwrap();
    fs::write(folder.path().join("matrix.yaml"), TEXT.replace("hf:o/llava", "hf:o/llava@c0")).unwrap();
    let error = Matrix::load(&folder.path().join("matrix.yaml"), &folders).unwrap_err().to_string();
    assert!(error.contains("only partly in the hub's cache: `model-1.safetensors` is missing"), "{error}");
}

#[test]
fn other_mistakes_are_told_alone() {
    let error = needs(&TEXT.replace("own.mp4", "gone.mp4").replace("phi3-v", "phi3v")).unwrap_err();
    let lines: Vec<u32> = error.problems.iter().map(|problem| problem.place.unwrap().line).collect();
    assert_eq!(lines, [5, 11], "{error}");
}
