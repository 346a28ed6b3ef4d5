//! What memory captions will need, and which of them this machine cannot hold.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use reelbench_exec::{RunnerError, RunnerProcess, available_memory};
use reelbench_matrix::Expansion;
use reelbench_protocol::{
    CaptionSpec, CellId, CellSpec, Command, Device, Event, Failure, FailureKind, Hello, MemoryEstimate,
    PlannedCell, SkippedCell, Work,
};

use crate::args::Misfits;

/// An estimate reads a configuration; a runner that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the runner says about the memory of captions.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    /// By cell; the cells of one captioner with equal needs share an answer.
    answers: HashMap<CellId, Result<MemoryEstimate, Failure>>,
    /// Bytes that a runner can have, where that limits it.
    available: Option<u64>,
}

impl Estimates {
    /// Asks a runner about every caption among `cells`, once for all whose needs cannot differ. A runner that does not
    /// offer estimates is asked nothing.
    ///
    /// # Errors
    /// When the runner breaks the conversation off.
    pub(crate) fn ask(
        runner: &mut RunnerProcess,
        hello: &Hello,
        cells: &[PlannedCell],
        device: Device,
    ) -> Result<Self, RunnerError> {
        if !hello.capabilities.estimates {
            return Ok(Self::default());
        }
        let mut by_needs = HashMap::new();
        let mut answers = HashMap::new();
        for cell in cells {
            let Some(needs) = needs(&cell.spec) else { continue };
            let answer = match by_needs.entry(needs) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(ask_one(runner, &cell.spec)?),
            };
            answers.insert(cell.id.clone(), answer.clone());
        }
        // What an accelerator has, only the runner knows.
        let on_processor = hello.capabilities.is_processor(device);
        Ok(Self { answers, available: on_processor.then(available_memory).flatten() })
    }

    /// The estimate of a cell.
    pub(crate) fn of(&self, cell: &CellId) -> Option<&MemoryEstimate> {
        self.answers.get(cell)?.as_ref().ok()
    }

    /// Bytes that a runner can have, where that limits it.
    pub(crate) fn available(&self) -> Option<u64> {
        self.available
    }

    /// Moves cells that cannot be run to those that are skipped.
    pub(crate) fn skip_misfits(&self, expansion: &mut Expansion, misfits: Misfits) {
        skip(expansion, misfits, |cell| self.misfit(cell));
    }

    /// Moves cells to those that are skipped which cannot be run while another runner, whose answers `head` has, is in
    /// memory with the same cell.
    pub(crate) fn skip_misfit_pairs(&self, head: &Self, expansion: &mut Expansion, misfits: Misfits) {
        skip(expansion, misfits, |cell| self.misfit_of_pair(head, cell));
    }

    /// Why a cell cannot be run.
    fn misfit(&self, cell: &CellId) -> Option<String> {
        match (self.answers.get(cell)?, self.available) {
            (Err(failure), _) if failure.kind == FailureKind::Weights => Some(failure.to_string()),
            (Ok(estimate), Some(available)) if estimate.total_bytes() > available => Some(format!(
                "needs about {}, {} are available; choose a quantization or fewer beams, tokens, frames or scenes at \
                 once, or run it all the same with --force",
                size(estimate.total_bytes()),
                size(available)
            )),
            _ => None,
        }
    }

    /// Why a cell cannot be run by both runners of a session.
    fn misfit_of_pair(&self, head: &Self, cell: &CellId) -> Option<String> {
        let (of_base, of_head) = (self.of(cell)?.total_bytes(), head.of(cell)?.total_bytes());
        let available = self.available?;
        (of_base.saturating_add(of_head) > available).then(|| {
            format!(
                "base and head are in memory at once and need about {} and {}, {} are available; choose a quantization or \
                 fewer beams, tokens, frames or scenes at once, measure two runs one after the other, or measure it all \
                 the same with --force",
                size(of_base),
                size(of_head),
                size(available)
            )
        })
    }
}

