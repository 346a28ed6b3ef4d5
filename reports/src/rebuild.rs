//! Rebuilds everything in a run directory that follows from its manifest and journal.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use polars::frame::DataFrame;
use polars::prelude::ParquetWriter;

use crate::charts::{CHARTS_FOLDER, Charts};
use crate::error::ReportError;
use crate::markdown::{self, Reader};
use crate::outcome::judge;
use crate::quality::Quality;
use crate::references::References;
use crate::render::{REPORT_FILE, Template, render};
use crate::report::{Counts, Report};
use crate::run::Run;
use crate::summary::Summary;
use crate::tables::{Rows, Tables};
use crate::trace::TRACE_FILE;
use crate::{files, html, load, outputs, trace};

/// Everything a run comes to, in memory.
#[derive(Debug, Clone)]
pub struct Results {
    /// The run.
    pub run: Run,
    /// `summary.json`.
    pub summary: Summary,
    /// The Parquet files.
    pub tables: Tables,
    /// The report's data; also what `bench report --json` prints.
    pub report: Report,
    /// What is known of the films.
    pub references: References,
    /// How right the outputs are.
    pub(crate) quality: Quality,
}

impl Results {
    /// Reads a run directory, and judges and adds up what its journal says. Writes nothing.
    ///
    /// # Errors
    /// When the manifest or the journal cannot be read.
    pub fn load(dir: &Path) -> Result<Self, ReportError> {
        let run = Run::load(dir)?;
        let rows = Rows::new(&run)?;
        let judgements = judge(&run);
        let references = References::load(dir)?;
        let quality = Quality::of(&run, &judgements, &references);
        let summary = Summary::new(&run, &judgements, &rows.aggregate()?, &quality);
        let tables = rows.into_tables(&summary)?;
        let report = Report::new(&run, &summary, &quality);
        Ok(Self { run, summary, tables, report, references, quality })
    }
}

/// What was rebuilt.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// How many cells came out how.
    pub counts: Counts,
    /// The End-to-End table for a terminal (stage 1's where nothing was captioned); empty without cells.
    pub main_table: String,
    /// The tables of scores for a terminal, those that have rows.
    pub quality_tables: Vec<String>,
    /// The report, or what was made of it with a template of one's own.
    pub report_path: PathBuf,
    /// Every file written, the report included.
    pub paths: Vec<PathBuf>,
    /// The report's data.
    pub report: Report,
}

/// Writes `summary.json`, the Parquet files, `outputs.jsonl`, `stage1/`, `trace.json`, `charts/`, `report.html` and `report.md`
/// into a run directory, and what a template of one's own makes of the report. Each file is replaced as a whole, so that a
/// reader never sees half of one. Charts of an earlier time that the run no longer has are removed.
///
/// # Errors
/// When the run cannot be read, the template does not fit or its text would overwrite something else, or a file cannot
/// be written or removed.
pub fn rebuild(dir: &Path, template: &Template) -> Result<Rebuilt, ReportError> {
    let results = Results::load(dir)?;
    let markdown = render(&results.report, &Template::Embedded)?;
    let own = match template {
        Template::Embedded => None,
        Template::File { .. } => Some((template.output(dir)?, render(&results.report, template)?)),
    };
    let page = html::page(&results, &dir.join(load::FRAMES_FOLDER))?;
    let Results { run, summary, tables, report, .. } = results;
    let mut writer = Writer { dir, paths: Vec::new() };
    writer.write("summary.json", &pretty_json(&summary)?)?;
    writer.write("cells.parquet", &parquet(tables.cells)?)?;
    writer.write("stages.parquet", &parquet(tables.stages)?)?;
    writer.write("scenes.parquet", &parquet(tables.scenes)?)?;
    writer.write("conditions.parquet", &parquet(tables.conditions)?)?;
    writer.write("outputs.jsonl", &outputs::by_scene(&run)?)?;
    for (name, json) in outputs::stage1(&run)? {
        writer.write(&format!("{}/{name}", load::STAGE1_FOLDER), &json)?;
    }
    writer.write(TRACE_FILE, &trace::json(&run, &summary)?)?;
    for chart in &report.charts {
        writer.write(&chart.file, chart.svg.as_bytes())?;
    }
    remove_stale_charts(dir, &report.charts)?;
    writer.write("report.html", page.as_bytes())?;
    let mut report_path = writer.write(REPORT_FILE, markdown.as_bytes())?;
    if let Some((output, text)) = own {
        writer.write_own(&output, template, text.as_bytes())?;
        report_path = output;
    }
    Ok(Rebuilt {
        counts: report.verdict.counts,
        main_table: markdown::table(report.main_table(), Reader::Terminal),
        quality_tables: [&report.quality_stage1, &report.quality_captions, &report.agreement]
            .iter()
            .filter(|section| !section.table.rows.is_empty())
            .map(|section| markdown::table(&section.table, Reader::Terminal))
            .collect(),
        report_path,
        paths: writer.paths,
        report,
    })
}

fn pretty_json(value: &impl serde::Serialize) -> Result<Vec<u8>, ReportError> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    Ok(json)
}

fn parquet(mut table: DataFrame) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut table)?;
    Ok(bytes)
}

/// Writes files of a run directory, and remembers which.
struct Writer<'a> {
    dir: &'a Path,
    paths: Vec<PathBuf>,
}

impl Writer<'_> {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf, ReportError> {
        self.replace(self.dir.join(name), bytes)
    }

    /// Writes what a template made of the report, unless that would cost another file.
    fn write_own(&mut self, output: &Path, template: &Template, bytes: &[u8]) -> Result<(), ReportError> {
        let occupied = |what| ReportError::Occupied { path: output.to_owned(), what };
        let place = fs::canonicalize(output).ok();
        let is_at = |path: &Path| place.is_some() && fs::canonicalize(path).ok() == place;
        let holds = |kept: &Path| place.as_ref().is_some_and(|place| place.starts_with(kept));
        let is_kept = |name: &&str| fs::canonicalize(self.dir.join(name)).is_ok_and(|kept| holds(&kept));
        if matches!(template, Template::File { path, .. } if is_at(path)) {
            return Err(occupied("it is the template itself"));
        }
        if load::KEPT.iter().any(is_kept) {
            return Err(occupied("it is what the run was made from or found"));
        }
        let report = self.dir.join(REPORT_FILE);
        if self.paths.iter().any(|path| *path != report && is_at(path)) {
            return Err(occupied("it is a file of every run directory"));
        }
        self.replace(output.to_owned(), bytes).map(drop)
    }

    fn replace(&mut self, path: PathBuf, bytes: &[u8]) -> Result<PathBuf, ReportError> {
        files::replace(&path, bytes).map_err(|source| ReportError::Write { path: path.clone(), source })?;
        if !self.paths.contains(&path) {
            self.paths.push(path.clone());
        }
        Ok(path)
    }
}

/// Removes the pictures that no chart of the run has written.
fn remove_stale_charts(dir: &Path, charts: &Charts) -> Result<(), ReportError> {
    let folder = dir.join(CHARTS_FOLDER);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(()) };
    let is_current = |path: &Path| charts.iter().any(|chart| dir.join(&chart.file) == path);
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension() == Some(OsStr::new("svg")) && !is_current(&path) {
            fs::remove_file(&path).map_err(|source| ReportError::Remove { path, source })?;
        }
    }
    Ok(())
}
