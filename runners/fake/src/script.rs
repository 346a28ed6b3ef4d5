//! What to do when.

use std::fs;

use reelbench_protocol::{CellKind, Pass, RunSpec, Weights, Work};
use serde::Deserialize;

/// A script. Without one, presets alone say what happens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Script {
    /// How the conversation begins.
    pub(crate) hello: Greeting,
    /// Whether estimates of memory are offered.
    pub(crate) estimates: bool,
    /// Whether slowing down on request is offered.
    pub(crate) slowdown: bool,
    /// The first rule that matches a repeat says what happens; if none does, the preset's name does.
    rules: Vec<Rule>,
}

impl Default for Script {
    fn default() -> Self {
        Self { hello: Greeting::Good, estimates: true, slowdown: true, rules: Vec::new() }
    }
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
    use_cache: Option<bool>,
    max_new_tokens: Option<u32>,
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
    /// Other words in every repeat.
    UnstableTranscript,
    /// Other sounds in every repeat.
    UnstableSounds,
    /// Other boxes in every repeat.
    UnstableObjects,
    /// Other tokens with the cache than without.
    CacheBug,
    /// Other tokens without the cache, from one on.
    CacheDrift {
        /// The first that differs, counted from 0.
        #[serde(default = "drift_token")]
        token: u32,
    },
    /// A crash without the cache.
    UncachedCrash,
    /// Other words, sounds and boxes with other requests under way at once, windows at a time, or side by side.
    KnobBug,
    /// One scene of a captioning cell fails, or the scenes of a stage-1 cell.
    SceneFailure,
    /// The speech of a stage-1 cell fails.
    SpeechFailure,
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
    /// Takes memory until there is no more.
    EatMemory,
    /// Takes memory until there is no more while loading.
    LoadEatMemory,
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
    /// Its output is closed, and it lives on.
    CloseOutput,
    /// Its input is closed, and it goes on: the next command does not reach it.
    CloseInput,
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
    /// A span over all others that ends after the repeat.
    LongOverlap,
    /// A span whose length is negative.
    NegativeSpan,
    /// A box whose place is not a number.
    NanBox,
    /// Tags that do not begin with the best.
    UnsortedTags,
    /// Captions for fewer scenes than asked.
    MissingScene,
    /// Another setting than asked: the last by name.
    Lie,
    /// Weights that cannot be used.
    LoadFailure,
    /// Weights that memory does not hold.
    LoadOutOfMemory,
    /// A crash while loading.
    LoadCrash,
    /// A load without end.
    LoadHang,
    /// Weights of another family, as an estimate finds out.
    WrongFamily,
    /// An estimate beyond any machine.
    TooLarge,
}

fn slow_ms() -> u64 {
    200
}

fn drift_token() -> u32 {
    5
}

fn exit_code() -> u8 {
    3
}

impl Behaviour {
    /// Every behaviour's name, which is also that of the preset that has it.
    pub(crate) const NAMES: [&str; 47] = [
        "ok",
        "slow",
        "unstable",
        "unstable-transcript",
        "unstable-sounds",
        "unstable-objects",
        "cache-bug",
        "cache-drift",
        "uncached-crash",
        "knob-bug",
        "scene-failure",
        "speech-failure",
        "fail",
        "out-of-memory",
        "panic",
        "crash",
        "exit",
        "kill",
        "eat-memory",
        "load-eat-memory",
        "segfault",
        "hang",
        "hang-with-child",
        "chatter",
        "crash-with-child",
        "close-output",
        "close-input",
        "garbage",
        "not-text",
        "unknown-event",
        "half-line",
        "other-cell",
        "nan-time",
        "negative-time",
        "long-span",
        "long-overlap",
        "negative-span",
        "nan-box",
        "unsorted-tags",
        "missing-scene",
        "lie",
        "load-failure",
        "load-out-of-memory",
        "load-crash",
        "load-hang",
        "wrong-family",
        "too-large",
    ];

    /// The behaviour of presets: that of the first that names one which is not good. Others behave well.
    pub(crate) fn of<'a>(weights: impl IntoIterator<Item = &'a Weights>) -> Self {
        let named = weights.into_iter().filter_map(preset);
        named
            .filter_map(|name| serde_json::from_value(serde_json::json!({ "do": name })).ok())
            .find(|behaviour| *behaviour != Self::Ok)
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
        rule.map_or_else(|| Behaviour::of(run.spec.weights()), |rule| rule.then)
    }
}

impl When {
    fn holds(&self, run: &RunSpec) -> bool {
        let (model, settings) = match &run.spec.work {
            Work::Caption(caption) => (Some(caption.model.as_str()), Some(&caption.settings)),
            Work::Stage1(_) => (None, None),
        };
        let has_preset = |wanted: &str| run.spec.weights().filter_map(preset).any(|preset| preset == wanted);
        self.kind.is_none_or(|kind| kind == run.spec.kind())
            && self.video.as_deref().is_none_or(|video| video == run.spec.video.id.as_str())
            && self.model.as_deref().is_none_or(|wanted| Some(wanted) == model)
            && self.preset.as_deref().is_none_or(has_preset)
            && self.pass.is_none_or(|pass| pass == run.pass)
            && self.repeat.is_none_or(|repeat| repeat == run.repeat)
            && self.use_cache.is_none_or(|use_cache| Some(use_cache) == settings.map(|it| it.use_cache))
            && self.max_new_tokens.is_none_or(|most| Some(most) == settings.map(|it| it.max_new_tokens))
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
        let of = |preset: &str| Behaviour::of([&Weights::Dummy { preset: preset.to_owned(), seed: 0 }]);
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
