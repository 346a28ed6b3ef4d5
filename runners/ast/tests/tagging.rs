//! Windows, batches and quantization, with random weights: no network and no model needed.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod support;

use candle_core::Device;
use reelbench_ast::{AstError, MAX_BATCH, SoundTagger, WindowScores, ast_support};
use reelbench_protocol::{Failure, FailureKind, Quantization, Stage, Weights};
use support::mini;

const RATE: usize = 16_000;
const WINDOW: usize = 163_840;

fn tiny(quantization: Quantization) -> SoundTagger {
    let weights = Weights::Dummy { preset: "ast-tiny".to_owned(), seed: 3 };
    SoundTagger::load(&weights, quantization, &Device::Cpu).unwrap()
}

/// A tone that rises, so that every window sounds different.
fn siren(samples: usize) -> Vec<f32> {
    (0..samples).map(|n| (n as f32 * (0.02 + n as f32 * 1e-7)).sin() * 0.3).collect()
}

fn times(windows: &[WindowScores]) -> Vec<(f64, f64)> {
    windows.iter().map(|window| (window.start_s, window.end_s)).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

#[test]
fn windows_tile_a_stretch_and_a_rest_shorter_than_a_frame_has_none() {
    let tagger = mini();
    assert_eq!(tagger.window_samples(), WINDOW);
    let sound = siren(2 * WINDOW + 400);
    let heard = |samples: usize| times(&tagger.tag(&sound[..samples], 2, &mut |_| ()).unwrap());
    assert_eq!(heard(0), []);
    assert_eq!(heard(399), []);
    assert_eq!(heard(400), [(0.0, 0.025)]);
    assert_eq!(heard(WINDOW), [(0.0, 10.24)]);
    assert_eq!(heard(WINDOW + 399), [(0.0, 10.24)]);
    assert_eq!(heard(WINDOW + RATE), [(0.0, 10.24), (10.24, 11.24)]);
    assert_eq!(heard(2 * WINDOW + 400), [(0.0, 10.24), (10.24, 20.48), (20.48, 20.505)]);
}

#[test]
fn a_window_is_heard_for_itself() {
    let tagger = mini();
    let sound = siren(WINDOW + 3 * RATE);
    let windows = tagger.tag(&sound, 1, &mut |_| ()).unwrap();
    assert_eq!(windows[0].scores, tagger.clip_scores(&sound[..WINDOW]).unwrap());
    assert_eq!(windows[1].scores, tagger.clip_scores(&sound[WINDOW..]).unwrap());
    assert_ne!(windows[0].scores, windows[1].scores);
    // A clip has two frames more than a window of a stretch, the last it has room for.
    let reach = 1023 * 160 + 400;
    assert_eq!(tagger.clip_scores(&sound).unwrap(), tagger.clip_scores(&sound[..reach]).unwrap());
}

#[test]
fn windows_in_batches_are_heard_as_one_by_one_to_the_bit() {
    for quantization in [Quantization::None, Quantization::Q8_0, Quantization::Q4k] {
        let tagger = tiny(quantization);
        let sound = siren(4 * WINDOW + RATE);
        let alone = tagger.tag(&sound, 1, &mut |_| ()).unwrap();
        for batch in [2, 5, MAX_BATCH] {
            let together = tagger.tag(&sound, batch, &mut |_| ()).unwrap();
            assert_eq!(together, alone, "{quantization}, batch of {batch}");
        }
    }
}

#[test]
fn windows_of_different_stretches_share_a_batch_and_nothing_else() {
    let tagger = mini();
    let sound = siren(3 * WINDOW);
    let stretches = [&sound[..WINDOW + 5 * RATE], &[], &sound[..100], &sound[2 * WINDOW..2 * WINDOW + RATE]];
    let mut shares = Vec::new();
    let found = tagger.tag_stretches(&stretches, 2, &mut |share| shares.push(share)).unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0, 0, 1]);
    assert_eq!(times(&found[3]), [(0.0, 1.0)]);
    assert_eq!(shares.len(), 2, "three windows are two batches");
    assert!(shares.is_sorted() && (shares[1] - 1.0).abs() < f64::EPSILON, "{shares:?}");
    for (stretch, found) in stretches.iter().zip(&found) {
        assert_eq!(found, &tagger.tag(stretch, 1, &mut |_| ()).unwrap());
    }
    assert_eq!(tagger.tag_stretches(&[], 2, &mut |_| ()).unwrap(), Vec::<Vec<WindowScores>>::new());
}

