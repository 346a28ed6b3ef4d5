//! `bench report`: renders again from a run directory, or writes the run for other programs and files.

use std::io::{self, BufWriter, Write as _};
use std::path::{Component, Path, PathBuf};

use reelbench_reports::{
    Export, ExportError, KEPT, Rebuilt, Results, Spliced, Template, rebuild, replace_file, splice,
};

use crate::args::{Output, ReportArgs, ReportJob, Stale};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

pub(crate) fn report(args: &ReportArgs) -> Result<Exit, BenchError> {
    match args.job()? {
        ReportJob::Rebuild(template) => again(&args.dir, &template, args.output.output()),
        ReportJob::Export { export: format, output } => export(&args.dir, format, output),
        ReportJob::Splice { files, stale } => put_into(files, &args.dir, stale),
    }
}

fn again(dir: &Path, template: &Template, output: Output) -> Result<Exit, BenchError> {
    let rebuilt = rebuild(dir, template)?;
    match output {
        Output::Json => print::json(&rebuilt.report),
        Output::Text => print::text(&describe(&rebuilt, dir)),
    }
}

fn export(dir: &Path, export: Export, output: Option<&Path>) -> Result<Exit, BenchError> {
    let results = Results::load(dir)?;
    let left_out = results.not_exported(export);
    if !left_out.is_empty() {
        print::line(&format!(
            "left out, for they did not end ok ({}): {}",
            left_out.len(),
            left_out.join("; ")
        ));
    }
    match output {
        Some(path) => write_file(&results, export, path)?,
        None => write_stdout(&results, export)?,
    }
    Ok(Exit::Ok)
}

fn write_file(results: &Results, export: Export, path: &Path) -> Result<(), BenchError> {
    let mut bytes = Vec::new();
    results.export(export, &mut bytes)?;
    replace_file(path, &bytes).map_err(|source| BenchError::Write { path: path.to_owned(), source })
}

fn write_stdout(results: &Results, export: Export) -> Result<(), BenchError> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match results.export(export, &mut stdout).and_then(|()| Ok(stdout.flush()?)) {
        // `bench report … | head` closes the pipe on purpose.
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn put_into(files: &[PathBuf], dir: &Path, stale: Stale) -> Result<Exit, BenchError> {
    let spliced = splice(&Results::load(dir)?.report, files)?;
    match stale {
        Stale::Tell => {
            let places = spliced.iter().filter_map(|file| Some((file.path.clone(), file.changed?)));
            let places: Vec<(PathBuf, usize)> = places.collect();
            if places.is_empty() {
                Ok(Exit::Ok)
            } else {
                Err(BenchError::Stale { places, dir: dir.to_owned() })
            }
        }
        Stale::Update => {
            spliced.iter().try_for_each(Spliced::write)?;
            print::text(&spliced.iter().map(told).collect::<String>())
        }
    }
}

/// `README.md: verdict, end_to_end`.
fn told(file: &Spliced) -> String {
    let parts = file.parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let note = if file.changed.is_none() { " (up to date)" } else { "" };
    format!("{}: {parts}{note}\n", file.path.display())
}

/// The verdict, the main table, where everything is, and how to make such a run again.
pub(crate) fn describe(rebuilt: &Rebuilt, dir: &Path) -> String {
    let again = rebuilt.report.provenance.command.lines().map(|line| format!("  {line}\n"));
    let again = again.collect::<Vec<_>>().concat();
    format!(
        "{}\n{}\nreport: {}\nbeside it: {}\nthe same run again:\n{again}",
        rebuilt.report.verdict.text,
        rebuilt.main_table,
        rebuilt.report_path.display(),
        contents(rebuilt, dir).join(", ")
    )
}

/// The files and folders of a run directory, except the report.
fn contents(rebuilt: &Rebuilt, dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let kept = KEPT.iter().map(|name| dir.join(name)).filter(|path| path.exists());
    for path in rebuilt.paths.iter().filter(|path| **path != rebuilt.report_path).cloned().chain(kept) {
        let below = path.strip_prefix(dir).unwrap_or(&path);
        let Some(Component::Normal(first)) = below.components().next() else { continue };
        let slash = if dir.join(first).is_dir() { "/" } else { "" };
        let name = format!("{}{slash}", first.to_string_lossy());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
