//! What the tests share: a folder with films and weights, and a runner that offers everything.

use std::path::{Path, PathBuf};

use reelbench_matrix::{Expansion, Folders, Matrix, MatrixError};
use reelbench_protocol::{
    AsrEngine, AsrSupport, AstSupport, Capabilities, CaptionerSupport, Detector, Dtype, Family, Quantization,
    SceneSupport, Tracker, Unit, YoloSupport,
};

/// The folder that the tests' matrices lie in.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Reads a text as `matrix.yaml` of the fixtures.
pub(crate) fn parse(text: &str) -> Result<Matrix, MatrixError> {
    Matrix::parse(
        text,
        &fixtures().join("matrix.yaml"),
        &Folders { datasets: fixtures(), ..Folders::default() },
    )
}

/// The cells of a text that must be right.
pub(crate) fn expand(text: &str) -> Expansion {
    let matrix = parse(text).unwrap_or_else(|error| panic!("{error}"));
    matrix.expand(&everything()).unwrap_or_else(|error| panic!("{error}"))
}

/// Every error of a text that must be wrong, as printed, without the fixtures' path.
pub(crate) fn errors(text: &str) -> String {
    let error = match parse(text) {
        Err(error) => error,
        Ok(matrix) => matrix.expand(&everything()).expect_err("this matrix must not be accepted"),
    };
    error
        .to_string()
        .replace(&format!("{}/", fixtures().display()), "")
        .replace(&fixtures().display().to_string(), "DIR")
}

/// A runner that offers all there is.
pub(crate) fn everything() -> Capabilities {
    let captioner = |family: Family| CaptionerSupport {
        family,
        quantization: Quantization::ALL.to_vec(),
        dtype: Dtype::ALL.to_vec(),
        use_cache: vec![true, false],
        max_num_beams: 64,
        max_batch_scenes: 1024,
        num_crops: family == Family::Phi3V,
        sampling: true,
        presets: vec!["captioner-tiny".to_owned(), "captioner-mini".to_owned()],
    };
    Capabilities {
        scene: Some(SceneSupport { detectors: Detector::ALL.to_vec() }),
        asr: Some(AsrSupport {
            engines: AsrEngine::ALL.to_vec(),
            per: Unit::ALL.to_vec(),
            max_concurrency: 1024,
            max_num_beams: 64,
            quantization: Quantization::ALL.to_vec(),
            presets: vec!["whisper-tiny".to_owned()],
        }),
        ast: Some(AstSupport {
            per: Unit::ALL.to_vec(),
            max_batch: 256,
            quantization: Quantization::ALL.to_vec(),
            presets: vec!["ast-tiny".to_owned()],
        }),
        yolo: Some(YoloSupport { trackers: Tracker::ALL.to_vec(), presets: vec!["yolov8-tiny".to_owned()] }),
        parallel: true,
        captioners: Family::ALL.iter().copied().map(captioner).collect(),
        devices: vec!["cpu".to_owned()],
        estimates: false,
        slowdown: false,
    }
}

/// A matrix with one film and one captioner, and more lines.
pub(crate) fn with(lines: &str) -> String {
    format!(
        "version: 1\nname: test\nvideos: [{{id: film, path: clips/film.mp4}}]\n\
         models: [{{id: captioner, family: llava-next, weights: \"dummy:captioner-tiny\"}}]\n{lines}\n"
    )
}
