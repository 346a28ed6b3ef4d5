//! The log-mel spectrogram that Whisper hears.
//!
//! Source of the algorithm: `WhisperFeatureExtractor` of transformers 4.46.3
//! (`feature_extraction_whisper.py`, `audio_utils.py`) and the Slaney mel scale of Auditory Toolbox.

use std::f64::consts::TAU;
use std::sync::Arc;

use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Samples per second of all audio given to Whisper.
pub const SAMPLE_RATE: usize = 16_000;
/// Samples between two frames: 10 ms.
pub const HOP: usize = 160;
/// Frames of one window: 30 s.
pub const WINDOW_FRAMES: usize = 3_000;
/// Samples of one window.
pub const WINDOW_SAMPLES: usize = WINDOW_FRAMES * HOP;

const FFT: usize = 400;
const BINS: usize = FFT / 2 + 1;
const CENTRE: usize = FFT / 2;
/// Samples that reflection at both ends needs.
const SHORTEST: usize = CENTRE + 1;

/// A log-mel spectrogram: `frames` rows of `mels` values, one row per 10 ms.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMel {
    mels: usize,
    values: Vec<f32>,
}

impl LogMel {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.values.len() / self.mels
    }

    /// Values per frame.
    pub fn mels(&self) -> usize {
        self.mels
    }

    /// All values, frame after frame.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The 30 s that start at frame `start`, as `[3000, mels]`; what lies past the end is 0, which
    /// is how the reference fills the last window of long audio.
    pub fn window(&self, start: usize) -> Vec<f32> {
        let from = (start * self.mels).min(self.values.len());
        let until = ((start + WINDOW_FRAMES) * self.mels).min(self.values.len());
        let mut window = Vec::with_capacity(WINDOW_FRAMES * self.mels);
        window.extend_from_slice(&self.values[from..until]);
        window.resize(WINDOW_FRAMES * self.mels, 0.0);
        window
    }
}

/// Computes log-mel spectrograms with a fixed number of mel filters.
pub struct MelSpectrogram {
    filters: Vec<Filter>,
    hann: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl std::fmt::Debug for MelSpectrogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MelSpectrogram").field("mels", &self.filters.len()).finish_non_exhaustive()
    }
}

/// A triangular filter: the bins from `first` on that it lets through, and how much of each.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

/// What one worker needs to transform a frame.
struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
}

impl MelSpectrogram {
    /// A spectrogram of `mels` filters: 80, or 128 from large-v3 on.
    pub fn new(mels: usize) -> Self {
        let hann = (0..FFT).map(|n| (0.5 - 0.5 * (TAU * n as f64 / FFT as f64).cos()) as f32).collect();
        Self { filters: slaney_filters(mels), hann, fft: RealFftPlanner::new().plan_fft_forward(FFT) }
    }

    /// The spectrogram of mono `samples` at 16 kHz, each in about [-1, 1].
    ///
    /// Audio of up to 30 s is padded with silence to 30 s and gives 3000 frames; longer audio gives
    /// a frame for every whole 10 ms. The dynamic range is 8 decades below the loudest value of the
    /// whole input, not of a window.
    pub fn compute(&self, samples: &[f32]) -> LogMel {
        let padded = reflect(samples);
        let mels = self.filters.len();
        // The reference drops the last centred frame.
        let frames = (padded.len() - FFT) / HOP;
        let mut values = vec![0.0; frames * mels];
        values.par_chunks_mut(mels).enumerate().with_min_len(64).for_each_init(
            || self.scratch(),
            |scratch, (frame, out)| self.frame(&padded[frame * HOP..frame * HOP + FFT], scratch, out),
        );
        let floor = values.par_iter().copied().reduce(|| f32::NEG_INFINITY, f32::max) - 8.0;
        values.par_iter_mut().with_min_len(4096).for_each(|value| *value = (value.max(floor) + 4.0) / 4.0);
        LogMel { mels, values }
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// log10 of the mel energies of one frame of 400 samples.
    fn frame(&self, samples: &[f32], scratch: &mut Scratch, out: &mut [f32]) {
        for ((windowed, sample), hann) in scratch.frame.iter_mut().zip(samples).zip(&self.hann) {
            *windowed = sample * hann;
        }
        let transformed =
            self.fft.process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.fft);
        debug_assert!(transformed.is_ok(), "the buffers come from the plan");
        for (value, filter) in out.iter_mut().zip(&self.filters) {
            let bins = scratch.spectrum[filter.first..].iter();
            let energy: f32 =
                filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
            *value = energy.max(1e-10).log10();
        }
    }
}

