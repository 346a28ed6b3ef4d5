//! What keys mean where they are left out, for the schema. Nothing is said here: those are asked that fill in what a
//! matrix leaves out.

use std::fmt::Display;
use std::time::Duration;

use reelbench_protocol::AdaptiveRepeats;
use serde_json::{Value, json};

use crate::grammar::DEFAULT_QUESTION;
use crate::knob::Knob;
use crate::run::{AUTO_REPEATS, Gate, MAX_REGRESSION, Run};
use crate::setting::SettingName;
use crate::words::Closed;

/// What a key means where it is left out.
pub(crate) struct Default {
    /// The key's map, as a pointer into the schema.
    pub(crate) map: String,
    pub(crate) key: &'static str,
    /// As it would be written.
    pub(crate) value: Value,
}

impl Default {
    fn new(map: impl Into<String>, key: &'static str, value: &impl Display) -> Self {
        Self { map: map.into(), key, value: scalar(value) }
    }
}

/// Every default that depends on nothing else. A model's own settings have none: left out, they are those of all models.
pub(crate) fn defaults() -> Vec<Default> {
    let mut defaults = vec![Default::new("/properties/models/items", "question", &DEFAULT_QUESTION)];
    defaults.extend(of_stage1());
    defaults.extend(of_settings());
    defaults.extend(of_run());
    defaults.extend(of_gate());
    defaults
}

fn of_stage1() -> impl Iterator<Item = Default> {
    Knob::ALL.iter().filter_map(|knob| {
        let part = knob.stage().map_or_else(String::new, |stage| format!("/properties/{stage}"));
        Some(Default::new(format!("/properties/stage1{part}"), knob.key().name, &knob.default_value()?))
    })
}

fn of_settings() -> impl Iterator<Item = Default> {
    SettingName::ALL.into_iter().filter_map(|setting| {
        Some(Default::new("/properties/settings", setting.as_str(), &setting.default_value()?))
    })
}

fn of_run() -> Vec<Default> {
    // Without an end to the run and to its scenes, there is nothing to write.
    let Run { repeats, warmup, timeout, memory_limit, device, seed, order, cache_check, .. } = Run::default();
    let AdaptiveRepeats { at_least, at_most, precision, budget_s } = AUTO_REPEATS;
    let of = |key, value: &dyn Display| Default::new("/properties/run", key, &value);
    vec![
        of("repeats", &repeats),
        of("warmup", &warmup),
        of("min_repeats", &at_least),
        of("max_repeats", &at_most),
        of("precision", &percent(precision)),
        of("repeat_budget", &humantime::format_duration(Duration::from_secs_f64(budget_s))),
        of("timeout", &humantime::format_duration(timeout)),
        of("memory_limit", &memory_limit),
        of("device", &device),
        of("seed", &seed),
        of("order", &order.word()),
        of("cache_check", &cache_check),
    ]
}

fn of_gate() -> Vec<Default> {
    let gate = Gate::default();
    let of = |key, value: &dyn Display| Default::new("/properties/gate", key, &value);
    let mut defaults: Vec<Default> =
        gate.limits.iter().map(|(metric, _)| of("metric", &metric.word())).collect();
    defaults.push(of("max_regression", &percent(MAX_REGRESSION)));
    defaults.push(of("confidence", &gate.confidence));
    defaults
}

fn percent(fraction: f64) -> String {
    format!("{}%", fraction * 100.0)
}

/// A value as YAML reads it: a number or a flag where it looks like one.
fn scalar(written: &impl Display) -> Value {
    let text = written.to_string();
    serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
}
