//! How good outputs are against references. Pure functions: texts, frames and boxes in, counts and scores out.
//!
//! Each score is defined by an implementation that the field quotes, and equals it digit for digit: jiwer for word errors,
//! pycocoevalcap for captions, pycocotools for boxes, scikit-learn for tags, py-motmetrics for tracks. A score that has no
//! value (an error rate of no words, a precision of nothing found) is `None`, never 0 or NaN.

mod assignment;
mod boxes;
mod captions;
mod cuts;
mod detection;
mod edits;
mod normalize;
mod tagging;
mod tracking;

pub use boxes::{BadNumber, Rect, Score};
pub use captions::{CaptionScores, Captioned, ScoredCaptions, Tokens, score_captions};
pub use cuts::{CUT_TOLERANCE, CutCounts};
pub use detection::{AveragePrecision, Detected, Detection, Extent, Labelled, average_precision};
pub use edits::{Edits, character_edits, edits, word_edits};
pub use normalize::{Diacritics, basic, english};
pub use tagging::{Truth, mean_tag_precision, tag_precision};
pub use tracking::{TrackCounts, Tracked, TrackedFrame, TwiceInFrame};
