//! A table with the sentences that belong to it, and what the rows of one share.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{CellKind, varying};
use serde::Serialize;

use super::table::{Cell, Column, Table};
use crate::run::CellRecord;
use crate::settings::shown;
use crate::summary::CellSummary;

/// A table with its caption.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Section {
    /// The table; without rows where there is nothing to show.
    pub table: Table,
    /// Sentences about it, in plain text.
    pub notes: Vec<String>,
}

/// Settings of a table's rows: columns for those that vary, a sentence for the others.
pub(crate) struct SettingColumns {
    varying: BTreeSet<String>,
    constant: BTreeMap<String, BTreeSet<String>>,
    /// Those that some cells do not have.
    partial: BTreeSet<String>,
}

impl SettingColumns {
    pub(crate) fn of(cells: &[&CellSummary]) -> Self {
        let varying = varying(cells.iter().map(|cell| &cell.requested));
        // Those that have run come first.
        let (ran, others): (Vec<&CellSummary>, Vec<&CellSummary>) =
            cells.iter().partition(|cell| cell.effective.is_some());
        let mut constant: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for cell in ran.into_iter().chain(others) {
            for key in cell.requested.keys().filter(|key| !varying.contains(*key)) {
                let values = constant.entry(key.clone()).or_default();
                // What `auto` came to, only a cell that has run can tell.
                if values.is_empty() || cell.effective.is_some() {
                    values.extend(shown(key, &cell.requested, cell.effective.as_ref()));
                }
            }
        }
        let is_partial = |key: &&String| cells.iter().any(|cell| !cell.requested.contains_key(*key));
        let partial = constant.keys().filter(is_partial).cloned().collect();
        Self { varying, constant, partial }
    }

    /// The same without the column of a setting that the rows tell in another way.
    pub(crate) fn without_column(mut self, key: &str) -> Self {
        self.varying.remove(key);
        self
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = Column> {
        self.varying.iter().map(Column::left)
    }

    pub(crate) fn cells(&self, cell: &CellSummary) -> impl Iterator<Item = Cell> {
        self.varying.iter().map(|key| Cell::optional(shown(key, &cell.requested, cell.effective.as_ref())))
    }

    /// The settings that vary, with their values in one cell: `use_cache true, num_beams 2`.
    pub(crate) fn words(&self, cell: &CellSummary) -> Option<String> {
        let values = self.varying.iter().filter_map(|key| {
            Some(format!("{key} {}", shown(key, &cell.requested, cell.effective.as_ref())?))
        });
        let words = values.collect::<Vec<_>>().join(", ");
        (!words.is_empty()).then_some(words)
    }

    /// `In every row: dtype f32, num_beams 1.`, and `Where it applies: ast.batch 8.` for what some rows do not have.
    pub(crate) fn captions(&self) -> Vec<String> {
        let words = |wanted: &dyn Fn(&str) -> bool| {
            let constant = self.constant.iter().filter(|(key, _)| wanted(key)).map(|(key, values)| {
                let values: Vec<_> = values.iter().map(String::as_str).collect();
                format!("{key} {}", values.join(" / "))
            });
            constant.collect::<Vec<_>>().join(", ")
        };
        let every = words(&|key| !self.partial.contains(key));
        let some = words(&|key| self.partial.contains(key));
        let sentences = [("In every row", every), ("Where it applies", some)];
        let said = sentences.into_iter().filter(|(_, words)| !words.is_empty());
        said.map(|(rows, words)| format!("{rows}: {words}.")).collect()
    }
}

/// Names of cells: the film, the model or `stage 1`, and the settings that vary among cells of the kind.
pub(crate) struct CellNames {
    of_stage1: SettingColumns,
    of_captions: SettingColumns,
}

impl CellNames {
    pub(crate) fn of(cells: &[CellSummary]) -> Self {
        let settings_of =
            |kind| SettingColumns::of(&cells.iter().filter(|cell| cell.kind == kind).collect::<Vec<_>>());
        Self { of_stage1: settings_of(CellKind::Stage1), of_captions: settings_of(CellKind::Caption) }
    }

    /// The settings that vary among cells of its kind, if any does.
    pub(crate) fn settings(&self, cell: &CellSummary) -> Option<String> {
        match cell.kind {
            CellKind::Stage1 => self.of_stage1.words(cell),
            CellKind::Caption => self.of_captions.words(cell),
        }
    }

    pub(crate) fn name(&self, record: &CellRecord, cell: &CellSummary) -> String {
        let words = [Some(record.spec().to_string()), self.settings(cell)];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// What is added to a name whose numbers come from random weights.
pub(crate) fn with_dummy_mark(cell: Cell, summary: &CellSummary) -> Cell {
    if summary.dummy_weights { cell.with_note("(dummy weights)") } else { cell }
}
