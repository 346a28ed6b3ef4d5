//! CIDEr: Vedantam, Zitnick, Parikh, "CIDEr: consensus-based image description evaluation" (2015), as pycocoevalcap 1.2 computes it
//! (`cider_scorer.py`), which is CIDEr-D: counts are clipped and other lengths punished. How common a run of tokens is, is learned
//! from the references at hand, so a score only compares with others of the same scenes.

use std::collections::BTreeMap;

use super::Captioned;
use super::Tokens;
use super::ngrams::{Counts, LONGEST, counts};

/// Width of the punishment of other lengths, in tokens.
const SIGMA: f64 = 6.0;

/// A caption as weights of its runs of tokens.
struct Weighted<'t> {
    weights: BTreeMap<&'t [String], f64>,
    norms: [f64; LONGEST],
    /// Of two tokens each, which is what stands for the length there.
    pairs: usize,
}

/// CIDEr of each of several captions. A single one has no CIDEr: every run of tokens is equally common.
pub(super) fn cider(captions: &[Captioned]) -> Option<Vec<f64>> {
    if captions.len() < 2 {
        return None;
    }
    let mut scenes_with: BTreeMap<&[String], usize> = BTreeMap::new();
    for captioned in captions {
        let mut runs: Vec<_> =
            captioned.references().iter().flat_map(|reference| counts(reference).into_keys()).collect();
        runs.sort_unstable();
        runs.dedup();
        for run in runs {
            *scenes_with.entry(run).or_default() += 1;
        }
    }
    let rarity = |run: &[String]| {
        (captions.len() as f64).ln() - (scenes_with.get(run).copied().unwrap_or(1) as f64).ln()
    };
    let score = |captioned: &Captioned| {
        let candidate = Weighted::new(captioned.candidate(), rarity);
        let alike = captioned.references().iter().map(|r| candidate.similarity(&Weighted::new(r, rarity)));
        10.0 * alike.sum::<f64>() / captioned.references().len() as f64
    };
    Some(captions.iter().map(score).collect())
}

impl<'t> Weighted<'t> {
    fn new(tokens: &'t Tokens, rarity: impl Fn(&[String]) -> f64) -> Self {
        let counts: Counts<'t> = counts(tokens);
        let pairs = counts.iter().filter(|(run, _)| run.len() == 2).map(|(_, count)| count).sum();
        let weights: BTreeMap<_, _> =
            counts.into_iter().map(|(run, count)| (run, count as f64 * rarity(run))).collect();
        let mut norms = [0.0; LONGEST];
        for (run, weight) in &weights {
            norms[run.len() - 1] += weight.powi(2);
        }
        Self { weights, norms: norms.map(f64::sqrt), pairs }
    }

    /// The mean over lengths of runs of the clipped cosine, less for other lengths.
    fn similarity(&self, reference: &Self) -> f64 {
        let mut products = [0.0; LONGEST];
        for (run, weight) in &self.weights {
            let other = reference.weights.get(run).copied().unwrap_or_default();
            products[run.len() - 1] += weight.min(other) * other;
        }
        for ((product, norm), other) in products.iter_mut().zip(self.norms).zip(reference.norms) {
            if norm > 0.0 && other > 0.0 {
                *product /= norm * other;
            }
        }
        let difference = self.pairs.abs_diff(reference.pairs) as f64;
        let punishment = (-difference.powi(2) / (2.0 * SIGMA.powi(2))).exp();
        punishment * products.iter().sum::<f64>() / LONGEST as f64
    }
}
