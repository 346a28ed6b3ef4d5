//! Word and character errors of transcripts: the fewest edits that turn the reference into what was recognised.
//!
//! The rows of the distance matrix are computed 64 columns at a time, after Myers, "A fast bit-vector algorithm for
//! approximate string matching based on dynamic programming" (1999) as Hyyrö, "A bit-vector algorithm for computing
//! Levenshtein and Damerau edit distances" (2003) puts it. To tell kinds of edits apart a path is walked back; among
//! equally short ones that of rapidfuzz 3 (jiwer's engine), so that the counts are jiwer's. Only every √mth row is kept
//! and those between are computed twice, which takes two hours of speech through in megabytes.

use std::collections::HashMap;
use std::hash::Hash;
use std::iter::Sum;
use std::ops::Add;

/// What separates a recognised sequence from its reference, and how much was right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edits {
    /// Symbols that are the same in both.
    pub hits: usize,
    /// Symbols of the reference with another in their place.
    pub substitutions: usize,
    /// Symbols of the reference with none in their place.
    pub deletions: usize,
    /// Symbols that the reference does not have.
    pub insertions: usize,
}

impl Edits {
    /// All edits.
    pub fn errors(&self) -> usize {
        self.substitutions + self.deletions + self.insertions
    }

    /// Symbols of the reference.
    pub fn reference_len(&self) -> usize {
        self.hits + self.substitutions + self.deletions
    }

    /// Edits per symbol of the reference: WER of words, CER of characters. Above 1 where much was made up; `None` for an
    /// empty reference.
    pub fn rate(&self) -> Option<f64> {
        let length = self.reference_len();
        (length > 0).then(|| self.errors() as f64 / length as f64)
    }
}

impl Add for Edits {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            substitutions: self.substitutions + other.substitutions,
            deletions: self.deletions + other.deletions,
            insertions: self.insertions + other.insertions,
        }
    }
}

/// The total over several texts; its rate is the corpus' rate, in which long texts count for more.
impl Sum for Edits {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Edits between the words of two normalized texts.
pub fn word_edits(reference: &str, hypothesis: &str) -> Edits {
    let words = |text: &'_ str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    edits(&words(reference), &words(hypothesis))
}

/// Edits between the characters of two normalized texts, spaces included but for those at the ends.
pub fn character_edits(reference: &str, hypothesis: &str) -> Edits {
    let characters = |text: &str| text.trim().chars().collect::<Vec<_>>();
    edits(&characters(reference), &characters(hypothesis))
}

/// Edits between two sequences.
pub fn edits<T: Eq + Hash>(reference: &[T], hypothesis: &[T]) -> Edits {
    let prefix = reference.iter().zip(hypothesis).take_while(|(a, b)| a == b).count();
    let (reference, hypothesis) = (&reference[prefix..], &hypothesis[prefix..]);
    let suffix = reference.iter().rev().zip(hypothesis.iter().rev()).take_while(|(a, b)| a == b).count();
    let reference = &reference[..reference.len() - suffix];
    let hypothesis = &hypothesis[..hypothesis.len() - suffix];
    let between = Matrix::new(reference, hypothesis).walk_back();
    Edits { hits: prefix + suffix, ..Edits::default() } + between
}

/// 64 columns of one row of the matrix, as differences between neighbours.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// Columns that are one more than the column before.
    rises: u64,
    /// Columns that are one less than the column before.
    falls: u64,
}

/// The first row: every column is one more than the one before.
const FIRST: Block = Block { rises: u64::MAX, falls: 0 };

/// Difference of a row to the one above at the last column of a block.
#[derive(Clone, Copy)]
struct Carry {
    rise: u64,
    fall: u64,
}

impl Block {
    /// The same columns one row further down, where `equal` marks those whose symbol is the row's.
    fn below(self, equal: u64, carry: Carry) -> (Self, Carry) {
        let vertical = equal | self.falls;
        let equal = equal | carry.fall;
        let diagonal = (((equal & self.rises).wrapping_add(self.rises)) ^ self.rises) | equal;
        let rise = self.falls | !(diagonal | self.rises);
        let fall = self.rises & diagonal;
        let (shifted_rise, shifted_fall) = ((rise << 1) | carry.rise, (fall << 1) | carry.fall);
        let block = Self { rises: shifted_fall | !(vertical | shifted_rise), falls: shifted_rise & vertical };
        (block, Carry { rise: rise >> 63, fall: fall >> 63 })
    }
}

/// A row of the matrix: the columns stand for the reference, rows for the hypothesis.
type Row = Vec<Block>;

fn has(bits: u64, column: usize) -> bool {
    bits >> (column % 64) & 1 == 1
}

struct Matrix<'s, T> {
    reference: &'s [T],
    hypothesis: &'s [T],
    /// Where each symbol stands in the reference.
    places: HashMap<&'s T, Vec<usize>>,
}

