//! What the cells read, hashed: films, weights, configurations and tokenizers.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reelbench_matrix::{HubModel, is_commit};
use reelbench_protocol::{
    CellId, Failure, FailureKind, FileHash, PlannedCell, VideoId, Weights, WeightsSource,
};

use crate::hash::{HashError, hash_file};

/// Files of a model's folder, by their extension, that say what it computes: tensors, configurations, tokenizers,
/// templates of prompts.
const MODEL_EXTENSIONS: [&str; 4] = ["safetensors", "json", "jinja", "model"];

/// The text files that tokenizers are read from.
const TOKENIZER_TEXTS: [&str; 2] = ["vocab.txt", "merges.txt"];

/// What folders of further tokenizers have in their names, such as InstructBLIP's `qformer_tokenizer`.
const TOKENIZER_FOLDER: &str = "tokenizer";

/// What is read from beside weights that are a single file.
const COMPANIONS: [&str; 4] =
    ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"];

/// The hash that a matrix gives for a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedHash {
    /// The video.
    pub video: VideoId,
    /// SHA-256, hexadecimal, in either case.
    pub sha256: String,
    /// Where it says so: `matrix.yaml:12`.
    pub place: String,
}

/// The inputs of some cells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Every file, for the manifest.
    pub hashes: Vec<FileHash>,
    /// Where the weights come from, each once, for the manifest.
    pub weights: Vec<WeightsSource>,
    /// Cells with an input that is missing or not what was expected; the others can be run.
    pub known_failures: Vec<(CellId, Failure)>,
}

impl Inputs {
    /// Hashes every film and every weight file of the cells once, and holds them against what is expected.
    pub fn of(cells: &[PlannedCell], expected: &[ExpectedHash]) -> Self {
        let weights: BTreeSet<WeightsSource> =
            cells.iter().flat_map(|cell| cell.spec.weights()).map(weights_source).collect();
        let mut inputs = Self { weights: weights.into_iter().collect(), ..Self::default() };
        for (source, cells) in sources(cells) {
            if let Err(failure) = inputs.add(&source, expected) {
                inputs.known_failures.extend(cells.into_iter().map(|cell| (cell, failure.clone())));
            }
        }
        inputs
    }

    fn add(&mut self, source: &Source, expected: &[ExpectedHash]) -> Result<(), Failure> {
        match source {
            Source::Video { id, path } => {
                let hash = self.hash(id.as_str(), path).map_err(unreadable(FailureKind::Input))?;
                expected.iter().filter(|expected| expected.video == *id).try_for_each(|expected| {
                    let ExpectedHash { sha256, place, .. } = expected;
                    if sha256.eq_ignore_ascii_case(&hash) {
                        return Ok(());
                    }
                    let message = format!(
                        "wrong sha256: {} has {hash}, the matrix says {sha256} ({place})",
                        path.display()
                    );
                    Err(Failure::new(FailureKind::Input, message))
                })
            }
            Source::Weights { name, path } => {
                let files = weight_files(path).map_err(|source| HashError { path: path.clone(), source });
                for file in files.map_err(unreadable(FailureKind::Weights))? {
                    self.hash(name, &file).map_err(unreadable(FailureKind::Weights))?;
                }
                Ok(())
            }
        }
    }

    fn hash(&mut self, used_by: &str, path: &Path) -> Result<String, HashError> {
        let (bytes, sha256) = hash_file(path)?;
        let file =
            FileHash { used_by: used_by.to_owned(), path: path.to_owned(), bytes, sha256: sha256.clone() };
        self.hashes.push(file);
        Ok(sha256)
    }
}

