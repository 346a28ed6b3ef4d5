//! Where the time goes: a column per stage, and what a stage does beside computing.

use reelbench_protocol::{Activity, CellKind, Metric, Stage};

use super::table::{Cell, Column};
use crate::summary::CellSummary;
use crate::tables::UNATTRIBUTED;
use crate::units::{self, TimeUnit, count};

/// Largest share of any row's time that a sentence can tell as well as a column.
const LITTLE: f64 = 0.01;

/// The heading of what no stage covers.
/// What the figures of a breakdown are.
pub(super) const HOW_TO_READ: &str = "Stages are the mean over the one or two repeats in the middle by wall time, and sum to \
     the total; what no stage covers is unattributed. Where stages or requests overlap, they share each moment equally. \
     Loading the weights is not part of it.";

const UNATTRIBUTED_TITLE: &str = "Unattributed";

pub(super) fn of_kind(cells: &[CellSummary], kind: CellKind) -> Vec<&CellSummary> {
    cells.iter().filter(|cell| cell.kind == kind).collect()
}

/// A part of a cell's time that has a column of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Stage(Stage),
    Activity(Stage, Activity),
    Unattributed,
}

impl Part {
    fn title(self) -> String {
        match self {
            Self::Stage(stage) => title(stage).to_owned(),
            Self::Activity(stage, activity) => format!("{} {}", title(stage), activity_title(activity)),
            Self::Unattributed => UNATTRIBUTED_TITLE.to_owned(),
        }
    }

    fn seconds(self, cell: &CellSummary) -> Option<f64> {
        match self {
            Self::Stage(stage) => cell.stage_s(stage.as_str()),
            Self::Activity(stage, activity) => cell.activity_s(stage, activity),
            Self::Unattributed => cell.stage_s(UNATTRIBUTED),
        }
    }
}

/// The parts that any of a table's rows has, in the order of the pipeline.
pub(super) struct Parts(Vec<Part>);

impl Parts {
    /// Stages, each followed by its activities where it does more than compute, then what no span covers.
    pub(super) fn of(cells: &[&CellSummary]) -> Self {
        let is_present = |part: &Part| cells.iter().any(|cell| part.seconds(cell).is_some());
        let of_stage = |&stage: &Stage| {
            let activities = Activity::ALL.iter().map(move |&activity| Part::Activity(stage, activity));
            std::iter::once(Part::Stage(stage)).chain(activities)
        };
        let all = Stage::ALL.iter().flat_map(of_stage).chain([Part::Unattributed]);
        Self(all.filter(is_present).collect())
    }

    /// The same without the parts that take next to nothing of any row, and the sentence that tells of them instead. A
    /// stage that is split by what it does stays.
    pub(super) fn without_little(mut self, cells: &[&CellSummary]) -> (Self, Option<String>) {
        let is_split =
            |stage| self.0.iter().any(|part| matches!(part, Part::Activity(of, _) if *of == stage));
        let shares = self.0.iter().filter_map(|&part| {
            let name = match part {
                Part::Stage(stage) if !is_split(stage) => in_prose(stage),
                Part::Unattributed => "what no stage covers",
                Part::Stage(_) | Part::Activity(..) => return None,
            };
            Some((part, name, largest_share(part, cells)?))
        });
        let little: Vec<_> = shares.filter(|(_, _, share)| *share <= LITTLE).collect();
        let told: Vec<String> = little
            .iter()
            .map(|(_, name, share)| format!("{name} ({} at most)", units::percent(*share)))
            .collect();
        self.0.retain(|part| little.iter().all(|(gone, ..)| gone != part));
        let sentence = format!("Too little of any total to have a column: {}.", told.join(", "));
        (self, (!told.is_empty()).then_some(sentence))
    }

    /// The stages alone.
    pub(super) fn stages(mut self) -> Self {
        self.0.retain(|part| matches!(part, Part::Stage(_)));
        self
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.0.iter().map(|part| Column::right(part.title()))
    }

    /// The total and each part in one unit, as `scale` seconds of it per second.
    pub(super) fn cells(&self, cell: &CellSummary, scale: f64) -> Vec<Cell> {
        let total = cell.wall_s.as_ref().map(|wall| wall.median);
        let unit = TimeUnit::of(total.unwrap_or_default() * scale);
        let times = std::iter::once(total).chain(self.0.iter().map(|part| part.seconds(cell)));
        times
            .map(|seconds| Cell::number(seconds.map(|seconds| seconds * scale), |seconds| unit.show(seconds)))
            .collect()
    }
}

