//! Short names of cells: what they work on, and the settings in which they differ from each other.

use std::collections::BTreeSet;
use std::fmt::Write;

use reelbench_protocol::{CellKind, PlannedCell, Settings, value_text, varying};

/// Names the cells of one plan.
pub(crate) struct Labels {
    stage1: BTreeSet<String>,
    caption: BTreeSet<String>,
}

impl Labels {
    /// Looks at which settings vary among `cells`.
    pub(crate) fn of<'a>(cells: &(impl Iterator<Item = &'a PlannedCell> + Clone)) -> Self {
        let varying_of = |kind| {
            let settings: Vec<Settings> = cells
                .clone()
                .filter(|cell| cell.spec.kind() == kind)
                .map(|cell| cell.spec.requested())
                .collect();
            varying(&settings)
        };
        Self { stage1: varying_of(CellKind::Stage1), caption: varying_of(CellKind::Caption) }
    }

    /// `sintel llava use_cache=true`.
    pub(crate) fn label(&self, cell: &PlannedCell) -> String {
        let mut label = cell.spec.to_string();
        for (name, value) in self.settings(cell) {
            // Writing to a string cannot fail.
            let _ = write!(label, " {name}={value}");
        }
        label
    }

    /// The settings in which the cell may differ from others of its kind.
    pub(crate) fn settings(&self, cell: &PlannedCell) -> Vec<(String, String)> {
        let names = match cell.spec.kind() {
            CellKind::Stage1 => &self.stage1,
            CellKind::Caption => &self.caption,
        };
        let requested = cell.spec.requested();
        names.iter().filter_map(|name| Some((name.clone(), value_text(requested.get(name)?)))).collect()
    }
}
