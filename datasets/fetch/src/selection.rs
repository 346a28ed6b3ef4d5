//! Which files of a repository a model needs.

use std::ffi::OsStr;
use std::path::Path;

use reelbench_matrix::SHARD_INDEX;

/// Configurations and tokenizers of the models that are known here.
const COMPANIONS: [&str; 7] = [
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
];

/// The second tokenizer of InstructBLIP.
pub(crate) const QFORMER: &str = "qformer_tokenizer";

/// What a file is to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A configuration or a tokenizer.
    Companion,
    /// What says which shard holds what.
    Index,
    /// Tensors, needed or not.
    Tensors,
}

/// What a file is to a model, by its path in the repository; nothing where it is of no use here.
pub(crate) fn part(path: &str) -> Option<Part> {
    let extension = Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default();
    let companion = match path.split_once('/') {
        Some((QFORMER, name)) => !name.contains('/') && matches!(extension, "json" | "txt"),
        Some(_) => false,
        None if path == SHARD_INDEX => return Some(Part::Index),
        None if extension == "safetensors" => return Some(Part::Tensors),
        None => COMPANIONS.contains(&path) || (extension == "json" && is_config_or_tokenizer(path)),
    };
    companion.then_some(Part::Companion)
}

/// `config.json`, `tokenizer.json`, `tokenizer_config.json` and the like.
fn is_config_or_tokenizer(name: &str) -> bool {
    name.starts_with("config") || name.starts_with("tokenizer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_needs_and_nothing_else() {
        for path in [
            "config.json",
            "generation_config.json",
            "preprocessor_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "qformer_tokenizer/tokenizer.json",
            "qformer_tokenizer/vocab.txt",
        ] {
            assert_eq!(part(path), Some(Part::Companion), "{path}");
        }
        for path in [
            "README.md",
            "pytorch_model.bin",
            "model.safetensors.index.fp32.json",
            "tokenizer.model",
            "modeling_phi3_v.py",
            "onnx/config.json",
            "qformer_tokenizer/a/b.json",
            "runs/model.safetensors",
            ".gitattributes",
        ] {
            assert_eq!(part(path), None, "{path}");
        }
        assert_eq!(part("model-00001-of-00004.safetensors"), Some(Part::Tensors));
        assert_eq!(part("model.safetensors.index.json"), Some(Part::Index));
    }
}
