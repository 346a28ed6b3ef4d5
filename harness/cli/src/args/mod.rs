//! What can be typed. Meaning is given to it in `cmd`.

mod fetch;
mod gate;
mod probe;
mod report;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use reelbench_matrix::{HowMany, MemoryLimit, Selection};
use reelbench_protocol::Device;

pub(crate) use fetch::FetchArgs;
pub(crate) use gate::{CalibrateArgs, CompareArgs, Differences, GateArgs, SessionArgs, SlowedStage};
pub(crate) use probe::{CaptionArgs, DetectArgs, ProbeCommand, ScenesArgs, TagArgs, TranscribeArgs};
pub(crate) use report::{HistoryArgs, ReportArgs, ReportJob, Stale};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// What people type.
const EXAMPLES: &str = "\
  bench matrix.yaml                         plan, run and report
  bench plan matrix.yaml                    what would be done, and how long it takes; nothing runs
  bench fetch matrix.yaml                   download the models and films it needs
  bench run matrix.yaml --only model=llava* --repeats 5
  bench run matrix.yaml --only 'kind=caption,quantization=none|q4k,num_beams!=1'
  bench run matrix.yaml --resume runs/seed-table-20260102T030405Z
  bench report runs/seed-table-20260102T030405Z
  bench report runs/seed-table-20260102T030405Z --format csv
  bench score runs/seed-table-20260102T030405Z --matrix matrix.yaml
  bench history runs                        each cell's speed from run to run
  bench compare runs/before runs/after
  bench gate --matrix matrix.yaml --base old/bench-runner --head new/bench-runner
  bench probe transcribe talk.mp4 --weights models/whisper-tiny.en
  bench probe tag talk.mp4 --weights models/ast --start 30 --seconds 10
  bench probe detect street.jpg --weights models/yolov8n.safetensors --conf 0.25
  bench schema > matrix.schema.json         then `# yaml-language-server: $schema=matrix.schema.json` in line 1 of a matrix";

/// What exit codes mean; those of the contract, also where only some commands give them.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done, all cells ok"),
    (1, "anything else"),
    (2, "usage or invalid matrix"),
    (3, "some cells did not end ok"),
    (10, "gate: regression"),
    (11, "gate: inconclusive"),
    (12, "gate: cells missing or nothing gated"),
    (130, "interrupted, resumable"),
];

fn after_help() -> String {
    let codes = EXIT_CODES.iter().map(|(code, meaning)| format!("\n  {code:>3}  {meaning}"));
    let codes = codes.collect::<Vec<_>>().concat();
    format!("Examples:\n{EXAMPLES}\n\nExit codes:{codes}")
}

/// How cells are selected.
fn only_help() -> String {
    let keys = Selection::keys().join(", ");
    format!(
        "Only the cells that meet every term, and the stage-1 cells that they need\n\n\
         Terms stand between commas or blanks:\n  \
         key=value        has the value; * stands for any part of it: model=llava*\n  \
         key=a|b          has one of the values: quantization=none|q4k\n  \
         key!=value       does not have the value: video!=*trailer\n\
         All terms must hold: 'kind=caption,use_cache=true,num_beams!=1'\n\n\
         Keys: {keys}"
    )
}

/// Measures video-understanding pipelines, reproducibly.
#[derive(Debug, Parser)]
#[command(name = "bench", version, styles = STYLES, after_help = after_help())]
#[command(override_usage = "bench MATRIX.yaml [OPTIONS]\n       bench <COMMAND>")]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// What was typed. `bench MATRIX.yaml` is short for `bench run MATRIX.yaml`.
    pub(crate) fn from_command_line() -> Self {
        let mut typed: Vec<OsString> = std::env::args_os().collect();
        if typed.get(1).is_some_and(|first| names_a_file(first)) {
            typed.insert(1, "run".into());
        }
        Self::parse_from(typed)
    }
}

