//! What may have disturbed the measurement, one row per kind.

use std::collections::BTreeMap;

use super::section::{CellNames, Section};
use super::table::{Cell, Column, Table};
use crate::noise::{NoiseFinding, NoiseKind};
use crate::run::Run;
use crate::summary::Summary;
use crate::units::count;

/// Cells that are named; of more, the number is told.
const NAMED: usize = 3;

/// A finding with the name of its cell; without one where it is about the run.
type Seen<'a> = (Option<&'a str>, &'a NoiseFinding);

/// One row per kind of finding. Empty where nothing was measured.
pub(super) fn section(run: &Run, summary: &Summary) -> Section {
    let measured = summary.cells.iter().filter(|cell| cell.outcome.is_measured()).count();
    if measured == 0 {
        return Section::default();
    }
    let names = CellNames::of(&summary.cells);
    let names: Vec<String> =
        run.cells.iter().zip(&summary.cells).map(|(record, cell)| names.name(record, cell)).collect();
    let of_cells = summary.cells.iter().zip(&names);
    let of_cells =
        of_cells.flat_map(|(cell, name)| cell.noise.iter().map(move |found| (Some(name.as_str()), found)));
    let mut by_kind: BTreeMap<NoiseKind, Vec<Seen<'_>>> = BTreeMap::new();
    for seen in summary.noise.iter().map(|found| (None, found)).chain(of_cells) {
        by_kind.entry(seen.1.kind).or_default().push(seen);
    }
    let columns = ["What", "Where", "Repeats", "How Much", "What to Do"].map(Column::left);
    let rows: Vec<_> = by_kind.values().filter_map(|seen| row(seen, measured)).collect();
    let mut notes = vec![if rows.is_empty() {
        "Nothing was seen that may have disturbed the measurement.".to_owned()
    } else {
        "Every sample stays in the numbers: this only marks what may have disturbed them. Repeats are counted from 0; where \
         several cells are concerned, the worst is shown, and summary.json has each."
            .to_owned()
    }];
    let observed = || run.cells.iter().flat_map(|cell| &cell.observed);
    if observed().all(|observed| observed.conditions.is_none()) {
        notes.push("What else went on during the repeats was not recorded.".to_owned());
    }
    Section { table: Table { columns: columns.into(), rows }, notes }
}

fn row(seen: &[Seen<'_>], measured: usize) -> Option<Vec<Cell>> {
    let (_, worst) = seen.iter().max_by(|a, b| a.1.severity().total_cmp(&b.1.severity()))?;
    Some(vec![
        Cell::from(worst.kind.title()),
        Cell::from(places(seen, measured)),
        repeats(seen, worst),
        Cell::from(worst.words.clone()),
        Cell::from(worst.hint),
    ])
}

fn places(seen: &[Seen<'_>], measured: usize) -> String {
    let names: Vec<&str> = seen.iter().filter_map(|(name, _)| *name).collect();
    match names.len() {
        0 => "the run".to_owned(),
        all if all == measured && all > 1 => format!("all {}", count(all, "cell")),
        some if some > NAMED => format!("{some} of {measured} cells"),
        _ => names.join("; "),
    }
}

/// Which, where one cell is concerned; else how many.
fn repeats(seen: &[Seen<'_>], worst: &NoiseFinding) -> Cell {
    let all: usize = seen.iter().map(|(_, found)| found.repeats.len()).sum();
    match (seen.len(), all) {
        (_, 0) => Cell::none(),
        (1, ..=5) => Cell::from(worst.repeats.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
        _ => Cell::from(format!("{all} in all")),
    }
}
