//! Films in unusual formats, sizes, lengths and containers, against what `PySceneDetect` 0.7.2 finds in them
//! (`fixtures/generate_odd.sh` and `.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reelbench_media::{
    Detection, FilmPass, MediaError, VideoFile, decode_audio, detect_scenes, duration_s,
    whole_film_scene_list,
};
use reelbench_protocol::{Detector, SceneSpec};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    /// First frames of the scenes.
    content: Vec<u32>,
    adaptive: Vec<u32>,
    /// Of every frame but the first.
    content_val: Vec<f64>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn odd(name: &str) -> PathBuf {
    fixtures().join("odd").join(name)
}

fn detect(path: &Path, detector: Detector) -> Result<Detection, MediaError> {
    let threshold = match detector {
        Detector::Content => 27.0,
        Detector::Adaptive => 3.0,
    };
    detect_scenes(path, &SceneSpec { detector, threshold, min_scene_len: 3 }, &mut |_| {})
}

fn starts(detection: &Detection) -> Vec<u32> {
    detection.list.scenes.iter().map(|scene| scene.start_frame).collect()
}

/// Swscale's bytes for all formats but 8-bit 4:2:0 differ between processors, and the references are from x86.
#[cfg(target_arch = "x86_64")]
#[test]
fn odd_films_have_pyscenedetects_scenes() {
    let references = std::fs::read(fixtures().join("odd.json")).unwrap();
    let references: BTreeMap<String, Reference> = serde_json::from_slice(&references).unwrap();
    assert!(references.len() > 35, "{}", references.len());
    for (name, reference) in references {
        let path = odd(&name);
        let content = detect(&path, Detector::Content).unwrap();
        assert_eq!(starts(&content), reference.content, "{name}");
        assert_eq!(starts(&detect(&path, Detector::Adaptive).unwrap()), reference.adaptive, "{name}");
        assert_eq!(content.content_val.len(), reference.content_val.len() + 1, "{name}");
        assert_eq!(content.content_val[0], None, "{name}");
        for (got, want) in content.content_val[1..].iter().zip(&reference.content_val) {
            let got = got.unwrap();
            assert!((got - want).abs() < 1e-6, "{name}: {got} is not {want}");
        }
    }
}

#[test]
fn every_odd_film_can_be_looked_at() {
    let mut films = 0;
    for entry in std::fs::read_dir(fixtures().join("odd")).unwrap() {
        let path = entry.unwrap().path();
        let mut pass = FilmPass::open(&path, None).unwrap();
        let mut frames = 0;
        while let Some(mut frame) = pass.next_frame(1).unwrap() {
            assert_eq!(frame.number, frames, "{}", path.display());
            let picture = frame.rgb().unwrap();
            assert!(picture.width() > 0 && picture.height() > 0, "{}", path.display());
            frames += 1;
        }
        let list = pass.finish(&mut |_| {}).unwrap().list;
        assert_eq!(list.timeline.len(), frames, "{}", path.display());
        assert_eq!(list.timeline, whole_film_scene_list(&path).unwrap().timeline, "{}", path.display());
        assert!(duration_s(&path).unwrap() > 0.0, "{}", path.display());
        films += 1;
    }
    assert!(films > 36, "{films}");
}

/// OpenCV 5.0.0 hands out black frames for interlaced ones; here they have scenes as any other.
#[test]
fn interlaced_films_have_scenes() {
    assert_eq!(starts(&detect(&odd("interlaced.mp4"), Detector::Content).unwrap()), [0, 5]);
}

#[test]
fn a_shortest_scene_longer_than_the_film_leaves_one_scene() {
    for detector in [Detector::Content, Detector::Adaptive] {
        let spec = SceneSpec { detector, threshold: 3.0, min_scene_len: u32::MAX };
        let detection = detect_scenes(&odd("gray.mkv"), &spec, &mut |_| {}).unwrap();
        assert_eq!(starts(&detection), [0]);
    }
}

#[test]
fn sizes_are_those_of_the_film() {
    let size = |name: &str| {
        let mut pass = FilmPass::open(&odd(name), None).unwrap();
        pass.next_frame(1).unwrap().unwrap().rgb().unwrap().dimensions()
    };
    assert_eq!(size("1x1.mkv"), (1, 1));
    assert_eq!(size("3x5.mkv"), (3, 5));
    assert_eq!(size("16x4096.mp4"), (16, 4096));
    assert_eq!(size("8k.mp4"), (7680, 4320));
    assert_eq!(size("turned_90.mp4"), (180, 320));
    assert_eq!(size("turned_180.mp4"), (320, 180));
}

#[test]
fn pictures_that_would_fill_the_memory_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.y4m");
    std::fs::write(&path, b"YUV4MPEG2 W12000 H12000 F25:1 C420jpeg\nFRAME\n").unwrap();
    let error = detect(&path, Detector::Content).unwrap_err();
    assert_eq!(error, MediaError::TooLarge { path: path.clone(), width: 12_000, height: 12_000 });
}

#[test]
fn a_cover_picture_is_no_film() {
    let path = fixtures().join("sounds/cover.mp3");
    assert_eq!(detect(&path, Detector::Content).unwrap_err(), MediaError::NoVideo { path: path.clone() });
    assert!(matches!(VideoFile::open(&path), Err(MediaError::NoVideo { .. })));
    // The encoder pads the sound, which the container counts.
    assert!((duration_s(&path).unwrap() - 4.0).abs() < 0.2, "{}", duration_s(&path).unwrap());
    assert!((decode_audio(&path).unwrap().duration_s() - 4.0).abs() < 0.1);
}
