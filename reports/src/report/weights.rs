//! What the captioners' weights take up in memory, part by part.

use reelbench_protocol::CellKind;

use super::section::{Section, with_dummy_mark};
use super::stages::of_kind;
use super::table::{Cell, Column, Table};
use crate::settings::shown;
use crate::summary::CellSummary;

/// One row per captioner as it was stored. Empty where no runner told of parts.
pub(super) fn section(cells: &[CellSummary]) -> Section {
    let mut cells = of_kind(cells, CellKind::Caption);
    cells.retain(|cell| !cell.weights_parts.is_empty());
    let mut parts: Vec<&str> = Vec::new();
    for (part, _) in cells.iter().flat_map(|cell| &cell.weights_parts.0) {
        if !parts.contains(&part.as_str()) {
            parts.push(part);
        }
    }
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for cell in cells {
        let row = row(cell, &parts);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Section::default();
    }
    let mut columns =
        vec![Column::left("Model").strong(), Column::left("quantization"), Column::left("dtype")];
    columns.extend(parts.iter().map(|part| Column::right(*part)));
    columns.push(Column::right("Total"));
    Section { table: Table { columns, rows }, notes: Vec::new() }
}

fn row(cell: &CellSummary, parts: &[&str]) -> Vec<Cell> {
    let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
    let setting = |key| Cell::optional(shown(key, &cell.requested, cell.effective.as_ref()));
    let mut row = vec![model, setting("quantization"), setting("dtype")];
    let bytes = |bytes: Option<u64>| Cell::bytes(bytes);
    row.extend(parts.iter().map(|part| bytes(cell.weights_parts.get(part).copied())));
    row.push(bytes(cell.weights_bytes));
    row
}