/// Whether a word is a file's name rather than a mistyped subcommand.
fn names_a_file(word: &OsStr) -> bool {
    let path = Path::new(word);
    let is_subcommand = Cli::command().find_subcommand(word).is_some() || word == "help";
    !is_subcommand
        && !word.as_encoded_bytes().starts_with(b"-")
        && (path.extension().is_some() || path.components().count() > 1 || path.is_file())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a matrix and report: the same as `bench MATRIX.yaml`
    Run(Box<RunArgs>),
    /// Show every cell and why any is skipped; nothing runs
    Plan(PlanArgs),
    /// Download the models and films that a matrix needs, and verify them
    Fetch(FetchArgs),
    /// Render the report again from a run directory, write it in another format, or put its tables into a file
    Report(Box<ReportArgs>),
    /// Score a run's outputs against references again; nothing is measured
    Score(ScoreArgs),
    /// Show each cell's real-time factor over many runs, and where it changed
    History(HistoryArgs),
    /// Compare two runs, in both directions
    Compare(CompareArgs),
    /// Judge a change: two runs, or two runners in one session; the exit code is the verdict
    Gate(Box<GateArgs>),
    /// Measure a runner against itself: how much noise there is, and what a gate can see
    Calibrate(CalibrateArgs),
    /// Try one stage on one input; JSON on standard output
    #[command(subcommand)]
    Probe(ProbeCommand),
    /// Show what this machine has: processor, memory, runner, FFmpeg, models
    Doctor(DoctorArgs),
    /// Print the JSON schema of matrix.yaml, for editors
    Schema,
    /// Print the manual page, or write those of all commands into a folder
    Man(ManArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// How its results are to be printed.
    pub(crate) fn output(&self) -> Output {
        match self {
            Self::Run(args) => args.output.output(),
            Self::Plan(args) => args.output.output(),
            Self::Fetch(args) => args.output.output(),
            Self::Report(args) => args.output.output(),
            Self::Score(args) => args.output.output(),
            Self::History(args) => args.output.output(),
            Self::Compare(args) => args.output.output(),
            Self::Gate(args) => args.output.output(),
            Self::Calibrate(args) => args.output.output(),
            Self::Doctor(args) => args.output.output(),
            Self::Probe(_) | Self::Schema => Output::Json,
            Self::Completions { .. } | Self::Man(_) => Output::Text,
        }
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON on standard output instead of text
    #[arg(long)]
    json: bool,
}

impl OutputArgs {
    pub(crate) fn output(self) -> Output {
        if self.json { Output::Json } else { Output::Text }
    }
}

/// Whether the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Allowed,
    Forbidden,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct NetworkArgs {
    /// Use no network: nothing is downloaded (only `bench fetch` ever does), and no service is asked
    #[arg(long)]
    offline: bool,
}

impl NetworkArgs {
    pub(crate) fn network(self) -> Network {
        if self.offline { Network::Forbidden } else { Network::Allowed }
    }
}

/// The option that names the runner.
pub(crate) const RUNNER_OPTION: &str = "--runner";
/// The variable that names the runner where no option does.
pub(crate) const RUNNER_VARIABLE: &str = "BENCH_RUNNER";

#[derive(Debug, Args)]
pub(crate) struct RunnerArgs {
    /// The runner: a name from runners.yaml beside the matrix, or a program's path
    #[arg(long, env = RUNNER_VARIABLE, value_name = "NAME|PATH", default_value = "candle")]
    pub(crate) runner: String,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The matrix
    #[arg(value_name = "MATRIX.yaml")]
    pub(crate) matrix: PathBuf,
    /// Write the run here instead of runs/NAME-TIME
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run, with its own cells and repeats
    #[arg(long, value_name = "DIR")]
    pub(crate) resume: Option<PathBuf>,
    /// Go on also where the matrix, a program, a film, weights, the device or the machine is not what it was
    #[arg(long, requires = "resume")]
    accept_changes: bool,
    /// Run only the cells that match, such as `model=llava*,use_cache=true`; --help has all of it
    #[arg(long, value_name = "EXPR", conflicts_with = "resume", long_help = only_help())]
    pub(crate) only: Option<Selection>,
    /// Measured repeats per cell, in place of the matrix's; `auto`: until their times are steady
    #[arg(long, value_name = "N|auto", value_parser = at_least_one, conflicts_with = "resume")]
    pub(crate) repeats: Option<HowMany>,
    /// Repeats before them that do not count, in place of the matrix's; `auto`: until they take the same time
    #[arg(long, value_name = "N|auto", conflicts_with = "resume")]
    pub(crate) warmup: Option<HowMany>,
    /// Where to compute, in place of the matrix's: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<Device>,
    /// What a runner may allocate, in place of the matrix's: auto, none or a size such as 8GB
    #[arg(long, value_name = "LIMIT")]
    pub(crate) memory_limit: Option<MemoryLimit>,
    /// Keep the frames given to the models as PNG files
    #[arg(long)]
    save_frames: bool,
    /// Run also what the plan would skip for its memory or its weights
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    #[command(flatten)]
    talk: TalkArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What becomes of the frames that models are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    Forget,
    Save,
}

/// A number of repeats that gives a sample.
fn at_least_one(text: &str) -> Result<HowMany, &'static str> {
    match text.parse()? {
        HowMany::Count(0) => Err("must be at least 1"),
        how_many => Ok(how_many),
    }
}

/// How much is said while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    Progress,
    Quiet,
}

#[derive(Debug, Clone, Copy, Args)]
struct TalkArgs {
    /// Show no progress: only what goes wrong, and the result
    #[arg(long, short)]
    quiet: bool,
}

impl TalkArgs {
    fn talk(self) -> Talk {
        if self.quiet { Talk::Quiet } else { Talk::Progress }
    }
}

/// What becomes of cells whose memory or weights will not do, as far as the runner can tell beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfits {
    Skip,
    Run,
}

impl Misfits {
    fn of(force: bool) -> Self {
        if force { Self::Run } else { Self::Skip }
    }
}

/// What becomes of a run that would go on with other things than it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    Refuse,
    Accept,
}

impl RunArgs {
    pub(crate) fn changes(&self) -> Changes {
        if self.accept_changes { Changes::Accept } else { Changes::Refuse }
    }

    pub(crate) fn misfits(&self) -> Misfits {
        Misfits::of(self.force)
    }

    pub(crate) fn talk(&self) -> Talk {
        self.talk.talk()
    }

    pub(crate) fn frames(&self) -> Frames {
        if self.save_frames { Frames::Save } else { Frames::Forget }
    }

    pub(crate) fn network(&self) -> Network {
        self.network.network()
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The matrix
    #[arg(value_name = "MATRIX.yaml")]
    pub(crate) matrix: PathBuf,
    /// Show only the cells that match, such as `model=llava*,use_cache=true`; --help has all of it
    #[arg(long, value_name = "EXPR", long_help = only_help())]
    pub(crate) only: Option<Selection>,
    /// Estimate times from the runs in this folder instead of those in runs/
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
    /// Show as planned also what would be skipped for its memory or its weights
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl PlanArgs {
    pub(crate) fn misfits(&self) -> Misfits {
        Misfits::of(self.force)
    }
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// The run directory
    pub(crate) dir: PathBuf,
    /// Take the references that this matrix names now, in place of the copies that the run keeps
    #[arg(long, value_name = "MATRIX.yaml")]
    pub(crate) matrix: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write bench.1, bench-run.1 and so on into this folder
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
