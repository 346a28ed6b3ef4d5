//! How much of a run is left, from what was measured so far.

use std::collections::BTreeMap;
use std::iter::Sum;

use reelbench_exec::{RunEvent, schedule};
use reelbench_protocol::{CellId, CellKind, Device, LoadSpec, Pass, PlannedCell, Repeats, Warmup};
use reelbench_reports::{CellRecord, Run};

/// What is left of a run.
pub(super) struct Remaining {
    cells: BTreeMap<CellId, Cell>,
    loads: Vec<Load>,
    done: u32,
    repeats: Repeats,
}

/// A cell, as far as it has come.
struct Cell {
    kind: CellKind,
    load: usize,
    measured: u32,
    measured_left: u32,
    warmups_left: u32,
    times: Mean,
}

/// A load, with the time that it took or will take.
struct Load {
    spec: LoadSpec,
    seconds: Option<f64>,
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

/// The time that is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Left {
    /// Nothing was measured yet that would tell.
    Unknown,
    /// About so many seconds.
    About(f64),
    /// No more than so many seconds: cells whose repeats follow from their times may need fewer.
    AtMost(f64),
    /// So many seconds for those cells of whose kind one was measured, and more for the others.
    MoreThan(f64),
}

/// How far a run, or both of a session, have come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Count {
    /// Repeats that were done by this process, warm-ups included.
    pub(super) done: u32,
    /// Repeats in all, warm-ups included; the most there can be.
    pub(super) total: u32,
    /// Cells that need no more repeats.
    pub(super) settled: usize,
    /// All cells.
    pub(super) cells: usize,
    /// The time that is left.
    pub(super) left: Left,
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        let nothing = Self { done: 0, total: 0, settled: 0, cells: 0, left: Left::About(0.0) };
        counts.fold(nothing, |sum, count| Self {
            done: sum.done + count.done,
            total: sum.total + count.total,
            settled: sum.settled + count.settled,
            cells: sum.cells + count.cells,
            left: sum.left.and(count.left),
        })
    }
}

impl Left {
    /// The time for this and then that.
    fn and(self, other: Self) -> Self {
        let seconds = self.seconds() + other.seconds();
        match (self, other) {
            // Nothing is left of a side that is done.
            (Self::About(none), one) | (one, Self::About(none)) if none == 0.0 => one,
            (Self::Unknown, Self::Unknown) => Self::Unknown,
            (Self::Unknown | Self::MoreThan(_), _) | (_, Self::Unknown | Self::MoreThan(_)) => {
                Self::MoreThan(seconds)
            }
            (Self::AtMost(_), _) | (_, Self::AtMost(_)) => Self::AtMost(seconds),
            (Self::About(_), Self::About(_)) => Self::About(seconds),
        }
    }

    fn seconds(self) -> f64 {
        match self {
            Self::Unknown => 0.0,
            Self::About(seconds) | Self::AtMost(seconds) | Self::MoreThan(seconds) => seconds,
        }
    }
}

impl Remaining {
    /// Of a run that begins, or of one that goes on after `before`.
    pub(super) fn new(
        cells: &[PlannedCell],
        (repeats, warmup): (Repeats, Warmup),
        device: Device,
        before: Option<&Run>,
    ) -> Self {
        let earlier = |id: &CellId| before?.cells.iter().find(|record| record.planned.id == *id);
        let mut remaining = Self { cells: BTreeMap::new(), loads: Vec::new(), done: 0, repeats };
        for group in schedule::groups(cells, device) {
            for planned in &group.cells {
                let record = earlier(&planned.id);
                if record.is_some_and(|record| record.ended.is_some()) {
                    continue;
                }
                let cell = Cell::new(planned, remaining.loads.len(), (repeats, warmup), record);
                remaining.cells.insert(planned.id.clone(), cell);
            }
            remaining.loads.push(Load { spec: group.load, seconds: None });
        }
        remaining.cells.retain(|_, cell| cell.measured_left > 0);
        remaining
    }

    /// Takes what an event changes.
    pub(super) fn note(&mut self, event: RunEvent<'_>) {
        let seconds = |ns: u64| ns as f64 / 1e9;
        match event {
            RunEvent::Loaded { load, loaded } => self.loaded(load, seconds(loaded.load_ns)),
            RunEvent::RepeatStarted { cell, pass, .. } => self.started(&cell.id, pass),
            RunEvent::RepeatFinished { cell, result } => {
                self.finished(&cell.id, result.pass, seconds(result.wall_ns));
            }
            RunEvent::CellEnded { cell, .. } => self.settled(cell),
            RunEvent::CellMeasured { cell, .. } => self.settled(&cell.id),
            _ => {}
        }
    }

