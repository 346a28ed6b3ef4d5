//! One run, or two side by side, from the first group of cells to the last. What comes next follows from what the
//! journals say, never from a list made beforehand.

use reelbench_protocol::{Arm, CellEnd, Failure, FailureKind, PlannedCell};

use super::halt::Halt;
use super::{Run, RunPlan};
use crate::history::Planned;
use crate::schedule::{self, Batch, Group, Visit};
use crate::session::Ending;

/// The sides of a session: base and head, or one alone.
pub(super) struct Drive<'r, 'a> {
    pub(super) plan: &'r RunPlan,
    pub(super) planned: &'r Planned,
    pub(super) runs: &'r mut [Run<'a>],
}

impl Drive<'_, '_> {
    /// Runs what is left of the plan.
    ///
    /// Each group of cells that share a load gets processes of its own, so that no group's memory or speed depends on
    /// what was loaded before it.
    pub(super) fn groups(&mut self) -> Result<(), Halt> {
        if self.runs.iter().all(|run| run.history.finished) {
            return Ok(());
        }
        let planned = self.planned;
        for group in schedule::groups(&planned.cells, self.plan.device) {
            for run in &mut *self.runs {
                run.skip_cells_without_findings(&group)?;
            }
            self.end_partners(&group.cells)?;
            for batch in group.batches(self.plan.order, self.plan.seed) {
                self.batch(&group, &batch)?;
            }
            // Checks come last: a check that breaks the process costs no sample.
            for run in &mut *self.runs {
                run.checks(&group, planned)?;
                run.leave();
            }
        }
        Ok(())
    }

    fn batch(&mut self, group: &Group<'_>, batch: &Batch<'_>) -> Result<(), Halt> {
        for side in 0..self.runs.len() {
            self.prepare(side, group, batch)?;
            self.end_partners(&batch.cells)?;
        }
        for (repeat, round) in (0..self.planned.repeats.at_most()).zip(batch.rounds()) {
            for visit in round {
                self.visit(group, batch, &visit, repeat)?;
            }
        }
        Ok(())
    }

    /// Has a side's process ready and warm for every cell that is still to be measured.
    fn prepare(&mut self, side: usize, group: &Group<'_>, batch: &Batch<'_>) -> Result<(), Halt> {
        let wanted: Vec<_> = batch.cells.iter().copied().filter(|cell| self.is_wanted(cell)).collect();
        self.runs[side].prepare(group, &wanted, self.planned)
    }

    /// Whether a cell is to be measured further. One that ended on any side goes on on none: there is nothing to pair
    /// it with. One that only one side has enough of goes on on both.
    fn is_wanted(&self, cell: &PlannedCell) -> bool {
        let is_ended = |run: &Run<'_>| run.history.ended(&cell.id).is_some();
        !self.runs.iter().any(is_ended) && !self.runs.iter().all(|run| run.history.is_settled(&cell.id))
    }

    /// One repeat of a cell on each side, right after each other.
    fn visit(
        &mut self,
        group: &Group<'_>,
        batch: &Batch<'_>,
        visit: &Visit<'_>,
        repeat: u32,
    ) -> Result<(), Halt> {
        // A cell that ended on one side before its turn, with its process, ends on the other.
        self.end_partners(&[visit.cell])?;
        if !self.is_wanted(visit.cell) {
            return Ok(());
        }
        let mut sides: Vec<usize> = (0..self.runs.len()).collect();
        if visit.first == Arm::Head {
            sides.reverse();
        }
        for side in sides {
            if self.runs[side].history.is_measured(&visit.cell.id, repeat) {
                continue;
            }
            if !self.runs[side].has_process() {
                self.prepare(side, group, batch)?;
            }
            self.runs[side].sample(visit.cell, repeat)?;
            if self.runs[side].history.ended(&visit.cell.id).is_some() {
                break;
            }
        }
        self.end_partners(&[visit.cell])
    }

    /// Ends the cells of which the other side of the session gives no more samples.
    pub(super) fn end_partners(&mut self, cells: &[&PlannedCell]) -> Result<(), Halt> {
        let [base, head] = &mut *self.runs else { return Ok(()) };
        for cell in cells {
            end_partner(cell, Arm::Base, base, head)?;
            end_partner(cell, Arm::Head, head, base)?;
        }
        Ok(())
    }
}

/// Ends a cell on the other side where it ended on this one, unless the other has all its samples.
fn end_partner(cell: &PlannedCell, arm: Arm, this: &Run<'_>, other: &mut Run<'_>) -> Result<(), Halt> {
    let Some((end, failure)) = this.history.ended(&cell.id) else { return Ok(()) };
    if other.history.is_settled(&cell.id) {
        return Ok(());
    }
    let message = format!("its partner in the session, {arm}, ended {end}: {failure}");
    let failure = Failure::new(FailureKind::Internal, message);
    Ok(other.end_cell(&cell.id, Ending::without_log(CellEnd::Skipped, failure))?)
}
