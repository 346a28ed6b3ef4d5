//! What can be typed to compare two runs.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use reelbench_matrix::Selection;
use reelbench_protocol::Stage;

use super::{Misfits, OutputArgs, Talk, TalkArgs};

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The run directory of what was
    #[arg(value_name = "BASE_DIR")]
    pub(crate) base: PathBuf,
    /// The run directory to compare with it
    #[arg(value_name = "HEAD_DIR")]
    pub(crate) head: PathBuf,
    /// Compare also where machine, inputs or settings in force differ; the result is stamped NOT COMPARABLE
    #[arg(long)]
    accept_differences: bool,
    /// Write the page to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What becomes of runs whose times mean nothing side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Differences {
    Refuse,
    Accept,
}

impl CompareArgs {
    pub(crate) fn differences(&self) -> Differences {
        if self.accept_differences { Differences::Accept } else { Differences::Refuse }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Rounds: measured repeats of each cell on each side; default the matrix's repeats, at least 10
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(crate) rounds: Option<NonZeroU32>,
    /// Measure only the cells that match, such as `model=llava*,use_cache=true`
    #[arg(long, value_name = "EXPR", conflicts_with = "resume")]
    pub(crate) only: Option<Selection>,
    /// Write the session here; default runs/NAME-TIME. Of two run directories, where the results go; default HEAD
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with a session that was stopped, with its own cells and rounds; nothing may have changed since
    #[arg(long, value_name = "DIR", requires = "matrix")]
    pub(crate) resume: Option<PathBuf>,
    /// Measure also what would be skipped for its memory or its weights
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    #[command(flatten)]
    talk: TalkArgs,
}

impl SessionArgs {
    pub(crate) fn misfits(&self) -> Misfits {
        Misfits::of(self.force)
    }

    pub(crate) fn talk(&self) -> Talk {
        self.talk.talk()
    }
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Measure this matrix on both runners in one session. With two run directories, judge by its `gate`
    #[arg(long, value_name = "MATRIX.yaml")]
    pub(crate) matrix: Option<PathBuf>,
    /// What was: a run directory or, with --matrix, a runner
    #[arg(long, value_name = "DIR|RUNNER", required_unless_present = "baseline")]
    pub(crate) base: Option<String>,
    /// What is judged: a run directory or, with --matrix, a runner
    #[arg(long, value_name = "DIR|RUNNER", required_unless_present = "self_test")]
    pub(crate) head: Option<String>,
    /// A stored run to judge --head against: its directory, or the manifest.json in it
    #[arg(long, value_name = "FILE|DIR", conflicts_with_all = ["base", "self_test", "resume"])]
    pub(crate) baseline: Option<PathBuf>,
    /// Slow the head down on purpose and see whether the gate notices: exit code 10 if it does, 11 if it is blind.
    /// Default all:25%, or three times the allowed regression where that is more; --head defaults to --base
    #[arg(long, value_name = "STAGE:PERCENT", num_args = 0..=1, require_equals = true, requires = "matrix")]
    #[expect(clippy::option_option, reason = "an option whose value may be left out")]
    pub(crate) self_test: Option<Option<SlowedStage>>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// The matrix
    #[arg(value_name = "MATRIX.yaml")]
    pub(crate) matrix: PathBuf,
    #[command(flatten)]
    pub(crate) runner: super::RunnerArgs,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// A stage and how much longer its spans are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SlowedStage {
    /// None for all.
    pub(crate) stage: Option<Stage>,
    /// 0.25 is a quarter.
    pub(crate) share: f64,
}

impl SlowedStage {
    /// As a runner reads it, and as it is typed.
    pub(crate) fn variable(self) -> String {
        format!("{}:{}%", self.stage.map_or("all", Stage::as_str), self.share * 100.0)
    }
}

impl FromStr for SlowedStage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stages = Stage::ALL.iter().map(|stage| stage.as_str()).collect::<Vec<_>>().join(", ");
        let parse = || {
            let (word, percent) = text.split_once(':')?;
            let percent: f64 = percent.strip_suffix('%')?.parse().ok()?;
            let stage = match word {
                "all" => None,
                word => Some(*Stage::ALL.iter().find(|stage| stage.as_str() == word)?),
            };
            (percent > 0.0 && percent <= 1000.0).then_some(Self { stage, share: percent / 100.0 })
        };
        parse().ok_or_else(|| {
            format!("write STAGE:PERCENT such as decode:40%, up to 1000%; stages: all, {stages}")
        })
    }
}
