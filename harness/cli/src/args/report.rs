//! What can be typed to report what was measured.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use reelbench_matrix::Selection;
use reelbench_protocol::Better;
use reelbench_reports::{Export, TableName, Template};

use super::OutputArgs;
use crate::error::BenchError;

const REPORT_EXAMPLES: &str = "\
Examples:
  bench report runs/today                                     the report, the tables and the charts again
  bench report runs/today --template page.html.j2             and runs/today/page.html beside them
  bench report runs/today --format csv --table stages         every span of time, to standard output
  bench report runs/today --format bmf --output bmf.json      for bencher run --adapter json --file bmf.json
  bench report runs/today --format github-action-benchmark --better bigger --output bigger.json
  bench report runs/today --splice README.md                  the tables between the markers of a file
  bench report runs/today --splice README.md --check          exit 1 where they are not up to date";

const HISTORY_EXAMPLES: &str = "\
Examples:
  bench history runs                                          every run in the folder
  bench history runs/before runs/after --only model=llava*
  bench history runs --json";

#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES, group = ArgGroup::new("text").args(["template", "format"]))]
pub(crate) struct ReportArgs {
    /// The run directory
    pub(crate) dir: PathBuf,
    /// A minijinja template of your own: its text goes into the run directory, named as the template without .j2
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Write the run in this format, to standard output or to --output; the run directory stays as it is
    #[arg(long, conflicts_with = "json")]
    format: Option<Format>,
    /// The table to write, with --format csv [default: cells]
    #[arg(long, requires = "format")]
    table: Option<Table>,
    /// The figures to write, with --format github-action-benchmark: those that get better this way [default: smaller]
    #[arg(long, requires = "format")]
    better: Option<Direction>,
    /// The file that the text of --template or --format goes to
    #[arg(long = "output", value_name = "FILE", requires = "text")]
    output_file: Option<PathBuf>,
    /// Put tables of the report between `<!-- reelbench:NAME -->` and `<!-- /reelbench:NAME -->` in this file; several
    /// times for several files
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "json"])]
    splice: Vec<PathBuf>,
    /// With --splice: change nothing, and exit 1 if a file is not up to date
    #[arg(long, requires = "splice")]
    check: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What is to be done with a run.
pub(crate) enum ReportJob<'a> {
    /// Rebuild what follows from its journal.
    Rebuild(Template),
    /// Write it in another format.
    Export { export: Export, output: Option<&'a Path> },
    /// Put parts of its report into files.
    Splice { files: &'a [PathBuf], stale: Stale },
}

/// What becomes of files whose tables are not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stale {
    Update,
    Tell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table as comma-separated values; reports/TABLES.md lists the columns
    Csv,
    /// The data of the report, as --json prints it
    Json,
    /// The report itself
    Markdown,
    /// Bencher's metric format
    Bmf,
    /// customSmallerIsBetter or customBiggerIsBetter of github-action-benchmark
    GithubActionBenchmark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Table {
    /// One row per cell
    Cells,
    /// One row per span of time
    Stages,
    /// One row per captioned scene and repeat
    Scenes,
    /// One row per repeat: what else went on
    Conditions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// Times, memory, error rates
    Smaller,
    /// Tokens per second, scores
    Bigger,
}

impl ReportArgs {
    /// What is to be done.
    ///
    /// # Errors
    /// When an option says nothing with the format.
    pub(crate) fn job(&self) -> Result<ReportJob<'_>, BenchError> {
        if !self.splice.is_empty() {
            let stale = if self.check { Stale::Tell } else { Stale::Update };
            return Ok(ReportJob::Splice { files: &self.splice, stale });
        }
        let Some(format) = self.format else {
            let output = self.output_file.clone();
            let file = |path: &PathBuf| Template::File { path: path.clone(), output };
            return Ok(ReportJob::Rebuild(self.template.as_ref().map_or(Template::Embedded, file)));
        };
        let pointless = |option, with| Err(BenchError::Pointless { option, with });
        if self.table.is_some() && format != Format::Csv {
            return pointless("--table", "--format csv");
        }
        if self.better.is_some() && format != Format::GithubActionBenchmark {
            return pointless("--better", "--format github-action-benchmark");
        }
        Ok(ReportJob::Export { export: self.export(format), output: self.output_file.as_deref() })
    }

    fn export(&self, format: Format) -> Export {
        match format {
            Format::Csv => Export::Csv(match self.table {
                None | Some(Table::Cells) => TableName::Cells,
                Some(Table::Stages) => TableName::Stages,
                Some(Table::Scenes) => TableName::Scenes,
                Some(Table::Conditions) => TableName::Conditions,
            }),
            Format::Json => Export::Json,
            Format::Markdown => Export::Markdown,
            Format::Bmf => Export::Bmf,
            Format::GithubActionBenchmark => Export::GithubActionBenchmark(match self.better {
                None | Some(Direction::Smaller) => Better::Lower,
                Some(Direction::Bigger) => Better::Higher,
            }),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// Run directories, or folders with run directories in them
    #[arg(value_name = "DIR", required = true)]
    pub(crate) dirs: Vec<PathBuf>,
    /// Show only the cells that match, such as `model=llava*,use_cache=true`; --help has all of it
    #[arg(long, value_name = "EXPR", long_help = super::only_help())]
    pub(crate) only: Option<Selection>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
