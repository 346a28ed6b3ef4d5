//! Sound in unusual forms.

use std::f32::consts::TAU;
use std::path::{Path, PathBuf};

use reelbench_media::{Audio, MediaError, decode_audio, detect_scenes, duration_s};
use reelbench_protocol::SceneSpec;

fn sound(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sounds").join(name)
}

/// How a WAV stores its samples.
#[derive(Clone, Copy)]
enum Coding {
    Unsigned8,
    Signed16,
    Signed24,
    Float32,
    Float64,
}

impl Coding {
    fn bits(self) -> u16 {
        match self {
            Self::Unsigned8 => 8,
            Self::Signed16 => 16,
            Self::Signed24 => 24,
            Self::Float32 => 32,
            Self::Float64 => 64,
        }
    }

    fn bytes(self, sample: f32) -> Vec<u8> {
        match self {
            Self::Unsigned8 => vec![(sample * 127.0 + 128.0).round() as u8],
            Self::Signed16 => ((sample * 32_767.0).round() as i16).to_le_bytes().to_vec(),
            Self::Signed24 => ((sample * 8_388_607.0).round() as i32).to_le_bytes()[..3].to_vec(),
            Self::Float32 => sample.to_le_bytes().to_vec(),
            Self::Float64 => f64::from(sample).to_le_bytes().to_vec(),
        }
    }
}

