//! `trace.json`: when what was done, in the Trace Event Format that Perfetto and Chrome open.
//!
//! A process is a runner; a thread is a cell. Loads and repeats are placed as [`crate::Course`] says, spans where their repeat has
//! them. Events of a thread must lie within each other or apart, so spans that overlap otherwise get threads of their own beside the
//! cell's.
//!
//! The format: Google's "Trace Event Format", complete (`X`), instant (`i`) and metadata (`M`) events, times in microseconds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use reelbench_protocol::{Activity, Pass, RepeatResult, Span};
use serde::Serialize;

use crate::course::{Step, StepWork};
use crate::error::ReportError;
use crate::report::CellNames;
use crate::run::Run;
use crate::summary::Summary;

/// Name of the trace in a run directory.
pub const TRACE_FILE: &str = "trace.json";

/// More spans than this make a file that no viewer opens quickly; then only those of typical repeats are in it, and no more
/// than this.
const MOST_SPANS: usize = 100_000;

/// The thread of a process on which weights are loaded.
const LOADING: u64 = 1;

/// The whole file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    display_time_unit: &'static str,
    other_data: About,
    #[serde(rename = "traceEvents")]
    events: Vec<Event>,
}

/// What a reader should know.
#[derive(Serialize)]
struct About {
    run: String,
    name: String,
    /// The zero of all times.
    started: String,
    /// Which spans are in it.
    spans: String,
}

/// One event.
#[derive(Serialize)]
struct Event {
    name: String,
    ph: Phase,
    pid: u64,
    tid: u64,
    /// Microseconds.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    /// How far an instant event reaches: its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    args: Args,
}

/// What kind of event it is.
#[derive(Serialize)]
enum Phase {
    #[serde(rename = "X")]
    Complete,
    #[serde(rename = "i")]
    Instant,
    #[serde(rename = "M")]
    Metadata,
}

/// What a viewer shows beside an event.
#[derive(Serialize, Default)]
struct Args {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<Pass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<Activity>,
}

/// The file's text.
///
/// # Errors
/// When it has no JSON.
pub(crate) fn json(run: &Run, summary: &Summary) -> Result<Vec<u8>, ReportError> {
    let mut writer = Writer::new(run, summary);
    for step in &run.course.steps {
        writer.step(step);
    }
    writer.endings();
    let mut json = serde_json::to_vec(&writer.finish())?;
    json.push(b'\n');
    Ok(json)
}

/// Which spans there is room for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    All,
    Typical,
}

/// A trace in the making.
struct Writer<'a> {
    run: &'a Run,
    names: Vec<String>,
    /// The repeats that count, by their turn, and whether they are typical of their cell.
    repeats: BTreeMap<usize, (&'a RepeatResult, bool)>,
    choice: Choice,
    spans: usize,
    left_out: usize,
    /// Threads by process, cell and lane.
    threads: BTreeMap<(u64, usize, usize), u64>,
    events: Vec<Event>,
}

