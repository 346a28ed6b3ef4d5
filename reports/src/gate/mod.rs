//! The verdict on a change: whether head is worse than base by more than is allowed.

mod annotations;
mod calibration;
mod check;
mod counts;
mod junit;
mod page;
mod self_test;

use serde::Serialize;

use self::check::checks;
use crate::comparable::Difference;
use crate::comparison::{ComparedCell, ComparedRuns, Criteria};
use crate::rebuild::Results;
use crate::units::count;

pub use calibration::{Calibration, CellNoise};
pub use check::{Check, CheckVerdict};
pub use counts::CheckCounts;
pub use self_test::SelfTest;

/// Version of `verdict.json`.
pub const VERDICT_FORMAT_VERSION: u32 = 1;

/// `verdict.json`: two runs, what was checked of every cell, and what it all comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// Version of this format.
    pub format: u32,
    /// What it all comes to.
    pub verdict: GateVerdict,
    /// How many figures were checked with which result.
    pub counts: CheckCounts,
    /// The verdict in one line.
    pub headline: String,
    /// The runs and their cells.
    #[serde(flatten)]
    pub runs: ComparedRuns,
    /// One per cell and metric to be judged.
    pub checks: Vec<Check>,
}

/// What a gate comes to. What is worst goes first: a regression is one though cells are missing besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// Nothing is worse than allowed, and that was shown of every figure.
    Pass,
    /// A figure is worse than allowed.
    Regression,
    /// Cells are missing, or nothing was there to be checked.
    Incomplete,
    /// Of some figure the data shows neither.
    Inconclusive,
    /// The runs differ in more than what was to be compared: nothing was checked.
    NotComparable,
}

impl Gate {
    /// Judges `head` against `base`.
    pub fn new(base: &Results, head: &Results, criteria: Criteria) -> Self {
        let mut runs = ComparedRuns::new(base, head, criteria);
        if runs.differences.iter().any(Difference::blocks) {
            runs.cells.clear();
        }
        Self::of(runs)
    }

    fn of(runs: ComparedRuns) -> Self {
        let checks = checks(&runs);
        let counts = CheckCounts::of(&checks);
        let is_comparable = !runs.differences.iter().any(Difference::blocks);
        let verdict = if is_comparable { counts.verdict() } else { GateVerdict::NotComparable };
        Self {
            format: VERDICT_FORMAT_VERSION,
            headline: headline(verdict, counts, &runs),
            verdict,
            counts,
            runs,
            checks,
        }
    }

    /// The cell of a check.
    pub fn cell(&self, check: &Check) -> Option<&ComparedCell> {
        self.runs.cells.iter().find(|cell| cell.id == check.cell)
    }
}

/// One line that says what to do about it.
fn headline(verdict: GateVerdict, counts: CheckCounts, runs: &ComparedRuns) -> String {
    let figures = |number| count(number, "figure");
    match verdict {
        GateVerdict::Pass => format!("✅ No regression: {} checked", figures(counts.total())),
        GateVerdict::Regression => {
            format!("❌ Regression: {} of {} worse than allowed", counts.fail, figures(counts.total()))
        }
        GateVerdict::Incomplete if counts.total() == counts.missing && counts.missing == 0 => {
            "⛔ Nothing was gated: base has no cell that ended ok".to_owned()
        }
        GateVerdict::Incomplete => {
            format!("⛔ Incomplete: {} of base not measured in head", figures(counts.missing))
        }
        GateVerdict::Inconclusive => {
            format!("❔ Inconclusive: of {} the data shows neither", figures(counts.inconclusive))
        }
        GateVerdict::NotComparable => {
            let blocking = runs.differences.iter().filter(|difference| difference.blocks());
            let named: Vec<String> = blocking.map(ToString::to_string).collect();
            format!("⛔ NOT COMPARABLE, nothing was gated: {}", named.join("; "))
        }
    }
}
