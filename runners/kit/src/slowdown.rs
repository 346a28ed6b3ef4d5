//! A known slowdown, for real: what a gate's self-test must be able to see.

use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use reelbench_protocol::{Activity, SLOWDOWN_VARIABLE, Span, Stage};

use crate::Clock;

/// Waits of less are spent awake: a sleeping thread wakes up too late to be exact.
const AWAKE: Duration = Duration::from_millis(1);

/// How much longer a stage takes than its work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slowdown {
    /// The stage; none for all of them.
    stage: Option<Stage>,
    /// The wait after each span, as a share of it.
    share: f64,
}

/// Why a text is no slowdown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{SLOWDOWN_VARIABLE}: `{0}` is no slowdown; write all:25% or STAGE:25%, up to 1000%")]
pub struct SlowdownError(String);

impl Slowdown {
    /// The one that the environment asks for.
    ///
    /// # Errors
    /// When what it says is not one.
    pub fn from_environment() -> Result<Option<Self>, SlowdownError> {
        let Some(text) = std::env::var_os(SLOWDOWN_VARIABLE) else { return Ok(None) };
        text.to_string_lossy().parse().map(Some)
    }

    /// Waits for the share of a span of `stage` that took so long.
    pub(crate) fn wait(self, stage: Stage, span: Duration) {
        if self.stage.is_none_or(|slowed| slowed == stage) {
            wait_until(Instant::now() + span.mul_f64(self.share));
        }
    }

    /// Waits for the share of spans that are over; of those that overlap, from the first start to the last end. The waits
    /// are spans of their own.
    pub(crate) fn waits_after(self, spans: &[Span], clock: Clock) -> Vec<Span> {
        let of_stage = |stage: &Stage| {
            let spans = || spans.iter().filter(|span| span.stage == *stage);
            let start_ns = spans().map(|span| span.start_ns).min()?;
            let end_ns = spans().map(|span| span.start_ns.saturating_add(span.duration_ns)).max()?;
            Some((*stage, Duration::from_nanos(end_ns.saturating_sub(start_ns))))
        };
        let wait = |(stage, span): (Stage, Duration)| {
            let start_ns = clock.elapsed_ns();
            self.wait(stage, span);
            let duration_ns = clock.elapsed_ns() - start_ns;
            Span { stage, scene: None, activity: Activity::Compute, start_ns, duration_ns }
        };
        Stage::ALL.iter().filter_map(of_stage).map(wait).collect()
    }
}

fn wait_until(end: Instant) {
    if let Some(asleep) = end.saturating_duration_since(Instant::now()).checked_sub(AWAKE) {
        thread::sleep(asleep);
    }
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

impl FromStr for Slowdown {
    type Err = SlowdownError;

    fn from_str(text: &str) -> Result<Self, SlowdownError> {
        let parse = || {
            let (word, percent) = text.split_once(':')?;
            let percent: f64 = percent.strip_suffix('%')?.parse().ok()?;
            let stage = match word {
                "all" => None,
                word => Some(*Stage::ALL.iter().find(|stage| stage.as_str() == word)?),
            };
            (0.0..=1000.0).contains(&percent).then_some(Self { stage, share: percent / 100.0 })
        };
        parse().ok_or_else(|| SlowdownError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slowdown_names_a_stage_and_a_share() {
        let slowdown = |text: &str| text.parse::<Slowdown>();
        assert_eq!(slowdown("decode:25%"), Ok(Slowdown { stage: Some(Stage::Decode), share: 0.25 }));
        assert_eq!(slowdown("all:7.5%"), Ok(Slowdown { stage: None, share: 0.075 }));
        for wrong in ["", "decode", "decode:25", "decoding:25%", "all:-1%", "all:nan%", "all:1001%"] {
            assert_eq!(slowdown(wrong), Err(SlowdownError(wrong.to_owned())));
        }
    }

    #[test]
    fn short_waits_are_exact() {
        let slowdown: Slowdown = "all:50%".parse().unwrap();
        let began = Instant::now();
        slowdown.wait(Stage::Asr, Duration::from_micros(200));
        assert!(began.elapsed() >= Duration::from_micros(100));
        let other: Slowdown = "vision:1000%".parse().unwrap();
        let began = Instant::now();
        other.wait(Stage::Asr, Duration::from_secs(5));
        assert!(began.elapsed() < Duration::from_secs(1), "another stage is not slowed");
    }
}
