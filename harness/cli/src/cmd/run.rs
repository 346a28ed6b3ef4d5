//! `bench run`, and `bench MATRIX.yaml`: plan, run and report.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reelbench_exec::{ExpectedHash, Inputs, RunDirectory, RunEnd, RunPlan, execute};
use reelbench_matrix::{Matrix, RunOverrides};
use reelbench_protocol::{Manifest, PlannedCell};
use reelbench_reports::{Rebuilt, Run, Template, rebuild};
use serde::Serialize;

use crate::args::{Frames, Output, RunArgs, Talk};
use crate::cmd::report::describe;
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::plan::{Planned, plan};
use crate::progress::{Expected, Progress};
use crate::resume::Begun;
use crate::{interrupt, manifest, print, references};

/// Where runs are kept unless told otherwise.
pub(crate) const RUNS: &str = "runs";

pub(crate) fn run(args: &RunArgs) -> Result<Exit, BenchError> {
    let overrides = RunOverrides {
        repeats: args.repeats,
        warmup: args.warmup,
        device: args.device,
        memory_limit: args.memory_limit,
    };
    let (misfits, network) = (args.misfits(), args.network());
    let planned = plan(&args.matrix, &args.runner.runner, args.only.as_ref(), overrides, misfits, network)?;
    let begun = args.resume.as_deref().map(Begun::open).transpose()?;
    let cells = begun.as_ref().and_then(|begun| begun.cells.as_ref()).unwrap_or(&planned.expansion.cells);
    say(args, "hashing films and weights");
    // Before the directory is made: an interrupt here leaves nothing behind.
    let inputs = Inputs::of(cells, &expected_hashes(&planned.matrix));
    let before = args.resume.as_deref().and_then(done_before);
    let mut progress = Progress::new(&expected(cells, &planned, before.as_ref()), args.talk());
    let (directory, manifest) = match begun {
        Some(begun) => begun.go_on(&planned, &inputs, args.changes(), None)?,
        None => begin(args, &planned, &inputs)?,
    };
    say(args, &format!("run {}", directory.path().display()));
    let stop = interrupt::stop_flag()?;
    let plan = run_plan(args.frames(), &planned, inputs);
    let end = execute(&plan, &directory, &planned.runner, &mut progress, &stop)?;
    progress.close();
    if matches!(end, RunEnd::Finished(_)) && manifest.finished.is_none() {
        let finished = Some(reelbench_exec::rfc3339(SystemTime::now()));
        directory.write_manifest(&Manifest { finished, ..manifest })?;
    }
    let rebuilt = rebuild(directory.path(), &Template::default())?;
    conclude(args, &directory, end, &rebuilt)
}

/// What was done of a run that goes on. Only progress looks at it; what is left to do is the executor's to find out.
pub(crate) fn done_before(root: &Path) -> Option<Run> {
    Run::load(root).ok().filter(|run| !run.cells.is_empty())
}

/// Makes the directory of a new run.
fn begin(args: &RunArgs, planned: &Planned, inputs: &Inputs) -> Result<(RunDirectory, Manifest), BenchError> {
    let root = args.out.clone().unwrap_or_else(|| free_path(planned.matrix.name()));
    let directory = RunDirectory::create(&root, planned.matrix.text().as_bytes())?;
    references::keep(directory.path(), &planned.matrix)?;
    let manifest = manifest::manifest(planned, &directory, inputs);
    directory.write_manifest(&manifest)?;
    Ok((directory, manifest))
}

/// Says how far things have come, unless quiet was asked for.
fn say(args: &RunArgs, line: &str) {
    if args.talk() == Talk::Progress {
        print::line(line);
    }
}

/// What is to be run; a run that goes on keeps to its own repeats.
fn expected<'a>(cells: &'a [PlannedCell], planned: &Planned, before: Option<&'a Run>) -> Expected<'a> {
    Expected {
        cells,
        repetition: before.map_or_else(|| planned.repetition(), |run| (run.repeats, run.warmup)),
        device: planned.matrix.run().device,
        before,
    }
}

/// `runs/NAME-TIME`, numbered where another run of the same second has it.
pub(crate) fn free_path(name: &str) -> PathBuf {
    let path = RunDirectory::default_path(Path::new(RUNS), name, SystemTime::now());
    let numbered = (2..).map(|number| PathBuf::from(format!("{}-{number}", path.display())));
    std::iter::once(path.clone()).chain(numbered).find(|path| !path.exists()).unwrap_or(path)
}

pub(crate) fn expected_hashes(matrix: &Matrix) -> Vec<ExpectedHash> {
    let file = matrix.file().display();
    let expected = matrix.videos().iter().filter_map(|video| {
        let place = match video.sha256_line {
            Some(line) => format!("{file}:{line}"),
            None => "datasets/catalog.yaml".to_owned(),
        };
        let sha256 = video.sha256.as_ref()?.as_str().to_owned();
        Some(ExpectedHash { video: video.spec.id.clone(), sha256, place })
    });
    expected.collect()
}

pub(crate) fn run_plan(frames: Frames, planned: &Planned, inputs: Inputs) -> RunPlan {
    let run = planned.matrix.run();
    let (repeats, warmup) = planned.repetition();
    RunPlan {
        cells: planned.expansion.cells.clone(),
        skipped: planned.expansion.skipped.clone(),
        known_failures: inputs.known_failures,
        repeats,
        warmup,
        timeout: run.timeout,
        run_timeout: run.run_timeout,
        memory_limit: run.memory_limit,
        seed: run.seed,
        order: run.order,
        device: run.device,
        save_frames: frames == Frames::Save,
        cache_check: run.cache_check,
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Conclusion<'a> {
    directory: &'a Path,
    report: &'a Path,
    interrupted: bool,
    counts: &'a reelbench_reports::Counts,
}

/// How to go on with the run on the same runner and device.
fn resume_command(args: &RunArgs, directory: &RunDirectory) -> String {
    let device = args.device.map_or_else(String::new, |device| format!(" --device {device}"));
    let memory_limit =
        args.memory_limit.map_or_else(String::new, |limit| format!(" --memory-limit '{limit}'"));
    format!(
        "bench run {} --resume {} --runner {}{device}{memory_limit}",
        args.matrix.display(),
        directory.path().display(),
        args.runner.runner
    )
}

fn conclude(
    args: &RunArgs,
    directory: &RunDirectory,
    end: RunEnd,
    rebuilt: &Rebuilt,
) -> Result<Exit, BenchError> {
    let interrupted = end == RunEnd::Interrupted;
    match args.output.output() {
        Output::Json => {
            print::json(&Conclusion {
                directory: directory.path(),
                report: &rebuilt.report_path,
                interrupted,
                counts: &rebuilt.counts,
            })?;
        }
        Output::Text => {
            print::text(&format!("\n{}", describe(rebuilt, directory.path())))?;
        }
    }
    let resume =
        |what: &str| print::line(&format!("{what}; go on with: {}", resume_command(args, directory)));
    Ok(match end {
        RunEnd::Interrupted => {
            resume("interrupted");
            Exit::Interrupted
        }
        RunEnd::OutOfTime => {
            resume("the run's time (run.run_timeout in the matrix) is up");
            Exit::CellsNotOk
        }
        RunEnd::Finished(_) if rebuilt.counts.not_ok() == 0 => Exit::Ok,
        RunEnd::Finished(_) => Exit::CellsNotOk,
    })
}
