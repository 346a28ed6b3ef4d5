//! ROUGE-L: Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), as pycocoevalcap 1.2 computes it (`rouge.py`):
//! precision and recall of the longest common subsequence are each the best over the references.

use super::{Captioned, Tokens};

/// How much more recall weighs than precision.
const BETA: f64 = 1.2;

/// ROUGE-L of one caption.
pub(super) fn rouge_l(captioned: &Captioned) -> f64 {
    // A caption without a token counts as one with an empty one, as there.
    let empty = Tokens::from_iter([String::new()]);
    let filled =
        |tokens: &'_ Tokens| if tokens.as_slice().is_empty() { empty.clone() } else { tokens.clone() };
    let candidate = filled(captioned.candidate());
    let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
    for reference in captioned.references() {
        let reference = filled(reference);
        let common = common_subsequence(candidate.as_slice(), reference.as_slice()) as f64;
        precision = precision.max(common / candidate.as_slice().len() as f64);
        recall = recall.max(common / reference.as_slice().len() as f64);
    }
    if precision > 0.0 && recall > 0.0 {
        (1.0 + BETA.powi(2)) * precision * recall / (recall + BETA.powi(2) * precision)
    } else {
        0.0
    }
}

/// Length of the longest common subsequence.
fn common_subsequence(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for token in a {
        let mut aslant = 0;
        for (column, other) in b.iter().enumerate() {
            let above = row[column + 1];
            row[column + 1] = if token == other { aslant + 1 } else { above.max(row[column]) };
            aslant = above;
        }
    }
    row[b.len()]
}
