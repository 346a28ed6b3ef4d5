//! What the stages of captioning cost.

use reelbench_protocol::CellKind;

use super::bottleneck::Bottleneck;
use super::section::{Section, SettingColumns, with_dummy_mark};
use super::stages::{Parts, of_kind};
use super::table::{Cell, Column, Table};
use crate::summary::CellSummary;
use crate::units;

/// The heading of what loading the weights took.
const LOAD: &str = "Load (not included)";

/// One row per captioning cell.
pub(super) fn section(cells: &[CellSummary], bottleneck: Option<&Bottleneck>) -> Section {
    let cells = of_kind(cells, CellKind::Caption);
    if cells.is_empty() {
        return Section::default();
    }
    let settings = SettingColumns::of(&cells);
    let (parts, little) = Parts::of(&cells).without_little(&cells);
    let mut columns = vec![Column::left("Model").strong(), Column::left("Video")];
    columns.extend(settings.columns());
    columns.push(Column::right("Total"));
    columns.extend(parts.columns());
    columns.extend([LOAD, "First Token", "Tokens/s", "Tokens Out", "Peak Memory"].map(Column::right));
    let rows = cells.iter().map(|cell| {
        let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
        let mut row = vec![model, Cell::from(cell.video_name())];
        row.extend(settings.cells(cell));
        row.extend(parts.cells(cell, 1.0));
        row.extend([
            Cell::number(cell.load_s, units::time),
            Cell::number(cell.ttft_s, units::time),
            Cell::number(cell.tokens_per_s, units::rate),
            Cell::count(cell.tokens_out),
            Cell::bytes(cell.peak_rss_bytes),
        ]);
        row
    });
    let mut table = Table { columns, rows: rows.collect() };
    let constant = table.take_constant(&["Video", LOAD]);
    let mut notes: Vec<_> = bottleneck.map(Bottleneck::sentences).unwrap_or_default();
    notes.extend(little);
    notes.push(
        "First Token is the median over the scenes, from a scene's first frame asked for. Tokens/s counts the tokens \
         after a scene's first, per second of decoding. Peak Memory is the process's resident memory."
            .to_owned(),
    );
    notes.extend(constant);
    Section { table, notes }
}
