//! Ways of going wrong that a well-made runner has no words for.

use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process::{Command, exit};
use std::thread;
use std::time::Duration;

use reelbench_protocol::{CellId, Event, Output, Progress, RepeatResult, RunSpec, Stage};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;

use crate::made_up;
use crate::script::{Behaviour, Greeting};

/// Goes wrong before the first word, where the script says so.
pub(crate) fn before_hello(greeting: Greeting) {
    match greeting {
        Greeting::Good | Greeting::OldProtocol => {}
        Greeting::NewProtocol => {
            say("{\"event\":\"hello\",\"protocol\":99,\"name\":\"a runner of the future\"}\n");
        }
        Greeting::Garbage => say("Loading checkpoint shards: 100%\n"),
        Greeting::Exit => exit(1),
    }
}

/// Goes wrong in the middle of a repeat, if the behaviour is to. It comes back where a good answer may follow.
pub(crate) fn in_repeat(behaviour: Behaviour, run: &RunSpec) {
    match behaviour {
        Behaviour::Crash => std::process::abort(),
        Behaviour::Exit { code } => exit(i32::from(code)),
        Behaviour::Kill => end_by(Signal::KILL),
        Behaviour::EatMemory => eat_memory(),
        Behaviour::CloseOutput => {
            close(1);
            hang();
        }
        Behaviour::CloseInput => close(0),
        Behaviour::Segfault => end_by(Signal::SEGV),
        Behaviour::Hang => hang(),
        Behaviour::HangWithChild => {
            start_child();
            hang();
        }
        Behaviour::CrashWithChild => {
            start_child();
            std::process::abort();
        }
        Behaviour::Chatter => loop {
            progress(1, 2);
        },
        Behaviour::Garbage => say("Segment 1 of 3 done\n"),
        Behaviour::NotText => say_bytes(b"\xff\xfe\xfd\n"),
        Behaviour::UnknownEvent => say("{\"event\":\"mood\",\"good\":true}\n"),
        Behaviour::HalfLine => {
            say("{\"event\":\"repeat\",\"cell\":\"0123");
            exit(0);
        }
        Behaviour::OtherCell => {
            say_event(&Event::Repeat(Box::new(answer_for_another_cell(run))));
            // A second answer in the same breath would be another fault.
            hang();
        }
        Behaviour::NegativeSpan => say_with_negative_span(run),
        _ => {}
    }
}

/// Tells at once how far the repeat has come, where the kit would wait for its second to pass.
pub(crate) fn progress(done: u32, total: u32) {
    say_event(&Event::Progress(Progress { stage: Stage::Decode, done, total }));
}

/// Waits until killed.
pub(crate) fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

fn answer_for_another_cell(run: &RunSpec) -> RepeatResult {
    let mut spec = run.spec.clone();
    spec.video.id = format!("not-{}", spec.video.id).parse().unwrap_or(spec.video.id);
    RepeatResult { cell: CellId::of(&spec), ..empty_answer(run) }
}

/// An answer that has no form in our own types.
fn say_with_negative_span(run: &RunSpec) {
    if let Ok(mut event) = serde_json::to_value(Event::Repeat(Box::new(empty_answer(run)))) {
        event["spans"] = json!([{"stage": Stage::Asr, "start_ns": 0, "duration_ns": -5}]);
        say(&format!("{event}\n"));
    }
}

fn empty_answer(run: &RunSpec) -> RepeatResult {
    RepeatResult {
        cell: run.cell.clone(),
        repeat: run.repeat,
        pass: run.pass,
        media_s: made_up::media_s(),
        wall_ns: 1,
        spans: Vec::new(),
        output: Output::Caption { scenes: Vec::new() },
        effective: made_up::effective(run),
        peak_rss_bytes: None,
        peak_vram_bytes: None,
    }
}

/// Takes memory and writes to it, so that it counts by any measure, until the allocator gives up or the kernel ends it.
/// It stops where only a missing limit would have let it come.
pub(crate) fn eat_memory() {
    const BITE: usize = 16 << 20;
    const FULL: usize = 1 << 30;
    let mut eaten = Vec::new();
    while eaten.len() * BITE < FULL {
        eaten.push(vec![1_u8; BITE]);
    }
    std::hint::black_box(&eaten);
}

/// Closes one of the descriptors that every process begins with.
#[expect(unsafe_code, reason = "the standard library never closes its standard streams")]
fn close(descriptor: RawFd) {
    // SAFETY: it is open, as `bench` gave it to us, and nothing here relies on what it stands for: the standard library takes
    // a standard stream that is closed for one that ends, and no other file is opened in its place.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
}

/// A child that holds our output open. Its id goes to the log, for those who look whether it is gone.
fn start_child() {
    if let Ok(child) = Command::new("sleep").arg("3600").spawn() {
        let _ = writeln!(io::stderr(), "child {}", child.id());
    }
}

fn end_by(signal: Signal) -> ! {
    // The first SIGSEGV only takes away the handler with which Rust looks for stack overflows.
    for _ in 0..2 {
        let _ = kill_process(getpid(), signal);
    }
    hang()
}

fn say_event(event: &Event) {
    if let Ok(mut line) = serde_json::to_vec(event) {
        line.push(b'\n');
        say_bytes(&line);
    }
}

fn say(text: &str) {
    say_bytes(text.as_bytes());
}

fn say_bytes(bytes: &[u8]) {
    let mut output = io::stdout();
    if output.write_all(bytes).and_then(|()| output.flush()).is_err() {
        exit(1);
    }
}
