//! Shows how a run goes: bars on a terminal, plain lines elsewhere, only what goes wrong where quiet was asked for.

mod display;
mod remaining;

use std::collections::BTreeMap;
use std::time::Instant;

use reelbench_exec::{RunEvent, Sink};
use reelbench_protocol::{
    CacheVerdict, CellId, CellKind, Device, LoadSpec, Models, Pass, PlannedCell, Quantization, RepeatResult,
    Repeats, Warmup, Weights,
};
use reelbench_reports::Run;

use self::display::Display;
use self::remaining::Remaining;
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
    remaining: Remaining,
    display: Display,
    began: Instant,
    /// The repeat that is being run: `measured 2/3`.
    turn: String,
}

impl Progress {
    /// Bars where standard error is a terminal, lines where it is not.
    pub(crate) fn new(expected: &Expected<'_>, talk: Talk) -> Self {
        let Expected { cells, repetition, device, before } = *expected;
        let names = Labels::of(&cells.iter());
        Self {
            labels: cells.iter().map(|cell| (cell.id.clone(), names.label(cell))).collect(),
            repeats: repetition.0,
            remaining: Remaining::new(cells, repetition, device, before),
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

    fn update(&self) {
        self.display.count(&self.remaining);
    }
}

impl Sink for Progress {
    fn event(&mut self, event: RunEvent<'_>) {
        match event {
            RunEvent::Started { cells, repeats, .. } => {
                self.display.say(&format!("{cells} cells, {repeats} repeats to measure"));
            }
            RunEvent::Loading { load, cells } => {
                self.display.say(&format!("load  {} for {cells} cells", describe(load)));
                self.display.now(&format!("loading {}", describe(load)));
            }
            RunEvent::Loaded { load, loaded } => {
                let seconds = loaded.load_ns as f64 / 1e9;
                self.remaining.loaded(load, seconds);
                self.display.say(&format!("      ready after {}", duration(seconds)));
            }
            RunEvent::RepeatStarted { cell, pass, repeat } => {
                self.remaining.started(&cell.id, pass);
                self.turn = self.words_of(pass, repeat);
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
                self.remaining.settled(cell);
                self.display.warn(&format!("{end}  {}: {failure}", self.label(cell)));
            }
            RunEvent::CellMeasured { cell, .. } => self.remaining.settled(&cell.id),
            RunEvent::Interrupted | RunEvent::OutOfTime | RunEvent::Finished { .. } => {}
        }
        self.update();
    }
}

impl Progress {
    /// A healthy cache is not worth a line.
    fn cache_checked(&self, cell: &PlannedCell, verdict: &CacheVerdict) {
        let words = match verdict {
            CacheVerdict::Same { .. } | CacheVerdict::NotOffered => return,
            CacheVerdict::Differs(first) => first.to_string(),
            CacheVerdict::Broke { failure, .. } => failure.to_string(),
        };
        self.display.warn(&format!("unstable cache  {}: {words}", self.label(&cell.id)));
    }

    fn repeat_finished(&mut self, cell: &PlannedCell, result: &RepeatResult) {
        let seconds = result.wall_ns as f64 / 1e9;
        self.remaining.finished(&cell.id, result.pass, seconds);
        let line = format!(
            "{:<12}  {:>10}  RTF {:.3}  {}",
            self.words_of(result.pass, result.repeat),
            duration(seconds),
            seconds / result.media_s,
            self.label(&cell.id)
        );
        self.display.result(&line, &self.remaining, self.began.elapsed().as_secs_f64());
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
