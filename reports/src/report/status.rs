//! The words for how a cell came out.

use reelbench_protocol::CellKind;
use serde_json::Value;

use super::table::Cell;
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

/// The longest reason that a table's row shows.
const LONGEST_REASON: usize = 100;

/// The status with the beginning of the reason, unless the cell is ok.
pub(super) fn status_with_reason(cell: &CellSummary) -> Cell {
    let status = Cell::from(status(cell));
    let Some(reason) = &cell.reason else { return status };
    // The status has said where.
    let place = place_words(cell.place).map(|place| format!("{place}: ")).unwrap_or_default();
    let reason = reason.strip_prefix(&place).unwrap_or(reason);
    let line = reason.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST_REASON).collect();
    let more = if short.len() < reason.len() { "…" } else { "" };
    status.with_note(format!("– {}{more}", short.trim_end()))
}

/// Whether every cell without a cache says so in its status, so that no column needs to.
pub(super) fn tell_of_cache<'a>(mut cells: impl Iterator<Item = &'a CellSummary>) -> bool {
    cells.all(|cell| cell.outcome.is_measured() || cache_words(cell).is_none())
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
