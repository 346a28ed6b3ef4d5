//! A cell's real-time factor over many runs.

mod page;
mod past;

use std::collections::{BTreeSet, HashMap};

use reelbench_protocol::{CellId, GitRevision, PlannedCell, VideoId};
use reelbench_stats::{Interval, Level, compare_unpaired};
use serde::Serialize;

use crate::comparable::{Difference, differences};
use crate::comparison::Change;
use crate::outcome::Outcome;
use crate::report::CellNames;
use crate::run::CellRecord;
use crate::summary::{CellSummary, Rtf};

pub use past::PastRun;

/// Cells over many runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// The runs, the oldest first.
    pub runs: Vec<HistoryRun>,
    /// Every cell that is wanted, those of the newest run first, each in the order of its plan.
    pub cells: Vec<CellHistory>,
}

/// A run of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryRun {
    /// Its id.
    pub run_id: String,
    /// The matrix's name.
    pub matrix: String,
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// Version of `bench`.
    pub bench_version: String,
    /// The revision `bench` was built from.
    pub git: Option<GitRevision>,
    /// In what it differs from the run before, which is base; empty for the first.
    pub differences: Vec<Difference>,
}

/// A cell in the runs that planned it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellHistory {
    /// The cell, the same in all of them.
    pub id: CellId,
    /// Its video, its model or `stage 1`, and the settings that vary among the cells.
    pub name: String,
    /// The film.
    pub video: VideoId,
    /// Whether its numbers come from random weights.
    pub dummy_weights: bool,
    /// One for each run that planned it, the oldest first.
    pub points: Vec<Point>,
}

/// A cell in one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run's place in [`History::runs`], counted from 0.
    pub run: usize,
    /// How the cell came out.
    pub outcome: Outcome,
    /// Its real-time factor, where it was measured.
    pub rtf: Option<Rtf>,
    /// What changed since the last run in which the cell was ok; none where it is not ok, or never was before.
    pub change: Option<PointChange>,
}

/// What changed since an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PointChange {
    /// Times of the two runs can be compared.
    Compared {
        /// The earlier run's place in [`History::runs`].
        since: usize,
        /// This real-time factor over the earlier one: the ratio of the geometric means.
        ratio: f64,
        /// Its 95 % interval; absent where a run has only one repeat.
        interval: Option<Interval>,
        /// What the interval says.
        change: Change,
    },
    /// Times of the two runs must not be compared.
    NotComparable {
        /// The earlier run's place in [`History::runs`].
        since: usize,
        /// What sets them apart; the earlier run is base.
        differences: Vec<Difference>,
    },
}

impl History {
    /// Puts runs in the order of their start, and the cells that are wanted side by side.
    pub fn new(mut runs: Vec<PastRun>, wanted: impl Fn(&PlannedCell) -> bool) -> Self {
        runs.sort_by(|a, b| a.order().cmp(&b.order()));
        let cells = latest(&runs, wanted);
        let summaries: Vec<CellSummary> = cells.iter().map(|(_, summary)| (*summary).clone()).collect();
        let names = CellNames::of(&summaries);
        let mut apart = Apart { runs: &runs, known: HashMap::new() };
        let cells = cells.iter().map(|(record, summary)| CellHistory {
            id: summary.id.clone(),
            name: names.name(record, summary),
            video: summary.video.clone(),
            dummy_weights: summary.dummy_weights,
            points: apart.points(&summary.id),
        });
        Self { cells: cells.collect(), runs: described(&runs) }
    }
}

/// Every wanted cell as the newest run that planned it has it.
fn latest(runs: &[PastRun], wanted: impl Fn(&PlannedCell) -> bool) -> Vec<(&CellRecord, &CellSummary)> {
    let mut seen: BTreeSet<&CellId> = BTreeSet::new();
    let newest_first = runs.iter().rev().flat_map(PastRun::cells);
    newest_first.filter(|(record, cell)| wanted(&record.planned) && seen.insert(&cell.id)).collect()
}

fn described(runs: &[PastRun]) -> Vec<HistoryRun> {
    let before = std::iter::once(None).chain(runs.iter().map(Some));
    let runs = runs.iter().zip(before).map(|(run, before)| {
        let manifest = &run.run.manifest;
        HistoryRun {
            run_id: manifest.run_id.clone(),
            matrix: manifest.name.clone(),
            started: manifest.started.clone(),
            bench_version: manifest.bench_version.clone(),
            git: manifest.git.clone(),
            differences: before.map(|before| differences(&before.run, &run.run)).unwrap_or_default(),
        }
    });
    runs.collect()
}

/// Runs, and what sets two of them apart, worked out once for all their cells.
struct Apart<'a> {
    runs: &'a [PastRun],
    known: HashMap<(usize, usize), Vec<Difference>>,
}

impl<'a> Apart<'a> {
    /// The cell in every run that planned it.
    fn points(&mut self, id: &CellId) -> Vec<Point> {
        let mut points = Vec::new();
        let mut last_ok: Option<(usize, &'a Rtf)> = None;
        for (place, run) in self.runs.iter().enumerate() {
            let Some((_, cell)) = run.cells().find(|(_, cell)| cell.id == *id) else { continue };
            let ok = cell.rtf.as_ref().filter(|_| cell.outcome == Outcome::Ok);
            let change = last_ok.zip(ok).and_then(|((since, before), now)| {
                change(since, self.blocking(since, place, id)?, before, now)
            });
            last_ok = ok.map(|rtf| (place, rtf)).or(last_ok);
            points.push(Point { run: place, outcome: cell.outcome, rtf: cell.rtf.clone(), change });
        }
        points
    }

    /// What forbids to compare a cell's times in two runs; none where one of the runs is not there.
    fn blocking(&mut self, since: usize, place: usize, id: &CellId) -> Option<Vec<Difference>> {
        let (earlier, later) = (self.runs.get(since)?, self.runs.get(place)?);
        let known = self.known.entry((since, place)).or_insert_with(|| differences(&earlier.run, &later.run));
        let is_of_cell =
            |difference: &Difference| difference.cells.is_empty() || difference.cells.contains(id);
        let blocking = known.iter().filter(|difference| difference.blocks() && is_of_cell(difference));
        Some(blocking.cloned().collect())
    }
}

fn change(since: usize, differences: Vec<Difference>, before: &Rtf, now: &Rtf) -> Option<PointChange> {
    if !differences.is_empty() {
        return Some(PointChange::NotComparable { since, differences });
    }
    let compared = compare_unpaired(&before.samples, &now.samples, Level::default(), 0.0)?;
    let change = match compared.interval {
        Some(interval) if interval.lo > 1.0 => Change::Worse,
        Some(interval) if interval.hi < 1.0 => Change::Better,
        _ => Change::NotShown,
    };
    Some(PointChange::Compared { since, ratio: compared.ratio, interval: compared.interval, change })
}
