//! One pass over a film for scenes and for whoever looks at every nth frame.

use std::path::{Path, PathBuf};

use crate::clip::{Clip, number_of};
use reelbench_media::{FilmPass, FrameSampler, MediaError, detect_scenes, whole_film_scene_list};
use reelbench_protocol::{Scene, SceneSpec};
use tempfile::TempDir;

fn clip() -> (TempDir, PathBuf) {
    clip_of(100)
}

fn clip_of(frames: i64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let stamps: Vec<i64> = (0..frames).collect();
    Clip { stamps: &stamps, b_frames: 2, options: &[("movflags", "+faststart")], ..Clip::default() }
        .write(&path);
    (folder, path)
}

/// Number and time of every `nth` frame, its own number checked.
fn look(pass: &mut FilmPass, nth: u32) -> Result<Vec<(u32, f64)>, MediaError> {
    let mut seen = Vec::new();
    while let Some(mut frame) = pass.next_frame(nth)? {
        assert_eq!(number_of(&frame.rgb().unwrap()), frame.number);
        seen.push((frame.number, frame.pts_s));
    }
    Ok(seen)
}

#[test]
fn every_nth_frame_is_seen_while_scenes_are_found() {
    let (_folder, path) = clip();
    let alone = detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap();
    for nth in [0, 1, 7, 99, 100, 1000] {
        let mut pass = FilmPass::open(&path, Some(&SceneSpec::default())).unwrap();
        let seen = look(&mut pass, nth).unwrap();
        let wanted: Vec<u32> = (0..100).step_by(nth.max(1) as usize).collect();
        assert_eq!(seen.iter().map(|frame| frame.0).collect::<Vec<_>>(), wanted);
        for (number, pts_s) in seen {
            assert_eq!(alone.list.timeline.seconds(number), Some(pts_s));
        }
        assert!((pass.progress().unwrap() - 1.0).abs() < 0.01);
        assert_eq!(pass.finish(&mut |_| {}).unwrap(), alone);
    }
}

#[test]
fn whoever_stops_looking_does_not_stop_the_scenes() {
    let (_folder, path) = clip();
    let mut pass = FilmPass::open(&path, Some(&SceneSpec::default())).unwrap();
    pass.next_frame(10).unwrap().unwrap();
    pass.next_frame(10).unwrap().unwrap();
    let mut told = Vec::new();
    let detection = pass.finish(&mut |part| told.push(part)).unwrap();
    assert_eq!(detection, detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap());
    assert!(told.is_sorted() && told.len() == 2 && (0.5..0.8).contains(&told[0]), "{told:?}");
}

#[test]
fn without_scene_detection_the_film_is_one_scene() {
    let (_folder, path) = clip();
    let mut pass = FilmPass::open(&path, None).unwrap();
    assert_eq!(look(&mut pass, 30).unwrap().len(), 4);
    let detection = pass.finish(&mut |_| {}).unwrap();
    assert!(detection.content_val.is_empty());
    assert_eq!(detection.list, whole_film_scene_list(&path).unwrap());
}

/// Pixels of frames seen in a pass and sampled one by one, also in a film that is turned.
#[test]
fn frames_are_those_of_the_sampler() {
    let turned = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/odd/turned_90.mp4");
    let (_folder, straight) = clip();
    for path in [turned, straight] {
        let mut list = whole_film_scene_list(&path).unwrap();
        let whole = list.scenes[0];
        list.scenes = (0..whole.end_frame)
            .step_by(4)
            .map(|frame| Scene { start_frame: frame, end_frame: frame + 1, ..whole })
            .collect();
        let mut pass = FilmPass::open(&path, None).unwrap();
        for scene in FrameSampler::new(&path, &list, 1, 0).unwrap() {
            let sampled = &scene.unwrap().frames[0];
            let mut seen = pass.next_frame(4).unwrap().unwrap();
            assert!((seen.pts_s - sampled.0).abs() < 1e-12);
            assert!(seen.rgb().unwrap() == sampled.1, "{} frame {}", path.display(), seen.number);
        }
        assert!(pass.next_frame(4).unwrap().is_none());
    }
}

#[test]
fn a_film_that_breaks_off_shows_what_came_before() {
    let (_folder, path) = clip();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 3 / 4]).unwrap();
    let mut pass = FilmPass::open(&path, Some(&SceneSpec::default())).unwrap();
    let mut seen = 0;
    let error = loop {
        match pass.next_frame(5) {
            Ok(Some(_)) => seen += 1,
            Ok(None) => panic!("the film ends well after {seen} frames"),
            Err(error) => break error,
        }
    };
    assert!((5..15).contains(&seen), "{seen}: {error}");
    assert!(matches!(error, MediaError::Truncated { .. }), "{error}");
    assert_eq!(pass.next_frame(5).err(), Some(error.clone()), "the error stays");
    assert_eq!(pass.finish(&mut |_| {}), Err(error));
}

/// What lies behind the damage could be decoded; it must not be taken for what comes next.
#[test]
fn damage_in_the_middle_ends_the_pass() {
    let (_folder, path) = clip_of(240);
    let mut bytes = std::fs::read(&path).unwrap();
    let data = bytes.windows(4).position(|window| window == b"mdat").unwrap() + 4;
    let length = bytes.len() - data;
    bytes[data + length * 50 / 100..data + length * 51 / 100].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let mut pass = FilmPass::open(&path, Some(&SceneSpec::default())).unwrap();
    let error = look(&mut pass, 5).unwrap_err();
    assert!(matches!(error, MediaError::Damaged { .. }), "{error}");
    for _ in 0..100 {
        assert_eq!(pass.next_frame(1).err(), Some(error.clone()));
    }
    assert_eq!(pass.finish(&mut |_| {}), Err(error));
}
