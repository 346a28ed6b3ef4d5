//! `bench plan`: every cell and what it will do; nothing runs.

use std::fmt::Write;
use std::path::Path;

use reelbench_exec::environment;
use reelbench_matrix::RunOverrides;
use reelbench_protocol::{
    CellId, CellKind, MemoryEstimate, ModelId, PlannedCell, Repeats, Settings, SkippedCell, VideoId, Warmup,
    Work,
};
use serde::Serialize;

use crate::args::{Output, PlanArgs};
use crate::cmd::run::RUNS;
use crate::error::BenchError;
use crate::estimate::size;
use crate::exit_code::Exit;
use crate::label::Labels;
use crate::plan::{Planned, plan as make_plan};
use crate::timing::{CellTime, Times, TotalTime, sources};
use crate::{past, print};

pub(crate) fn plan(args: &PlanArgs) -> Result<Exit, BenchError> {
    let planned = make_plan(
        &args.matrix,
        &args.runner.runner,
        args.only.as_ref(),
        RunOverrides::default(),
        args.misfits(),
        args.network.network(),
    )?;
    let times = times(args, &planned)?;
    match args.output.output() {
        Output::Json => print::json(&PlanJson::of(&planned, &times)),
        Output::Text => print::text(&describe(&planned, &times)),
    }
}

/// What earlier runs tell: those of `--history`, else those where runs are kept, if there are any.
fn times(args: &PlanArgs, planned: &Planned) -> Result<Times, BenchError> {
    let folder = match &args.history {
        Some(folder) => folder.as_path(),
        None if Path::new(RUNS).is_dir() => Path::new(RUNS),
        None => return Ok(Times::default()),
    };
    let past = past::runs(folder, &environment(), &planned.hello.runner)?;
    Ok(Times::of(&planned.expansion.cells, &past))
}

/// What `--json` prints.
#[derive(Serialize)]
struct PlanJson<'a> {
    name: &'a str,
    runner: &'a str,
    repeats: Repeats,
    warmup: Warmup,
    /// Longest that a load or a repeat may take, in seconds.
    timeout_s: f64,
    /// Longest that the run may take, in seconds.
    run_timeout_s: Option<f64>,
    /// What a runner may allocate, as the matrix says it.
    memory_limit: String,
    /// What all of it will take, as far as earlier runs tell.
    time: Option<TotalTime>,
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
    /// What it will take, as far as earlier runs tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a CellTime>,
}

#[derive(Serialize)]
struct SkippedJson<'a> {
    #[serde(flatten)]
    skipped: &'a SkippedCell,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'a MemoryEstimate>,
}

impl<'a> PlanJson<'a> {
    fn of(planned: &'a Planned, times: &'a Times) -> Self {
        let skipped = |skipped: &'a SkippedCell| SkippedJson {
            skipped,
            memory: planned.estimates.of(&skipped.cell.id),
        };
        let (repeats, warmup) = planned.repetition();
        let run = planned.matrix.run();
        Self {
            name: planned.matrix.name(),
            runner: &planned.runner.name,
            repeats,
            warmup,
            timeout_s: run.timeout.as_secs_f64(),
            run_timeout_s: run.run_timeout.map(|limit| limit.as_secs_f64()),
            memory_limit: run.memory_limit.to_string(),
            time: total(planned, times),
            available_bytes: planned.estimates.available(),
            cells: planned.expansion.cells.iter().map(|cell| CellJson::of(cell, planned, times)).collect(),
            skipped: planned.expansion.skipped.iter().map(skipped).collect(),
        }
    }
}

impl<'a> CellJson<'a> {
    fn of(cell: &'a PlannedCell, planned: &'a Planned, times: &'a Times) -> Self {
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
            memory: planned.estimates.of(&cell.id),
            time: times.of_cell(&cell.id),
        }
    }
}

fn total(planned: &Planned, times: &Times) -> Option<TotalTime> {
    times.total(&planned.expansion.cells, planned.repetition(), planned.matrix.run().device)
}

/// A line per cell, a caption's with the stage-1 cell that feeds it, each with the memory and the time it needs, then the
/// skipped ones, then the sums.
fn describe(planned: &Planned, times: &Times) -> String {
    let cells = &planned.expansion.cells;
    let skipped = &planned.expansion.skipped;
    let labels = Labels::of(&cells.iter().chain(skipped.iter().map(|skipped| &skipped.cell)));
    let mut text = String::new();
    // Writing to a string cannot fail.
    for cell in cells {
        let dummy = if cell.spec.uses_dummy_weights() { "  (dummy weights)" } else { "" };
        let from = cell.stage1_from.as_ref().map_or_else(String::new, |stage1| format!("  from {stage1}"));
        let memory = planned.estimates.of(&cell.id);
        let memory =
            memory.map_or_else(String::new, |memory| format!("  about {}", size(memory.total_bytes())));
        let time = times.of_cell(&cell.id).map_or_else(String::new, |time| format!("  {time}"));
        let (kind, label) = (cell.spec.kind().as_str(), labels.label(cell));
        let _ = writeln!(text, "{}  {kind:<7}  {label}{from}{memory}{time}{dummy}", cell.id);
    }
    for SkippedCell { cell, reason } in skipped {
        let _ = writeln!(text, "{}  skipped  {}: {reason}", cell.id, labels.label(cell));
    }
    let (repeats, warmup) = planned.repetition();
    let _ = writeln!(
        text,
        "{} cells, {} skipped; {repeats} repeats each after {warmup} to warm up, on runner {}",
        cells.len(),
        skipped.len(),
        planned.runner.name
    );
    let _ = writeln!(text, "limits: {}", limit_words(planned));
    let _ = writeln!(text, "time: {}", time_words(planned, times));
    text
}

/// What ends a load, a repeat or the run before its time.
fn limit_words(planned: &Planned) -> String {
    let run = planned.matrix.run();
    let whole = run.run_timeout.map(|limit| format!("{limit:?} for the whole run"));
    let memory = Some(format!("memory {}", run.memory_limit));
    [Some(format!("{:?} for each load and repeat", run.timeout)), whole, memory]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// The whole time, and how it is known.
fn time_words(planned: &Planned, times: &Times) -> String {
    let Some(total) = total(planned, times) else {
        return "unknown, since no earlier run on this machine tells".to_owned();
    };
    let sources: Vec<String> =
        sources(times).into_iter().map(|(run, cells)| format!("{run} ({cells} cells)")).collect();
    format!("{total}; as measured in {}", sources.join(", "))
}
