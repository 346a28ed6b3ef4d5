//! `bench score`: scores a run's outputs again.

use std::collections::BTreeMap;
use std::path::Path;

use reelbench_matrix::{Folders, Matrix};
use reelbench_protocol::{CellId, VideoId};
use reelbench_reports::{Rebuilt, References, ReportError, Run, Template, keep_references, rebuild};
use serde::Serialize;

use crate::args::{Output, ScoreArgs};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::{print, references};

/// Scores of one cell, as `--json` prints them.
#[derive(Serialize)]
struct CellScores<'a> {
    cell: &'a CellId,
    video: &'a VideoId,
    quality: &'a BTreeMap<String, f64>,
}

pub(crate) fn score(args: &ScoreArgs) -> Result<Exit, BenchError> {
    // Before anything is replaced: a directory that is no run stays as it is.
    let run = Run::load(&args.dir)?;
    if let Some(matrix) = &args.matrix {
        take_from(matrix, &args.dir, &run)?;
    }
    if References::load(&args.dir)?.is_empty() {
        return Err(ReportError::NoReferences(args.dir.clone()).into());
    }
    let rebuilt = rebuild(&args.dir, &Template::default())?;
    match args.output.output() {
        Output::Json => {
            let scored = rebuilt.report.cells.iter().filter(|cell| !cell.quality.is_empty());
            let scores =
                scored.map(|cell| CellScores { cell: &cell.id, video: &cell.video, quality: &cell.quality });
            print::json(&scores.collect::<Vec<_>>())
        }
        Output::Text => print::text(&describe(&rebuilt)),
    }
}

/// Replaces the run's references by the files that a matrix names now.
fn take_from(matrix: &Path, dir: &Path, run: &Run) -> Result<(), BenchError> {
    let matrix = Matrix::load(matrix, &Folders::from_env())?;
    let mut files = references::of_matrix(&matrix);
    files.retain(|video, _| run.cells.iter().any(|cell| cell.spec().video.id == *video));
    if files.is_empty() {
        return Err(BenchError::NoReferenceOfRun { matrix: matrix.file().to_owned(), dir: dir.to_owned() });
    }
    Ok(keep_references(dir, &files)?)
}

fn describe(rebuilt: &Rebuilt) -> String {
    let tables = if rebuilt.quality_tables.is_empty() {
        "no output could be scored: no cell that is ok did what the references are about".to_owned()
    } else {
        rebuilt.quality_tables.join("\n")
    };
    format!("{tables}\nreport: {}\n", rebuilt.report_path.display())
}
