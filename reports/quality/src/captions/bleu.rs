//! BLEU: Papineni, Roukos, Ward, Zhu, "BLEU: a method for automatic evaluation of machine translation" (2002), as
//! pycocoevalcap 1.2 computes it (`bleu_scorer.py`): with the reference length that is closest, and small numbers added so that
//! nothing is divided by zero.

use super::Captioned;
use super::ngrams::{LONGEST, counts};

/// Added to counts of matching runs and to the candidate's length.
const TINY: f64 = 1e-15;
/// Added to counts of runs and to the reference's length.
const SMALL: f64 = 1e-9;

/// What BLEU is computed from; sums over captions give the corpus' BLEU.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Overlap {
    length: usize,
    /// Of the reference whose length is closest, the shorter of two.
    reference_length: usize,
    runs: [usize; LONGEST],
    matching: [usize; LONGEST],
}

impl Overlap {
    pub(super) fn of(captioned: &Captioned) -> Self {
        let length = captioned.candidate().as_slice().len();
        let references: Vec<_> = captioned.references().iter().map(counts).collect();
        let lengths = captioned.references().iter().map(|reference| reference.as_slice().len());
        let reference_length =
            lengths.min_by_key(|other| (other.abs_diff(length), *other)).unwrap_or_default();
        let mut overlap = Self { length, reference_length, ..Self::default() };
        for (place, runs) in overlap.runs.iter_mut().enumerate() {
            *runs = length.saturating_sub(place);
        }
        for (run, count) in counts(captioned.candidate()) {
            let most = references.iter().filter_map(|reference| reference.get(run)).max();
            overlap.matching[run.len() - 1] += count.min(most.copied().unwrap_or_default());
        }
        overlap
    }

    pub(super) fn plus(mut self, other: Self) -> Self {
        self.length += other.length;
        self.reference_length += other.reference_length;
        for place in 0..LONGEST {
            self.runs[place] += other.runs[place];
            self.matching[place] += other.matching[place];
        }
        self
    }

    /// BLEU-1 to BLEU-4.
    pub(super) fn bleu(self) -> [f64; LONGEST] {
        let ratio = (self.length as f64 + TINY) / (self.reference_length as f64 + SMALL);
        let brevity = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
        let mut product = 1.0;
        std::array::from_fn(|place| {
            product *= (self.matching[place] as f64 + TINY) / (self.runs[place] as f64 + SMALL);
            product.powf(1.0 / (place + 1) as f64) * brevity
        })
    }
}