/// `samples`, padded with silence to at least 30 s, with 200 samples reflected at either end.
fn reflect(samples: &[f32]) -> Vec<f32> {
    let length = samples.len().max(WINDOW_SAMPLES);
    debug_assert!(length >= SHORTEST);
    let mut padded = vec![0.0; length + 2 * CENTRE];
    padded[CENTRE..CENTRE + samples.len()].copy_from_slice(samples);
    for i in 1..=CENTRE {
        padded[CENTRE - i] = padded[CENTRE + i];
        padded[CENTRE + length - 1 + i] = padded[CENTRE + length - 1 - i];
    }
    padded
}

/// Triangles of equal area whose corners are equally spaced on the Slaney scale, 0 Hz to 8 kHz.
fn slaney_filters(mels: usize) -> Vec<Filter> {
    let top = hertz_to_mel(SAMPLE_RATE as f64 / 2.0);
    let corner = |i: usize| mel_to_hertz(top * i as f64 / (mels + 1) as f64);
    let bin_hertz = SAMPLE_RATE as f64 / FFT as f64;
    (0..mels)
        .map(|mel| {
            let (low, centre, high) = (corner(mel), corner(mel + 1), corner(mel + 2));
            let weight = |bin: usize| {
                let hertz = bin as f64 * bin_hertz;
                let rising = (hertz - low) / (centre - low);
                let falling = (high - hertz) / (high - centre);
                (rising.min(falling).max(0.0) * 2.0 / (high - low)) as f32
            };
            let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(BINS);
            let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0).collect();
            Filter { first, weights }
        })
        .collect()
}

/// Linear up to 1 kHz (15 mel), logarithmic above.
fn hertz_to_mel(hertz: f64) -> f64 {
    if hertz < 1000.0 { 3.0 * hertz / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn mel_to_hertz(mel: f64) -> f64 {
    if mel < 15.0 { 200.0 * mel / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mel_scale_is_its_own_inverse_and_has_its_knee_at_1_khz() {
        for hertz in [0.0, 40.0, 999.0, 1000.0, 4321.0, 8000.0] {
            assert!((mel_to_hertz(hertz_to_mel(hertz)) - hertz).abs() < 1e-9, "{hertz}");
        }
        assert!((hertz_to_mel(1000.0) - 15.0).abs() < 1e-12);
        assert!((hertz_to_mel(6400.0) - 42.0).abs() < 1e-12);
    }

    /// The sum of a triangle of area 1 Hz over bins 40 Hz apart is about 1/40.
    #[test]
    fn every_filter_has_the_same_area() {
        for mels in [80, 128] {
            let filters = slaney_filters(mels);
            assert_eq!(filters.len(), mels);
            for filter in &filters {
                assert!(!filter.weights.is_empty(), "a filter without a bin");
                assert!(filter.first + filter.weights.len() <= BINS);
            }
            // Only wide filters cover enough bins for the sum to be close to the area.
            for filter in filters.iter().filter(|filter| filter.weights.len() > 8) {
                let area = filter.weights.iter().sum::<f32>() * 40.0;
                assert!((area - 1.0).abs() < 0.02, "area {area}");
            }
        }
    }

    #[test]
    fn silence_is_flat() {
        let mel = MelSpectrogram::new(80).compute(&vec![0.0; 16_000]);
        assert_eq!(mel.frames(), WINDOW_FRAMES);
        assert!(mel.values().iter().all(|&value| value.to_bits() == (-1.5_f32).to_bits()));
    }

    #[test]
    fn a_tone_is_loudest_in_the_filter_around_it() {
        let tone: Vec<f32> =
            (0..32_000).map(|n| (TAU * 1000.0 * f64::from(n) / 16_000.0).sin() as f32).collect();
        let mel = MelSpectrogram::new(80).compute(&tone);
        let frame = &mel.values()[50 * 80..51 * 80];
        let loudest = (0..80).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
        let centre = mel_to_hertz(hertz_to_mel(8000.0) * (loudest + 1) as f64 / 81.0);
        assert!((centre - 1000.0).abs() < 40.0, "{centre} Hz");
    }

    #[test]
    fn long_audio_has_a_frame_for_every_whole_hop_and_windows_end_in_zeros() {
        let samples: Vec<f32> = (0..WINDOW_SAMPLES + 1_000).map(|n| (n as f32 * 0.01).sin()).collect();
        let mel = MelSpectrogram::new(80).compute(&samples);
        assert_eq!(mel.frames(), WINDOW_FRAMES + 6);
        let window = mel.window(WINDOW_FRAMES);
        assert_eq!(window.len(), WINDOW_FRAMES * 80);
        assert_eq!(window[..6 * 80], mel.values()[WINDOW_FRAMES * 80..]);
        assert!(window[6 * 80..].iter().all(|value| value.to_bits() == 0));
        assert!(mel.window(WINDOW_FRAMES + 6).iter().all(|value| value.to_bits() == 0));
    }
}
