//! Two runs held against each other, cell by cell.

mod cell;
mod overview;
mod page;
mod said;
mod stage;
mod words;

use std::collections::BTreeMap;

use reelbench_protocol::{CellId, Manifest, Metric};
use reelbench_stats::{CONFIDENCE, Level};
use serde::Serialize;

use self::cell::{Both, Side};
use crate::comparable::{Difference, differences};
use crate::outcome::Outcome;
use crate::rebuild::Results;
use crate::report::CellNames;

pub(crate) use overview::Figure;
pub(crate) use words::{detectable_words, figure, ratio_words};

pub use cell::{Change, ComparedCell, ComparedMetric, Presence};
pub use overview::{Overview, OverviewRow};
pub use page::{COMPARISON_FORMAT_VERSION, Comparing};
pub(crate) use said::AS_MUCH;
pub use said::{Flag, Said};
pub use stage::StageChange;

/// What is judged, and how sure the intervals are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Criteria {
    /// The metrics whose intervals hold all together, each with the regression that is allowed.
    pub limits: Vec<Limit>,
    /// Confidence of all their intervals together, between 0 and 1.
    pub confidence: f64,
}

/// How much worse a metric may become.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limit {
    /// The metric.
    pub metric: Metric,
    /// As a fraction: 0.05 is 5 %.
    pub max_regression: f64,
}

impl Default for Criteria {
    /// The real-time factor, of which no regression is allowed.
    fn default() -> Self {
        Self { limits: vec![Limit { metric: Metric::Rtf, max_regression: 0.0 }], confidence: CONFIDENCE }
    }
}

impl Criteria {
    /// What is allowed of a metric; nothing where it is only shown.
    fn allowed(&self, metric: Metric) -> f64 {
        self.limits.iter().find(|limit| limit.metric == metric).map_or(0.0, |limit| limit.max_regression)
    }
}

/// Two runs, cell by cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedRuns {
    /// What was.
    pub base: RunName,
    /// What is compared with it.
    pub head: RunName,
    /// Whether their repeats belong together.
    pub pairing: Pairing,
    /// What is judged.
    pub criteria: Criteria,
    /// How many intervals hold together with the confidence of the criteria: each cell's for each of their metrics.
    pub intervals: usize,
    /// In what the runs differ besides their times.
    pub differences: Vec<Difference>,
    /// Every cell of base in the order of its plan, then those that only head has.
    pub cells: Vec<ComparedCell>,
}

/// Which run it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunName {
    /// Its id.
    pub run_id: String,
    /// The matrix's name.
    pub matrix: String,
    /// SHA-256 of the matrix.
    pub matrix_sha256: String,
    /// Its runner's name and version.
    pub runner: String,
    /// SHA-256 of the runner's program, where it is known.
    pub runner_sha256: Option<String>,
    /// Start, RFC 3339 in UTC.
    pub started: String,
}

/// Whether repeats of two runs belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// The runs are two sides of one session: repeat n of one ran right beside repeat n of the other.
    Paired,
    /// The runs were made by themselves.
    Unpaired,
}

impl Pairing {
    fn of(base: &Manifest, head: &Manifest) -> Self {
        match (&base.session, &head.session) {
            (Some(base), Some(head)) if base.id == head.id && base.arm != head.arm => Self::Paired,
            _ => Self::Unpaired,
        }
    }
}

impl ComparedRuns {
    /// Holds `head` against `base`. The metrics of `criteria` have intervals that hold all together; all other metrics of
    /// a cell are compared at the same level, to be looked at and not to be judged by.
    pub fn new(base: &Results, head: &Results, criteria: Criteria) -> Self {
        let pairs = pair(base, head);
        let both = pairs.iter().filter_map(|pair| match pair {
            Pair::Both(both) => Some(both.gated(&criteria)),
            Pair::Alone(_) => None,
        });
        let intervals = both.sum();
        let level = Level::new(criteria.confidence).unwrap_or_default().for_family(intervals);
        let cells = pairs.into_iter().map(|pair| match pair {
            Pair::Both(both) => both.compare(level, &criteria),
            Pair::Alone(cell) => *cell,
        });
        Self {
            cells: cells.collect(),
            base: RunName::of(base),
            head: RunName::of(head),
            pairing: Pairing::of(&base.run.manifest, &head.run.manifest),
            differences: differences(&base.run, &head.run),
            intervals,
            criteria,
        }
    }
}

impl RunName {
    fn of(results: &Results) -> Self {
        let manifest = &results.run.manifest;
        let runner = results.run.runner.as_ref();
        let program = manifest.binaries.iter().find(|file| file.used_by == "runner");
        Self {
            run_id: manifest.run_id.clone(),
            matrix: manifest.name.clone(),
            matrix_sha256: manifest.matrix_sha256.clone(),
            runner: runner
                .map_or_else(|| "unknown".to_owned(), |runner| format!("{} {}", runner.name, runner.version)),
            runner_sha256: program.map(|file| file.sha256.clone()),
            started: manifest.started.clone(),
        }
    }
}

/// A cell before it is compared.
enum Pair<'a> {
    Both(Box<Both<'a>>),
    Alone(Box<ComparedCell>),
}

fn pair<'a>(base: &'a Results, head: &'a Results) -> Vec<Pair<'a>> {
    let pairing = Pairing::of(&base.run.manifest, &head.run.manifest);
    let (of_base, of_head) = (sides(base), sides(head));
    let by_id: BTreeMap<&CellId, &Side<'a>> = of_head.iter().map(|side| (side.id(), side)).collect();
    let mut pairs = Vec::new();
    for side in &of_base {
        pairs.push(match (side.outcome(), by_id.get(side.id())) {
            (Outcome::Ok, Some(other)) if other.outcome() == Outcome::Ok => {
                Pair::Both(Box::new(Both::new(side.clone(), (*other).clone(), pairing)))
            }
            (Outcome::Ok, Some(other)) => {
                Pair::Alone(Box::new(side.alone(Presence::Missing, other.reason())))
            }
            // In a session a cell that head breaks ends in base too, before base could measure it.
            (Outcome::Skipped, Some(other)) if pairing == Pairing::Paired && other.broke() => {
                Pair::Alone(Box::new(side.alone(Presence::Missing, other.reason())))
            }
            (Outcome::Ok, None) => {
                Pair::Alone(Box::new(side.alone(Presence::Missing, "it is not in head's plan".to_owned())))
            }
            _ => Pair::Alone(Box::new(side.alone(Presence::NotInBase, side.reason()))),
        });
    }
    let known: Vec<&CellId> = of_base.iter().map(Side::id).collect();
    for side in of_head.iter().filter(|side| !known.contains(&side.id())) {
        pairs.push(Pair::Alone(Box::new(
            side.alone(Presence::OnlyInHead, "it is not in base's plan".to_owned()),
        )));
    }
    pairs
}

fn sides(results: &Results) -> Vec<Side<'_>> {
    let names = CellNames::of(&results.summary.cells);
    let cells = results.run.cells.iter().zip(&results.summary.cells);
    cells.map(|(record, summary)| Side::new(record, summary, names.name(record, summary))).collect()
}
