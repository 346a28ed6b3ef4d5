//! What to do when.

use std::fs;

use reelbench_protocol::{CellKind, Pass, RunSpec, Weights, Work};
use serde::Deserialize;

/// A script. Without one, presets alone say what happens.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Script {
    /// How the conversation begins.
    pub(crate) hello: Greeting,
    /// The first rule that matches a repeat says what happens; if none does, the preset's name does.
    rules: Vec<Rule>,
}

/// How the conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Greeting {
    /// As it should.
    #[default]
    Good,
    /// With the protocol's version before the first.
    OldProtocol,
    /// With a hello that only a later version could read.
    NewProtocol,
    /// With something else.
    Garbage,
    /// Not at all: the process ends.
    Exit,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    when: When,
    then: Behaviour,
}

/// What a repeat must be like; what is absent does not matter.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct When {
    kind: Option<CellKind>,
    video: Option<String>,
    model: Option<String>,
    preset: Option<String>,
    pass: Option<Pass>,
    repeat: Option<u32>,
}

/// What happens in a repeat, or in a load where the name says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Behaviour {
    /// All is well.
    Ok,
    /// Each scene takes this much longer.
    Slow {
        /// Milliseconds.
        #[serde(default = "slow_ms")]
        ms: u64,
    },
    /// Other tokens in every repeat.
    Unstable,
    /// Other tokens with the cache than without.
    CacheBug,
    /// One scene of a captioning cell fails, or the scenes of a stage-1 cell.
    SceneFailure,
    /// The repeat fails for its input's sake.
    Fail,
    /// The repeat fails for want of memory.
    OutOfMemory,
    /// A panic.
    Panic,
    /// An abort, as from a C library.
    Crash,
    /// The process exits.
    Exit {
        /// With this code.
        #[serde(default = "exit_code")]
        code: u8,
    },
    /// SIGKILL, as from the kernel for want of memory.
    Kill,
    /// SIGSEGV.
    Segfault,
    /// Never an answer.
    Hang,
    /// Never an answer, and a child process that holds the output open.
    HangWithChild,
    /// Never an answer, but progress all the time.
    Chatter,
    /// A crash that leaves a child process behind, which holds the output open.
    CrashWithChild,
    /// A line that is not JSON.
    Garbage,
    /// A line that is not text.
    NotText,
    /// A line of JSON that is no event.
    UnknownEvent,
    /// Half a line, and exit.
    HalfLine,
    /// An answer for another cell.
    OtherCell,
    /// A film whose length is not a number.
    NanTime,
    /// A film whose length is negative.
    NegativeTime,
    /// A span that ends after the repeat.
    LongSpan,
    /// Captions for fewer scenes than asked.
    MissingScene,
    /// Another setting than asked.
    Lie,
    /// Weights that cannot be used.
    LoadFailure,
    /// Weights that memory does not hold.
    LoadOutOfMemory,
    /// A crash while loading.
    LoadCrash,
    /// A load without end.
    LoadHang,
}

fn slow_ms() -> u64 {
    200
}

fn exit_code() -> u8 {
    3
}

impl Behaviour {
    /// Every behaviour's name, which is also that of the preset that has it.
    pub(crate) const NAMES: [&str; 30] = [
        "ok",
        "slow",
        "unstable",
        "cache-bug",
        "scene-failure",
        "fail",
        "out-of-memory",
        "panic",
        "crash",
        "exit",
        "kill",
        "segfault",
        "hang",
        "hang-with-child",
        "chatter",
        "crash-with-child",
        "garbage",
        "not-text",
        "unknown-event",
        "half-line",
        "other-cell",
        "nan-time",
        "negative-time",
        "long-span",
        "missing-scene",
        "lie",
        "load-failure",
        "load-out-of-memory",
        "load-crash",
        "load-hang",
    ];

    /// The behaviour of a preset; those that name none behave well.
    pub(crate) fn of(weights: &Weights) -> Self {
        preset(weights)
            .and_then(|name| serde_json::from_value(serde_json::json!({ "do": name })).ok())
            .unwrap_or(Self::Ok)
    }
}

impl Script {
    /// A script from a file, or from JSON if it begins with a brace.
    ///
    /// # Errors
    /// In words, when it cannot be read or is not a script.
    pub(crate) fn parse(script: &str) -> Result<Self, String> {
        let text = if script.trim_start().starts_with('{') {
            script.to_owned()
        } else {
            fs::read_to_string(script).map_err(|error| format!("cannot read the script {script}: {error}"))?
        };
        serde_json::from_str(&text).map_err(|error| format!("not a script: {error}"))
    }

    /// What happens in a repeat.
    pub(crate) fn behaviour(&self, run: &RunSpec) -> Behaviour {
        let rule = self.rules.iter().find(|rule| rule.when.holds(run));
        rule.map(|rule| rule.then)
            .or_else(|| weights(&run.spec.work).map(Behaviour::of))
            .unwrap_or(Behaviour::Ok)
    }
}

impl When {
    fn holds(&self, run: &RunSpec) -> bool {
        let model = match &run.spec.work {
            Work::Caption(caption) => Some(caption.model.as_str()),
            Work::Stage1(_) => None,
        };
        let preset = weights(&run.spec.work).and_then(preset);
        self.kind.is_none_or(|kind| kind == run.spec.kind())
            && self.video.as_deref().is_none_or(|video| video == run.spec.video.id.as_str())
            && self.model.as_deref().is_none_or(|wanted| Some(wanted) == model)
            && self.preset.as_deref().is_none_or(|wanted| Some(wanted) == preset)
            && self.pass.is_none_or(|pass| pass == run.pass)
            && self.repeat.is_none_or(|repeat| repeat == run.repeat)
    }
}

fn weights(work: &Work) -> Option<&Weights> {
    match work {
        Work::Stage1(stage1) => stage1.asr.as_ref().map(|asr| &asr.weights),
        Work::Caption(caption) => Some(&caption.weights),
    }
}

fn preset(weights: &Weights) -> Option<&str> {
    match weights {
        Weights::Dummy { preset, .. } => Some(preset),
        Weights::Local { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_behaviour_and_others_behave_well() {
        let of = |preset: &str| Behaviour::of(&Weights::Dummy { preset: preset.to_owned(), seed: 0 });
        for name in Behaviour::NAMES {
            assert_eq!(of(name) == Behaviour::Ok, name == "ok", "{name}");
        }
        assert_eq!(of("exit"), Behaviour::Exit { code: 3 });
        assert_eq!(of("llava-next-tiny"), Behaviour::Ok);
    }

    #[test]
    fn a_script_with_an_unknown_word_is_refused() {
        assert!(Script::parse(r#"{"rules": [{"then": {"do": "dance"}}]}"#).unwrap_err().contains("dance"));
        assert!(Script::parse(r#"{"rule": []}"#).unwrap_err().contains("rule"));
        assert!(Script::parse("no-such-file.json").unwrap_err().contains("no-such-file.json"));
    }
}
