//! Where progress is shown, and how.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::remaining::{Count, Left};
use crate::args::Talk;
use crate::print;
use crate::timing::duration;

/// How progress is shown.
pub(super) enum Display {
    /// Only what goes wrong.
    Quiet,
    /// A line for everything that ended, without ever going back in it.
    Lines,
    /// Lines that stay, and below them two that change.
    Bars(Bars),
}

/// The lines that change.
pub(super) struct Bars {
    /// How far the run has come.
    run: ProgressBar,
    /// What is being done.
    now: ProgressBar,
    left: Arc<Mutex<Estimate>>,
}

/// What was left at some moment.
struct Estimate {
    left: Left,
    at: Instant,
}

impl Display {
    /// Bars where standard error is a terminal, lines where it is not.
    pub(super) fn new(talk: Talk) -> Self {
        match talk {
            Talk::Quiet => Self::Quiet,
            Talk::Progress if std::io::stderr().is_terminal() => Self::Bars(Bars::new()),
            Talk::Progress => Self::Lines,
        }
    }

    /// Takes the bars away.
    pub(super) fn close(&self) {
        if let Self::Bars(bars) = self {
            bars.now.finish_and_clear();
            bars.run.finish_and_clear();
        }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines => print::line(line),
            Self::Bars(bars) => bars.run.suspend(|| print::line(line)),
        }
    }

    /// A line that stays, also where quiet was asked for.
    pub(super) fn warn(&self, line: &str) {
        match self {
            Self::Quiet => print::line(line),
            Self::Lines | Self::Bars(_) => self.say(line),
        }
    }

    /// What is being done.
    pub(super) fn now(&self, words: &str) {
        if let Self::Bars(bars) = self {
            bars.now.set_message(words.to_owned());
        }
    }

    /// A repeat that ended. A line has in it what bars show below.
    pub(super) fn result(&self, line: &str, count: Count, elapsed_s: f64) {
        match self {
            Self::Quiet => {}
            Self::Bars(_) => self.say(line),
            Self::Lines => {
                let Count { done, total, left, .. } = count;
                let (elapsed, left) = (duration(elapsed_s), words(left));
                self.say(&format!("[{done}/{total}] {line}  ({elapsed} elapsed, {left})"));
            }
        }
    }

    /// How far the run has come.
    pub(super) fn count(&self, count: Count) {
        if let Self::Bars(bars) = self {
            bars.run.set_prefix(format!("{}/{} cells", count.settled, count.cells));
            bars.run.set_length(count.total.into());
            bars.run.set_position(count.done.into());
            let estimate = Estimate { left: count.left, at: Instant::now() };
            *bars.left.lock().unwrap_or_else(PoisonError::into_inner) = estimate;
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let left = Arc::new(Mutex::new(Estimate { left: Left::Unknown, at: Instant::now() }));
        let shown = Arc::clone(&left);
        let bar = if print::is_colored() { "{wide_bar:.cyan}" } else { "{wide_bar}" };
        // The bar takes the room that the words leave, so that a narrow terminal wraps nothing.
        let template = format!("{bar} {{prefix}}  {{pos}}/{{len}} repeats  {{elapsed_precise}}  {{left}}");
        let words_of_left = move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
            let estimate = shown.lock().unwrap_or_else(PoisonError::into_inner);
            // Writing to the text of a line cannot fail.
            let _ = text.write_str(&words(estimate.left.after(estimate.at.elapsed())));
        };
        let run = all.add(ProgressBar::new(0)).with_style(style(&template).with_key("left", words_of_left));
        let now = all.add(ProgressBar::new(0)).with_style(style("{spinner} {wide_msg}"));
        for bar in [&run, &now] {
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        Self { run, now, left }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_wrong| ProgressStyle::default_bar())
}

impl Left {
    /// The same a while later.
    fn after(self, while_: Duration) -> Self {
        let less = |seconds: f64| (seconds - while_.as_secs_f64()).max(0.0);
        match self {
            Self::Unknown => Self::Unknown,
            Self::About(seconds) => Self::About(less(seconds)),
            Self::AtMost(seconds) => Self::AtMost(less(seconds)),
            Self::MoreThan(seconds) => Self::MoreThan(less(seconds)),
        }
    }
}

/// `about 4 min 20 s left`.
fn words(left: Left) -> String {
    match left {
        Left::Unknown => "an unknown time left".to_owned(),
        Left::About(seconds) => format!("about {} left", duration(seconds)),
        Left::AtMost(seconds) => format!("at most {} left", duration(seconds)),
        Left::MoreThan(seconds) => format!("more than {} left", duration(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_grows_less_while_a_repeat_runs() {
        let left = |seconds| words(Left::About(100.0).after(Duration::from_secs(seconds)));
        assert_eq!((left(0), left(40)), ("about 1 min 40 s left".into(), "about 1 min 00 s left".into()));
        assert_eq!(left(400), "about 0.00 s left");
        assert_eq!(words(Left::Unknown.after(Duration::from_secs(1))), "an unknown time left");
        assert_eq!(words(Left::MoreThan(7500.0)), "more than 2 h 05 min left");
        assert_eq!(words(Left::AtMost(5.0)), "at most 5.00 s left");
    }
}
