//! pycocoevalcap's tokens and scores.

use reelbench_quality::{CaptionScores, Captioned, Tokens, score_captions};
use serde::Deserialize;

use crate::support::{fixture, same};

#[derive(Deserialize)]
struct Kit {
    captions: Corpus,
}

#[derive(Deserialize)]
struct Corpus {
    items: Vec<Item>,
    corpus: Scores,
}

#[derive(Deserialize)]
struct Item {
    candidate: String,
    references: Vec<String>,
    #[serde(alias = "tokenized_candidate")]
    tokens: OneOrMore,
    #[serde(alias = "tokenized_references")]
    reference_tokens: Vec<String>,
    #[serde(flatten)]
    scores: Scores,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
struct Scores {
    bleu: [f64; 4],
    rouge_l: f64,
    cider: f64,
}

impl Scores {
    fn are(&self, ours: &CaptionScores, what: &str) {
        for (ours, theirs) in ours.bleu.iter().zip(self.bleu) {
            same(*ours, theirs, &format!("BLEU of {what}"));
        }
        same(ours.rouge_l, self.rouge_l, &format!("ROUGE-L of {what}"));
        same(ours.cider.expect("several captions"), self.cider, &format!("CIDEr of {what}"));
    }
}

fn check(corpus: &Corpus) {
    let mut captions = Vec::new();
    for item in &corpus.items {
        let texts = [&item.candidate].into_iter().chain(&item.references);
        let tokens = match &item.tokens {
            OneOrMore::One(tokens) => tokens,
            OneOrMore::More(tokens) => &tokens[0],
        };
        for (text, theirs) in texts.zip([tokens].into_iter().chain(&item.reference_tokens)) {
            assert_eq!(Tokens::of(text).as_slice().join(" "), *theirs, "of {text:?}");
        }
        let references = item.references.iter().map(|reference| Tokens::of(reference)).collect();
        captions.push(Captioned::new(Tokens::of(&item.candidate), references).expect("references"));
    }
    let scored = score_captions(&captions).expect("captions");
    for (item, ours) in corpus.items.iter().zip(&scored.captions) {
        item.scores.are(ours, &item.candidate);
    }
    corpus.corpus.are(&scored.corpus, "the corpus");
}

#[test]
fn the_kits_captions_are_scored_alike() {
    check(&fixture::<Kit>("metrics.json").captions);
}

#[test]
fn generated_captions_are_scored_alike() {
    let corpora = fixture::<Vec<Corpus>>("captions.json");
    assert!(corpora.iter().map(|corpus| corpus.items.len()).sum::<usize>() > 100);
    corpora.iter().for_each(check);
}
