//! Shows how a run goes: bars on a terminal, plain lines elsewhere, only what goes wrong where quiet was asked for.

mod display;
mod remaining;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use reelbench_exec::{RunEvent, Sink};
use reelbench_protocol::{
    Arm, CacheVerdict, CellId, CellKind, Device, LoadSpec, Models, Pass, PlannedCell, Quantization,
    RepeatResult, Repeats, Warmup, Weights,
};
use reelbench_reports::Run;

use self::display::Display;
use self::remaining::{Count, Remaining};
use crate::args::Talk;
use crate::label::Labels;
use crate::timing::duration;

/// What is going to be run.
pub(crate) struct Expected<'a> {
    /// The cells.
    pub(crate) cells: &'a [PlannedCell],
    /// How often each.
    pub(crate) repetition: (Repeats, Warmup),
    /// Where.
    pub(crate) device: Device,
    /// What was done of it already, where the run goes on.
    pub(crate) before: Option<&'a Run>,
}

/// Takes a run's events and shows them.
pub(crate) struct Progress {
    labels: BTreeMap<CellId, String>,
    repeats: Repeats,
    /// Of the run, or of each side of a session.
    remaining: BTreeMap<Option<Arm>, Remaining>,
    display: Display,
    began: Instant,
    /// The repeat that is being run: `measured 2/3`.
    turn: String,
}

impl Progress {
    /// Bars where standard error is a terminal, lines where it is not.
    pub(crate) fn new(expected: &Expected<'_>, talk: Talk) -> Self {
        Self::of(expected, BTreeMap::from([(None, expected.before)]), talk)
    }

    /// The same for a session: what was done before of base and of head.
    pub(crate) fn of_session(expected: &Expected<'_>, before: [Option<&Run>; 2], talk: Talk) -> Self {
        let arms = [Some(Arm::Base), Some(Arm::Head)];
        Self::of(expected, arms.into_iter().zip(before).collect(), talk)
    }

    fn of(expected: &Expected<'_>, sides: BTreeMap<Option<Arm>, Option<&Run>>, talk: Talk) -> Self {
        let Expected { cells, repetition, device, .. } = *expected;
        let remaining = |before| Remaining::new(cells, repetition, device, before);
        let names = Labels::of(&cells.iter());
        Self {
            labels: cells.iter().map(|cell| (cell.id.clone(), names.label(cell))).collect(),
            repeats: repetition.0,
            remaining: sides.into_iter().map(|(arm, before)| (arm, remaining(before))).collect(),
            display: Display::new(talk),
            began: Instant::now(),
            turn: String::new(),
        }
    }

    /// Takes the bars away.
    pub(crate) fn close(&self) {
        self.display.close();
    }

    fn label<'a>(&'a self, cell: &'a CellId) -> &'a str {
        self.labels.get(cell).map_or(cell.as_str(), String::as_str)
    }

    /// `warmup 1`, `measured 2/3`; without the number of all where it is open.
    fn words_of(&self, pass: Pass, repeat: u32) -> String {
        let number = repeat + 1;
        match (pass, self.repeats) {
            (Pass::Measured, Repeats::Fixed(repeats)) => format!("{pass} {number}/{repeats}"),
            _ => format!("{pass} {number}"),
        }
    }

    fn count(&self) -> Count {
        self.remaining.values().map(Remaining::count).sum()
    }

    /// Takes an event of a side.
    fn show(&mut self, arm: Option<Arm>, event: RunEvent<'_>) {
        if let Some(remaining) = self.remaining.get_mut(&arm) {
            remaining.note(event);
        }
        self.tell(arm, event);
        self.display.count(self.count());
    }

