//! Average precision of tags, as scikit-learn 1.9's `average_precision_score` computes it: the sum over thresholds of precision times
//! the recall gained, without interpolation.

use crate::boxes::Score;

/// Whether a window has a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It is heard.
    Present,
    /// It is not.
    Absent,
}

/// Average precision of one label over windows, from 0 to 1; `None` where no window has it. Windows with one score count
/// together, so their order does not matter.
pub fn tag_precision(windows: &[(Score, Truth)]) -> Option<f64> {
    let present = windows.iter().filter(|(_, truth)| *truth == Truth::Present).count();
    if present == 0 {
        return None;
    }
    let mut sorted = windows.to_vec();
    sorted.sort_by(|a, b| a.0.descending(b.0));
    let (mut right, mut seen, mut area) = (0, 0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let gained = tied.iter().filter(|(_, truth)| *truth == Truth::Present).count();
        (right, seen) = (right + gained, seen + tied.len());
        area += gained as f64 / present as f64 * (right as f64 / seen as f64);
    }
    Some(area)
}

/// The mean of the labels' average precisions, over those that have one.
pub fn mean_tag_precision(labels: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let labels: Vec<f64> = labels.into_iter().flatten().collect();
    (!labels.is_empty()).then(|| labels.iter().sum::<f64>() / labels.len() as f64)
}
