//! `bench report`: renders again from a run directory.

use std::path::{Component, Path};

use reelbench_reports::{REFERENCES_FOLDER, Rebuilt, Template, rebuild};

use crate::args::{Output, ReportArgs};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

/// What a run directory holds beside what is rebuilt.
const KEPT: [&str; 6] =
    ["manifest.json", "matrix.yaml", "journal.jsonl", "logs", "frames", REFERENCES_FOLDER];

pub(crate) fn report(args: &ReportArgs) -> Result<Exit, BenchError> {
    let template = args.template.clone().map_or(Template::Embedded, Template::File);
    let rebuilt = rebuild(&args.dir, &template)?;
    match args.output.output() {
        Output::Json => print::json(&rebuilt.report),
        Output::Text => print::text(&describe(&rebuilt, &args.dir)),
    }
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
