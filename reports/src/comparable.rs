//! What makes the times of two runs not comparable: another machine, other inputs, other settings in force.

mod cells;
mod inputs;
mod machine;

use std::fmt;

use reelbench_protocol::CellId;
use serde::Serialize;

use crate::run::Run;

/// Something in which two runs differ. It reads `cpu: A in base, B in head`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs.
    pub aspect: Aspect,
    /// What that means for a comparison.
    pub severity: Severity,
    /// What it is in base; absent where base does not have it or does not say. Of a list, what only base has.
    pub base: Option<String>,
    /// The same in head.
    pub head: Option<String>,
    /// The cells of both runs that it is about, in the order of base; empty where it is about all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellId>,
}

/// What a difference means for a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Times of the two runs must not be compared.
    Blocks,
    /// Worth knowing when times are compared.
    WorthSaying,
    /// It is what the two runs are to be compared for.
    OnPurpose,
}

/// What two runs can differ in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Aspect {
    /// Processor.
    Cpu,
    /// Its instruction set extensions.
    CpuFeatures,
    /// Logical processors.
    Cores,
    /// Frequency governor.
    Governor,
    /// Size of the memory.
    Memory,
    /// Accelerators and their driver.
    Gpus,
    /// Operating system and kernel.
    Os,
    /// The FFmpeg that decodes.
    Ffmpeg,
    /// An environment variable that changes how fast things run.
    Variable(String),
    /// Threads that the runner computes with.
    Threads,
    /// A file that a film, a model or a tokenizer is read from.
    Input(String),
    /// The weights of a model, or of a stage.
    Weights(String),
    /// A setting in force.
    Setting(String),
    /// The matrix, and with it the cells.
    Matrix,
    /// Measured repeats.
    Repeats,
    /// Warm-up repeats.
    Warmup,
    /// Version of `bench`.
    Bench,
    /// The revision `bench` was built from.
    Revision,
    /// The runner's name and version.
    Runner,
    /// A library that the runner is built on.
    Library(String),
    /// A program's hash.
    Binary(String),
}

/// Everything that makes the times of `base` and `head` not comparable, then what is only worth saying, then what
/// differs on purpose: the runner, its libraries and `bench`.
pub fn differences(base: &Run, head: &Run) -> Vec<Difference> {
    let mut differences = Differences::default();
    machine::compare(base, head, &mut differences);
    inputs::compare(&base.manifest.inputs, &head.manifest.inputs, &mut differences);
    cells::compare(base, head, &mut differences);
    let mut differences = differences.0;
    differences.sort_by_key(|difference| difference.severity);
    differences
}

impl Aspect {
    /// What a difference in it means, unless its size decides.
    fn severity(&self) -> Severity {
        match self {
            Self::Cpu
            | Self::CpuFeatures
            | Self::Cores
            | Self::Governor
            | Self::Memory
            | Self::Gpus
            | Self::Os
            | Self::Ffmpeg
            | Self::Variable(_)
            | Self::Threads
            | Self::Input(_)
            | Self::Weights(_)
            | Self::Setting(_) => Severity::Blocks,
            Self::Matrix | Self::Repeats | Self::Warmup => Severity::WorthSaying,
            Self::Bench | Self::Revision | Self::Runner | Self::Library(_) | Self::Binary(_) => {
                Severity::OnPurpose
            }
        }
    }

    /// What is said where one side lacks it.
    fn absence(&self) -> &'static str {
        match self {
            Self::Input(_) | Self::Library(_) => "absent",
            Self::Variable(_) => "not set",
            Self::Setting(_) => "not reported",
            _ => "unknown",
        }
    }
}

impl fmt::Display for Aspect {
    /// `cpu`, `variable RAYON_NUM_THREADS`, `setting dtype`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::CpuFeatures => f.write_str("cpu features"),
            Self::Cores => f.write_str("cores"),
            Self::Governor => f.write_str("governor"),
            Self::Memory => f.write_str("memory"),
            Self::Gpus => f.write_str("gpu"),
            Self::Os => f.write_str("os"),
            Self::Ffmpeg => f.write_str("ffmpeg"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Threads => f.write_str("runner's threads"),
            Self::Input(name) => write!(f, "input {name}"),
            Self::Weights(name) => write!(f, "weights of {name}"),
            Self::Setting(name) => write!(f, "setting {name}"),
            Self::Matrix => f.write_str("matrix"),
            Self::Repeats => f.write_str("repeats"),
            Self::Warmup => f.write_str("warm-up"),
            Self::Bench => f.write_str("bench"),
            Self::Revision => f.write_str("git revision"),
            Self::Runner => f.write_str("runner"),
            Self::Library(name) => write!(f, "library {name}"),
            Self::Binary(name) => write!(f, "binary {name}"),
        }
    }
}

impl Difference {
    /// Whether times of the two runs must not be compared.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Blocks
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { aspect, base, head, cells, .. } = self;
        match (aspect, base, head) {
            (Aspect::CpuFeatures, Some(base), Some(head)) => {
                write!(f, "{aspect}: {base} only in base, {head} only in head")?;
            }
            (Aspect::CpuFeatures, Some(base), None) => write!(f, "{aspect}: {base} only in base")?,
            (Aspect::CpuFeatures, None, Some(head)) => write!(f, "{aspect}: {head} only in head")?,
            (Aspect::Input(_), Some(base), Some(head)) => {
                write!(f, "{aspect}: sha256 {base} in base, {head} in head")?;
            }
            _ => {
                let words =
                    |side: &Option<String>| side.clone().unwrap_or_else(|| aspect.absence().to_owned());
                write!(f, "{aspect}: {} in base, {} in head", words(base), words(head))?;
            }
        }
        match cells.as_slice() {
            [] => Ok(()),
            [cell] => write!(f, " (cell {cell})"),
            [first, others @ ..] => write!(f, " (cell {first} and {} more)", others.len()),
        }
    }
}

/// Differences as they are found.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    /// Notes a difference between two values, if there is one.
    fn value(&mut self, aspect: Aspect, base: Option<String>, head: Option<String>) {
        if base != head {
            self.push(aspect, base, head, Vec::new());
        }
    }

    fn push(&mut self, aspect: Aspect, base: Option<String>, head: Option<String>, cells: Vec<CellId>) {
        let severity = aspect.severity();
        self.0.push(Difference { aspect, severity, base, head, cells });
    }
}
