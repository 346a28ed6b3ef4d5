//! Captions against what people wrote: BLEU, ROUGE-L and CIDEr, as pycocoevalcap 1.2 computes them.

mod abbreviations;
mod bleu;
mod cider;
mod ngrams;
mod rouge;
mod tokens;

use bleu::Overlap;
pub use tokens::Tokens;

/// A caption with at least one reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captioned {
    candidate: Tokens,
    references: Vec<Tokens>,
}

impl Captioned {
    /// Puts a caption beside its references; `None` where there are none.
    pub fn new(candidate: Tokens, references: Vec<Tokens>) -> Option<Self> {
        (!references.is_empty()).then_some(Self { candidate, references })
    }

    /// What is scored.
    pub fn candidate(&self) -> &Tokens {
        &self.candidate
    }

    /// What it is scored against.
    pub fn references(&self) -> &[Tokens] {
        &self.references
    }
}

/// Scores of one caption or of many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptionScores {
    /// BLEU-1 to BLEU-4, from 0 to 1.
    pub bleu: [f64; 4],
    /// From 0 to 1.
    pub rouge_l: f64,
    /// From 0 to 10. `None` for a single caption: how telling words are is learned from several.
    pub cider: Option<f64>,
}

/// Scores of captions, each and together.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredCaptions {
    /// All together. BLEU is of the counts of all captions, the others are means.
    pub corpus: CaptionScores,
    /// Each, in the order given.
    pub captions: Vec<CaptionScores>,
}

/// Scores captions against their references; `None` without captions.
pub fn score_captions(captions: &[Captioned]) -> Option<ScoredCaptions> {
    if captions.is_empty() {
        return None;
    }
    let overlaps: Vec<_> = captions.iter().map(Overlap::of).collect();
    let ciders = cider::cider(captions);
    let scores: Vec<_> = captions
        .iter()
        .zip(&overlaps)
        .enumerate()
        .map(|(place, (captioned, overlap))| CaptionScores {
            bleu: overlap.bleu(),
            rouge_l: rouge::rouge_l(captioned),
            cider: ciders.as_ref().and_then(|ciders| ciders.get(place)).copied(),
        })
        .collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / captions.len() as f64;
    let corpus = CaptionScores {
        bleu: overlaps.into_iter().fold(Overlap::default(), Overlap::plus).bleu(),
        rouge_l: mean(&mut scores.iter().map(|score| score.rouge_l)),
        cider: ciders.map(|ciders| mean(&mut ciders.into_iter())),
    };
    Some(ScoredCaptions { corpus, captions: scores })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens() -> impl Strategy<Value = Tokens> {
        let word = prop::sample::select(vec!["a", "dog", "runs", "in", "the", "park"]);
        prop::collection::vec(word.prop_map(str::to_owned), 0..12).prop_map(Tokens::from_iter)
    }

    fn captioned() -> impl Strategy<Value = Captioned> {
        (tokens(), prop::collection::vec(tokens(), 1..4))
            .prop_map(|(candidate, references)| Captioned::new(candidate, references).expect("references"))
    }

    #[test]
    fn nothing_and_one_are_told_apart_from_zero() {
        assert_eq!(score_captions(&[]), None);
        assert_eq!(Captioned::new(Tokens::of("a dog"), Vec::new()), None);
        let alone = Captioned::new(Tokens::of("a dog"), vec![Tokens::of("a dog")]).expect("a reference");
        let scored = score_captions(&[alone]).expect("a caption");
        assert_eq!(scored.corpus.cider, None);
        assert!((scored.corpus.bleu[0] - 1.0).abs() < 1e-8);
    }

    proptest! {
        #[test]
        fn scores_keep_their_bounds(captions in prop::collection::vec(captioned(), 1..6)) {
            let scored = score_captions(&captions).expect("captions");
            for score in scored.captions.iter().chain([&scored.corpus]) {
                prop_assert!(score.bleu.iter().all(|bleu| (0.0..=1.0).contains(bleu)));
                prop_assert!((0.0..=1.0 + 1e-12).contains(&score.rouge_l));
                prop_assert!(score.cider.is_none_or(|cider| (0.0..=10.0 + 1e-9).contains(&cider)));
            }
        }

        #[test]
        fn the_order_of_references_is_of_no_account(captions in prop::collection::vec(captioned(), 2..6)) {
            let turned: Vec<_> = captions.iter().map(|captioned| {
                let references = captioned.references().iter().rev().cloned().collect();
                Captioned::new(captioned.candidate().clone(), references).expect("references")
            }).collect();
            let (a, b) = (score_captions(&captions).expect("captions"), score_captions(&turned).expect("captions"));
            prop_assert_eq!(a.corpus.bleu.map(f64::to_bits), b.corpus.bleu.map(f64::to_bits));
            prop_assert!((a.corpus.rouge_l - b.corpus.rouge_l).abs() < 1e-12);
            prop_assert!((a.corpus.cider.unwrap_or_default() - b.corpus.cider.unwrap_or_default()).abs() < 1e-9);
        }

        #[test]
        fn any_caption_has_tokens_without_spaces(caption in "(\\PC|['\".,()<>@#$/-]|\\s|can't |U\\.S\\. ){0,60}") {
            let tokens = Tokens::of(&caption);
            prop_assert!(tokens.as_slice().iter().all(|token| !token.is_empty() && !token.contains(' ')));
        }
    }
}
