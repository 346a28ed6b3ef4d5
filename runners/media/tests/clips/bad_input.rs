//! Files that are broken, and what is said about them.

use std::path::{Path, PathBuf};

use crate::clip::Clip;
use reelbench_media::{
    FrameSampler, MediaError, VideoFile, decode_audio, detect_scenes, duration_s, whole_film_scene_list,
};
use reelbench_protocol::SceneSpec;
use tempfile::TempDir;

fn clip(name: &str, options: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let stamps: Vec<i64> = (0..240).collect();
    Clip { stamps: &stamps, options, ..Clip::default() }.write(&path);
    (folder, path)
}

fn cut(path: &Path, part: f64) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..(bytes.len() as f64 * part) as usize]).unwrap();
}

fn detect(path: &Path) -> Result<usize, MediaError> {
    detect_scenes(path, &SceneSpec::default(), &mut |_| {}).map(|detection| detection.content_val.len())
}

/// Every error names its file.
fn assert_names(error: &MediaError, path: &Path) {
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
}

#[test]
fn missing_empty_and_misnamed_files() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.mp4");
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, b"").unwrap();
    let text = folder.path().join("text.mp4");
    std::fs::write(&text, b"This is no film.\n".repeat(100)).unwrap();
    for path in [&missing, &empty, &text, &folder.path().to_owned()] {
        let errors = [
            detect(path).unwrap_err(),
            decode_audio(path).unwrap_err(),
            whole_film_scene_list(path).unwrap_err(),
            duration_s(path).unwrap_err(),
        ];
        for error in errors {
            assert_names(&error, path);
            let expected = match path {
                path if *path == empty => matches!(error, MediaError::Empty { .. }),
                path if *path == text => matches!(error, MediaError::Open { .. }),
                _ => matches!(error, MediaError::Unreadable { .. }),
            };
            assert!(expected, "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"film\xff.mp4"));
    std::fs::write(&path, b"film").unwrap();
    assert!(matches!(detect(&path), Err(MediaError::Unreadable { .. })));
}

#[test]
fn a_film_without_sound_and_sound_without_pictures() {
    let (folder, path) = clip("film.mp4", &[]);
    assert_eq!(decode_audio(&path), Err(MediaError::NoAudio { path: path.clone() }));
    let sound = folder.path().join("sound.wav");
    std::fs::write(&sound, wav(&[0, 100, -100, i16::MAX, i16::MIN])).unwrap();
    assert_eq!(detect(&sound), Err(MediaError::NoVideo { path: sound.clone() }));
    assert_eq!(
        decode_audio(&sound).unwrap().samples,
        [0.0, 100.0 / 32768.0, -100.0 / 32768.0, 32767.0 / 32768.0, -1.0]
    );
    assert!((duration_s(&sound).unwrap() - 5.0 / 16_000.0).abs() < 0.001);
}

/// 16 kHz, mono, 16 bits.
fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = samples.len() as u32 * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    file.extend([16_000_u32, 32_000].map(u32::to_le_bytes).concat());
    file.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

#[test]
fn a_film_cut_short_gives_its_frames_and_then_the_error() {
    // Matroska counts in milliseconds.
    for (name, options, tick_s) in
        [("film.mp4", &[("movflags", "+faststart")][..], 1e-6), ("film.mkv", &[][..], 0.001)]
    {
        let (_folder, path) = clip(name, options);
        assert_eq!(detect(&path), Ok(240));
        cut(&path, 0.5);
        let mut film = VideoFile::open(&path).unwrap();
        let mut frames = 0;
        let error = loop {
            match film.next_frame() {
                Ok(Some(_)) => frames += 1,
                Ok(None) => panic!("{name}: {frames} frames without an error"),
                Err(error) => break error,
            }
        };
        assert!((60..180).contains(&frames), "{name}: {frames} frames");
        assert_names(&error, &path);
        let MediaError::Truncated { at_s, declared_s, .. } = error else { panic!("{name}: {error}") };
        assert!((at_s - f64::from(frames) / 24.0).abs() < tick_s, "{name}: {at_s} after {frames} frames");
        assert!((declared_s - 10.0).abs() < 0.1, "{name}: {declared_s}");
        assert!(matches!(whole_film_scene_list(&path), Err(MediaError::Truncated { .. })), "{name}");
    }
}

#[test]
fn a_film_without_its_index_cannot_be_opened() {
    let (_folder, path) = clip("film.mp4", &[]);
    cut(&path, 0.5);
    let error = detect(&path).unwrap_err();
    assert!(matches!(error, MediaError::Open { .. }), "{error}");
    assert_names(&error, &path);
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_time() {
    let (_folder, path) = clip("film.mp4", &[]);
    let mut bytes = std::fs::read(&path).unwrap();
    let data = bytes.windows(4).position(|window| window == b"mdat").unwrap() + 4;
    let length = u32::from_be_bytes(bytes[data - 8..data - 4].try_into().unwrap()) as usize;
    bytes[data + length * 4 / 10..data + length * 6 / 10].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let error = detect(&path).unwrap_err();
    assert_names(&error, &path);
    let MediaError::Damaged { at_s, .. } = error else { panic!("{error}") };
    assert!((2.0..8.0).contains(&at_s), "{at_s}");
}

#[test]
fn sound_at_an_impossible_time_is_damage_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mkv");
    Clip { stamps: &[0, 1, 2], sound_from_s: Some(1e9), ..Clip::default() }.write(&path);
    let error = decode_audio(&path).unwrap_err();
    assert_names(&error, &path);
    let MediaError::Damaged { at_s, .. } = error else { panic!("{error}") };
    assert!(at_s.abs() < 1e-9, "{at_s}");
}

#[test]
fn scenes_of_another_film_are_noticed() {
    let (_folder, path) = clip("film.mp4", &[]);
    let mut list = whole_film_scene_list(&path).unwrap();
    for run in &mut list.timeline.runs {
        run.start += 1;
    }
    let error = FrameSampler::new(&path, &list, 1, 0).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(error, MediaError::NoSuchFrame { scene: 0, .. }), "{error}");
    list.scenes[0].start_frame = 1000;
    list.scenes[0].end_frame = 2000;
    assert!(matches!(FrameSampler::new(&path, &list, 1, 0), Err(MediaError::NoSuchScene { scene: 0, .. })));
}
