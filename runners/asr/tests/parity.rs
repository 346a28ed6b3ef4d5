//! Against transformers 4.46.3: features from a fixture, transcripts with the published weights.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use reelbench_asr::mel::MelSpectrogram;
use reelbench_asr::{TemperatureFallback, Timestamps, TranscribeOptions, Transcription, Whisper};
use reelbench_protocol::Quantization;
use reelbench_testkit::shared;
use serde_json::Value;
use support::{media, tiny_en};

/// Frames that the reference keeps: every 37th.
const KEPT: usize = 37;

#[test]
fn features_of_jfk_agree_with_the_reference() {
    let references =
        candle_core::safetensors::load(fixture("jfk/reference.safetensors"), &Device::Cpu).unwrap();
    let reference: Vec<Vec<f32>> = references["mel_every_37_frames"].to_vec2().unwrap();
    let mel = MelSpectrogram::new(80).compute(&jfk());
    assert_mel(&mel, &reference);
}

#[test]
fn features_of_long_audio_agree_with_the_reference() {
    let (Some(samples), Some(references)) =
        (media("two_cities.wav"), shared("parity/whisper/two_cities.safetensors"))
    else {
        return;
    };
    let references = candle_core::safetensors::load(references, &Device::Cpu).unwrap();
    let mel = MelSpectrogram::new(80).compute(&samples);
    assert_mel(&mel, &references["mel_every_37_frames"].to_vec2().unwrap());
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn jfk() -> Vec<f32> {
    reelbench_media::decode_audio(&fixture("jfk/audio.wav")).unwrap().samples
}

fn assert_mel(mel: &reelbench_asr::mel::LogMel, reference: &[Vec<f32>]) {
    assert_eq!(reference.len(), mel.mels());
    assert_eq!(reference[0].len(), mel.frames().div_ceil(KEPT));
    let mut largest = 0.0_f32;
    for (filter, values) in reference.iter().enumerate() {
        for (kept, value) in values.iter().enumerate() {
            largest = largest.max((mel.values()[kept * KEPT * mel.mels() + filter] - value).abs());
        }
    }
    assert!(largest < 1e-4, "features differ by up to {largest}");
}

#[test]
fn jfk_is_transcribed_as_by_the_reference() {
    let Some(whisper) = tiny_en(Quantization::None) else { return };
    let samples = jfk();
    let mut reference = read(&fixture("jfk/reference.json"));
    // The reference counts the start of transcript as the first token, and derives the start from it.
    let first = &mut reference["segments_with_timestamps"][0];
    first["tokens"].as_array_mut().unwrap().remove(0);
    first["start"] = 0.0.into();
    assert_segments(&transcribe(&whisper, &samples, Timestamps::On, 1), &reference);
}

#[test]
fn jfk_without_timestamps_is_transcribed_as_by_the_reference() {
    let Some(whisper) = tiny_en(Quantization::None) else { return };
    let samples = jfk();
    let reference = read(&fixture("jfk/reference.json"));
    for (num_beams, key) in [(1, "tokens_without_timestamps"), (5, "tokens_without_timestamps_beam5")] {
        let found = transcribe(&whisper, &samples, Timestamps::Off, num_beams);
        // The prompt: start of transcript and no timestamps.
        assert_eq!(found.tokens, tokens(&reference[key])[2..], "{num_beams} beams");
        assert_eq!(found.segments.len(), 1);
        assert!((found.segments[0].end - 11.0).abs() < 1e-9);
    }
}

#[test]
fn long_speech_is_transcribed_as_by_the_reference() {
    assert_kit("two_cities", "two_cities.wav");
}

/// Music and a few words: the first window repeats itself, which any difference in the sound's
/// level or alignment changes.
#[test]
fn a_film_is_transcribed_as_by_the_reference() {
    assert_kit("sintel_trailer", "sintel_trailer-720p.mp4");
}

fn assert_kit(name: &str, file: &str) {
    let (Some(whisper), Some(samples), Some(reference)) =
        (tiny_en(Quantization::None), media(file), shared(&format!("parity/whisper/{name}.json")))
    else {
        return;
    };
    assert_segments(&transcribe(&whisper, &samples, Timestamps::On, 1), &read(&reference));
}

#[test]
fn encoded_jfk_agrees_with_the_reference() {
    let Some(whisper) = tiny_en(Quantization::None) else { return };
    let references =
        candle_core::safetensors::load(fixture("jfk/reference.safetensors"), &Device::Cpu).unwrap();
    let reference = &references["encoder_first_30s_every_50_frames"];
    let mel = MelSpectrogram::new(80).compute(&jfk());
    let encoded = whisper.encode(&mel, 0).unwrap();
    let every_50th: Vec<u32> = (0..1500).step_by(50).collect();
    let found = encoded.index_select(&Tensor::new(every_50th, &Device::Cpu).unwrap(), 0).unwrap();
    let largest = |tensor: &Tensor| tensor.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    let error = largest(&(found - reference).unwrap()) / largest(reference);
    // Measured: 2.1e-6.
    assert!(error < 2e-5, "encoded vectors differ by {error} of the largest");
}

fn transcribe(whisper: &Whisper, samples: &[f32], timestamps: Timestamps, num_beams: u32) -> Transcription {
    let options = TranscribeOptions { timestamps, num_beams, ..TranscribeOptions::default() };
    let mut shares = Vec::new();
    let found = whisper.transcribe(samples, &options, &mut |share| shares.push(share)).unwrap();
    assert!(shares.is_sorted() && shares.last().is_some_and(|&share| share >= 1.0), "progress {shares:?}");
    found
}

/// Scenes of films, and pieces of speech, all of different lengths: together they say what they say
/// alone, one after another or as many as come, with the vocabulary's text and the real timestamps.
#[test]
fn sounds_transcribed_together_say_what_they_say_alone() {
    let (Some(whisper), Some(film), Some(speech)) =
        (tiny_en(Quantization::None), media("sintel_trailer-720p.mp4"), media("two_cities.wav"))
    else {
        return;
    };
    let jfk = jfk();
    let mut sounds: Vec<&[f32]> = film.chunks(250_000).chain(speech.chunks(150_000)).collect();
    sounds.extend([jfk.as_slice(), &speech[..600_000], &[], &jfk[..160]]);
    let fallback = TemperatureFallback::On;
    for options in [
        TranscribeOptions::default(),
        TranscribeOptions { temperature_fallback: fallback, ..TranscribeOptions::default() },
    ] {
        let alone: Vec<Transcription> = sounds
            .iter()
            .map(|samples| whisper.transcribe(samples, &options, &mut |_| ()).unwrap())
            .collect();
        assert!(alone.iter().filter(|transcription| !transcription.tokens.is_empty()).count() > 8);
        for batch in [3, 64] {
            let together = whisper.transcribe_many(&sounds, &options, batch, &mut |_| ());
            let together: Vec<Transcription> = together.into_iter().map(Result::unwrap).collect();
            assert_eq!(together, alone, "{batch} at once, {:?}", options.temperature_fallback);
        }
    }
}

/// Music makes the greedy text repeat itself; the fallback is there to stop that.
#[test]
fn music_does_not_come_out_as_one_sentence_over_and_over() {
    let (Some(whisper), Some(samples)) = (tiny_en(Quantization::None), media("sintel_trailer-720p.mp4"))
    else {
        return;
    };
    let options =
        TranscribeOptions { temperature_fallback: TemperatureFallback::On, ..TranscribeOptions::default() };
    let found = whisper.transcribe(&samples, &options, &mut |_| ()).unwrap();
    let mut counts = BTreeMap::<String, usize>::new();
    for sentence in found.text.split(['.', '!', '?']).map(str::trim).filter(|sentence| !sentence.is_empty()) {
        *counts.entry(sentence.to_lowercase()).or_default() += 1;
    }
    let most = counts.iter().max_by_key(|(_, count)| **count).unwrap();
    assert!(*most.1 <= 4, "{most:?} in {}", found.text);
    assert!(found.text.contains("as long as I can remember"), "what is said is still heard: {}", found.text);
}

/// Rounded weights may choose another word now and then; most must be the same.
#[test]
fn quantized_weights_hear_nearly_the_same() {
    let Some(dense) = tiny_en(Quantization::None) else { return };
    let dense = dense.weights_bytes();
    let reference = read(&fixture("jfk/reference.json"));
    let expected = reference["text"].as_str().unwrap();
    for quantization in [Quantization::Q8_0, Quantization::Q4k] {
        let whisper = tiny_en(quantization).unwrap();
        assert!(whisper.weights_bytes() < dense * 2 / 3, "{quantization:?}: {}", whisper.weights_bytes());
        let found = transcribe(&whisper, &jfk(), Timestamps::On, 1);
        let (found, expected): (Vec<_>, Vec<_>) =
            (found.text.split_whitespace().collect(), expected.split_whitespace().collect());
        let same = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
        assert!(same + 1 >= expected.len().max(found.len()), "{quantization:?}: {found:?}");
    }
}

fn assert_segments(found: &Transcription, reference: &Value) {
    let expected = reference["segments_with_timestamps"].as_array().unwrap();
    assert_eq!(found.segments.len(), expected.len(), "{:#?}", found.segments);
    for (found, expected) in found.segments.iter().zip(expected) {
        assert_eq!(found.tokens, tokens(&expected["tokens"]));
        assert_eq!(found.text, expected["text"].as_str().unwrap());
        // The reference computes times in 32-bit floats.
        assert!((found.start - expected["start"].as_f64().unwrap()).abs() < 1e-5, "{found:?}");
        assert!((found.end - expected["end"].as_f64().unwrap()).abs() < 1e-5, "{found:?}");
    }
    assert_eq!(found.text, reference["text"].as_str().unwrap());
    let all: Vec<u32> = found.segments.iter().flat_map(|segment| segment.tokens.clone()).collect();
    assert_eq!(found.tokens, all);
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|token| token.as_u64().unwrap() as u32).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
