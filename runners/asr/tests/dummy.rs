//! Random weights, and audio that is not speech: no network and no model needed.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use candle_core::Device;
use reelbench_asr::presets::DUMMY_TOKENS_PER_WINDOW;
use reelbench_asr::{AsrError, TemperatureFallback, Timestamps, TranscribeOptions, Whisper};
use reelbench_protocol::{Failure, FailureKind, Quantization, Segment, Stage, Weights};

fn dummy(preset: &str, seed: u64) -> Whisper {
    let weights = Weights::Dummy { preset: preset.to_owned(), seed };
    Whisper::load(&weights, Quantization::None, &Device::Cpu).unwrap()
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
    for value in [f32::NAN, f32::INFINITY, -1e30] {
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

#[test]
fn sounds_together_are_written_as_they_are_alone() {
    let long = tone(31.0);
    let noise: Vec<f32> =
        (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0).collect();
    let sounds: [&[f32]; 4] = [&long, &noise, &[], &noise[..160]];
    let fallback = TemperatureFallback::On;
    for (preset, quantization, options) in [
        ("whisper-tiny", Quantization::None, TranscribeOptions::default()),
        ("whisper-tiny.en", Quantization::Q8_0, TranscribeOptions::default()),
        ("whisper-tiny.en", Quantization::None, TranscribeOptions { num_beams: 2, ..Default::default() }),
        (
            "whisper-tiny.en",
            Quantization::None,
            TranscribeOptions { temperature_fallback: fallback, ..Default::default() },
        ),
    ] {
        let weights = Weights::Dummy { preset: preset.to_owned(), seed: 1 };
        let whisper = Whisper::load(&weights, quantization, &Device::Cpu).unwrap();
        let alone: Vec<_> = sounds.iter().map(|samples| tokens(&whisper, samples, &options)).collect();
        let mut shares = Vec::new();
        let found = whisper.transcribe_many(&sounds, &options, 3, &mut |share| shares.push(share));
        let found: Vec<_> = found.into_iter().map(|found| found.unwrap().tokens).collect();
        assert_eq!(found, alone, "{preset} {quantization:?} {options:?}");
        assert!(shares.is_sorted() && shares.last().is_some_and(|&share| share >= 1.0));
    }
}

#[test]
fn a_sound_that_fails_leaves_the_others_alone() {
    let whisper = dummy("whisper-tiny.en", 0);
    let (good, mut bad) = (tone(1.0), tone(2.0));
    bad[100] = f32::NAN;
    let options = TranscribeOptions::default();
    let found = whisper.transcribe_many(&[&good, &bad, &good], &options, 2, &mut |_| ());
    assert!(matches!(found[1], Err(AsrError::Sample { index: 100, .. })), "{found:?}");
    let alone = whisper.transcribe(&good, &options, &mut |_| ()).unwrap();
    for index in [0, 2] {
        assert_eq!(*found[index].as_ref().unwrap(), alone);
    }
    assert!(whisper.transcribe_many(&[], &options, 4, &mut |_| ()).is_empty());
}

#[test]
fn silence_noise_and_a_hundredth_of_a_second_are_sounds() {
    let whisper = dummy("whisper-tiny.en", 0);
    let clipped: Vec<f32> =
        (0..32_000u32).map(|n| if n.wrapping_mul(2_654_435_761) >> 31 == 0 { 1.0 } else { -1.0 }).collect();
    for samples in [vec![0.0; 16_000], clipped, tone(0.01), vec![32_768.0; 4_000], vec![f32::MIN_POSITIVE; 9]]
    {
        let found = whisper.transcribe(&samples, &TranscribeOptions::default(), &mut |_| ()).unwrap();
        // Random weights predict any time of the window.
        let in_order =
            |segment: &Segment| 0.0 <= segment.start && segment.start <= segment.end && segment.end <= 30.0;
        assert!(found.segments.iter().all(in_order), "{found:?}");
        assert!(!found.tokens.is_empty());
    }
}

#[test]
fn a_multilingual_model_without_a_language_chooses_the_likeliest() {
    let whisper = dummy("whisper-tiny", 2);
    let samples = tone(3.0);
    let mel = reelbench_asr::mel::MelSpectrogram::new(80).compute(&samples);
    let heard = whisper.hear(&whisper.encode(&mel, 0).unwrap()).unwrap();
    let likeliest = whisper.language(&heard).unwrap().unwrap();
    let written = |language: Option<&str>| {
        let options =
            TranscribeOptions { language: language.map(str::to_owned), ..TranscribeOptions::default() };
        tokens(&whisper, &samples, &options)
    };
    assert_eq!(written(None), written(Some(&likeliest)));
    let others = ["en", "de", "zh", "su"].into_iter().filter(|code| *code != likeliest);
    assert!(others.into_iter().any(|code| written(Some(code)) != written(None)), "the language counts");
    assert_eq!(dummy("whisper-tiny.en", 2).language(&heard).unwrap(), None, "English has no choice");
}

#[test]
fn quantized_weights_are_stored_as_asked_as_far_as_their_shapes_allow() {
    let bytes = |preset: &str, quantization| {
        let weights = Weights::Dummy { preset: preset.to_owned(), seed: 0 };
        Whisper::load(&weights, quantization, &Device::Cpu).unwrap().weights_bytes()
    };
    // The decoder's exact halves and the encoder's floats against 8.5 and 4.6 bits.
    let [dense, q8_0, q4k] = [Quantization::None, Quantization::Q8_0, Quantization::Q4k]
        .map(|quantization| bytes("whisper-base.en", quantization));
    assert!(q8_0 < dense / 2 && q4k < q8_0 * 2 / 3, "{dense} {q8_0} {q4k}");
    let weights = Weights::Dummy { preset: "whisper-tiny.en".to_owned(), seed: 0 };
    let failure = Failure::from(Whisper::load(&weights, Quantization::Nf4, &Device::Cpu).unwrap_err());
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains("q8_0"), "{failure}");
}
