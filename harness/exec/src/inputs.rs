//! What the cells read, hashed: films and weights.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reelbench_protocol::{CellId, Failure, FailureKind, FileHash, PlannedCell, VideoId, Weights};

use crate::hash::{HashError, hash_file};

/// Files of a weights folder that say what a model computes.
const WEIGHT_EXTENSIONS: [&str; 2] = ["safetensors", "json"];

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
    /// Cells with an input that is missing or not what was expected; the others can be run.
    pub known_failures: Vec<(CellId, Failure)>,
}

impl Inputs {
    /// Hashes every film and every weight file of the cells once, and holds them against what is expected.
    pub fn of(cells: &[PlannedCell], expected: &[ExpectedHash]) -> Self {
        let mut inputs = Self::default();
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

/// The files of a model: the file itself, or the folder's `*.safetensors` and `*.json` in order of their names.
///
/// # Errors
/// When the path cannot be read.
pub fn weight_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| WEIGHT_EXTENSIONS.contains(&extension)) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
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
        let video = VideoSpec { id: video.parse().unwrap(), path: path.to_owned() };
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
        let objects = film("objects.safetensors");
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
        let wrong = &inputs.known_failures[0].1.message;
        assert!(wrong.starts_with("wrong sha256: ") && wrong.contains("changed.mp4 has "), "{wrong}");
        assert!(wrong.ends_with(&format!("the matrix says {} (matrix.yaml:7)", "ab".repeat(32))), "{wrong}");
        assert!(inputs.known_failures[1].1.message.contains("missing.mp4"));
    }
}
