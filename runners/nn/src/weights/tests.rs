use std::collections::HashMap;
use std::fs;

use candle_core::IndexOp;
use tempfile::TempDir;

use super::*;

/// A folder with the tensors `a` (2, 3) and `b` (4).
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("model.safetensors"), &[("a", &[2, 3]), ("b", &[4])]);
    folder
}

fn save(path: &Path, tensors: &[(&str, &[usize])]) {
    let tensors: HashMap<String, Tensor> = tensors
        .iter()
        .map(|(name, shape)| (name.to_string(), Tensor::ones(*shape, DType::F32, &Device::Cpu).unwrap()))
        .collect();
    candle_core::safetensors::save(&tensors, path).unwrap();
}

fn builder(checkpoint: &Checkpoint) -> VarBuilder<'static> {
    checkpoint.var_builder(DType::F32, &Device::Cpu)
}

/// Everything `text` must say, with what it did say.
#[track_caller]
fn says(error: &impl ToString, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

fn open_error(path: &Path) -> WeightsError {
    Checkpoint::open(path).err().expect("opened")
}

#[test]
fn a_whole_checkpoint_is_used_up() {
    let folder = folder();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let builder = builder(&checkpoint);
    builder.get((2, 3), "a").unwrap();
    builder.get(4, "b").unwrap();
    assert_eq!(checkpoint.finish(&[]).unwrap(), Usage { tensors: 2, bytes: 40 });
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    let folder = folder();
    let builder = builder(&Checkpoint::open(folder.path()).unwrap());
    says(&builder.pp("x").get(7, "c").unwrap_err(), &["model.safetensors", "`x.c`", "[7]", "missing"]);
    says(&builder.get((3, 2), "a").unwrap_err(), &["model.safetensors", "`a`", "[2, 3]", "[3, 2]"]);
}

#[test]
fn tensors_without_a_place_are_named_unless_they_are_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a", "x.position_ids", "head.1", "head.2"];
    save(&folder.path().join("model.safetensors"), &names.map(|name| (name, [1].as_slice())));
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    builder(&checkpoint).get(1, "a").unwrap();
    let error = checkpoint.finish(&[]).unwrap_err();
    says(&error, &["model.safetensors", "2 tensors", "`head.1`, `head.2`"]);
    assert_eq!(checkpoint.finish(&["head.*"]).unwrap().tensors, 1);
}

#[test]
fn truncated_and_foreign_files_are_refused() {
    let folder = folder();
    let file = folder.path().join("model.safetensors");
    let whole = fs::read(&file).unwrap();
    for length in [0, 4, 40, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        says(&open_error(folder.path()), &["model.safetensors"]);
    }
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    says(&open_error(&file), &["truncated", "fetch it again"]);
    fs::write(&file, b"PK\x03\x04 and so on, at some length").unwrap();
    says(&open_error(&file), &["pickled", "convert"]);
    fs::write(&file, b"version https://git-lfs.github.com/spec/v1").unwrap();
    says(&open_error(&file), &["Git LFS pointer"]);
    fs::write(&file, b"<!DOCTYPE html><html></html>").unwrap();
    says(&open_error(&file), &["not a valid safetensors file"]);
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_anything_is_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    let header = br#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&[0; 8]);
    fs::write(&file, bytes).unwrap();
    says(&open_error(folder.path()), &["model.safetensors", "not a valid safetensors file"]);
}

#[test]
fn whole_numbers_are_not_weights() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = Tensor::zeros(2, DType::I64, &Device::Cpu).unwrap();
    let file = folder.path().join("model.safetensors");
    candle_core::safetensors::save(&HashMap::from([("a", tensor)]), &file).unwrap();
    let error = builder(&Checkpoint::open(&file).unwrap()).get(2, "a").unwrap_err();
    says(&error, &["`a`", "I64"]);
}

#[test]
fn shards_are_read_through_their_index() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("one.safetensors"), &[("a", &[1])]);
    save(&folder.path().join("two.safetensors"), &[("b", &[2])]);
    let index = folder.path().join("model.safetensors.index.json");
    fs::write(&index, r#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    builder(&checkpoint).get(1, "a").unwrap();
    builder(&checkpoint).get(2, "b").unwrap();
    checkpoint.finish(&[]).unwrap();

    fs::write(&index, r#"{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}"#).unwrap();
    says(&open_error(folder.path()), &["index.json", "`b`", "`one.safetensors`"]);
    fs::write(&index, r#"{"weight_map": {"a": "../one.safetensors"}}"#).unwrap();
    says(&open_error(folder.path()), &["../one.safetensors", "plain file name"]);
    fs::write(&index, r#"{"weight_map": {"a": "none.safetensors"}}"#).unwrap();
    says(&open_error(folder.path()), &["none.safetensors"]);
}

#[test]
fn a_folder_without_safetensors_says_what_would_do() {
    let folder = tempfile::tempdir().unwrap();
    says(&open_error(folder.path()), &["no model.safetensors"]);
    fs::write(folder.path().join("pytorch_model.bin"), "").unwrap();
    says(&open_error(folder.path()), &["pickled"]);
    says(&open_error(&folder.path().join("nowhere")), &["nowhere"]);
}

#[test]
fn json_errors_have_the_file_and_the_line() {
    let folder = folder();
    fs::write(folder.path().join("config.json"), "{\n\"hidden_size\": \"many\"\n}").unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let error = checkpoint.config::<HashMap<String, u32>>().unwrap_err();
    says(&error, &["config.json", "line 2"]);
    says(&checkpoint.tokenizer().unwrap_err(), &["tokenizer.json"]);
}

#[test]
fn dummy_weights_do_not_depend_on_order() {
    let draw = |names: &[&str]| {
        let builder = builder(&Checkpoint::dummy(3));
        names
            .iter()
            .map(|name| (name.to_string(), builder.get((4, 8), name).unwrap()))
            .collect::<HashMap<_, _>>()
    };
    let (one, two) = (draw(&["a", "b"]), draw(&["b", "a"]));
    let values = |tensor: &Tensor| tensor.i(1).unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(&one["a"]), values(&two["a"]));
    assert_ne!(values(&one["a"]), values(&one["b"]));
}

#[test]
fn dummy_norms_are_neutral() {
    let checkpoint = Checkpoint::dummy(0);
    let norm = candle_nn::layer_norm(3, 1e-5, builder(&checkpoint)).unwrap();
    assert_eq!(norm.weight().to_vec1::<f32>().unwrap(), [1.0; 3]);
    assert_eq!(norm.bias().unwrap().to_vec1::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(checkpoint.finish(&[]).unwrap().bytes, 24);
}
