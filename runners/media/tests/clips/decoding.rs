//! Decoding, sampling and sound of generated clips whose frame *n* shows *n*.

use std::path::{Path, PathBuf};

use crate::clip::{Clip, RAMP, number_of, patch_box, ramp_sample};
use ffmpeg_next::Rational;
use reelbench_media::{
    DecodeThreads, FrameSampler, MediaError, Rotation, VideoFile, decode_audio, detect_scenes, duration_s,
    scan_timeline, whole_film_scene_list,
};
use reelbench_protocol::{Scene, SceneList, SceneSpec};
use tempfile::TempDir;

fn folder_and_path(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

fn evenly(frames: i64, step: i64) -> Vec<i64> {
    (0..frames).map(|frame| frame * step).collect()
}

/// The film's frames as scenes of `length` frames.
fn scenes_of(path: &Path, length: u32) -> SceneList {
    let mut list = whole_film_scene_list(path).unwrap();
    let frames = list.timeline.len();
    list.scenes = (0..frames)
        .step_by(length as usize)
        .map(|start_frame| {
            let end_frame = (start_frame + length).min(frames);
            let time = |frame| list.timeline.seconds(frame).unwrap_or(0.0);
            Scene { start_frame, end_frame, start_s: time(start_frame), end_s: time(end_frame) }
        })
        .collect();
    list
}

/// Numbers and times of all sampled frames.
fn sample(path: &Path, list: &SceneList, count: u32) -> Vec<(u32, f64)> {
    FrameSampler::new(path, list, count, 0)
        .unwrap()
        .flat_map(|scene| scene.unwrap().frames)
        .map(|(pts_s, picture)| (number_of(&picture), pts_s))
        .collect()
}

fn decoded_stamps(path: &Path, threads: DecodeThreads) -> Result<Vec<f64>, MediaError> {
    let mut film = VideoFile::open_with(path, threads)?;
    let mut stamps = Vec::new();
    while let Some(frame) = film.next_frame()? {
        stamps.push(film.seconds(frame.pts));
    }
    Ok(stamps)
}

fn assert_close(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        // Matroska counts in milliseconds.
        assert!((got - want).abs() < 0.000_6, "{got} is not {want}");
    }
}

#[test]
fn every_frame_comes_in_order_with_its_time() {
    for name in ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts"] {
        for b_frames in [0, 2] {
            if (name, b_frames) == ("clip.avi", 2) {
                // AVI has no presentation times, and so shows reordered frames one frame late.
                continue;
            }
            let (_folder, path) = folder_and_path(name);
            let stamps = evenly(60, 1);
            Clip { stamps: &stamps, b_frames, ..Clip::default() }.write(&path);
            let times: Vec<f64> = stamps.iter().map(|&pts| pts as f64 / 24.0).collect();
            assert_close(&decoded_stamps(&path, DecodeThreads::PerProcessor).unwrap(), &times);
            assert_close(&decoded_stamps(&path, DecodeThreads::Exactly(1)).unwrap(), &times);
            let numbers: Vec<u32> =
                sample(&path, &scenes_of(&path, 1), 1).iter().map(|frame| frame.0).collect();
            assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{name} with {b_frames} b-frames");
        }
    }
}

#[test]
fn sampling_gives_the_frames_of_the_rule() {
    for name in ["clip.mp4", "clip.mkv", "clip.ts"] {
        for b_frames in [0, 2] {
            let (_folder, path) = folder_and_path(name);
            Clip { stamps: &evenly(200, 1), gop: 7, b_frames, ..Clip::default() }.write(&path);
            for (length, count) in [(50, 1), (50, 2), (33, 3), (200, 1), (90, 4), (1, 2)] {
                let list = scenes_of(&path, length);
                let wanted: Vec<u32> = list
                    .scenes
                    .iter()
                    .flat_map(|scene| reelbench_media::sampled_frames(scene, count))
                    .collect();
                let sampled = sample(&path, &list, count);
                let numbers: Vec<u32> = sampled.iter().map(|frame| frame.0).collect();
                assert_eq!(numbers, wanted, "{name}: {count} of every {length}");
                for (number, pts_s) in sampled {
                    assert!((pts_s - f64::from(number) / 24.0).abs() < 0.000_6);
                }
            }
        }
    }
}

#[test]
fn variable_frame_rates_keep_their_times() {
    let stamps: Vec<i64> =
        (0..80).map(|n: i64| n * 33 + n * n % 17 + if n > 40 { 2500 } else { 0 }).collect();
    for name in ["clip.mp4", "clip.mkv"] {
        let (_folder, path) = folder_and_path(name);
        Clip { stamps: &stamps, time_base: Rational(1, 1000), b_frames: 2, ..Clip::default() }.write(&path);
        let times: Vec<f64> = stamps.iter().map(|&pts| pts as f64 / 1000.0).collect();
        assert_close(&decoded_stamps(&path, DecodeThreads::PerProcessor).unwrap(), &times);
        let list = scenes_of(&path, 10);
        assert_eq!(
            sample(&path, &list, 1).iter().map(|frame| frame.0).collect::<Vec<_>>(),
            [5, 15, 25, 35, 45, 55, 65, 75]
        );
        assert_eq!(
            detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap().list.timeline,
            list.timeline
        );
    }
}

