//! How good outputs are against references. Pure functions: texts, frames and boxes in, counts and scores out.
//!
//! Each score is defined by an implementation that the field quotes, and equals it digit for digit: jiwer for word errors,
//! pycocoevalcap for captions. A score that has no
//! value (an error rate of no words, a precision of nothing found) is `None`, never 0 or NaN.

mod captions;
mod edits;
mod normalize;

pub use captions::{CaptionScores, Captioned, ScoredCaptions, Tokens, score_captions};
pub use edits::{Edits, character_edits, edits, word_edits};
pub use normalize::{Diacritics, basic, english};
