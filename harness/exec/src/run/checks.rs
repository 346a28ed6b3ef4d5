//! Cells with a cache are held against themselves without it, outside of what is timed.

use reelbench_protocol::{CacheVerdict, Hello, JournalEvent, PlannedCell, Work};

use super::trouble::TurnTrouble;
use super::{ExecError, Run};
use crate::cache_check::{Check, broke};
use crate::history::Planned;
use crate::schedule::Group;
use crate::session::{Session, Trouble};
use crate::{RunEvent, cache_check};

impl Run<'_> {
    /// The cells of a group that are still to be checked once their samples are taken.
    pub(super) fn checks_left<'g>(&self, group: &Group<'g>, planned: &Planned) -> Vec<&'g PlannedCell> {
        if self.plan.cache_check == 0 {
            return Vec::new();
        }
        let unpaired = cache_check::unpaired(&planned.cells);
        let is_left = |cell: &&PlannedCell| {
            unpaired.contains(&cell.id)
                && self.history.ended(&cell.id).is_none()
                && !self.history.is_checked(&cell.id)
        };
        group.cells.iter().copied().filter(is_left).collect()
    }

    /// Checks one cell in the process that measured it.
    pub(super) fn check(
        &mut self,
        session: &mut Session,
        hello: &Hello,
        cell: &PlannedCell,
    ) -> Result<(), TurnTrouble> {
        let feed = self.feed(cell).unwrap_or_default();
        let check = Check::new(cell, &feed, self.plan.cache_check).filter(|_| can_go_without(hello, cell));
        let Some(check) = check else { return Ok(self.checked(cell, CacheVerdict::NotOffered)?) };
        let mut answers = Vec::with_capacity(check.requests.len());
        for (request, use_cache) in check.requests.iter().zip([true, false]) {
            match session.repeat(request, self.plan.device, self.plan.timeout, &mut |_| {}) {
                Ok(answer) => answers.push(answer),
                Err(Trouble::Stopped) => return Err(TurnTrouble::Stopped),
                Err(Trouble::NoRunner(error)) => return Err(ExecError::from(error).into()),
                Err(Trouble::Refused(ending)) => return Ok(self.checked(cell, broke(use_cache, ending))?),
                Err(Trouble::Lost(ending)) => {
                    self.checked(cell, broke(use_cache, ending))?;
                    return Err(TurnTrouble::ProcessLost);
                }
            }
        }
        if let [cached, uncached] = answers.as_slice() {
            self.checked(cell, check.verdict(cached, uncached))?;
        }
        Ok(())
    }

    fn checked(&mut self, cell: &PlannedCell, verdict: CacheVerdict) -> Result<(), ExecError> {
        let event = JournalEvent::CacheChecked { cell: cell.id.clone(), verdict };
        self.record(&event)?;
        if let JournalEvent::CacheChecked { verdict, .. } = &event {
            self.sink.event(RunEvent::CacheChecked { cell, verdict });
        }
        Ok(())
    }
}

/// Whether the runner offers the cell's captioner without a cache.
fn can_go_without(hello: &Hello, cell: &PlannedCell) -> bool {
    let Work::Caption(caption) = &cell.spec.work else { return false };
    let support = hello.capabilities.captioner(caption.family);
    support.is_some_and(|support| support.use_cache.contains(&false))
}
