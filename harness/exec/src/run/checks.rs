//! Cells with a cache are held against themselves without it, outside of what is timed.

use reelbench_protocol::{CacheVerdict, Hello, JournalEvent, PlannedCell, Work};

use super::Run;
use super::halt::Halt;
use crate::cache_check::{Check, broke};
use crate::history::Planned;
use crate::schedule::Group;
use crate::{JournalError, RunEvent, cache_check};

impl Run<'_> {
    /// Checks the cells of a group in the process that measured them.
    pub(super) fn checks(&mut self, group: &Group<'_>, planned: &Planned) -> Result<(), Halt> {
        for cell in self.unchecked(group, planned) {
            if !self.has_process() {
                self.load(group, planned)?;
            }
            self.check(cell)?;
        }
        Ok(())
    }

    /// The cells of a group that are still to be checked once their samples are taken.
    pub(super) fn unchecked<'g>(&self, group: &Group<'g>, planned: &Planned) -> Vec<&'g PlannedCell> {
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

    /// Checks one cell; without a process it was told why there is none.
    fn check(&mut self, cell: &PlannedCell) -> Result<(), Halt> {
        let feed = self.feed(cell).unwrap_or_default();
        let Some(process) = &self.process else { return Ok(()) };
        let check = Check::new(cell, &feed, self.plan.cache_check);
        let Some(check) = check.filter(|_| can_go_without(&process.hello, cell)) else {
            return Ok(self.checked(cell, CacheVerdict::NotOffered)?);
        };
        let mut answers = Vec::with_capacity(check.requests.len());
        for (request, use_cache) in check.requests.iter().zip([true, false]) {
            self.go_on()?;
            let Some(process) = &mut self.process else { return Ok(()) };
            match process.session.repeat(request, self.plan.device, &mut |_| {}) {
                Ok(answer) => answers.push(answer),
                Err(trouble) => {
                    let ending = self.ending(trouble)?;
                    return Ok(self.checked(cell, broke(use_cache, ending))?);
                }
            }
        }
        if let [cached, uncached] = answers.as_slice() {
            self.checked(cell, check.verdict(cached, uncached))?;
        }
        Ok(())
    }

    pub(super) fn checked(&mut self, cell: &PlannedCell, verdict: CacheVerdict) -> Result<(), JournalError> {
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
