//! How quiet this machine is at the moment.

use std::fmt::Write;
use std::time::Duration;

use reelbench_exec::{Jitter, MachineLimits, Observer};
use reelbench_protocol::{Conditions, Environment};
use reelbench_reports::{NoiseFinding, machine_noise};
use serde::Serialize;

/// How long it is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How quiet this machine is.
#[derive(Serialize)]
pub(super) struct Noise {
    verdict: &'static str,
    /// What disturbs, and what to do about it.
    findings: Vec<NoiseFinding>,
    /// What went on for two seconds, in which one thread of `bench` worked.
    conditions: Conditions,
    /// How much the times of its work varied.
    jitter: Option<Jitter>,
    limits: MachineLimits,
}

impl Noise {
    /// Works for two seconds and looks at what else goes on.
    pub(super) fn measure(environment: &Environment) -> Self {
        let observer = Observer::new();
        let before = observer.begin(std::process::id());
        let jitter = Jitter::measure(LOOK);
        let conditions = observer.end(&before);
        let spread = jitter.as_ref().and_then(Jitter::spread);
        let findings = machine_noise(environment, &conditions, spread);
        let verdict = if findings.is_empty() { "quiet" } else { "noisy" };
        Self { verdict, findings, conditions, jitter, limits: observer.limits() }
    }

    /// Names and values, a line each.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { conditions, limits, .. } = self;
        let step = conditions.clock_step_ns.map(|step| format!("steps of {step} ns"));
        let limit = limits.cpu_limit.map(|processors| format!("{processors:.1} processors"));
        let mut rows = vec![
            ("clock", step.unwrap_or_else(not_told)),
            ("frequency", self.frequency()),
            ("cpu limit", limit.unwrap_or_else(|| "none".to_owned())),
            ("others", self.others().unwrap_or_else(not_told)),
            ("pressure", self.pressure().unwrap_or_else(not_told)),
            (
                "swap",
                limits.swap_used_bytes.map_or_else(not_told, |bytes| format!("{} MiB used", bytes >> 20)),
            ),
            ("jitter", self.jitter.as_ref().map_or_else(not_told, jitter_words)),
            ("noise", self.verdict_line()),
        ];
        rows.extend(
            self.findings.iter().map(|found| ("", format!("{}: {}", found.kind.title(), found.hint))),
        );
        rows
    }

    /// `quiet`, `noisy: others used 45.0 % of the processors`.
    fn verdict_line(&self) -> String {
        let why: Vec<&str> = self.findings.iter().map(|found| found.words.as_str()).collect();
        if why.is_empty() { self.verdict.to_owned() } else { format!("{}: {}", self.verdict, why.join("; ")) }
    }

    fn frequency(&self) -> String {
        let Some(now) = self.conditions.frequency_after else { return not_told() };
        let mut text = format!("{:.0} MHz, the fastest core", now.max_mhz);
        // Writing to a string cannot fail.
        if let Some(most) = self.limits.max_mhz {
            let _ = write!(text, ", of at most {most:.0} MHz");
        }
        if let Some(turbo) = self.limits.turbo {
            let _ = write!(text, ", turbo {}", if turbo { "on" } else { "off" });
        }
        text
    }

    fn others(&self) -> Option<String> {
        let seen = &self.conditions;
        let whole = seen.elapsed_s? * f64::from(seen.processors?);
        let percent = |seconds: f64| format!("{:.1} %", seconds / whole * 100.0);
        let used = format!("used {} of the processors", percent(seen.others_cpu_s?));
        let stolen = seen.stolen_cpu_s.map(|stolen| format!("; the host gave away {}", percent(stolen)));
        Some(used + stolen.as_deref().unwrap_or_default())
    }

    fn pressure(&self) -> Option<String> {
        let (stalled, elapsed) = (self.conditions.stalled?, self.conditions.elapsed_s?);
        let percent = |seconds: f64| seconds / elapsed * 100.0;
        Some(format!(
            "tasks waited for a processor {:.1} %, for memory {:.1} %, for a disk {:.1} % of the time",
            percent(stalled.cpu_s),
            percent(stalled.memory_s),
            percent(stalled.io_s)
        ))
    }
}

fn jitter_words(jitter: &Jitter) -> String {
    let ms = |seconds: f64| format!("{:.2} ms", seconds * 1e3);
    let p95 = jitter.p95_s.map(|p95| format!(", 95th percentile {}", ms(p95))).unwrap_or_default();
    format!("the same work {} times: median {}{p95}", jitter.pieces, ms(jitter.median_s))
}

fn not_told() -> String {
    "not told by this system".to_owned()
}
