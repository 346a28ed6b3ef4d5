//! What sets a text apart from another, word by word.

use serde::Serialize;

/// Most pairs of words that are looked at; texts with more between their first and last difference differ as a whole.
const MOST_PAIRS: usize = 1_000_000;

/// A stretch of words with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// The words, with the white space behind each.
    pub(super) text: String,
}

/// What became of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Both texts have them.
    Same,
    /// Only the reference has them.
    Deleted,
    /// Only the text has them.
    Inserted,
}

/// A text in pieces, beside a reference: the longest sequence of words that both have is the same, the rest is not.
/// White space does not count.
pub(super) fn pieces(reference: &str, text: &str) -> Vec<Piece> {
    let (before, after) = (words(reference), words(text));
    let equal = |(a, b): &(&&str, &&str)| a.trim() == b.trim();
    let head = before.iter().zip(&after).take_while(equal).count();
    let most_tail = before.len().min(after.len()) - head;
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(equal).count().min(most_tail);
    let (before_end, after_end) = (before.len() - tail, after.len() - tail);
    let mut pieces = Pieces(Vec::new());
    pieces.push_all(Kind::Same, &after[..head]);
    pieces.push_middle(&before[head..before_end], &after[head..after_end]);
    pieces.push_all(Kind::Same, &after[after_end..]);
    pieces.0
}

/// Words, each with the white space behind it; what stands before the first is part of it.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let begin = rest.len() - rest.trim_start().len();
        let word = rest[begin..].find(char::is_whitespace).map_or(rest.len(), |end| begin + end);
        let end = rest[word..].find(|c: char| !c.is_whitespace()).map_or(rest.len(), |next| word + next);
        let (first, others) = rest.split_at(end);
        words.push(first);
        rest = others;
    }
    words
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, kind: Kind, word: &str) {
        match self.0.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(word),
            _ => self.0.push(Piece { kind, text: word.to_owned() }),
        }
    }

    fn push_all(&mut self, kind: Kind, words: &[&str]) {
        for word in words {
            self.push(kind, word);
        }
    }

    /// Words between the first and the last difference.
    fn push_middle(&mut self, before: &[&str], after: &[&str]) {
        if before.len().saturating_mul(after.len()) > MOST_PAIRS {
            self.push_all(Kind::Deleted, before);
            self.push_all(Kind::Inserted, after);
            return;
        }
        let common = Common::new(before, after);
        let (mut i, mut j) = (0, 0);
        while let (Some(old), Some(new)) = (before.get(i), after.get(j)) {
            if old.trim() == new.trim() {
                self.push(Kind::Same, new);
                (i, j) = (i + 1, j + 1);
            } else if common.longest(i + 1, j) >= common.longest(i, j + 1) {
                self.push(Kind::Deleted, old);
                i += 1;
            } else {
                self.push(Kind::Inserted, new);
                j += 1;
            }
        }
        self.push_all(Kind::Deleted, &before[i..]);
        self.push_all(Kind::Inserted, &after[j..]);
    }
}

/// Length of the longest common subsequence from any pair of places on.
struct Common {
    lengths: Vec<u32>,
    width: usize,
}

impl Common {
    fn new(before: &[&str], after: &[&str]) -> Self {
        let width = after.len() + 1;
        let mut common = Self { lengths: vec![0; (before.len() + 1) * width], width };
        for (i, old) in before.iter().enumerate().rev() {
            for (j, new) in after.iter().enumerate().rev() {
                let length = if old.trim() == new.trim() {
                    common.longest(i + 1, j + 1) + 1
                } else {
                    common.longest(i + 1, j).max(common.longest(i, j + 1))
                };
                common.lengths[i * width + j] = length;
            }
        }
        common
    }

    fn longest(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * self.width + j]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(reference: &str, text: &str) -> String {
        let mark = |piece: &Piece| match piece.kind {
            Kind::Same => piece.text.clone(),
            Kind::Deleted => format!("[-{}-]", piece.text.trim()),
            Kind::Inserted => format!("[+{}+]", piece.text.trim()),
        };
        pieces(reference, text).iter().map(mark).collect()
    }

    #[test]
    fn words_that_differ_are_marked() {
        assert_eq!(shown("a cat sat", "a dog sat"), "a [-cat-][+dog+]sat");
        assert_eq!(shown("a b c d", "b x d e"), "[-a-]b [-c-][+x+]d [+e+]");
        assert_eq!(shown("", "new"), "[+new+]");
        assert_eq!(shown("old", ""), "[-old-]");
    }

    #[test]
    fn white_space_is_no_difference() {
        assert_eq!(shown(" a  cat", "a\ncat "), "a\ncat ");
    }

    #[test]
    fn long_texts_that_share_little_differ_as_a_whole() {
        let text = |word: &str| vec![word; 1100].join(" ");
        let kinds: Vec<Kind> = pieces(&text("a"), &text("b")).iter().map(|piece| piece.kind).collect();
        assert_eq!(kinds, [Kind::Deleted, Kind::Inserted]);
    }

    proptest! {
        #[test]
        fn both_texts_can_be_read_from_the_pieces(a in "[ab ]{0,20}", b in "[ab ]{0,20}") {
            let pieces = pieces(&a, &b);
            let without = |kind| -> Vec<String> {
                let text: String = pieces.iter().filter(|p| p.kind != kind).map(|p| p.text.clone() + " ").collect();
                text.split_whitespace().map(str::to_owned).collect()
            };
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(without(Kind::Inserted), words(&a));
            prop_assert_eq!(without(Kind::Deleted), words(&b));
        }
    }
}
