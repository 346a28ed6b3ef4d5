//! How far captions agree with those of the reference setting.

use super::section::{Section, SettingColumns, with_dummy_mark};
use super::table::{Cell, Column, Table};
use crate::quality::{Agreement, Quality};
use crate::settings::shown;
use crate::summary::CellSummary;
use crate::units;

/// A cell, its reference, and how far they agree.
type Compared<'a> = (&'a CellSummary, &'a CellSummary, &'a Agreement);

/// One row per measured caption that differs from a reference in its cache, quantization, type or batch alone.
pub(super) fn section(cells: &[CellSummary], quality: &Quality) -> Section {
    let agreements = cells.iter().enumerate().zip(&quality.agreements);
    let compared = agreements.filter_map(|((place, cell), agreement)| {
        let agreement = agreement.as_ref().filter(|agreement| agreement.reference != place)?;
        Some((cell, cells.get(agreement.reference)?, agreement))
    });
    let compared: Vec<Compared<'_>> = compared.collect();
    if compared.is_empty() {
        return Section::default();
    }
    // What sets a row apart from its reference is to have a column.
    let both = compared.iter().flat_map(|(cell, reference, _)| [*cell, *reference]);
    let settings = SettingColumns::of(&both.collect::<Vec<_>>());
    let mut columns = vec![Column::left("Model").strong(), Column::left("Video")];
    columns.extend(settings.columns());
    columns.extend(["Reference dtype"].map(Column::left));
    columns.extend(
        ["Scenes Equal", "Tokens Equal", "First Difference", "Tokens", "Reference Tokens"].map(Column::right),
    );
    let rows = compared.iter().map(|row| cells_of(row, &settings)).collect();
    let note = "Each row is compared with the same cell with the cache on, without quantization, in the most exact type and with the \
                fewest scenes at once that the matrix has. Tokens are equal where the same one stands at the same place; the first \
                difference is the earliest token of any scene.";
    Section { table: Table { columns, rows }, notes: vec![note.to_owned()] }
}

fn cells_of(&(cell, reference, agreement): &Compared<'_>, settings: &SettingColumns) -> Vec<Cell> {
    let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
    let mut row = vec![model, Cell::from(cell.video_name())];
    row.extend(settings.cells(cell));
    let equal = format!("{} of {}", agreement.equal_scenes, agreement.scenes);
    let first = agreement.first.map(|first| format!("scene {}, token {}", first.scene, first.position));
    let position = agreement.first.map(|first| f64::from(first.position));
    row.extend([
        Cell::optional(shown("dtype", &reference.requested, reference.effective.as_ref())),
        Cell { value: agreement.scene_share(), ..Cell::from(equal) },
        Cell::number(agreement.token_share(), units::percent),
        Cell { value: position, ..Cell::optional(first) },
        Cell::count(Some(agreement.tokens as u64)),
        Cell::count(Some(agreement.reference_tokens as u64)),
    ]);
    row
}