/// A WAV whose channels all hold `samples`.
fn wav(coding: Coding, rate: u32, channels: u16, samples: &[f32]) -> Vec<u8> {
    let frame = |&sample| coding.bytes(sample).repeat(usize::from(channels));
    let data: Vec<u8> = samples.iter().flat_map(frame).collect();
    let block = channels * coding.bits() / 8;
    let is_float = matches!(coding, Coding::Float32 | Coding::Float64);
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([if is_float { 3 } else { 1 }, channels].map(u16::to_le_bytes).concat());
    file.extend([rate, rate * u32::from(block)].map(u32::to_le_bytes).concat());
    file.extend([block, coding.bits()].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn decode(bytes: &[u8]) -> Result<Vec<f32>, MediaError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.wav");
    std::fs::write(&path, bytes).unwrap();
    decode_audio(&path).map(|audio| audio.samples)
}

fn tone(rate: u32, amplitude: f32) -> Vec<f32> {
    (0..rate).map(|n| amplitude * (TAU * 440.0 * n as f32 / rate as f32).sin()).collect()
}

/// Largest difference of two sounds, leaving out the ends, where resampling has less to go by.
fn difference(got: &[f32], want: &[f32]) -> f32 {
    assert!(got.len().abs_diff(want.len()) <= 1, "{} samples for {}", got.len(), want.len());
    let middle = 200..want.len() - 200;
    got[middle.clone()].iter().zip(&want[middle]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_coding_and_rate_gives_the_same_tone() {
    let want = tone(Audio::SAMPLE_RATE, 0.5);
    let codings = [Coding::Unsigned8, Coding::Signed16, Coding::Signed24, Coding::Float32, Coding::Float64];
    for coding in codings {
        for rate in [8_000, 11_025, 16_000, 44_100, 48_000, 96_000] {
            let got = decode(&wav(coding, rate, 1, &tone(rate, 0.5))).unwrap();
            let allowed = if coding.bits() == 8 { 0.02 } else { 0.000_5 };
            let worst = difference(&got, &want);
            assert!(worst < allowed, "{} bits at {rate}: {worst}", coding.bits());
        }
    }
}

/// FFmpeg's mixing down for floating-point output keeps the power of what the channels have in common.
#[test]
fn channels_are_mixed_to_one() {
    let mono = decode(&wav(Coding::Float32, 48_000, 1, &tone(48_000, 0.5))).unwrap();
    let stereo = decode(&wav(Coding::Float32, 48_000, 2, &tone(48_000, 0.5))).unwrap();
    let louder: Vec<f32> = mono.iter().map(|sample| sample * 2.0_f32.sqrt()).collect();
    assert!(difference(&stereo, &louder) < 1e-4);
    let surround = decode_audio(&sound("surround.flac")).unwrap();
    assert_eq!(surround.samples.len(), 4_000);
    assert!(surround.samples.iter().any(|sample| sample.abs() > 0.05));
}

#[test]
fn silence_and_clipping_are_sound() {
    let silence = vec![0.0; 16_000];
    assert_eq!(decode(&wav(Coding::Signed16, 16_000, 1, &silence)), Ok(silence));
    let clipped: Vec<f32> = tone(16_000, 8.0).iter().map(|sample| sample.clamp(-1.0, 1.0)).collect();
    assert!(difference(&decode(&wav(Coding::Signed16, 16_000, 1, &clipped)).unwrap(), &clipped) < 1e-4);
}

#[test]
fn samples_that_are_no_numbers_are_damage_with_its_time() {
    for rate in [16_000, 48_000] {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            for coding in [Coding::Float32, Coding::Float64] {
                // Also the last sample, which the resampler holds back.
                for place in [rate as usize / 2, rate as usize - 1] {
                    let mut samples = tone(rate, 0.5);
                    samples[place] = bad;
                    let error = decode(&wav(coding, rate, 1, &samples)).unwrap_err();
                    let MediaError::Damaged { at_s, .. } = error else { panic!("{error}") };
                    let wanted_s = place as f64 / f64::from(rate);
                    assert!((at_s - wanted_s).abs() < 0.01, "{bad} at {rate}: {at_s}");
                }
            }
        }
    }
}

/// A file that ends before its first sound is not a silent one.
#[test]
fn a_film_cut_before_its_sound_is_truncated() {
    let bytes = wav(Coding::Signed16, 16_000, 1, &tone(16_000, 0.5));
    let mut longer = bytes.repeat(4);
    longer[40..44].copy_from_slice(&(4 * 32_000_u32).to_le_bytes());
    let error = decode(&longer[..44 + 100]).unwrap_err();
    assert!(matches!(error, MediaError::Truncated { .. } | MediaError::Damaged { .. }), "{error}");
}

/// Silent films are told apart by their error, whatever makes them silent.
#[test]
fn a_track_without_sound_is_none() {
    let path = sound("empty_track.mkv");
    assert_eq!(decode_audio(&path), Err(MediaError::NoAudio { path }));
    assert!(matches!(decode(&wav(Coding::Signed16, 16_000, 1, &[])), Err(MediaError::NoAudio { .. })));
    let still = sound("../odd/still.png");
    assert_eq!(decode_audio(&still), Err(MediaError::NoAudio { path: still }));
}

#[test]
fn of_several_tracks_the_default_one_is_taken() {
    let audio = decode_audio(&sound("two_tracks.mkv")).unwrap();
    assert!((audio.duration_s() - 2.0).abs() < 0.05, "{}", audio.duration_s());
}

#[test]
fn sound_may_be_longer_than_the_film_and_start_before_it() {
    let path = sound("longer.mkv");
    assert!((duration_s(&path).unwrap() - 3.0).abs() < 0.05);
    assert!((decode_audio(&path).unwrap().duration_s() - 5.0).abs() < 0.05);
    let path = sound("starts_first.mkv");
    let scenes = detect_scenes(&path, &SceneSpec::default(), &mut |_| {}).unwrap().list.scenes;
    // The pictures come five times a second.
    assert!((scenes[0].start_s - 1.6).abs() < 0.05, "{}", scenes[0].start_s);
    let audio = decode_audio(&path).unwrap();
    assert!((audio.duration_s() - 2.0).abs() < 0.05, "{}", audio.duration_s());
    assert!(audio.samples[1_600..3_200].iter().any(|sample| sample.abs() > 0.05), "it starts at once");
}

#[test]
fn an_mp3_cut_short_is_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.mp3");
    let bytes = std::fs::read(sound("plain.mp3")).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = decode_audio(&path).unwrap_err();
    assert!(matches!(error, MediaError::Truncated { .. }), "{error}");
}
