//! What cells with a cache said without it.

use reelbench_protocol::CacheVerdict;

use super::section::{Section, SettingColumns, with_dummy_mark};
use super::table::{Cell, Column, Table};
use crate::summary::CellSummary;

/// One row per cell that was checked. Empty where none was.
pub(super) fn section(cells: &[CellSummary]) -> Section {
    let checked = cells.iter().filter_map(|cell| Some((cell, cell.cache_check.as_ref()?)));
    let checked: Vec<(&CellSummary, &CacheVerdict)> = checked.collect();
    if checked.is_empty() {
        return Section::default();
    }
    let settings = SettingColumns::of(&checked.iter().map(|(cell, _)| *cell).collect::<Vec<_>>());
    let mut columns = vec![Column::left("Model").strong(), Column::left("Video")];
    columns.extend(settings.columns());
    columns.push(Column::left("With and without the Cache"));
    let row = |&(cell, verdict): &(&CellSummary, &CacheVerdict)| {
        let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
        let mut row = vec![model, Cell::from(cell.video_name())];
        row.extend(settings.cells(cell));
        row.push(Cell::from(words(verdict)));
        row
    };
    let table = Table { columns, rows: checked.iter().map(row).collect() };
    let note = "Cells with the cache on whose counterpart without it is not in the matrix captioned a few scenes both ways, \
                with at most 8 new tokens, outside of what is timed.";
    Section { table, notes: vec![note.to_owned()] }
}

fn words(verdict: &CacheVerdict) -> String {
    match verdict {
        CacheVerdict::Same { scenes } => {
            let noun = if scenes.len() == 1 { "scene" } else { "scenes" };
            let scenes: Vec<_> = scenes.iter().map(ToString::to_string).collect();
            format!("same tokens in {noun} {}", scenes.join(", "))
        }
        CacheVerdict::Differs(first) => format!("differs at {first}"),
        CacheVerdict::Broke { use_cache: true, failure, .. } => format!("broke with it: {failure}"),
        CacheVerdict::Broke { use_cache: false, failure, .. } => format!("broke without it: {failure}"),
        CacheVerdict::NotOffered => "not checked: the runner cannot do without it".to_owned(),
    }
}