/// Every file that a model is read from, in order of their names. Of a folder: its tensors, configurations and tokenizers,
/// and those of its tokenizers' folders. Of a single file: that file, and the configurations and the tokenizer that lie
/// beside it.
///
/// # Errors
/// When the path cannot be read.
pub fn weight_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if fs::metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?.path();
            if !entry.is_dir() {
                files.push(entry);
            } else if name_of(&entry).contains(TOKENIZER_FOLDER) {
                let of_tokenizer = fs::read_dir(&entry)?.map(|file| file.map(|file| file.path()));
                files.extend(of_tokenizer.collect::<io::Result<Vec<_>>>()?);
            }
        }
        files.retain(|file| file.is_file() && is_read(file));
    } else {
        let beside = COMPANIONS.map(|name| path.with_file_name(name));
        files.extend(beside.into_iter().filter(|companion| companion != path && companion.is_file()));
        files.push(path.to_owned());
    }
    files.sort();
    Ok(files)
}

/// Whether a file of a model's folder is one that models are read from.
fn is_read(file: &Path) -> bool {
    let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default();
    MODEL_EXTENSIONS.contains(&extension) || TOKENIZER_TEXTS.contains(&name_of(file))
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn weights_source(weights: &Weights) -> WeightsSource {
    match weights {
        Weights::Dummy { preset, seed } => WeightsSource::Dummy { preset: preset.clone(), seed: *seed },
        Weights::Local { path, name } => {
            // The cache keeps a commit's files in a folder of its name.
            let commit = name_of(path);
            if name.parse::<HubModel>().is_ok() && is_commit(commit) {
                WeightsSource::Hub { name: name.clone(), commit: commit.to_owned() }
            } else {
                WeightsSource::Files { name: name.clone(), path: path.clone() }
            }
        }
    }
}

/// Something on disk that cells read. Sorted, so that a manifest does not depend on the cells' order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Video { id: VideoId, path: PathBuf },
    Weights { name: String, path: PathBuf },
}

fn sources(cells: &[PlannedCell]) -> BTreeMap<Source, Vec<CellId>> {
    let mut sources: BTreeMap<Source, Vec<CellId>> = BTreeMap::new();
    for PlannedCell { id, spec, .. } in cells {
        let video = Source::Video { id: spec.video.id.clone(), path: spec.video.path.clone() };
        sources.entry(video).or_default().push(id.clone());
        for weights in spec.weights() {
            if let Weights::Local { path, name } = weights {
                let weights = Source::Weights { name: name.clone(), path: path.clone() };
                sources.entry(weights).or_default().push(id.clone());
            }
        }
    }
    sources
}