    /// Weights are ready after so many seconds.
    fn loaded(&mut self, spec: &LoadSpec, seconds: f64) {
        if let Some(load) = self.loads.iter_mut().find(|load| load.spec == *spec) {
            load.seconds = Some(seconds);
        }
    }

    /// A repeat begins. With the first sample of a cell its warm-ups are over.
    fn started(&mut self, cell: &CellId, pass: Pass) {
        if let (Some(cell), Pass::Measured) = (self.cells.get_mut(cell), pass) {
            cell.warmups_left = 0;
        }
    }

    /// A repeat took so many seconds. Those of warm-ups count only until there is a sample.
    fn finished(&mut self, id: &CellId, pass: Pass, seconds: f64) {
        self.done += 1;
        let Some(cell) = self.cells.get_mut(id) else { return };
        match pass {
            Pass::Warmup => {
                cell.warmups_left = cell.warmups_left.saturating_sub(1);
                if cell.measured == 0 {
                    cell.times.add(seconds);
                }
            }
            Pass::Measured => {
                if cell.measured == 0 {
                    cell.times = Mean::default();
                }
                cell.times.add(seconds);
                cell.measured += 1;
                cell.measured_left = cell.measured_left.saturating_sub(1);
            }
        }
    }

    /// A cell needs no more repeats.
    fn settled(&mut self, id: &CellId) {
        if let Some(cell) = self.cells.get_mut(id) {
            (cell.measured_left, cell.warmups_left) = (0, 0);
        }
    }

    /// How far the run has come.
    pub(super) fn count(&self) -> Count {
        Count {
            done: self.done,
            total: self.done + self.cells.values().map(Cell::turns_left).sum::<u32>(),
            settled: self.cells.values().filter(|cell| cell.turns_left() == 0).count(),
            cells: self.cells.len(),
            left: self.time(),
        }
    }

    /// The time that is left: each cell's repeats at its own mean, those of a cell not yet begun at the mean of its kind, and
    /// the loads that are to come at the mean of those that were.
    fn time(&self) -> Left {
        let mean_of = |kind| {
            let of_kind = self.cells.values().filter(|cell| cell.kind == kind);
            of_kind.filter_map(|cell| cell.times.mean()).collect::<Mean>().mean()
        };
        let (stage1, caption) = (mean_of(CellKind::Stage1), mean_of(CellKind::Caption));
        let of_kind = |kind| match kind {
            CellKind::Stage1 => stage1,
            CellKind::Caption => caption,
        };
        let left = || self.cells.values().filter(|cell| cell.turns_left() > 0);
        let time_of =
            |cell: &Cell| Some(cell.times.mean().or(of_kind(cell.kind))? * f64::from(cell.turns_left()));
        let known: Vec<f64> = left().filter_map(time_of).collect();
        let seconds = known.iter().sum::<f64>() + self.loads_left();
        if known.len() < left().count() {
            if known.is_empty() { Left::Unknown } else { Left::MoreThan(seconds) }
        } else if matches!(self.repeats, Repeats::Adaptive(_)) {
            Left::AtMost(seconds)
        } else {
            Left::About(seconds)
        }
    }

    fn loads_left(&self) -> f64 {
        let is_needed =
            |index: usize| self.cells.values().any(|cell| cell.load == index && cell.turns_left() > 0);
        let to_come = self.loads.iter().enumerate();
        let to_come = to_come.filter(|(index, load)| load.seconds.is_none() && is_needed(*index)).count();
        let mean = self.loads.iter().filter_map(|load| load.seconds).collect::<Mean>().mean();
        mean.unwrap_or_default() * to_come as f64
    }
}

impl Cell {
    fn new(
        planned: &PlannedCell,
        load: usize,
        (repeats, warmup): (Repeats, Warmup),
        before: Option<&CellRecord>,
    ) -> Self {
        let samples = before.map(CellRecord::measured).unwrap_or_default();
        let measured = samples.len() as u32;
        Self {
            kind: planned.spec.kind(),
            load,
            measured,
            measured_left: repeats.at_most().saturating_sub(measured),
            warmups_left: warmup.at_most(),
            times: samples.iter().map(|sample| sample.wall_ns as f64 / 1e9).collect(),
        }
    }

