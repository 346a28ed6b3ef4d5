//! The resizes against Pillow and OpenCV, byte for byte (references made by `fixtures/generate.py`).

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use reelbench_media::resize::{cv2_linear, pil_bicubic, pil_bilinear};
use reelbench_media::{RgbImage, load_image};

const SIZES: [(u32, u32); 7] = [(20, 11), (64, 40), (37, 11), (20, 29), (74, 58), (9, 50), (33, 9)];

fn fixture(name: &str) -> RgbImage {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resize");
    load_image(&folder.join(name)).unwrap()
}

fn assert_same_bytes(resize: fn(&RgbImage, u32, u32) -> RgbImage, reference: &str) {
    let source = fixture("source.png");
    for (width, height) in SIZES {
        let name = format!("{reference}_{width}x{height}.png");
        let resized = resize(&source, width, height);
        let wanted = fixture(&name);
        assert_eq!(resized.dimensions(), wanted.dimensions());
        let wrong = resized.iter().zip(wanted.iter()).filter(|(got, want)| got != want).count();
        assert_eq!(wrong, 0, "{name}: {wrong} bytes differ");
    }
}

#[test]
fn bicubic_is_pillows() {
    assert_same_bytes(pil_bicubic, "pil_bicubic");
}

#[test]
fn bilinear_is_pillows() {
    assert_same_bytes(pil_bilinear, "pil_bilinear");
}

#[test]
fn linear_is_opencvs() {
    assert_same_bytes(cv2_linear, "cv2_linear");
}

#[test]
fn halving_is_opencvs() {
    let even = image::imageops::crop_imm(&fixture("source.png"), 0, 0, 36, 28).to_image();
    assert_eq!(cv2_linear(&even, 18, 14), fixture("cv2_linear_halved_36x28.png"));
}

#[test]
fn nothing_stays_nothing() {
    let empty = RgbImage::new(0, 0);
    assert_eq!(pil_bicubic(&empty, 4, 4), RgbImage::new(4, 4));
    assert!(cv2_linear(&fixture("source.png"), 0, 5).is_empty());
}
