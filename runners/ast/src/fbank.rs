//! The log-mel features that the Audio Spectrogram Transformer sees.
//!
//! Source of the algorithm: `ASTFeatureExtractor` of transformers 4.46.3 (`feature_extraction_audio_spectrogram_transformer.py`,
//! `audio_utils.py`), whose features are those of Kaldi's `compute-fbank-feats` with a Hann window and no dither. It
//! computes in 64-bit floats; the logarithm makes the rounding of 32-bit ones visible in quiet bands.

use std::f64::consts::TAU;
use std::sync::Arc;

use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::config::{FeatureConfig, SAMPLE_RATE};

/// Samples of a frame: 25 ms.
pub const FRAME: usize = 400;
/// Samples from one frame to the next: 10 ms.
pub const HOP: usize = 160;

/// The frame's length, filled up with zeros to a power of two.
const FFT: usize = 512;
/// Bins below half of the sampling rate; kaldi has no filter at it.
const BINS: usize = FFT / 2;
const LOWEST_HERTZ: f64 = 20.0;
const HIGHEST_HERTZ: f64 = SAMPLE_RATE as f64 / 2.0;
/// How much of the sample before is taken away from each sample.
const PREEMPHASIS: f64 = 0.97;
/// What no energy is below before its logarithm is taken.
const FLOOR: f64 = 1.192_092_955_078_125e-7;
/// Frames that one task transforms at least.
const FRAMES_PER_TASK: usize = 64;

/// Computes the features of windows.
pub struct Fbank {
    config: FeatureConfig,
    filters: Vec<Filter>,
    hann: Vec<f64>,
    fft: Arc<dyn RealToComplex<f64>>,
}

impl std::fmt::Debug for Fbank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fbank").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A triangular filter: the bins from `first` on that it lets through, and how much of each.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    first: usize,
    weights: Vec<f64>,
}

/// What one worker needs to transform a frame.
struct Scratch {
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    fft: Vec<Complex<f64>>,
}

impl Fbank {
    /// Features as `config` says.
    pub fn new(config: FeatureConfig) -> Self {
        // Symmetric: the last value is 0 like the first.
        let hann = (0..FRAME).map(|n| 0.5 - 0.5 * (TAU * n as f64 / (FRAME - 1) as f64).cos()).collect();
        let filters = kaldi_filters(config.num_mel_bins);
        Self { config, filters, hann, fft: RealFftPlanner::new().plan_fft_forward(FFT) }
    }

    /// Frames of a window.
    pub fn frames(&self) -> usize {
        self.config.max_length
    }

    /// Values of a frame, one for each mel filter.
    pub fn mels(&self) -> usize {
        self.config.num_mel_bins
    }

    /// Samples of the stretch of sound that a window stands for, 10 ms to a frame. The features of these have fewer
    /// frames than a window, because the last frames would reach past the end.
    pub fn window_samples(&self) -> usize {
        self.frames() * HOP
    }

    /// The features of one window `[frames, mels]` from mono `samples` at 16 kHz, each in about [-1, 1].
    ///
    /// Every whole frame counts; those beyond the window are left out, and a window that is not filled ends in frames
    /// of zeros. That happens before normalizing, as in the reference.
    pub fn compute(&self, samples: &[f32]) -> Vec<f32> {
        let mut features = vec![0.0; self.frames() * self.mels()];
        let starts = frame_count(samples.len());
        let rows = features.par_chunks_mut(self.mels()).take(starts).enumerate();
        rows.with_min_len(FRAMES_PER_TASK).for_each_init(
            || self.scratch(),
            |scratch, (frame, out)| self.frame(&samples[frame * HOP..frame * HOP + FRAME], scratch, out),
        );
        if self.config.do_normalize {
            let (mean, factor) = (self.config.mean, (2.0 * self.config.std).recip());
            for value in &mut features {
                *value = (*value - mean) * factor;
            }
        }
        features
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// The logarithms of the mel energies of one frame of 400 samples.
    fn frame(&self, samples: &[f32], scratch: &mut Scratch, out: &mut [f32]) {
        let (windowed, padding) = scratch.frame.split_at_mut(FRAME);
        // The transform used it as its own scratch space.
        padding.fill(0.0);
        let mean = samples.iter().copied().map(f64::from).sum::<f64>() / FRAME as f64;
        let mut before = f64::from(samples[0]) - mean;
        for ((windowed, sample), hann) in windowed.iter_mut().zip(samples).zip(&self.hann) {
            let sample = f64::from(*sample) - mean;
            *windowed = (sample - PREEMPHASIS * before) * hann;
            before = sample;
        }
        let transformed =
            self.fft.process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.fft);
        debug_assert!(transformed.is_ok(), "the buffers come from the plan");
        for (value, filter) in out.iter_mut().zip(&self.filters) {
            let bins = scratch.spectrum[filter.first..].iter();
            let energy: f64 =
                filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
            *value = energy.max(FLOOR).ln() as f32;
        }
    }
}

