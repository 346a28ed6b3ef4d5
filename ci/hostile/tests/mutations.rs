//! The seeds of the fuzz targets with a piece of them replaced: a little fuzzing in every test run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

/// What turns good input into bad: numbers beyond reason, other types, and pieces of syntax.
const PIECES: [&str; 14] = [
    "",
    "-1",
    "0",
    "18446744073709551615",
    "1e308",
    "null",
    "[]",
    "{}",
    "\"",
    "}\n",
    "\n",
    "\u{0}",
    "é",
    "4294967295",
];

fn seed(kind: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(kind).join(name);
    fs::read_to_string(path).unwrap()
}

/// Where a number or word of JSON or YAML begins and ends, near a place in a text.
fn word(text: &str, at: usize) -> std::ops::Range<usize> {
    let is_end = |c: char| ":,[]{}\n \"".contains(c);
    let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let start = text[..at].rfind(is_end).map_or(0, |place| place + 1);
    let end = text[start..].find(is_end).map_or(text.len(), |length| start + length);
    start..end
}

fn mutated(text: &str, changes: &[(usize, usize)]) -> String {
    changes.iter().fold(text.to_owned(), |text, &(at, piece)| {
        let word = word(&text, at % text.len().max(1));
        format!("{}{}{}", &text[..word.start], PIECES[piece % PIECES.len()], &text[word.end..])
    })
}

fn changes() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((any::<usize>(), any::<usize>()), 1..4)
}

proptest! {
    #[test]
    fn no_change_of_a_matrix_does_harm(changes in changes()) {
        reelbench_hostile::matrix(mutated(&seed("matrix", "small.yaml"), &changes).as_bytes());
    }

    #[test]
    fn no_change_of_what_a_runner_says_does_harm(changes in changes()) {
        for name in ["caption.jsonl", "stage1.jsonl"] {
            reelbench_hostile::protocol(mutated(&seed("protocol", name), &changes).as_bytes());
        }
    }

    #[test]
    fn no_change_of_a_journal_does_harm(changes in changes()) {
        reelbench_hostile::journal(mutated(&seed("journal", "whole.jsonl"), &changes).as_bytes());
    }

    #[test]
    fn no_change_of_a_manifest_does_harm(changes in changes()) {
        reelbench_hostile::summary(mutated(&seed("summary", "whole.json"), &changes).as_bytes());
    }
}