/// Moves the cells for which there is a reason to those that are skipped.
fn skip(expansion: &mut Expansion, misfits: Misfits, reason: impl Fn(&CellId) -> Option<String>) {
    if misfits == Misfits::Run {
        return;
    }
    let mut kept = Vec::with_capacity(expansion.cells.len());
    for cell in expansion.cells.drain(..) {
        match reason(&cell.id) {
            Some(reason) => expansion.skipped.push(SkippedCell { cell, reason }),
            None => kept.push(cell),
        }
    }
    expansion.cells = kept;
}

fn ask_one(
    runner: &mut RunnerProcess,
    spec: &CellSpec,
) -> Result<Result<MemoryEstimate, Failure>, RunnerError> {
    runner.send(&Command::Estimate { spec: Box::new(spec.clone()) })?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match runner.wait_event(deadline)? {
            Event::Progress(_) => {}
            Event::Estimated(estimate) => return Ok(Ok(estimate)),
            Event::Failed(failure) => return Ok(Err(failure)),
            other => return Err(RunnerError::unexpected(&other, "estimated")),
        }
    }
}

/// What the memory of a caption depends on, as far as anyone could tell beforehand; `None` in stage 1. Neither the film nor
/// how its scenes were found is part of it, nor what only decides which token comes next.
fn needs(spec: &CellSpec) -> Option<String> {
    let Work::Caption(caption) = &spec.work else { return None };
    let mut settings = caption.settings.clone();
    settings.min_new_tokens = 0;
    settings.length_penalty = None;
    settings.early_stopping = None;
    settings.repetition_penalty = None;
    settings.temperature = None;
    settings.top_p = None;
    let needs = CaptionSpec {
        settings,
        seed: None,
        scene: None,
        asr: None,
        ast: None,
        yolo: None,
        ..caption.clone()
    };
    serde_json::to_string(&needs).ok()
}

/// `61 GB`, `6.1 GB`, `52 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const MEGA: f64 = 1e6;
    const GIGA: f64 = 1e9;
    let bytes = bytes as f64;
    if bytes >= 10.0 * GIGA {
        format!("{:.0} GB", bytes / GIGA)
    } else if bytes >= GIGA {
        format!("{:.1} GB", bytes / GIGA)
    } else {
        format!("{:.0} MB", (bytes / MEGA).ceil())
    }
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{Stage1Spec, VideoSpec};

    use super::*;

    #[test]
    fn two_runners_have_to_fit_side_by_side() {
        let film = VideoSpec { id: "film".parse().unwrap(), path: "film.mp4".into(), title: None };
        let cell = CellId::of(&CellSpec { video: film, work: Work::Stage1(Stage1Spec::default()) });
        let needs = |working_bytes| {
            let estimate = MemoryEstimate { weights_bytes: 2_000_000_000, working_bytes, parts: Vec::new() };
            Estimates {
                answers: HashMap::from([(cell.clone(), Ok(estimate))]),
                available: Some(8_000_000_000),
            }
        };
        let (small, large) = (needs(1_000_000_000), needs(4_000_000_000));
        assert_eq!((small.misfit(&cell), large.misfit(&cell)), (None, None), "each fits alone");
        assert_eq!(small.misfit_of_pair(&small, &cell), None);
        let reason = small.misfit_of_pair(&large, &cell).unwrap();
        assert!(reason.contains("need about 3.0 GB and 6.0 GB, 8.0 GB are available"), "{reason}");
        assert_eq!(small.misfit_of_pair(&Estimates::default(), &cell), None, "nothing is known of head");
    }

    #[test]
    fn sizes_have_two_digits_that_matter() {
        assert_eq!(size(61_200_000_000), "61 GB");
        assert_eq!(size(6_120_000_000), "6.1 GB");
        assert_eq!(size(52_000_000), "52 MB");
        assert_eq!(size(1), "1 MB", "never nothing");
    }
}