/// Whole frames in so many samples.
pub(crate) fn frame_count(samples: usize) -> usize {
    if samples < FRAME { 0 } else { (samples - FRAME) / HOP + 1 }
}

/// Triangles of height 1 whose corners are equally spaced, and whose sides are straight, on kaldi's mel scale.
fn kaldi_filters(mels: usize) -> Vec<Filter> {
    let (lowest, highest) = (mel(LOWEST_HERTZ), mel(HIGHEST_HERTZ));
    let step = (highest - lowest) / (mels + 1) as f64;
    let bin_hertz = SAMPLE_RATE as f64 / FFT as f64;
    (0..mels)
        .map(|index| {
            let left = lowest + index as f64 * step;
            let weight = |bin: usize| {
                let from_left = (mel(bin as f64 * bin_hertz) - left) / step;
                from_left.min(2.0 - from_left).max(0.0)
            };
            let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(BINS);
            let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0).collect();
            Filter { first, weights }
        })
        .collect()
}

/// Kaldi's mel scale (HTK's, with the natural logarithm).
fn mel(hertz: f64) -> f64 {
    1127.0 * (hertz / 700.0).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    fn fbank(do_normalize: bool) -> Fbank {
        Fbank::new(FeatureConfig { do_normalize, ..Preset::find("ast-base").unwrap().feature_config() })
    }

    #[test]
    fn filters_overlap_to_one_between_the_first_and_the_last_corner() {
        let filters = kaldi_filters(128);
        let mut sums = [0.0_f64; BINS];
        for filter in &filters {
            for (offset, weight) in filter.weights.iter().enumerate() {
                sums[filter.first + offset] += weight;
            }
        }
        // 31.25 Hz per bin: the first filter's peak is at 34 Hz, the last one's at 7.8 kHz.
        for (bin, sum) in sums.iter().enumerate().take(248).skip(2) {
            assert!((sum - 1.0).abs() < 1e-9, "bin {bin}: {sum}");
        }
        assert!(sums[0].abs() < f64::EPSILON, "20 Hz and more");
    }

    #[test]
    fn a_tone_is_loudest_in_the_filter_around_it() {
        let tone: Vec<f32> =
            (0..32_000).map(|n| (TAU * 1000.0 * f64::from(n) / 16_000.0).sin() as f32).collect();
        let features = fbank(false).compute(&tone);
        let frame = &features[50 * 128..51 * 128];
        let loudest = (0..128).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
        let step = (mel(HIGHEST_HERTZ) - mel(LOWEST_HERTZ)) / 129.0;
        let centre = mel(LOWEST_HERTZ) + (loudest + 1) as f64 * step;
        assert!((centre - mel(1000.0)).abs() <= step, "filter {loudest}");
    }

    #[test]
    fn silence_is_at_the_floor_and_padding_at_zero_before_normalizing() {
        let second = vec![0.25; SAMPLE_RATE];
        let frames = frame_count(second.len());
        assert_eq!(frames, 98);
        let raw = fbank(false).compute(&second);
        assert_eq!(raw.len(), 1024 * 128);
        assert!(raw[..frames * 128].iter().all(|&value| value.to_bits() == (FLOOR.ln() as f32).to_bits()));
        assert!(raw[frames * 128..].iter().all(|&value| value.to_bits() == 0));
        let normalized = fbank(true).compute(&second);
        let padding = 4.267_739_3 / (2.0 * 4.568_997_4);
        assert!(normalized[frames * 128..].iter().all(|value| (value - padding).abs() < 1e-6));
    }

    #[test]
    fn what_is_beyond_the_window_is_left_out() {
        let samples: Vec<f32> = (0..200_000).map(|n| (n as f32 * 0.01).sin()).collect();
        let fbank = fbank(true);
        let last = 1023 * HOP + FRAME;
        assert_eq!(fbank.compute(&samples), fbank.compute(&samples[..last]));
        assert_ne!(fbank.compute(&samples), fbank.compute(&samples[..last - 1]), "the last frame is seen");
        assert_eq!(frame_count(fbank.window_samples()), 1022);
        assert_eq!((frame_count(FRAME - 1), frame_count(FRAME)), (0, 1));
    }
}
