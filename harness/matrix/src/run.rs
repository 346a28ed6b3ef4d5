//! How a matrix is run and judged.

use std::num::NonZeroU32;
use std::time::Duration;

use reelbench_protocol::{Device, Metric, words};

/// The `run` part of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Measured repeats of each cell, at least 1.
    pub repeats: u32,
    /// Repeats before them that are no samples.
    pub warmup: u32,
    /// Longest time one repeat may take.
    pub timeout: Duration,
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
            repeats: 3,
            warmup: 1,
            timeout: Duration::from_mins(30),
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
    /// Measured repeats of each cell.
    pub repeats: Option<NonZeroU32>,
    /// Where to compute.
    pub device: Option<Device>,
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