fn unreadable(kind: FailureKind) -> impl FnOnce(HashError) -> Failure {
    move |error| Failure::new(kind, format_args!("{error} ({})", error.source))
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{
        AstSpec, CellSpec, Quantization, Stage1Spec, Tracker, Unit, VideoSpec, Work, YoloSpec,
    };

    use super::*;

    fn cell(video: &str, path: &Path, models: Option<[&Path; 2]>) -> PlannedCell {
        let local = |path: &Path, name: &str| Weights::Local { path: path.to_owned(), name: name.to_owned() };
        let ast = models.map(|[sounds, _]| AstSpec {
            weights: local(sounds, "sounds"),
            quantization: Quantization::None,
            per: Unit::File,
            batch: 1,
        });
        let yolo = models.map(|[_, objects]| YoloSpec {
            weights: local(objects, "objects"),
            every_nth_frame: 5,
            tracker: Tracker::None,
        });
        let video = VideoSpec { id: video.parse().unwrap(), path: path.to_owned(), title: None };
        let spec = CellSpec { video, work: Work::Stage1(Stage1Spec { ast, yolo, ..Stage1Spec::default() }) };
        PlannedCell { id: CellId::of(&spec), spec, stage1_from: None }
    }

    #[test]
    fn films_and_weights_are_hashed_once_and_wrong_ones_fail_their_cells_alone() {
        let folder = tempfile::tempdir().unwrap();
        let film = |name: &str| folder.path().join(name);
        fs::write(film("good.mp4"), "good").unwrap();
        fs::write(film("changed.mp4"), "changed").unwrap();
        let model = folder.path().join("model");
        fs::create_dir(&model).unwrap();
        for name in ["model.safetensors", "config.json", "README.md", "pytorch_model.bin"] {
            fs::write(model.join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("yolo")).unwrap();
        let objects = film("yolo/objects.safetensors");
        fs::write(&objects, "objects").unwrap();
        let cells = [
            cell("good", &film("good.mp4"), Some([&model, &objects])),
            cell("good", &film("good.mp4"), None),
            cell("changed", &film("changed.mp4"), None),
            cell("missing", &film("missing.mp4"), None),
        ];
        let expect = |video: &str, sha256: String, place: &str| ExpectedHash {
            video: video.parse().unwrap(),
            sha256,
            place: place.to_owned(),
        };
        let good = crate::hash::hash_bytes(b"good").to_uppercase();
        let expected =
            [expect("good", good, "matrix.yaml:4"), expect("changed", "ab".repeat(32), "matrix.yaml:7")];
        let inputs = Inputs::of(&cells, &expected);

        let used: Vec<_> = inputs.hashes.iter().map(|file| (file.used_by.as_str(), file.bytes)).collect();
        assert_eq!(used, [("changed", 7), ("good", 4), ("objects", 7), ("sounds", 11), ("sounds", 17)]);
        let failed: Vec<_> = inputs.known_failures.iter().map(|(cell, _)| cell).collect();
        assert_eq!(failed, [&cells[2].id, &cells[3].id]);
        let files =
            |name: &str, path: &Path| WeightsSource::Files { name: name.to_owned(), path: path.to_owned() };
        assert_eq!(inputs.weights, [files("objects", &objects), files("sounds", &model)]);
        let wrong = &inputs.known_failures[0].1.message;
        assert!(wrong.starts_with("wrong sha256: ") && wrong.contains("changed.mp4 has "), "{wrong}");
        assert!(wrong.ends_with(&format!("the matrix says {} (matrix.yaml:7)", "ab".repeat(32))), "{wrong}");
        assert!(inputs.known_failures[1].1.message.contains("missing.mp4"));
    }

    /// The names of a model's files below `folder`.
    fn names(path: &Path, folder: &Path) -> Vec<String> {
        let files = weight_files(path).unwrap();
        files.iter().map(|file| file.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    fn model_folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    #[test]
    fn everything_that_a_model_is_read_from_is_hashed_and_nothing_else() {
        let read = [
            "chat_template.jinja",
            "config.json",
            "generation_config.json",
            "merges.txt",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "preprocessor_config.json",
            "qformer_tokenizer/tokenizer.json",
            "qformer_tokenizer/vocab.txt",
            "tokenizer.json",
            "tokenizer.model",
        ];
        let other = ["README.md", "notes.txt", "pytorch_model.bin", "onnx/config.json", ".gitattributes"];
        let folder = model_folder(&[read.as_slice(), other.as_slice()].concat());
        assert_eq!(names(folder.path(), folder.path()), read);
    }

    #[test]
    fn a_single_file_is_hashed_with_the_configurations_beside_it() {
        let folder =
            model_folder(&["yolov8n.safetensors", "config.json", "results.json", "other.safetensors"]);
        let file = folder.path().join("yolov8n.safetensors");
        assert_eq!(names(&file, folder.path()), ["config.json", "yolov8n.safetensors"]);
    }

    #[test]
    fn a_model_of_the_hub_keeps_its_commit_and_a_dummy_its_seed() {
        let commit = "87c7102498dcde7456f24cfd30239ca606ed9063";
        let path = Path::new("/hub/models--openai--whisper-tiny.en/snapshots").join(commit);
        let name = "hf:openai/whisper-tiny.en@main".to_owned();
        assert_eq!(
            weights_source(&Weights::Local { path, name: name.clone() }),
            WeightsSource::Hub { name, commit: commit.to_owned() }
        );
        assert_eq!(
            weights_source(&Weights::Dummy { preset: "ast-tiny".to_owned(), seed: 7 }),
            WeightsSource::Dummy { preset: "ast-tiny".to_owned(), seed: 7 }
        );
    }
}
