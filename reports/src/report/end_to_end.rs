//! The table that a reader looks at first: one row per captioning cell.

use reelbench_protocol::CellKind;

use super::section::{Section, SettingColumns, with_dummy_mark};
use super::status::{status_with_reason, tell_of_cache};
use super::table::{Cell, Column, Table};
use crate::summary::CellSummary;
use crate::units;

pub(crate) fn section(cells: &[CellSummary]) -> Section {
    let cells: Vec<_> = cells.iter().filter(|cell| cell.kind == CellKind::Caption).collect();
    if cells.is_empty() {
        return Section { notes: vec!["No cell of this run captions.".to_owned()], ..Section::default() };
    }
    let settings = SettingColumns::of(&cells);
    let settings =
        if tell_of_cache(cells.iter().copied()) { settings.without_column("use_cache") } else { settings };
    let mut columns = vec![Column::left("Model").strong(), Column::left("Video")];
    columns.extend(settings.columns());
    columns.extend([
        Column::right("Video Length"),
        Column::right("Scenes"),
        Column::right("VLM Time"),
        Column::right("RTF").strong(),
        Column::left("Status"),
    ]);
    let rows = cells.iter().map(|cell| row(cell, &settings)).collect();
    let mut notes = vec![
        "RTF is the real-time factor: seconds of captioning per second of video, loading left out; lower is better. \
         Times are medians of the repeats; ± is the wider side of the 95 % interval of the median."
            .to_owned(),
    ];
    notes.extend(settings.captions());
    Section { table: Table { columns, rows }, notes }
}

fn row(cell: &CellSummary, settings: &SettingColumns) -> Vec<Cell> {
    let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
    let mut row = vec![model, Cell::from(cell.video_name())];
    row.extend(settings.cells(cell));
    row.extend([
        Cell::number(cell.media_s, units::film_length),
        Cell::count(cell.scenes),
        Cell::number(cell.wall_s.as_ref().map(|wall| wall.median), units::time),
        real_time_factor(cell),
        status_with_reason(cell),
    ]);
    row
}

/// `12.6x ± 0.3`.
pub(crate) fn real_time_factor(cell: &CellSummary) -> Cell {
    let Some(rtf) = &cell.rtf else { return Cell::none() };
    let (median, spread) = units::rtf(rtf.median, rtf.ci95);
    Cell { text: median, note: spread, value: Some(rtf.median) }
}
