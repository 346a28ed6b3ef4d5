//! Random weights, and audio that is not speech: no network and no model needed.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use candle_core::Device;
use reelbench_asr::presets::DUMMY_TOKENS_PER_WINDOW;
use reelbench_asr::{AsrError, TemperatureFallback, Timestamps, TranscribeOptions, Whisper};
use reelbench_protocol::{Failure, FailureKind, Stage, Weights};

fn dummy(preset: &str, seed: u64) -> Whisper {
    let weights = Weights::Dummy { preset: preset.to_owned(), seed };
    Whisper::load(&weights, &Device::Cpu).unwrap()
}

fn tone(seconds: f32) -> Vec<f32> {
    (0..(seconds * 16_000.0) as usize).map(|n| (n as f32 * 0.05).sin() * 0.3).collect()
}

fn tokens(whisper: &Whisper, samples: &[f32], options: &TranscribeOptions) -> Vec<u32> {
    whisper.transcribe(samples, options, &mut |_| ()).unwrap().tokens
}

#[test]
fn a_dummy_writes_the_same_number_of_tokens_per_window_each_time() {
    let whisper = dummy("whisper-tiny.en", 3);
    let options = TranscribeOptions { timestamps: Timestamps::Off, ..TranscribeOptions::default() };
    let first = tokens(&whisper, &tone(31.0), &options);
    assert_eq!(first.len(), 2 * DUMMY_TOKENS_PER_WINDOW);
    assert_eq!(tokens(&whisper, &tone(31.0), &options), first);
    assert_eq!(tokens(&dummy("whisper-tiny.en", 3), &tone(31.0), &options), first, "loaded again");
    assert_ne!(tokens(&dummy("whisper-tiny.en", 4), &tone(31.0), &options), first, "another seed");
}

#[test]
fn every_way_of_decoding_is_deterministic() {
    let whisper = dummy("whisper-tiny", 0);
    for options in [
        TranscribeOptions::default(),
        TranscribeOptions { num_beams: 3, timestamps: Timestamps::Off, ..TranscribeOptions::default() },
        TranscribeOptions {
            temperature_fallback: TemperatureFallback::On,
            seed: 5,
            ..TranscribeOptions::default()
        },
    ] {
        let first = tokens(&whisper, &tone(2.0), &options);
        assert_eq!(tokens(&whisper, &tone(2.0), &options), first, "{options:?}");
    }
}

#[test]
fn nothing_to_hear_is_nothing_said() {
    let found =
        dummy("whisper-tiny.en", 0).transcribe(&[], &TranscribeOptions::default(), &mut |_| ()).unwrap();
    assert_eq!(found, reelbench_asr::Transcription::default());
}

#[test]
fn a_single_sample_is_a_window() {
    let whisper = dummy("whisper-tiny.en", 0);
    let options = TranscribeOptions { timestamps: Timestamps::Off, ..TranscribeOptions::default() };
    let found = whisper.transcribe(&[0.5], &options, &mut |_| ()).unwrap();
    assert_eq!(found.tokens.len(), DUMMY_TOKENS_PER_WINDOW);
    assert!(found.segments.iter().all(|segment| segment.end <= 0.01 + 1e-9));
}

#[test]
fn a_sample_that_is_no_number_is_placed() {
    let whisper = dummy("whisper-tiny.en", 0);
    for value in [f32::NAN, f32::INFINITY] {
        let mut samples = tone(1.0);
        samples[8_000] = value;
        let error = whisper.transcribe(&samples, &TranscribeOptions::default(), &mut |_| ()).unwrap_err();
        assert!(matches!(error, AsrError::Sample { index: 8_000, .. }), "{error}");
        let failure = Failure::from(error);
        assert_eq!((failure.kind, failure.stage), (FailureKind::Input, Some(Stage::Asr)));
        assert!(failure.message.contains("0.500 s"), "{failure}");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let whisper = dummy("whisper-tiny.en", 0);
    for num_beams in [0, reelbench_asr::MAX_NUM_BEAMS + 1] {
        let options = TranscribeOptions { num_beams, ..TranscribeOptions::default() };
        let error = whisper.transcribe(&tone(1.0), &options, &mut |_| ()).unwrap_err();
        assert!(matches!(error, AsrError::NumBeams { .. }), "{error}");
    }
    let options = TranscribeOptions { language: Some("de".to_owned()), ..TranscribeOptions::default() };
    let error = whisper.transcribe(&tone(1.0), &options, &mut |_| ()).unwrap_err();
    assert!(matches!(error, AsrError::Language { .. }), "{error}");
}
