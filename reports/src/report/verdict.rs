//! The first line of a report.

use std::fmt::Write as _;

use serde::Serialize;

use crate::outcome::Outcome;
use crate::run::Completion;
use crate::summary::CellSummary;
use crate::units::count;

/// How many cells came out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Cells that did what was asked, and the same each time.
    pub ok: usize,
    /// Cells whose output differs between repeats, or with the cache.
    pub unstable: usize,
    /// Cells with an error.
    pub failed: usize,
    /// Cells that took too long.
    pub timeout: usize,
    /// Cells that ran out of memory.
    pub oom: usize,
    /// Cells that were not run.
    pub skipped: usize,
}

impl Counts {
    /// Counts outcomes.
    pub(crate) fn of(cells: &[CellSummary]) -> Self {
        let mut counts = Self::default();
        for cell in cells {
            let counter = match cell.outcome {
                Outcome::Ok => &mut counts.ok,
                Outcome::Unstable(_) => &mut counts.unstable,
                Outcome::Failed => &mut counts.failed,
                Outcome::Timeout => &mut counts.timeout,
                Outcome::Oom => &mut counts.oom,
                Outcome::Skipped => &mut counts.skipped,
            };
            *counter += 1;
        }
        counts
    }

    /// Cells in all.
    pub fn total(&self) -> usize {
        self.ok + self.not_ok()
    }

    /// Cells that did not end ok.
    pub fn not_ok(&self) -> usize {
        self.unstable + self.failed + self.timeout + self.oom + self.skipped
    }
}

/// The verdict of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How many cells came out how.
    pub counts: Counts,
    /// The same in a sentence.
    pub text: String,
}

impl Verdict {
    /// The verdict, with a word on how many kinds of noise were found.
    pub(crate) fn new(counts: Counts, completion: Completion, noise: usize) -> Self {
        let mut text = match (counts.total(), counts.not_ok()) {
            (0, _) => "⚠️ No cells: nothing was measured.".to_owned(),
            (total, 0) => format!("✅ All cells ok: {total} of {total}."),
            (total, not_ok) => {
                format!("❌ {not_ok} of {} did not end ok: {}.", count(total, "cell"), parts(counts))
            }
        };
        text.push_str(match completion {
            Completion::Finished => "",
            Completion::Unfinished => " The run did not finish; resume it with --resume.",
            Completion::OutOfTime => " The run's time was up; resume it with --resume.",
        });
        if noise > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, " {}, see Noise.", count(noise, "noise finding"));
        }
        Self { counts, text }
    }
}

/// `1 unstable, 2 failed`.
fn parts(counts: Counts) -> String {
    let parts = [
        (counts.unstable, "unstable"),
        (counts.failed, "failed"),
        (counts.timeout, "timeout"),
        (counts.oom, "out of memory"),
        (counts.skipped, "skipped"),
    ];
    let present = parts.iter().filter(|(number, _)| *number > 0);
    present.map(|(number, word)| format!("{number} {word}")).collect::<Vec<_>>().join(", ")
}