#[test]
fn a_late_start_is_moved_to_zero() {
    for name in ["clip.mkv", "clip.ts"] {
        let (_folder, path) = folder_and_path(name);
        let stamps: Vec<i64> = evenly(30, 1).iter().map(|pts| pts + 240).collect();
        Clip { stamps: &stamps, ..Clip::default() }.write(&path);
        let times: Vec<f64> = evenly(30, 1).iter().map(|&pts| pts as f64 / 24.0).collect();
        assert_close(&decoded_stamps(&path, DecodeThreads::PerProcessor).unwrap(), &times);
        assert!((duration_s(&path).unwrap() - 30.0 / 24.0).abs() < 0.01, "{}", duration_s(&path).unwrap());
    }
}

#[test]
fn sound_stands_at_its_time() {
    for (from_s, ahead_s) in [(0.0, 0.0), (0.5, 0.0), (0.0, 0.75)] {
        let (_folder, path) = folder_and_path("clip.mkv");
        let stamps: Vec<i64> = evenly(24, 1).iter().map(|pts| pts + (ahead_s * 24.0) as i64).collect();
        Clip { stamps: &stamps, sound_from_s: Some(from_s), ..Clip::default() }.write(&path);
        let samples = decode_audio(&path).unwrap().samples;
        let silence = (from_s * 16_000.0) as usize;
        assert_eq!(samples.len(), silence + RAMP);
        assert!(samples[..silence].iter().all(|sample| *sample == 0.0));
        let exact = samples[silence..].iter().enumerate().all(|(index, sample)| {
            (sample - f32::from(ramp_sample(index)) / 32768.0).abs() < f32::EPSILON / 8.0
        });
        assert!(exact);
        let pictures = decoded_stamps(&path, DecodeThreads::PerProcessor).unwrap();
        assert!((pictures[0] - ahead_s).abs() < 0.001);
    }
}

#[test]
fn frames_outside_the_edit_list_are_not_shown() {
    let (_folder, path) = folder_and_path("clip.mp4");
    Clip { stamps: &evenly(48, 512), time_base: Rational(1, 12_288), ..Clip::default() }.write(&path);
    // One entry: 20 frames (the movie counts in milliseconds) from the 15th on, which is no key frame.
    let entry = [20 * 1000 / 24_u32, 15 * 512].map(u32::to_be_bytes).concat();
    patch_box(&path, b"elst", 8, &entry);
    let list = scenes_of(&path, 1);
    let sampled = sample(&path, &list, 1);
    assert_eq!(sampled.iter().map(|frame| frame.0).collect::<Vec<_>>(), (15..35).collect::<Vec<_>>());
    assert!(sampled[0].1.abs() < 1e-9);
    assert_eq!(decoded_stamps(&path, DecodeThreads::PerProcessor).unwrap().len(), 20);
}

#[test]
fn pictures_are_turned_as_the_metadata_says() {
    const ONE: i32 = 1 << 16;
    for (turn, [a, b, c, d]) in [
        (Rotation::None, [ONE, 0, 0, ONE]),
        (Rotation::Clockwise90, [0, ONE, -ONE, 0]),
        (Rotation::Half, [-ONE, 0, 0, -ONE]),
        (Rotation::Counterclockwise90, [0, -ONE, ONE, 0]),
    ] {
        let (_folder, path) = folder_and_path("clip.mp4");
        Clip { stamps: &evenly(10, 1), ..Clip::default() }.write(&path);
        let matrix = [a, b, 0, c, d, 0].map(i32::to_be_bytes).concat();
        patch_box(&path, b"tkhd", 40, &matrix);
        assert_eq!(VideoFile::open(&path).unwrap().rotation(), turn);
        let list = whole_film_scene_list(&path).unwrap();
        let scene = FrameSampler::new(&path, &list, 1, 64).unwrap().next().unwrap().unwrap();
        let back = match turn {
            Rotation::Clockwise90 => Rotation::Counterclockwise90,
            Rotation::Counterclockwise90 => Rotation::Clockwise90,
            same => same,
        };
        let (_, picture) = &scene.frames[0];
        assert_eq!(picture.width().min(picture.height()), 64);
        assert_eq!(number_of(&back.apply(picture.clone())), 5, "{turn:?}");
    }
}

#[test]
fn equal_time_stamps_are_told_apart() {
    let (_folder, path) = folder_and_path("clip.mkv");
    // Half a millisecond apart: Matroska, which counts in milliseconds, makes pairs.
    Clip { stamps: &evenly(40, 1), time_base: Rational(1, 2000), ..Clip::default() }.write(&path);
    let timeline = scan_timeline(&path).unwrap();
    assert_eq!(timeline.len(), 40);
    let numbers: Vec<u32> = sample(&path, &scenes_of(&path, 1), 1).iter().map(|frame| frame.0).collect();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}