#[test]
fn quantized_weights_are_smaller_and_say_nearly_the_same() {
    let sound = siren(WINDOW);
    let exact = tiny(Quantization::None);
    let scores = exact.clip_scores(&sound).unwrap();
    for (quantization, tolerance) in [(Quantization::Q8_0, 0.02), (Quantization::Q4k, 0.2)] {
        let quantized = tiny(quantization);
        let difference = largest_difference(&scores, &quantized.clip_scores(&sound).unwrap());
        assert!(difference > 0.0, "{quantization} is in force");
        assert!(difference < tolerance, "{quantization}: {difference}");
        assert!(quantized.weights_bytes() < exact.weights_bytes() / 2, "{}", quantized.weights_bytes());
    }
}

/// The file's tensors are 32-bit floats, 513,456 bytes of them; the positions of the two gathering tokens are added to
/// these when loading. Linear layers are laid out 64 rows at a time, which 48 outputs do not fill.
#[test]
fn weights_take_the_memory_that_is_told() {
    let tensors = 513_456 - 2 * 48 * 4;
    let told = mini().weights_bytes();
    assert!((tensors..tensors * 64 / 48).contains(&told), "{told}");
}

#[test]
fn the_likeliest_labels_come_first() {
    let tagger = mini();
    let scores = [0.1, 0.9, 0.5, 0.9, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3];
    let best = tagger.best(&scores, 4);
    let best: Vec<_> = best.iter().map(|tag| (tag.index, tag.label.as_str())).collect();
    assert_eq!(best, [(1, "label 1"), (3, "label 3"), (2, "label 2"), (11, "label 11")]);
    assert_eq!(tagger.best(&scores, 100).len(), 12);
}

#[test]
fn a_dummy_has_the_labels_of_audioset_and_the_same_scores_each_time() {
    let tagger = tiny(Quantization::None);
    assert_eq!(tagger.labels().len(), 527);
    assert_eq!(tagger.labels()[0], "Speech");
    let silence = vec![0.0; RATE];
    let scores = tagger.clip_scores(&silence).unwrap();
    assert_eq!(scores, tiny(Quantization::None).clip_scores(&silence).unwrap());
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
}

#[test]
fn sound_that_is_none_is_placed() {
    let tagger = mini();
    for value in [f32::NAN, f32::INFINITY] {
        let mut samples = siren(RATE);
        samples[8_000] = value;
        for error in
            [tagger.clip_scores(&samples).unwrap_err(), tagger.tag(&samples, 1, &mut |_| ()).unwrap_err()]
        {
            assert!(matches!(error, AstError::Sample { index: 8_000, .. }), "{error}");
            let failure = Failure::from(error);
            assert_eq!((failure.kind, failure.stage), (FailureKind::Input, Some(Stage::Ast)));
            assert!(failure.message.contains("0.500 s"), "{failure}");
        }
    }
    let error = tagger.clip_scores(&siren(399)).unwrap_err();
    assert!(error.to_string().contains("399 samples") && error.to_string().contains("400"), "{error}");
    assert_eq!(Failure::from(error).kind, FailureKind::Input);
}

#[test]
fn loud_sound_has_scores() {
    let tagger = mini();
    for peak in [1e-30, 1e4, 1e18] {
        let sound: Vec<f32> = siren(RATE).iter().map(|sample| sample * peak).collect();
        let scores = tagger.clip_scores(&sound).unwrap();
        assert!(scores.iter().all(|score| score.is_finite()), "{peak}: {scores:?}");
    }
}

#[test]
fn a_batch_out_of_range_is_refused() {
    for batch in [0, MAX_BATCH + 1] {
        let error = mini().tag(&[], batch, &mut |_| ()).unwrap_err();
        assert!(matches!(error, AstError::Batch { .. }), "{error}");
        assert_eq!(Failure::from(error).kind, FailureKind::Unsupported);
    }
}

#[test]
fn everything_offered_can_be_loaded() {
    let support = ast_support();
    assert_eq!(support.max_batch as usize, MAX_BATCH);
    assert!(support.presets.contains(&"ast-base".to_owned()));
    for quantization in support.quantization {
        tiny(quantization);
    }
}