    fn turns_left(&self) -> u32 {
        self.measured_left + self.warmups_left
    }
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl FromIterator<f64> for Mean {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut mean = Self::default();
        values.into_iter().for_each(|value| mean.add(value));
        mean
    }
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{
        AdaptiveRepeats, CaptionSettings, CaptionSpec, CellSpec, Family, Stage1Spec, VideoSpec, Weights, Work,
    };

    use super::*;

    const FIXED: (Repeats, Warmup) = (Repeats::Fixed(3), Warmup::Fixed(1));

    fn cell(work: Work) -> PlannedCell {
        let video = VideoSpec { id: "film".parse().unwrap(), path: "film.mp4".into(), title: None };
        let spec = CellSpec { video, work };
        PlannedCell { id: CellId::of(&spec), spec, stage1_from: None }
    }

    fn caption(preset: &str) -> PlannedCell {
        cell(Work::Caption(CaptionSpec {
            model: "model".parse().unwrap(),
            family: Family::LlavaNext,
            weights: Weights::Dummy { preset: preset.to_owned(), seed: 0 },
            question: "What happens?".to_owned(),
            prompt: None,
            settings: CaptionSettings::default(),
            seed: None,
            scene: None,
            asr: None,
            ast: None,
            yolo: None,
            max_scenes: None,
        }))
    }

    fn of(cells: &[PlannedCell], repetition: (Repeats, Warmup)) -> Remaining {
        Remaining::new(cells, repetition, Device::Cpu, None)
    }

    #[test]
    fn each_cell_counts_with_its_own_times_and_loads_to_come_with_the_mean_of_loads() {
        let cells = [caption("a"), caption("b")];
        let mut left = of(&cells, FIXED);
        let before = Count { done: 0, total: 8, settled: 0, cells: 2, left: Left::Unknown };
        assert_eq!(left.count(), before);

        left.loaded(&schedule::groups(&cells, Device::Cpu)[0].load, 5.0);
        left.started(&cells[0].id, Pass::Warmup);
        left.finished(&cells[0].id, Pass::Warmup, 20.0);
        // Three samples of this cell, four repeats of the other, and its load.
        assert_eq!(left.time(), Left::About(3.0 * 20.0 + 4.0 * 20.0 + 5.0));

        left.finished(&cells[0].id, Pass::Measured, 10.0);
        assert_eq!(left.time(), Left::About(2.0 * 10.0 + 4.0 * 10.0 + 5.0), "a warm-up no longer counts");
        left.loaded(&schedule::groups(&cells, Device::Cpu)[1].load, 7.0);
        left.finished(&cells[1].id, Pass::Warmup, 2.0);
        assert_eq!(left.time(), Left::About(2.0 * 10.0 + 3.0 * 2.0));
        assert_eq!((left.count().done, left.count().total), (3, 8));

        left.settled(&cells[1].id);
        let after = Count { done: 3, total: 5, settled: 1, cells: 2, left: Left::About(20.0) };
        assert_eq!(left.count(), after, "what is not done is not counted");
        let both: Count = [after, before].into_iter().sum();
        assert_eq!(both, Count { done: 3, total: 13, settled: 1, cells: 4, left: Left::MoreThan(20.0) });
        assert_eq!([after, after].into_iter().sum::<Count>().left, Left::About(40.0));
    }

    #[test]
    fn captions_are_not_guessed_from_stage_1() {
        let cells = [cell(Work::Stage1(Stage1Spec::default())), caption("a")];
        let mut left = of(&cells, FIXED);
        left.finished(&cells[0].id, Pass::Warmup, 1.0);
        assert_eq!(left.time(), Left::MoreThan(3.0));
        left.finished(&cells[1].id, Pass::Warmup, 100.0);
        assert_eq!(left.time(), Left::About(303.0));
    }

    #[test]
    fn where_the_number_of_repeats_is_open_it_is_the_most_there_can_be() {
        let adaptive = AdaptiveRepeats { at_least: 5, at_most: 30, precision: 0.02, budget_s: 600.0 };
        let warmup = Warmup::UntilWarm { at_most: 5, within: 0.05 };
        let cells = [caption("a")];
        let mut left = of(&cells, (Repeats::Adaptive(adaptive), warmup));
        assert_eq!(left.count().total, 35);
        left.finished(&cells[0].id, Pass::Warmup, 1.0);
        left.finished(&cells[0].id, Pass::Warmup, 1.0);
        assert_eq!(left.time(), Left::AtMost(33.0));
        left.started(&cells[0].id, Pass::Measured);
        assert_eq!(left.time(), Left::AtMost(30.0), "it is warm");
    }
}
