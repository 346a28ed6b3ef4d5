//! What the base stages cost.

use std::collections::BTreeSet;

use reelbench_protocol::CellKind;

use super::end_to_end::real_time_factor;
use super::section::{Section, SettingColumns, with_dummy_mark};
use super::stages::{Part, Parts, activities, bottleneck, most_unattributed, of_kind};
use super::status::status;
use super::table::{Cell, Column, Table};
use crate::summary::CellSummary;
use crate::units;

/// Largest share of a cell's time without a stage that a sentence can tell as well as a column.
const LITTLE: f64 = 0.01;

/// One row per cell: what each stage took.
pub(super) fn times(cells: &[CellSummary]) -> Section {
    let cells = of_kind(cells, CellKind::Stage1);
    if cells.is_empty() {
        return Section { notes: vec!["No cell of this run has stage 1.".to_owned()], ..Section::default() };
    }
    let settings = SettingColumns::of(&cells);
    let unattributed = most_unattributed(&cells);
    let parts = Parts::of(&cells);
    let parts = if unattributed <= LITTLE { parts.without(Part::Unattributed) } else { parts };
    let statuses: BTreeSet<String> = cells.iter().map(|cell| status(cell)).collect();
    let mut columns = vec![Column::left("Video").strong(), Column::right("Actual Length")];
    columns.extend(settings.columns());
    columns.push(Column::right("Stage 1 Total"));
    columns.extend(parts.columns());
    if statuses.len() > 1 {
        columns.push(Column::left("Status"));
    }
    let row = |cell: &&CellSummary| {
        let mut row = vec![video(cell), Cell::number(cell.media_s, units::film_length)];
        row.extend(settings.cells(cell));
        row.extend(parts.cells(cell, 1.0));
        if statuses.len() > 1 {
            row.push(Cell::from(status(cell)));
        }
        row
    };
    let table = Table { columns, rows: cells.iter().map(row).collect() };
    let mut notes: Vec<String> = bottleneck("stage 1", &cells).into_iter().collect();
    notes.extend(activities(&cells));
    if unattributed <= LITTLE && cells.iter().any(|cell| cell.stages_s.is_some()) {
        notes.push(format!("What no stage covers is at most {} of a total.", units::percent(unattributed)));
    }
    notes.extend(settings.captions());
    if let (1, Some(status)) = (statuses.len(), statuses.first()) {
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
    with_dummy_mark(Cell::from(cell.video.to_string()), cell)
}
