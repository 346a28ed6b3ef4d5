//! Runners that say what no honest one says: each is a row with the reason, and costs neither time nor memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{TestRun, caption, plan};
use reelbench_exec::{RunPlan, RunnerCommand};
use reelbench_protocol::{
    Capabilities, CellEnd, Event, Finish, Hello, Loaded, Output, PROTOCOL_VERSION, Pass, PlannedCell,
    Progress, RepeatResult, Repeats, RunnerInfo, SceneCaption, Stage, Warmup,
};
use serde_json::{Value, json};

/// A runner that says prepared bytes: the first before any command, then one after each command.
struct Parrot {
    folder: tempfile::TempDir,
    script: String,
}

impl Parrot {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), script: String::new() }
    }

    fn says(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let name = format!("{}.txt", self.script.lines().count());
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let _ = writeln!(self.script, "cat '{}'", path.display());
        self
    }

    fn hears(mut self) -> Self {
        self.script.push_str("read -r command || exit 0\n");
        self
    }

    fn does(mut self, line: &str) -> Self {
        let _ = writeln!(self.script, "{line}");
        self
    }

    fn command(&self) -> RunnerCommand {
        RunnerCommand {
            name: "parrot".to_owned(),
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".to_owned(), format!("{}read -r command\n", self.script)],
            variables: Vec::new(),
        }
    }
}

fn line(event: &Event) -> String {
    serde_json::to_string(event).unwrap() + "\n"
}

fn hello() -> String {
    let info = |name: &str| RunnerInfo {
        name: name.to_owned(),
        version: "1".to_owned(),
        libraries: BTreeMap::new(),
        threads: None,
    };
    line(&Event::Hello(Box::new(Hello {
        protocol: PROTOCOL_VERSION,
        runner: info("parrot"),
        capabilities: Capabilities::default(),
    })))
}

fn loaded() -> String {
    line(&Event::Loaded(Loaded { load_ns: 1, weights_bytes: 5, parts: Vec::new() }))
}

fn progress() -> String {
    line(&Event::Progress(Progress { stage: Stage::Decode, done: 0, total: 1 }))
}

fn cell() -> PlannedCell {
    caption("film", "model", "ok", None)
}

fn good_answer(cell: &PlannedCell, repeat: u32) -> RepeatResult {
    let caption = SceneCaption {
        prompt_tokens: 3,
        tokens: vec![1, 2],
        text: "A dog.".to_owned(),
        finish: Some(Finish::Eos),
        ..SceneCaption::default()
    };
    let mut effective = cell.spec.requested();
    effective.insert("dtype".to_owned(), json!("f32"));
    RepeatResult {
        cell: cell.id.clone(),
        repeat,
        pass: Pass::Measured,
        media_s: 4.0,
        wall_ns: 1_000,
        spans: Vec::new(),
        output: Output::Caption { scenes: vec![caption] },
        effective,
        peak_rss_bytes: None,
        peak_vram_bytes: None,
    }
}

/// The good answer with other values at JSON pointers.
fn answer_with(changes: &[(&str, Value)]) -> String {
    let mut event = serde_json::to_value(Event::Repeat(Box::new(good_answer(&cell(), 0)))).unwrap();
    for (pointer, value) in changes {
        *event.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in the answer")) = value.clone();
    }
    format!("{event}\n")
}

fn answer() -> String {
    answer_with(&[])
}

/// How the cell ended, after a plan of so many repeats.
fn end(parrot: &Parrot, repeats: u32) -> Option<String> {
    let cell = cell();
    let plan =
        RunPlan { repeats: Repeats::Fixed(repeats), warmup: Warmup::Fixed(0), ..plan(vec![cell.clone()]) };
    let run = TestRun::new();
    run.finish(&plan, &parrot.command());
    run.ending(&cell).map(|(end, failure, _)| {
        assert_eq!(end, CellEnd::Failed, "{failure}");
        failure.message
    })
}

/// What is said of a runner that does well up to its answer.
fn end_after(answer: impl AsRef<[u8]>) -> Option<String> {
    end(&Parrot::new().says(hello()).hears().says(loaded()).hears().says(answer), 1)
}