impl<'s, T: Eq + Hash> Matrix<'s, T> {
    fn new(reference: &'s [T], hypothesis: &'s [T]) -> Self {
        let mut places: HashMap<&T, Vec<usize>> = HashMap::new();
        for (place, symbol) in reference.iter().enumerate() {
            places.entry(symbol).or_default().push(place);
        }
        Self { reference, hypothesis, places }
    }

    /// Turns a row into the one below it, which stands for `symbol`. `equal` is all zeros before and after.
    fn step(&self, row: &mut [Block], symbol: &T, equal: &mut [u64]) {
        let places = self.places.get(symbol).map(Vec::as_slice).unwrap_or_default();
        for place in places {
            equal[place / 64] |= 1 << (place % 64);
        }
        let mut carry = Carry { rise: 1, fall: 0 };
        for (block, equal) in row.iter_mut().zip(equal.iter()) {
            (*block, carry) = block.below(*equal, carry);
        }
        for place in places {
            equal[place / 64] = 0;
        }
    }

    /// Counts the edits on the shortest path that rapidfuzz takes.
    fn walk_back(&self) -> Edits {
        let mut path = Path { column: self.reference.len(), edits: Edits::default() };
        let blocks = self.reference.len().div_ceil(64);
        let spacing = self.hypothesis.len().isqrt().max(1);
        let mut equal = vec![0; blocks];
        let mut row = vec![FIRST; blocks];
        // The row above each stretch of `spacing` rows.
        let mut kept: Vec<Row> = Vec::with_capacity(self.hypothesis.len().div_ceil(spacing));
        for stretch in self.hypothesis.chunks(spacing) {
            kept.push(row.clone());
            for symbol in stretch {
                self.step(&mut row, symbol, &mut equal);
            }
        }
        for (stretch, above) in self.hypothesis.chunks(spacing).zip(kept).rev() {
            let mut rows = Vec::with_capacity(stretch.len() + 1);
            rows.push(above);
            for symbol in stretch {
                let mut row = rows[rows.len() - 1].clone();
                self.step(&mut row, symbol, &mut equal);
                rows.push(row);
            }
            for (pair, symbol) in rows.windows(2).zip(stretch).rev() {
                path.cross_row(&pair[0], &pair[1], |column| self.reference[column] == *symbol);
            }
        }
        path.edits.deletions += path.column;
        path.edits
    }
}

/// A path from the matrix' last cell to its first.
struct Path {
    /// The cell's column; 0 stands before the reference.
    column: usize,
    edits: Edits,
}

impl Path {
    /// Goes from a row to the one above: first left as long as that is a deletion, then up or aslant.
    fn cross_row(&mut self, above: &[Block], row: &[Block], equals_reference: impl Fn(usize) -> bool) {
        while self.column > 0 && has(row[(self.column - 1) / 64].rises, self.column - 1) {
            self.column -= 1;
            self.edits.deletions += 1;
        }
        if self.column == 0 || has(above[(self.column - 1) / 64].falls, self.column - 1) {
            self.edits.insertions += 1;
            return;
        }
        self.column -= 1;
        if equals_reference(self.column) {
            self.edits.hits += 1;
        } else {
            self.edits.substitutions += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The textbook's matrix.
    fn distance(a: &[u8], b: &[u8]) -> usize {
        let mut row: Vec<usize> = (0..=a.len()).collect();
        for (down, symbol) in b.iter().enumerate() {
            let mut aslant = row[0];
            row[0] = down + 1;
            for column in 0..a.len() {
                let kept = aslant + usize::from(a[column] != *symbol);
                aslant = row[column + 1];
                row[column + 1] = kept.min(row[column] + 1).min(aslant + 1);
            }
        }
        row[a.len()]
    }

    #[test]
    fn an_empty_reference_has_no_rate() {
        assert_eq!(word_edits("", "made up").rate(), None);
        assert_eq!(word_edits("", "made up").insertions, 2);
        assert_eq!(word_edits("", "").rate(), None);
        assert_eq!(word_edits("one two", "").rate(), Some(1.0));
    }

    #[test]
    fn a_corpus_counts_words_not_texts() {
        let total: Edits = [word_edits("a b c", "a b c"), word_edits("d", "e")].into_iter().sum();
        assert_eq!(total.rate(), Some(0.25));
        assert_eq!(std::iter::empty::<Edits>().sum::<Edits>().rate(), None);
    }

    proptest! {
        #[test]
        fn edits_are_the_fewest_and_add_up(a in prop::collection::vec(0u8..5, 0..300), b in prop::collection::vec(0u8..5, 0..300)) {
            let found = edits(&a, &b);
            prop_assert_eq!(found.errors(), distance(&a, &b));
            prop_assert_eq!(found.reference_len(), a.len());
            prop_assert_eq!(found.hits + found.substitutions + found.insertions, b.len());
            let back = edits(&b, &a);
            prop_assert_eq!(back.errors(), found.errors());
        }

        #[test]
        fn a_text_equals_itself(text in ".{0,200}") {
            let text = text.as_str();
            prop_assert_eq!(word_edits(text, text).errors(), 0);
            prop_assert_eq!(character_edits(text, text).errors(), 0);
        }
    }
}
