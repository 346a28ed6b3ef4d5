//! `bench plan`: every cell and what it will do; nothing runs.

use std::fmt::Write;

use reelbench_matrix::RunOverrides;
use reelbench_protocol::{
    CellId, CellKind, MemoryEstimate, ModelId, PlannedCell, Repeats, Settings, SkippedCell, VideoId, Warmup,
    Work,
};
use serde::Serialize;

use crate::args::{Output, PlanArgs};
use crate::error::BenchError;
use crate::estimate::{Estimates, size};
use crate::exit_code::Exit;
use crate::label::Labels;
use crate::plan::{Planned, plan as make_plan};
use crate::print;

pub(crate) fn plan(args: &PlanArgs) -> Result<Exit, BenchError> {
    let planned = make_plan(
        &args.matrix,
        &args.runner.runner,
        args.only.as_ref(),
        RunOverrides::default(),
        args.misfits(),
        args.network.network(),
    )?;
    match args.output.output() {
        Output::Json => print::json(&PlanJson::of(&planned)),
        Output::Text => print::text(&describe(&planned)),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct PlanJson<'a> {
    name: &'a str,
    runner: &'a str,
    repeats: Repeats,
    warmup: Warmup,
    /// Bytes of memory that a runner can have, where that limits it.
    available_bytes: Option<u64>,
    cells: Vec<CellJson<'a>>,
    skipped: Vec<SkippedJson<'a>>,
}

#[derive(Serialize)]
struct CellJson<'a> {
    id: &'a CellId,
    kind: CellKind,
    video: &'a VideoId,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a ModelId>,
    requested: Settings,
    dummy_weights: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage1_from: Option<&'a CellId>,
    /// What memory the runner expects it to need.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'a MemoryEstimate>,
}

#[derive(Serialize)]
struct SkippedJson<'a> {
    #[serde(flatten)]
    skipped: &'a SkippedCell,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'a MemoryEstimate>,
}

impl<'a> PlanJson<'a> {
    fn of(planned: &'a Planned) -> Self {
        let skipped = |skipped: &'a SkippedCell| SkippedJson {
            skipped,
            memory: planned.estimates.of(&skipped.cell.id),
        };
        Self {
            name: planned.matrix.name(),
            runner: &planned.runner.name,
            repeats: planned.matrix.run().repeats,
            warmup: planned.matrix.run().warmup,
            available_bytes: planned.estimates.available(),
            cells: planned
                .expansion
                .cells
                .iter()
                .map(|cell| CellJson::of(cell, &planned.estimates))
                .collect(),
            skipped: planned.expansion.skipped.iter().map(skipped).collect(),
        }
    }
}

impl<'a> CellJson<'a> {
    fn of(cell: &'a PlannedCell, estimates: &'a Estimates) -> Self {
        Self {
            id: &cell.id,
            kind: cell.spec.kind(),
            video: &cell.spec.video.id,
            model: match &cell.spec.work {
                Work::Stage1(_) => None,
                Work::Caption(caption) => Some(&caption.model),
            },
            requested: cell.spec.requested(),
            dummy_weights: cell.spec.uses_dummy_weights(),
            stage1_from: cell.stage1_from.as_ref(),
            memory: estimates.of(&cell.id),
        }
    }
}

/// A line per cell, a caption's with the stage-1 cell that feeds it and the memory it needs, then the skipped ones, then the sum.
fn describe(planned: &Planned) -> String {
    let cells = &planned.expansion.cells;
    let skipped = &planned.expansion.skipped;
    let labels = Labels::of(&cells.iter().chain(skipped.iter().map(|skipped| &skipped.cell)));
    let run = planned.matrix.run();
    let mut text = String::new();
    // Writing to a string cannot fail.
    for cell in cells {
        let dummy = if cell.spec.uses_dummy_weights() { "  (dummy weights)" } else { "" };
        let from = cell.stage1_from.as_ref().map_or_else(String::new, |stage1| format!("  from {stage1}"));
        let memory = planned.estimates.of(&cell.id);
        let memory =
            memory.map_or_else(String::new, |memory| format!("  about {}", size(memory.total_bytes())));
        let (kind, label) = (cell.spec.kind().as_str(), labels.label(cell));
        let _ = writeln!(text, "{}  {kind:<7}  {label}{from}{memory}{dummy}", cell.id);
    }
    for SkippedCell { cell, reason } in skipped {
        let _ = writeln!(text, "{}  skipped  {}: {reason}", cell.id, labels.label(cell));
    }
    let _ = writeln!(
        text,
        "{} cells, {} skipped; {} repeats each after {} to warm up, on runner {}",
        cells.len(),
        skipped.len(),
        run.repeats,
        run.warmup,
        planned.runner.name
    );
    text
}