#[track_caller]
fn refused(answer: impl AsRef<[u8]>, reason: &str) {
    let said = end_after(answer).unwrap_or_else(|| panic!("believed, and should be refused: {reason}"));
    assert!(said.contains(reason), "{said}\ndoes not say: {reason}");
}

#[test]
fn an_honest_parrot_is_believed() {
    assert_eq!(end_after(answer()), None);
    assert_eq!(end_after(progress() + &progress() + &answer()), None, "progress is no answer");
}

#[test]
fn nothing_is_said_that_was_not_asked() {
    const MORE: &str = "more was said after this answer, and nothing was asked";
    refused(answer() + &answer(), MORE);
    refused(answer() + &progress(), MORE);
    refused(answer() + "\n", MORE);
    let end_of_talk = |parrot: Parrot| end(&parrot, 1).unwrap();
    for twice in [hello() + &hello(), hello() + &loaded(), hello() + &progress()] {
        let said = end_of_talk(Parrot::new().says(twice));
        assert!(said.contains(MORE) && said.contains(r#"the line begins `{"event":"hello"`"#), "{said}");
    }
    let said = end_of_talk(Parrot::new().says(hello()).hears().says(loaded() + &loaded()));
    assert!(said.contains(MORE), "{said}");
    let said = end_of_talk(Parrot::new().says(hello()).hears().says(answer()));
    assert!(said.contains("`loaded` was expected"), "{said}");
}

#[test]
fn an_answer_that_is_given_again_is_no_answer_to_the_next_question() {
    let parrot = Parrot::new().says(hello()).hears().says(loaded());
    // Not in one breath with the first, so it is heard with it, before the next command or after it.
    let said = end(&parrot.hears().says(answer()).says(answer()).hears(), 2).unwrap();
    assert!(said.contains("nothing was asked") || said.contains("measured 0 where cell"), "{said}");
}

#[test]
fn an_answer_to_another_question_is_refused() {
    refused(
        answer_with(&[("/cell", json!("0123456789abcdef"))]),
        "it answers cell 0123456789abcdef measured 0",
    );
    refused(answer_with(&[("/repeat", json!(7))]), "measured 7 where cell");
    refused(answer_with(&[("/pass", json!("warmup"))]), "warmup 0 where cell");
    refused(
        line(&Event::Loaded(Loaded { load_ns: 1, weights_bytes: 1, parts: Vec::new() })),
        "`repeat` was expected",
    );
}

#[test]
fn times_that_cannot_be_are_refused() {
    let media = |value: Value| answer_with(&[("/media_s", value)]);
    refused(media(json!(-4.0)), "media_s is -4, which cannot be");
    refused(media(json!(0)), "media_s is 0, which cannot be");
    refused(media(json!(1e300)), "which cannot be");
    refused(media(Value::Null), "not an event of the protocol (invalid type: null");
    let written = |number: &str| answer().replace("\"media_s\":4.0", &format!("\"media_s\":{number}"));
    refused(written("NaN"), "not an event of the protocol (expected value");
    refused(written("1e999"), "not an event of the protocol (number out of range");
    let wall = |value: Value| answer_with(&[("/wall_ns", value)]);
    refused(wall(json!(3_600_000_000_000_u64)), "wall_ns is 3600s, and the answer came after");
    refused(wall(json!(u64::MAX)), "wall_ns is 18446744073.709551615s, and the answer came after");
    refused(wall(json!(0)), "wall_ns is 0, which cannot be");
    refused(wall(json!(-5)), "not an event of the protocol (invalid value: integer `-5`");
    refused(wall(json!(1.5)), "not an event of the protocol (invalid type: floating point `1.5`");
    let load = line(&Event::Loaded(Loaded { load_ns: u64::MAX, weights_bytes: 1, parts: Vec::new() }));
    let said = end(&Parrot::new().says(hello()).hears().says(load), 1).unwrap();
    assert!(said.contains("load_ns is 18446744073.709551615s, and the answer came after"), "{said}");
}

#[test]
fn a_film_is_as_long_in_every_repeat() {
    let second = answer_with(&[("/repeat", json!(1)), ("/media_s", json!(8.0))]);
    let parrot = Parrot::new().says(hello()).hears().says(loaded());
    let said = end(&parrot.hears().says(answer()).hears().says(second), 2).unwrap();
    assert!(said.contains("media_s is 8, and was 4 before: a film has one length"), "{said}");
}

#[test]
fn spans_outside_of_the_repeat_are_refused() {
    let span = |stage: &str, start: i64, length: i64| {
        let span = json!([{"stage": stage, "start_ns": start, "duration_ns": length}]);
        answer_with(&[("/spans", span)])
    };
    assert_eq!(end_after(span("decode", 0, 1_000)), None);
    refused(span("decode", 1, 1_000), "the span of decode at 1 ns ends after the repeat's 1000 ns");
    refused(span("decode", -1, 10), "invalid value: integer `-1`");
    refused(span("decode", 0, -1), "invalid value: integer `-1`");
    refused(span("yolo", 0, 1), "it has a span of yolo, which is no stage of a caption cell");
    refused(span("lunch", 0, 1), "unknown variant `lunch`");
}

#[test]
fn tokens_beyond_reason_are_refused() {
    let tokens = |value: Value| answer_with(&[("/output/scenes/0/tokens", value)]);
    refused(tokens(json!([-1])), "invalid value: integer `-1`");
    refused(tokens(json!([4_294_967_296_u64])), "invalid value: integer `4294967296`");
    refused(tokens(json!(vec![1; 100_000])), "the list of new tokens of scene 0 has 100000, more than");
    refused(
        answer_with(&[("/output/scenes/0/scene", json!(3))]),
        "it captions 0 scenes in order where 1 were asked",
    );
}

#[test]
fn a_lie_about_settings_is_refused_whatever_its_kind() {
    refused(
        answer_with(&[("/effective/use_cache", json!(false))]),
        "use_cache: requested true, effective false",
    );
    refused(
        answer_with(&[("/effective/use_cache", json!("true"))]),
        "use_cache: requested true, effective \"true\"",
    );
    refused(answer_with(&[("/effective/num_beams", Value::Null)]), "num_beams: requested 1, effective null");
    let mut missing: Value = serde_json::from_str(&answer()).unwrap();
    missing["effective"].as_object_mut().unwrap().remove("num_beams");
    refused(format!("{missing}\n"), "num_beams: requested 1, not reported by the runner");
    let mut extra: Value = serde_json::from_str(&answer()).unwrap();
    extra["effective"]["threads"] = json!(2);
    assert_eq!(end_after(format!("{extra}\n")), None, "what nobody asked for is told, and no lie");
}

#[test]
fn lines_that_are_too_long_too_deep_or_no_text_are_refused_soon() {
    let start = Instant::now();
    let endless = Parrot::new().says(hello()).hears().says(loaded()).hears();
    let said = end(&endless.does("exec tr '\\0' x < /dev/zero"), 1).unwrap();
    assert!(said.contains("the line is longer than 64 MiB; the line begins `xxxx"), "{said}");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{{\"event\":\"probed\",\"result\":{}1{}}}\n",
            open.repeat(1_000_000),
            close.repeat(1_000_000)
        );
        refused(deep, "recursion limit exceeded");
    }
    refused(
        format!("{{\"event\":\"repeat\",\"cell\":\"{}\"}}\n", "x".repeat(10_000_000)),
        "it is not an event",
    );
    let mut not_text = answer().into_bytes();
    let dog = not_text.windows(3).position(|bytes| bytes == b"dog").unwrap();
    not_text[dog] = 0xff;
    refused(not_text, "invalid unicode code point");
    assert!(start.elapsed() < Duration::from_mins(1), "took {:?}", start.elapsed());
    assert!(peak_memory() < 512 << 20, "{} MiB", peak_memory() >> 20);
}

/// The most memory that this process had, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