    fn tell(&mut self, arm: Option<Arm>, event: RunEvent<'_>) {
        let side = arm.map_or_else(String::new, |arm| format!("{arm} "));
        match event {
            RunEvent::Started { cells, repeats, .. } => {
                self.display.say(&format!("{side}{cells} cells, {repeats} repeats to measure"));
            }
            RunEvent::Loading { load, cells } => {
                self.display.say(&format!("load  {side}{} for {cells} cells", describe(load)));
                self.display.now(&format!("{side}loading {}", describe(load)));
            }
            RunEvent::Loaded { loaded, .. } => {
                let seconds = loaded.load_ns as f64 / 1e9;
                self.display.say(&format!("      ready after {}", duration(seconds)));
            }
            RunEvent::RepeatStarted { cell, pass, repeat } => {
                self.turn = format!("{side}{}", self.words_of(pass, repeat));
                self.display.now(&format!("{}: {}", self.turn, self.label(&cell.id)));
            }
            RunEvent::Progress { cell, progress } => {
                let (stage, done, total) = (progress.stage, progress.done, progress.total);
                let place = match cell.spec.kind() {
                    CellKind::Stage1 => format!("{stage} {done} %"),
                    CellKind::Caption => format!("{stage}, scene {done} of {total}"),
                };
                self.display.now(&format!("{}, {place}: {}", self.turn, self.label(&cell.id)));
            }
            RunEvent::RepeatFinished { cell, result } => self.repeat_finished(cell, result),
            RunEvent::CacheChecked { cell, verdict } => self.cache_checked(cell, verdict),
            RunEvent::CellEnded { cell, end, failure } => {
                self.display.warn(&format!("{end}  {side}{}: {failure}", self.label(cell)));
            }
            RunEvent::CellMeasured { .. }
            | RunEvent::Interrupted
            | RunEvent::OutOfTime
            | RunEvent::Finished { .. } => {}
        }
    }

    /// A healthy cache is not worth a line.
    fn cache_checked(&self, cell: &PlannedCell, verdict: &CacheVerdict) {
        let words = match verdict {
            CacheVerdict::Same { .. } | CacheVerdict::NotOffered => return,
            CacheVerdict::Differs(first) => first.to_string(),
            CacheVerdict::Broke { failure, .. } => failure.to_string(),
        };
        self.display.warn(&format!("unstable cache  {}: {words}", self.label(&cell.id)));
    }

    fn repeat_finished(&self, cell: &PlannedCell, result: &RepeatResult) {
        let seconds = result.wall_ns as f64 / 1e9;
        let line = format!(
            "{:<12}  {:>10}  RTF {:.3}  {}",
            self.turn,
            duration(seconds),
            seconds / result.media_s,
            self.label(&cell.id)
        );
        self.display.result(&line, self.count(), self.began.elapsed().as_secs_f64());
    }
}

impl Sink for Progress {
    fn event(&mut self, event: RunEvent<'_>) {
        self.show(None, event);
    }
}

/// A side of a session, which shows what happens beside the other.
pub(crate) struct OfSide<'a> {
    pub(crate) progress: &'a RefCell<Progress>,
    pub(crate) arm: Arm,
}

impl Sink for OfSide<'_> {
    fn event(&mut self, event: RunEvent<'_>) {
        self.progress.borrow_mut().show(Some(self.arm), event);
    }
}

/// The models that are loaded, with their storage where it is not their own.
fn describe(load: &LoadSpec) -> String {
    let stored = |weights: &Weights, quantization: Quantization| match quantization {
        Quantization::None => weights.to_string(),
        _ => format!("{weights} ({quantization})"),
    };
    let models: Vec<String> = match &load.models {
        Models::Stage1 { asr, ast, yolo } => {
            let pair =
                [asr, ast].into_iter().flatten().map(|model| stored(&model.weights, model.quantization));
            pair.chain(yolo.iter().map(ToString::to_string)).collect()
        }
        Models::Caption { weights, quantization, .. } => vec![stored(weights, *quantization)],
    };
    if models.is_empty() { "nothing".to_owned() } else { models.join(", ") }
}
