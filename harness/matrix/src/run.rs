//! How a matrix is run and judged.

use std::str::FromStr;
use std::time::Duration;

use reelbench_protocol::{AdaptiveRepeats, Device, Metric, Repeats, Warmup, words};

/// What `repeats: auto` means where nothing else is said.
pub(crate) const AUTO_REPEATS: AdaptiveRepeats =
    AdaptiveRepeats { at_least: 5, at_most: 30, precision: 0.02, budget_s: 600.0 };

/// What `warmup: auto` means.
pub(crate) const AUTO_WARMUP: Warmup = Warmup::UntilWarm { at_most: 5, within: 0.05 };

use crate::memory_limit::MemoryLimit;

/// The `run` part of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Measured repeats of each cell, at least 1.
    pub repeats: Repeats,
    /// Repeats before them that are no samples.
    pub warmup: Warmup,
    /// Longest time one repeat may take.
    pub timeout: Duration,
    /// Longest time the whole run may take, if there is an end to it.
    pub run_timeout: Option<Duration>,
    /// What a runner may allocate.
    pub memory_limit: MemoryLimit,
    /// Where to compute.
    pub device: Device,
    /// Seed of the order of repeats, and of tokens where they are drawn.
    pub seed: u64,
    /// In which order repeats are run.
    pub order: Order,
    /// Caption only the first scenes of each film.
    pub max_scenes: Option<u32>,
    /// Scenes on which a cell with its cache on is held against itself with the cache off.
    pub cache_check: u32,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            repeats: Repeats::Fixed(3),
            warmup: Warmup::Fixed(1),
            timeout: Duration::from_mins(30),
            run_timeout: None,
            memory_limit: MemoryLimit::Auto,
            device: Device::Auto,
            seed: 0,
            order: Order::Interleaved,
            max_scenes: None,
            cache_check: 1,
        }
    }
}

/// What the command line says otherwise than the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunOverrides {
    /// Measured repeats of each cell, at least 1.
    pub repeats: Option<HowMany>,
    /// Repeats before them that are no samples.
    pub warmup: Option<HowMany>,
    /// Where to compute.
    pub device: Option<Device>,
    /// What a runner may allocate.
    pub memory_limit: Option<MemoryLimit>,
}

/// A number of repeats, or that their times decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HowMany {
    /// So many.
    Count(u32),
    /// As the times show.
    Auto,
}

impl HowMany {
    /// The word for [`HowMany::Auto`].
    pub(crate) const AUTO: &str = "auto";
}

impl FromStr for HowMany {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::AUTO {
            return Ok(Self::Auto);
        }
        text.parse().ok().map(Self::Count).ok_or("must be a whole number or `auto`")
    }
}

/// In which order the repeats of the cells that one process serves are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// In rounds over the cells, each round shuffled, so that drift hits all alike.
    Interleaved,
    /// All repeats of a cell, then the next cell.
    Sequential,
}

/// The `gate` part of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What is compared, with the allowed regression of each as a fraction: 0.05 is 5 %. At least one.
    pub limits: Vec<(Metric, f64)>,
    /// Confidence of all intervals together, between 0.5 and 1.
    pub confidence: f64,
}

/// Allowed regression where a matrix says nothing.
pub(crate) const MAX_REGRESSION: f64 = 0.05;

impl Default for Gate {
    fn default() -> Self {
        Self { limits: vec![(Metric::Rtf, MAX_REGRESSION)], confidence: 0.95 }
    }
}

words!(Order { Interleaved => "interleaved", Sequential => "sequential" });
