//! The journal: every event of a run in order, one JSON object a line. Everything else in a run
//! directory can be rebuilt from it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CellId, CellSpec, Conditions, Failure, Hello, LoadSpec, Loaded, RepeatResult, Repeats, Warmup};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    #[serde(rename = "what")]
    pub event: JournalEvent,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JournalEvent {
    /// The run begins, or goes on after an interruption.
    Started {
        /// Version of the run directory's files.
        format: u32,
        /// The run.
        run_id: String,
    },
    /// What will be done. Written once, before any measurement.
    Planned {
        /// The cells, in the order of the matrix.
        cells: Vec<PlannedCell>,
        /// Cells that will not be run, with the reason.
        skipped: Vec<SkippedCell>,
        /// Measured repeats per cell.
        repeats: Repeats,
        /// Warm-up repeats per cell and process.
        warmup: Warmup,
    },
    /// A runner process said hello.
    RunnerStarted {
        /// What it said.
        hello: Box<Hello>,
        /// Bytes that it may allocate, where that is limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_limit_bytes: Option<u64>,
    },
    /// Weights were loaded.
    Loaded {
        /// What was asked for.
        load: LoadSpec,
        /// The answer.
        loaded: Loaded,
        /// The cells that this load serves.
        cells: Vec<CellId>,
    },
    /// A repeat ended.
    Repeat {
        /// Its result.
        result: Box<RepeatResult>,
        /// What else went on meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conditions: Option<Box<Conditions>>,
    },
    /// A cell with its cache on was held against itself with the cache off.
    CacheChecked {
        /// The cell.
        cell: CellId,
        /// What it came to.
        verdict: CacheVerdict,
    },
    /// A cell ended before all its repeats were done.
    CellEnded {
        /// The cell.
        cell: CellId,
        /// How.
        end: CellEnd,
        /// Why, and where.
        failure: Failure,
        /// The last lines of the runner's log.
        log_tail: Vec<String>,
    },
    /// The user interrupted the run; it can be resumed.
    Interrupted,
    /// The run took all the time it may; it can be resumed.
    OutOfTime {
        /// Seconds it may take from each start.
        run_timeout_s: f64,
    },
    /// Every cell has ended.
    Finished,
}

/// What a cell said with its cache and without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CacheVerdict {
    /// The same tokens.
    Same {
        /// The scenes that were asked about.
        scenes: Vec<u32>,
    },
    /// Other tokens; the first that differs.
    Differs(FirstDifference),
    /// No answer, or a failed scene, in one of the two.
    Broke {
        /// In which: with the cache, or without.
        use_cache: bool,
        /// Why, and where.
        failure: Failure,
        /// The last lines of the runner's log.
        log_tail: Vec<String>,
    },
    /// The runner cannot do without the cache.
    NotOffered,
}

/// Where the tokens with and without the cache part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstDifference {
    /// The scene, counted from 0.
    pub scene: u32,
    /// The new token, counted from 0.
    pub position: u32,
    /// Its id with the cache; absent where that ended before.
    pub cached: Option<u32>,
    /// Its id without the cache; absent where that ended before.
    pub uncached: Option<u32>,
}

impl FirstDifference {
    /// Where two captions of a scene part, if they do.
    pub fn between(scene: u32, cached: &[u32], uncached: &[u32]) -> Option<Self> {
        let mut positions = 0..cached.len().max(uncached.len());
        let position = positions.find(|&position| cached.get(position) != uncached.get(position))?;
        Some(Self {
            scene,
            position: position as u32,
            cached: cached.get(position).copied(),
            uncached: uncached.get(position).copied(),
        })
    }
}

impl fmt::Display for FirstDifference {
    /// `scene 1, token 3: 318 with the cache, 1190 without`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = |token: Option<u32>| token.map_or_else(|| "none".to_owned(), |token| token.to_string());
        let Self { scene, position, cached, uncached } = *self;
        write!(
            f,
            "scene {scene}, token {position}: {} with the cache, {} without",
            token(cached),
            token(uncached)
        )
    }
}

/// A cell of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCell {
    /// Its id.
    pub id: CellId,
    /// Its specification.
    pub spec: CellSpec,
    /// The stage-1 cell whose scenes it captions, and of whose findings its question tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage1_from: Option<CellId>,
}

/// A cell that the plan leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkippedCell {
    /// The cell.
    pub cell: PlannedCell,
    /// Why.
    pub reason: String,
}

/// How a cell ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellEnd {
    /// An error, a crash or a broken conversation.
    Failed,
    /// It took longer than allowed and was killed.
    Timeout,
    /// It ran out of memory.
    Oom,
    /// What it needs from another cell is missing.
    Skipped,
}
crate::words!(CellEnd { Failed => "failed", Timeout => "timeout", Oom => "oom", Skipped => "skipped" });
