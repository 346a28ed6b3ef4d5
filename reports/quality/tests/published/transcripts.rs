//! Whisper's normalizers, and jiwer's counts.

use reelbench_quality::{Diacritics, Edits, basic, character_edits, edits, english, word_edits};
use serde::Deserialize;

use crate::support::{fixture, same};

#[derive(Deserialize)]
struct Transcripts {
    normalized: Vec<Normalized>,
    spoken: Vec<Spoken>,
    long: Vec<Long>,
}

#[derive(Deserialize)]
struct Normalized {
    text: String,
    english: String,
    basic: String,
    basic_plain: String,
}

#[derive(Deserialize)]
struct Spoken {
    reference: String,
    hypothesis: String,
    /// Of words and characters: hits, substitutions, deletions, insertions.
    counts: [[usize; 4]; 2],
    rates: [f64; 2],
}

#[derive(Deserialize)]
struct Long {
    seed: u32,
    letters: u32,
    lengths: [usize; 2],
    /// Substitutions, deletions, insertions.
    counts: [usize; 3],
}

#[derive(Deserialize)]
struct Metrics {
    wer: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    reference: String,
    hypothesis: String,
    reference_normalized: String,
    hypothesis_normalized: String,
    wer: f64,
    cer: f64,
    substitutions: usize,
    deletions: usize,
    insertions: usize,
}

#[test]
fn texts_are_normalized_as_whisper_does() {
    let cases = fixture::<Transcripts>("transcripts.json").normalized;
    assert!(cases.len() > 500);
    for case in cases {
        assert_eq!(english(&case.text), case.english, "of {:?}", case.text);
        assert_eq!(basic(&case.text, Diacritics::Keep), case.basic, "of {:?}", case.text);
        assert_eq!(basic(&case.text, Diacritics::Remove), case.basic_plain, "of {:?}", case.text);
    }
}

#[test]
fn the_kits_transcripts_are_scored_alike() {
    for case in fixture::<Metrics>("metrics.json").wer {
        let (reference, hypothesis) = (english(&case.reference), english(&case.hypothesis));
        assert_eq!(reference, case.reference_normalized);
        assert_eq!(hypothesis, case.hypothesis_normalized);
        let words = word_edits(&reference, &hypothesis);
        let counts = [words.substitutions, words.deletions, words.insertions];
        assert_eq!(counts, [case.substitutions, case.deletions, case.insertions], "of {}", case.reference);
        same(words.rate().expect("words"), case.wer, "WER");
        let characters = character_edits(&reference, &hypothesis);
        same(characters.rate().expect("characters"), case.cer, "CER");
    }
}

#[test]
fn kinds_of_edits_are_counted_as_jiwer_does() {
    let counts = |edits: Edits| [edits.hits, edits.substitutions, edits.deletions, edits.insertions];
    for case in fixture::<Transcripts>("transcripts.json").spoken {
        let words = word_edits(&case.reference, &case.hypothesis);
        let characters = character_edits(&case.reference, &case.hypothesis);
        assert_eq!([counts(words), counts(characters)], case.counts, "of {}", case.reference);
        same(words.rate().expect("words"), case.rates[0], "WER");
        same(characters.rate().expect("characters"), case.rates[1], "CER");
    }
}

#[test]
fn long_sequences_are_aligned_alike() {
    for case in fixture::<Transcripts>("transcripts.json").long {
        let reference = numbers(case.seed, case.letters, case.lengths[0]);
        let hypothesis = numbers(case.seed + 100, case.letters, case.lengths[1]);
        let found = edits(&reference, &hypothesis);
        assert_eq!(
            [found.substitutions, found.deletions, found.insertions],
            case.counts,
            "seed {}",
            case.seed
        );
    }
}

/// The generator of the script that wrote the fixture.
fn numbers(seed: u32, below: u32, count: usize) -> Vec<u32> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(seed), next).skip(1).take(count).map(|state| (state >> 16) % below).collect()
}
