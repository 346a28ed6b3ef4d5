//! What was done when in a run.

use reelbench_charts::{Bar, Heading, Lane, Name, Timeline, Work};
use reelbench_protocol::Pass;

use super::{Cells, Chart};
use crate::course::{Course, Step, StepWork};
use crate::run::Run;
use crate::units::{TimeUnit, count, time};

/// `None` where no repeat ended.
pub(super) fn chart(run: &Run, cells: &Cells<'_>) -> Option<Chart> {
    let course = &run.course;
    let is_repeat = |step: &Step| matches!(step.work, StepWork::Repeat { .. });
    if !course.steps.iter().any(is_repeat) {
        return None;
    }
    let clock = Clock { course, unit: TimeUnit::of(without_pauses(course, course.end_ns())) };
    let loading = Name { group: "loading weights".to_owned(), own: String::new() };
    let names = cells.all.iter().map(|(record, cell)| cells.name(record, cell));
    let mut lanes: Vec<Lane> =
        std::iter::once(loading).chain(names).map(|name| Lane { name, bars: Vec::new() }).collect();
    for step in &course.steps {
        let lane = match step.work {
            StepWork::Load { .. } => 0,
            StepWork::Repeat { cell, .. } => cell + 1,
        };
        if let Some(lane) = lanes.get_mut(lane) {
            lane.bars.push(clock.bar(step, &lane.name));
        }
    }
    let pauses = match course.pauses.len() {
        0 => String::new(),
        pauses => format!(" {} left out.", count(pauses, "pause")),
    };
    let heading = Heading {
        name: "timeline".to_owned(),
        title: "The course of the run".to_owned(),
        subtitle: format!("Loads, warm-ups and samples by the journal's clock.{pauses}"),
        description: "When weights were loaded and when each cell's warm-ups and samples ran.".to_owned(),
    };
    let chart = Timeline {
        heading: heading.clone(),
        axis: format!("Time in the run, {}", clock.unit.name()),
        lanes,
        pauses: course.pauses.iter().map(|pause| clock.at(pause.start)).collect(),
        pause: "went on".to_owned(),
    };
    Some(Chart::new("provenance", heading, chart.svg()))
}

/// The time of a run without its pauses.
struct Clock<'a> {
    course: &'a Course,
    unit: TimeUnit,
}

impl Clock<'_> {
    fn at(&self, ns: u128) -> f64 {
        self.unit.of_seconds(without_pauses(self.course, ns))
    }

    fn bar(&self, step: &Step, name: &Name) -> Bar {
        let seconds = step.duration_ns as f64 / 1e9;
        let (work, what) = match &step.work {
            StepWork::Load { cells } => (Work::Load, format!("load for {}", count(cells.len(), "cell"))),
            StepWork::Repeat { repeat, pass: Pass::Warmup, .. } => {
                (Work::Warmup, format!("{}, warm-up {repeat}", name.full()))
            }
            StepWork::Repeat { repeat, pass: Pass::Measured, .. } => {
                (Work::Sample, format!("{}, sample {repeat}", name.full()))
            }
        };
        let words = format!("{what}: {}", time(seconds));
        Bar { start: self.at(step.start_ns), length: self.unit.of_seconds(seconds), work, words }
    }
}

/// Seconds of the run before a moment, pauses left out.
fn without_pauses(course: &Course, ns: u128) -> f64 {
    let before = course.pauses.iter().filter(|pause| pause.end <= ns);
    let paused: u128 = before.map(|pause| pause.end - pause.start).sum();
    (ns - paused) as f64 / 1e9
}
