//! How far captions agree with those of the reference setting.

use std::collections::BTreeMap;

use reelbench_protocol::{CaptionSettings, CellId, CellKind, CellSpec, Dtype, Quantization, Work};

use super::section::{Section, SettingColumns, with_dummy_mark};
use super::table::{Cell, Column, Table};
use crate::run::{CellRecord, Run};
use crate::settings::shown;
use crate::summary::CellSummary;
use crate::units;

/// A cell with what the journal says of it.
type Recorded<'a> = (&'a CellRecord, &'a CellSummary);

/// One row per measured caption that differs from a reference in its cache, quantization, type or batch alone. The
/// reference has its cache on and no quantization, and of these the most exact type and the fewest scenes at once.
pub(super) fn section(run: &Run, cells: &[CellSummary]) -> Section {
    let recorded = run.cells.iter().zip(cells);
    let measured = recorded.filter(|(_, cell)| cell.kind == CellKind::Caption && cell.outcome.is_measured());
    let mut groups: BTreeMap<CellId, Vec<Recorded<'_>>> = BTreeMap::new();
    let mut order = Vec::new();
    for (record, cell) in measured {
        let Some(group) = group(record.spec()) else { continue };
        if !groups.contains_key(&group) {
            order.push(group.clone());
        }
        groups.entry(group).or_default().push((record, cell));
    }
    let compared = order.iter().filter_map(|group| groups.get(group)).flat_map(|group| compared(group));
    let compared: Vec<(Recorded<'_>, Agreement<'_>)> = compared.collect();
    if compared.is_empty() {
        return Section::default();
    }
    // What sets a row apart from its reference is to have a column.
    let both = compared.iter().flat_map(|((_, cell), agreement)| [*cell, agreement.reference]);
    let settings = SettingColumns::of(&both.collect::<Vec<_>>());
    let mut columns = vec![Column::left("Model").strong(), Column::left("Video")];
    columns.extend(settings.columns());
    columns.extend(["Reference dtype"].map(Column::left));
    columns.extend(["Scenes Equal", "Tokens Equal", "Tokens", "Reference Tokens"].map(Column::right));
    let row = |((_, cell), agreement): &(Recorded<'_>, Agreement<'_>)| {
        let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
        let mut row = vec![model, Cell::from(cell.video.to_string())];
        row.extend(settings.cells(cell));
        row.extend(agreement.cells());
        row
    };
    let table = Table { columns, rows: compared.iter().map(row).collect() };
    let note = "Each row is compared with the same cell with the cache on, without quantization, in the most exact type and with the \
                fewest scenes at once that the matrix has. Tokens are equal where the same one stands at the same place.";
    let mut notes = vec![note.to_owned()];
    notes.extend(settings.captions());
    Section { table, notes }
}

fn settings(spec: &CellSpec) -> Option<&CaptionSettings> {
    match &spec.work {
        Work::Caption(caption) => Some(&caption.settings),
        Work::Stage1(_) => None,
    }
}

/// The id that cells share which differ in nothing but how they compute.
fn group(spec: &CellSpec) -> Option<CellId> {
    let mut spec = spec.clone();
    let Work::Caption(caption) = &mut spec.work else { return None };
    let CaptionSettings { use_cache, quantization, dtype, batch_scenes, .. } = CaptionSettings::default();
    caption.settings =
        CaptionSettings { use_cache, quantization, dtype, batch_scenes, ..caption.settings.clone() };
    Some(CellId::of(&spec))
}

/// Every cell of a group beside its reference; none where the group has no reference.
fn compared<'a>(group: &[Recorded<'a>]) -> Vec<(Recorded<'a>, Agreement<'a>)> {
    let rank = |settings: &CaptionSettings| {
        let exactness = match settings.dtype {
            Dtype::F32 => 0,
            Dtype::Auto => 1,
            Dtype::F16 => 2,
            Dtype::Bf16 => 3,
        };
        (exactness, settings.batch_scenes)
    };
    let candidates = group.iter().filter_map(|&cell| Some((cell, settings(cell.0.spec())?)));
    let references = candidates
        .filter(|(_, settings)| settings.use_cache && settings.quantization == Quantization::None)
        .min_by_key(|(_, settings)| rank(settings));
    let Some((reference, _)) = references else { return Vec::new() };
    let others = group.iter().filter(|(record, _)| record.planned.id != reference.0.planned.id);
    others.map(|&cell| (cell, Agreement::between(cell.0, reference))).collect()
}

/// How far two cells agree.
struct Agreement<'a> {
    reference: &'a CellSummary,
    scenes: usize,
    equal_scenes: usize,
    equal_tokens: usize,
    tokens: usize,
    reference_tokens: usize,
    /// Places at which either has a token.
    places: usize,
}

impl<'a> Agreement<'a> {
    fn between(cell: &CellRecord, (reference, summary): Recorded<'a>) -> Self {
        let (tokens, expected) = (cell.tokens(), reference.tokens());
        let mut agreement = Self {
            reference: summary,
            scenes: expected.len(),
            equal_scenes: 0,
            equal_tokens: 0,
            tokens: tokens.values().map(|tokens| tokens.len()).sum(),
            reference_tokens: expected.values().map(|tokens| tokens.len()).sum(),
            places: 0,
        };
        for (scene, expected) in &expected {
            let tokens = tokens.get(scene).copied().unwrap_or_default();
            agreement.equal_scenes += usize::from(tokens == *expected);
            agreement.equal_tokens += tokens.iter().zip(*expected).filter(|(a, b)| a == b).count();
            agreement.places += tokens.len().max(expected.len());
        }
        agreement
    }

    fn cells(&self) -> [Cell; 5] {
        let share = (self.places > 0).then(|| self.equal_tokens as f64 / self.places as f64);
        [
            Cell::optional(shown("dtype", &self.reference.requested, self.reference.effective.as_ref())),
            Cell::from(format!("{} of {}", self.equal_scenes, self.scenes)),
            Cell::number(share, units::percent),
            Cell::count(Some(self.tokens as u64)),
            Cell::count(Some(self.reference_tokens as u64)),
        ]
    }
}