/// The heading of a metric that is a part of the time.
pub(super) fn part_title(metric: Metric) -> &'static str {
    metric.stage().map_or(UNATTRIBUTED_TITLE, title)
}

/// The same in a sentence.
pub(super) fn part_in_prose(metric: Metric) -> &'static str {
    metric.stage().map_or("what no stage covers", in_prose)
}

/// A stage as the heading of a column.
pub(crate) fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Scene => "Scene",
        Stage::Asr => "ASR",
        Stage::Ast => "AST",
        Stage::Yolo => "YOLO",
        Stage::Frames => "Frames",
        Stage::Preprocess => "Preprocess",
        Stage::Vision => "Vision",
        Stage::Prefill => "Prefill",
        Stage::Decode => "Decode",
    }
}

fn in_prose(stage: Stage) -> &'static str {
    match stage {
        Stage::Scene => "scene detection",
        Stage::Frames => "getting the frames",
        Stage::Preprocess => "preprocessing",
        Stage::Vision => "the vision tower",
        Stage::Prefill => "prefill",
        Stage::Decode => "decoding",
        Stage::Asr | Stage::Ast | Stage::Yolo => title(stage),
    }
}

fn activity_title(activity: Activity) -> &'static str {
    match activity {
        Activity::Compute => "Computing",
        Activity::Network => "Network",
        Activity::RateLimit => "Rate Limit",
    }
}

/// The largest share of any cell's time that a part takes; none where no cell has a time.
fn largest_share(part: Part, cells: &[&CellSummary]) -> Option<f64> {
    cells.iter().filter_map(|cell| share_of_time(cell, part.seconds(cell))).reduce(f64::max)
}

/// The share of a cell's time that some seconds of it are, of a part that it does not have none; `None` where it has no time.
pub(super) fn share_of_time(cell: &CellSummary, seconds: Option<f64>) -> Option<f64> {
    let total: f64 = cell.stages_s.as_ref()?.0.iter().map(|(_, seconds)| seconds).sum();
    (total > 0.0).then(|| seconds.unwrap_or(0.0) / total)
}

/// `1 cell`, or `median over 4 cells, 80.1 % to 90.2 %`.
pub(super) fn spread(shares: &[f64]) -> String {
    if let [_] = shares {
        return count(1, "cell");
    }
    let least = units::percent(shares.iter().copied().fold(f64::INFINITY, f64::min));
    let most = units::percent(shares.iter().copied().fold(0.0, f64::max));
    let range = if least == most { String::new() } else { format!(", {least} to {most}") };
    format!("median over {}{range}", count(shares.len(), "cell"))
}

/// `The time of ASR is 12.0 % computing, 70.0 % on the network, 18.0 % waiting for the rate limit (mean over 2 cells).`
/// for every stage that does more than compute in some cell. Means, since those sum to the whole.
pub(super) fn activities(cells: &[&CellSummary]) -> Vec<String> {
    Stage::ALL.iter().filter_map(|&stage| activities_of(stage, cells)).collect()
}

fn activities_of(stage: Stage, cells: &[&CellSummary]) -> Option<String> {
    let cells: Vec<_> = cells.iter().filter(|cell| cell.activities_s.get(stage.as_str()).is_some()).collect();
    let share = |activity| {
        let of_cell = |cell: &&&CellSummary| {
            let total = cell.stage_s(stage.as_str()).filter(|&seconds| seconds > 0.0)?;
            Some(cell.activity_s(stage, activity)? / total)
        };
        let shares: Vec<f64> = cells.iter().filter_map(of_cell).collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    };
    let words = |activity| match activity {
        Activity::Compute => "computing",
        Activity::Network => "on the network",
        Activity::RateLimit => "waiting for the rate limit",
    };
    let parts = Activity::ALL
        .iter()
        .map(|&activity| Some(format!("{} {}", units::percent(share(activity)?), words(activity))));
    let parts: Vec<String> = parts.collect::<Option<_>>()?;
    let cells = match cells.len() {
        1 => count(1, "cell"),
        more => format!("mean over {}", count(more, "cell")),
    };
    Some(format!("The time of {} is {} ({cells}).", in_prose(stage), parts.join(", ")))
}
