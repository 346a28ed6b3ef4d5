//! What the base stages cost.

use std::collections::BTreeSet;

use reelbench_protocol::CellKind;

use super::bottleneck::Bottleneck;
use super::end_to_end::real_time_factor;
use super::section::{Section, SettingColumns, with_dummy_mark};
use super::stages::{Parts, activities, of_kind};
use super::status::{status, status_with_reason};
use super::table::{Cell, Column, Table};
use crate::outcome::Outcome;
use crate::summary::CellSummary;
use crate::units;

/// One row per cell: what each stage took.
pub(super) fn times(cells: &[CellSummary], bottleneck: Option<&Bottleneck>) -> Section {
    let cells = of_kind(cells, CellKind::Stage1);
    if cells.is_empty() {
        return Section { notes: vec!["No cell of this run has stage 1.".to_owned()], ..Section::default() };
    }
    let settings = SettingColumns::of(&cells);
    let (parts, little) = Parts::of(&cells).without_little(&cells);
    let statuses: BTreeSet<String> = cells.iter().map(|cell| status(cell)).collect();
    let are_told = statuses.len() > 1 || cells.iter().any(|cell| cell.outcome != Outcome::Ok);
    let mut columns = vec![Column::left("Video").strong(), Column::right("Actual Length")];
    columns.extend(settings.columns());
    columns.push(Column::right("Stage 1 Total"));
    columns.extend(parts.columns());
    if are_told {
        columns.push(Column::left("Status"));
    }
    let row = |cell: &&CellSummary| {
        let mut row = vec![video(cell), Cell::number(cell.media_s, units::film_length)];
        row.extend(settings.cells(cell));
        row.extend(parts.cells(cell, 1.0));
        if are_told {
            row.push(status_with_reason(cell));
        }
        row
    };
    let table = Table { columns, rows: cells.iter().map(row).collect() };
    let mut notes: Vec<String> = bottleneck.map(Bottleneck::sentences).unwrap_or_default();
    notes.extend(activities(&cells));
    notes.extend(little);
    notes.extend(settings.captions());
    if let (false, Some(status)) = (are_told, statuses.first()) {
        notes.push(format!("Status in every row: {status}."));
    }
    Section { table, notes }
}

/// One row per measured cell: what a minute of film costs, and what was not timed.
pub(super) fn per_minute(cells: &[CellSummary]) -> Section {
    let mut cells = of_kind(cells, CellKind::Stage1);
    cells.retain(|cell| cell.stages_s.is_some());
    if cells.is_empty() {
        return Section::default();
    }
    let settings = SettingColumns::of(&cells);
    let parts = Parts::of(&cells).stages();
    let mut columns = vec![Column::left("Video").strong()];
    columns.extend(settings.columns());
    columns.push(Column::right("Stage 1"));
    columns.extend(parts.columns());
    columns.extend(["RTF", "Load (not included)", "Peak Memory"].map(Column::right));
    let row = |cell: &&CellSummary| {
        let mut row = vec![video(cell)];
        row.extend(settings.cells(cell));
        row.extend(parts.cells(cell, 60.0 / cell.media_s.unwrap_or(f64::NAN)));
        row.push(real_time_factor(cell));
        row.push(Cell::number(cell.load_s, units::time));
        row.push(Cell::bytes(cell.peak_rss_bytes));
        row
    };
    let table = Table { columns, rows: cells.iter().map(row).collect() };
    let note = "The time that a minute of film takes. RTF is the real-time factor, seconds of stage 1 per second of film; \
                ± is the wider side of the 95 % interval of the median. Peak Memory is the process's resident \
                memory.";
    Section { table, notes: vec![note.to_owned()] }
}

fn video(cell: &CellSummary) -> Cell {
    with_dummy_mark(Cell::from(cell.video_name()), cell)
}
