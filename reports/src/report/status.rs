//! The words for how a cell came out.

use reelbench_protocol::CellKind;
use serde_json::Value;

use crate::outcome::{Instability, Outcome, Place};
use crate::summary::CellSummary;

/// A cell's status in a table: `✅ Stable (No Cache)`, `❌ Failed (decode, scene 3)`.
pub(crate) fn status(cell: &CellSummary) -> String {
    let word = match cell.outcome {
        Outcome::Ok if cell.rtf.as_ref().is_some_and(|rtf| rtf.median <= 1.0) => "✅ Real-time",
        Outcome::Ok => "✅ Stable",
        Outcome::Unstable(Instability::Cache) => "⚠️ Unstable Cache",
        Outcome::Unstable(Instability::Repeats | Instability::Knobs) => "⚠️ Unstable",
        Outcome::Oom => "❌ OOM",
        Outcome::Timeout => "❌ Timeout",
        Outcome::Failed => "❌ Failed",
        Outcome::Skipped => "⏭ Skipped",
    };
    let detail = if cell.outcome.is_measured() { cache_words(cell) } else { place_words(cell.place) };
    match detail {
        Some(detail) => format!("{word} ({detail})"),
        None => word.to_owned(),
    }
}

fn cache_words(cell: &CellSummary) -> Option<String> {
    let is_off = cell.requested.get("use_cache").and_then(Value::as_bool) == Some(false);
    (cell.kind == CellKind::Caption && is_off).then(|| "No Cache".to_owned())
}

fn place_words(place: Place) -> Option<String> {
    let stage = place.stage.map(|stage| stage.to_string());
    let scene = place.scene.map(|scene| format!("scene {scene}"));
    let words: Vec<_> = [stage, scene].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}
