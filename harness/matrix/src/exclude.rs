//! `exclude`, and which of its entries had an effect.

use reelbench_protocol::CellSpec;

use crate::combination::Combination;
use crate::problem::Problem;

/// `exclude`, and which of its entries had an effect.
pub(crate) struct Excluded<'m> {
    entries: Vec<(&'m Combination, bool)>,
}

impl<'m> Excluded<'m> {
    pub(crate) fn new(entries: &'m [Combination]) -> Self {
        Self { entries: entries.iter().map(|entry| (entry, false)).collect() }
    }

    /// Whether no entry leaves the cell out; every entry that does is marked.
    pub(crate) fn keeps(&mut self, spec: &CellSpec) -> bool {
        let mut keeps = true;
        for (entry, used) in &mut self.entries {
            if entry.matches(spec) {
                *used = true;
                keeps = false;
            }
        }
        keeps
    }

    /// A warning for each entry that left nothing out.
    pub(crate) fn idle(self) -> impl Iterator<Item = Problem> {
        self.entries.into_iter().filter(|(_, used)| !used).map(|(entry, _)| {
            Problem::warning("this entry of `exclude` matches no cell").at(entry.place).help(
                "models and settings are values of captions, `scene.` keys of both kinds of cell, the other keys of \
                 stage-1 cells and of captions whose question tells of that stage",
            )
        })
    }
}
