//! Shows how a run goes: bars on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reelbench_exec::{RunEvent, Sink};
use reelbench_protocol::{
    CacheVerdict, CellId, LoadSpec, Models, Pass, PlannedCell, Quantization, RepeatResult, Weights,
};

use crate::label::Labels;
use crate::print;

/// Takes a run's events and shows them.
pub(crate) struct Progress {
    labels: BTreeMap<CellId, String>,
    display: Display,
}

enum Display {
    Lines,
    Bars { run: ProgressBar, repeat: ProgressBar },
}

impl Progress {
    /// Bars where standard error is a terminal, lines where it is not.
    pub(crate) fn new(cells: &[PlannedCell]) -> Self {
        let names = Labels::of(&cells.iter());
        let labels = cells.iter().map(|cell| (cell.id.clone(), names.label(cell))).collect();
        let display = if std::io::stderr().is_terminal() { bars() } else { Display::Lines };
        Self { labels, display }
    }

    /// Takes the bars away.
    pub(crate) fn close(&self) {
        if let Display::Bars { run, repeat } = &self.display {
            repeat.finish_and_clear();
            run.finish_and_clear();
        }
    }

    fn label<'a>(&'a self, cell: &'a CellId) -> &'a str {
        self.labels.get(cell).map_or(cell.as_str(), String::as_str)
    }

    /// A line that stays.
    fn say(&self, line: &str) {
        match &self.display {
            Display::Lines => print::line(line),
            Display::Bars { run, .. } => run.suspend(|| print::line(line)),
        }
    }
}

fn bars() -> Display {
    let all = MultiProgress::new();
    let style =
        |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let run = all.add(ProgressBar::new(0));
    run.set_style(style("{bar:30.cyan} {pos}/{len} repeats  {elapsed} elapsed, about {eta} left"));
    run.enable_steady_tick(Duration::from_secs(1));
    let repeat = all.add(ProgressBar::new(0));
    repeat.set_style(style("{spinner} {msg}"));
    Display::Bars { run, repeat }
}

impl Sink for Progress {
    fn event(&mut self, event: RunEvent<'_>) {
        match event {
            RunEvent::Started { cells, repeats, .. } => {
                if let Display::Bars { run, .. } = &self.display {
                    run.set_length(repeats as u64);
                }
                self.say(&format!("{cells} cells, {repeats} repeats to measure"));
            }
            RunEvent::Loading { load, cells } => {
                self.say(&format!("load  {} for {cells} cells", describe(load)));
            }
            RunEvent::Loaded { loaded, .. } => {
                self.say(&format!("      ready after {}", seconds(loaded.load_ns)));
            }
            RunEvent::RepeatStarted { cell, pass, repeat } => {
                if let Display::Bars { repeat: bar, .. } = &self.display {
                    bar.set_message(format!("{pass} {}  {}", repeat + 1, self.label(&cell.id)));
                }
            }
            RunEvent::Progress { cell, progress } => {
                if let Display::Bars { repeat, .. } = &self.display {
                    let label = self.label(&cell.id);
                    repeat.set_message(format!(
                        "{label}: {} {}/{}",
                        progress.stage, progress.done, progress.total
                    ));
                }
            }
            RunEvent::RepeatFinished { cell, result } => self.repeat_finished(cell, result),
            RunEvent::CacheChecked { cell, verdict } => self.cache_checked(cell, verdict),
            RunEvent::CellEnded { cell, end, failure } => {
                self.say(&format!("{end}  {}: {failure}", self.label(cell)));
            }
            RunEvent::CellMeasured { .. }
            | RunEvent::Interrupted
            | RunEvent::OutOfTime
            | RunEvent::Finished { .. } => {}
        }
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
        self.say(&format!("unstable cache  {}: {words}", self.label(&cell.id)));
    }

    fn repeat_finished(&self, cell: &PlannedCell, result: &RepeatResult) {
        if let (Display::Bars { run, .. }, Pass::Measured) = (&self.display, result.pass) {
            run.inc(1);
        }
        let rtf = result.wall_ns as f64 / 1e9 / result.media_s;
        self.say(&format!(
            "{:<8} {}  {:>9}  RTF {rtf:.3}  {}",
            result.pass.as_str(),
            result.repeat + 1,
            seconds(result.wall_ns),
            self.label(&cell.id)
        ));
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

fn seconds(nanoseconds: u64) -> String {
    format!("{:.2} s", nanoseconds as f64 / 1e9)
}
