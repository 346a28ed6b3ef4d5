//! Shows how downloads go: a bar for each on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use reelbench_fetch::{Event, Progress};

use crate::print;

/// Time between two lines about the same file.
const BETWEEN_LINES: Duration = Duration::from_secs(15);

const SIZED: &str = "{bar:24.cyan} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12}  {eta:>4}  {msg}";
const UNSIZED: &str = "{spinner} {bytes:>10} {bytes_per_sec:>12}  {msg}";

/// Hears of downloads and shows them.
pub(crate) struct Downloads {
    display: Display,
}

enum Display {
    Lines(Mutex<HashMap<String, Line>>),
    Bars { all: MultiProgress, bars: Mutex<HashMap<String, ProgressBar>> },
}

/// What was last said of a file.
struct Line {
    total: Option<u64>,
    said: Instant,
}

impl Downloads {
    /// Bars where standard error is a terminal, lines where it is not.
    pub(crate) fn new() -> Self {
        let display = if std::io::stderr().is_terminal() {
            Display::Bars { all: MultiProgress::new(), bars: Mutex::default() }
        } else {
            Display::Lines(Mutex::default())
        };
        Self { display }
    }

    /// A line that stays.
    fn say(&self, line: &str) {
        match &self.display {
            Display::Lines(_) => print::line(line),
            Display::Bars { all, .. } => all.suspend(|| print::line(line)),
        }
    }

    fn started(&self, file: &str, already: u64, total: Option<u64>) {
        match &self.display {
            Display::Lines(lines) => {
                let size = total.map_or_else(String::new, |total| format!("  {}", HumanBytes(total)));
                let from = match already {
                    0 => String::new(),
                    bytes => format!(", of which {} are here", HumanBytes(bytes)),
                };
                self.say(&format!("fetch    {file}{size}{from}"));
                locked(lines).insert(file.to_owned(), Line { total, said: Instant::now() });
            }
            Display::Bars { all, bars } => {
                let mut bars = locked(bars);
                let bar = bars.entry(file.to_owned()).or_insert_with(|| all.add(bar(file, total)));
                // Speed and time left are those of what comes now.
                bar.set_position(already);
                bar.reset_eta();
            }
        }
    }

    fn received(&self, file: &str, bytes: u64) {
        match &self.display {
            Display::Lines(lines) => {
                let mut lines = locked(lines);
                let Some(line) = lines.get_mut(file).filter(|line| line.said.elapsed() >= BETWEEN_LINES)
                else {
                    return;
                };
                line.said = Instant::now();
                let of = line.total.map_or_else(String::new, |total| format!(" of {}", HumanBytes(total)));
                self.say(&format!("         {file}  {}{of}", HumanBytes(bytes)));
            }
            Display::Bars { bars, .. } => {
                if let Some(bar) = locked(bars).get(file) {
                    bar.set_position(bytes);
                }
            }
        }
    }

    fn finished(&self, file: &str, bytes: u64) {
        if let Display::Bars { bars, .. } = &self.display
            && let Some(bar) = locked(bars).remove(file)
        {
            bar.finish_and_clear();
        }
        self.say(&format!("done     {file}  {}", HumanBytes(bytes)));
    }
}

impl Progress for Downloads {
    fn event(&self, file: &str, event: &Event<'_>) {
        match event {
            Event::Locked => self.say(&format!("wait     {file}: another program is fetching it")),
            Event::Started { already, total } => self.started(file, *already, *total),
            Event::Received { bytes } => self.received(file, *bytes),
            Event::Waiting { delay, fault } => {
                self.say(&format!("wait     {file}: {fault}; next attempt in {:.1} s", delay.as_secs_f64()));
            }
            Event::Finished { bytes } => self.finished(file, *bytes),
        }
    }
}

fn bar(file: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), SIZED),
        None => (ProgressBar::new_spinner(), UNSIZED),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(file.to_owned())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