impl<'a> Writer<'a> {
    fn new(run: &'a Run, summary: &'a Summary) -> Self {
        let names = CellNames::of(&summary.cells);
        let names = run.cells.iter().zip(&summary.cells).map(|(record, cell)| names.name(record, cell));
        let repeats: BTreeMap<usize, (&RepeatResult, bool)> = run
            .cells
            .iter()
            .flat_map(|cell| {
                let typical = cell.typical();
                let with_turn = cell.observed.iter().zip(&cell.repeats);
                with_turn.map(move |(observed, repeat)| {
                    let is_typical = typical.iter().any(|other| std::ptr::eq(*other, repeat));
                    (observed.turn, (repeat, is_typical))
                })
            })
            .collect();
        let spans: usize = repeats.values().map(|(repeat, _)| repeat.spans.len()).sum();
        let choice = if spans > MOST_SPANS { Choice::Typical } else { Choice::All };
        Self {
            run,
            names: names.collect(),
            repeats,
            choice,
            spans: 0,
            left_out: 0,
            threads: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        let pid = process(step.process);
        match &step.work {
            StepWork::Load { cells } => {
                let served: Vec<&str> = cells.iter().map(|&cell| self.name(cell)).collect();
                let args = Args { cell: Some(served.join("; ")), ..Args::default() };
                let name = "load".to_owned();
                self.complete(name, "load", (pid, LOADING), (step.start_ns, step.duration_ns), args);
            }
            &StepWork::Repeat { cell, turn, repeat, pass } => {
                let name = match pass {
                    Pass::Warmup => format!("warm-up {repeat}"),
                    Pass::Measured => format!("repeat {repeat}"),
                };
                let known = self.repeats.get(&turn).copied();
                let name = if known.is_none() { format!("{name}, taken again later") } else { name };
                let tid = self.thread(pid, cell, 0);
                let cell_name = Some(self.name(cell).to_owned());
                let args =
                    Args { cell: cell_name, pass: Some(pass), repeat: Some(repeat), ..Args::default() };
                self.complete(name, "repeat", (pid, tid), (step.start_ns, step.duration_ns), args);
                if let Some((result, is_typical)) = known {
                    self.spans(&result.spans, is_typical, (pid, cell), step.start_ns);
                }
            }
        }
    }

    fn spans(&mut self, spans: &[Span], is_typical: bool, (pid, cell): (u64, usize), from_ns: u128) {
        let is_wanted = self.choice == Choice::All || is_typical;
        if !is_wanted || self.spans + spans.len() > MOST_SPANS {
            self.left_out += spans.len();
            return;
        }
        self.spans += spans.len();
        for (span, lane) in lanes(spans) {
            let tid = self.thread(pid, cell, lane);
            let start_ns = from_ns + u128::from(span.start_ns);
            let args = Args { scene: span.scene, activity: Some(span.activity), ..Args::default() };
            let name = span.stage.to_string();
            self.complete(name, "span", (pid, tid), (start_ns, span.duration_ns), args);
        }
    }

    /// Cells that ended before their time.
    fn endings(&mut self) {
        for ending in &self.run.course.ends {
            let pid = process(ending.process);
            let tid = self.thread(pid, ending.cell, 0);
            self.events.push(Event {
                name: ending.end.to_string(),
                ph: Phase::Instant,
                pid,
                tid,
                ts: microseconds(ending.at_ns),
                dur: None,
                cat: Some("end"),
                s: Some("t"),
                args: Args { cell: Some(self.name(ending.cell).to_owned()), ..Args::default() },
            });
        }
    }

    fn complete(
        &mut self,
        name: String,
        cat: &'static str,
        (pid, tid): (u64, u64),
        (start_ns, duration_ns): (u128, u64),
        args: Args,
    ) {
        let (ts, dur) = (microseconds(start_ns), Some(microseconds(duration_ns.into())));
        self.events.push(Event {
            name,
            ph: Phase::Complete,
            pid,
            tid,
            ts,
            dur,
            cat: Some(cat),
            s: None,
            args,
        });
    }

    fn name(&self, cell: usize) -> &str {
        self.names.get(cell).map(String::as_str).unwrap_or_default()
    }

    /// The thread of a cell, or one beside it.
    fn thread(&mut self, pid: u64, cell: usize, lane: usize) -> u64 {
        let next = LOADING + 1 + self.threads.len() as u64;
        match self.threads.entry((pid, cell, lane)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(next),
        }
    }

    fn finish(mut self) -> Trace {
        self.name_processes();
        self.name_threads();
        let manifest = &self.run.manifest;
        let spans = match (self.left_out, self.choice) {
            (0, _) => "all".to_owned(),
            (left_out, _) => format!(
                "{} of the repeats in the middle by wall time; {left_out} others are left out, all are in stages.parquet",
                self.spans
            ),
        };
        let about = About {
            run: manifest.run_id.clone(),
            name: manifest.name.clone(),
            started: manifest.started.clone(),
            spans,
        };
        Trace { display_time_unit: "ms", other_data: about, events: self.events }
    }

    fn name_processes(&mut self) {
        let mut loads: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for step in &self.run.course.steps {
            let cells = match &step.work {
                StepWork::Load { cells } => cells.clone(),
                StepWork::Repeat { cell, .. } => vec![*cell],
            };
            let names = loads.entry(process(step.process)).or_default();
            for record in cells.iter().filter_map(|&cell| self.run.cells.get(cell)) {
                let name = record.spec().to_string();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        for (pid, names) in loads {
            self.metadata("process_name", (pid, 0), format!("runner {pid}: {}", names.join(", ")));
            self.metadata("thread_name", (pid, LOADING), "loading weights".to_owned());
        }
    }

    fn name_threads(&mut self) {
        let threads = std::mem::take(&mut self.threads);
        for (order, (&(pid, cell, lane), &tid)) in (LOADING + 1..).zip(&threads) {
            let beside = if lane > 0 { format!(" (side by side {lane})") } else { String::new() };
            self.metadata("thread_name", (pid, tid), format!("{}{beside}", self.name(cell)));
            let args = Args { sort_index: Some(order), ..Args::default() };
            self.events.push(metadata("thread_sort_index", (pid, tid), args));
        }
    }

    fn metadata(&mut self, what: &str, place: (u64, u64), name: String) {
        self.events.push(metadata(what, place, Args { name: Some(name), ..Args::default() }));
    }
}

fn metadata(what: &str, (pid, tid): (u64, u64), args: Args) -> Event {
    let name = what.to_owned();
    Event { name, ph: Phase::Metadata, pid, tid, ts: 0.0, dur: None, cat: None, s: None, args }
}

/// The id of a runner process, which is counted from 0 elsewhere: viewers take 0 for their own.
fn process(process: usize) -> u64 {
    process as u64 + 1
}

fn microseconds(ns: u128) -> f64 {
    ns as f64 / 1e3
}

/// The first lane for each span, in the order of their starts, in which it lies within those under way or apart from them.
fn lanes(spans: &[Span]) -> Vec<(&Span, usize)> {
    let end = |span: &Span| span.start_ns.saturating_add(span.duration_ns);
    let mut sorted: Vec<&Span> = spans.iter().collect();
    sorted.sort_by_key(|span| (span.start_ns, std::cmp::Reverse(span.duration_ns)));
    // For each lane, when those under way end: the innermost last.
    let mut under_way: Vec<Vec<u64>> = Vec::new();
    let place = |span: &'_ Span| {
        let fits = |lane: &mut Vec<u64>| {
            while lane.last().is_some_and(|&ends| ends <= span.start_ns) {
                lane.pop();
            }
            lane.last().is_none_or(|&ends| end(span) <= ends)
        };
        let free = under_way.iter_mut().position(fits);
        let lane = free.unwrap_or_else(|| {
            under_way.push(Vec::new());
            under_way.len() - 1
        });
        under_way[lane].push(end(span));
        lane
    };
    let lanes: Vec<usize> = sorted.iter().copied().map(place).collect();
    sorted.into_iter().zip(lanes).collect()
}
