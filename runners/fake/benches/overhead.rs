//! What the harness costs beside the runner's own time: for each repeat, and while it waits.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use common::{TestRun, caption, plan, runner, stage1};
use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_exec::{Journal, RunPlan, read_journal};
use reelbench_protocol::{JournalEvent, Pass, PlannedCell, RepeatResult, Repeats, Warmup};

/// Enough that starting and ending the process does not count: 100 repeats are timed against 1,100.
const FEW: u32 = 100;
const MANY: u32 = 1_100;

/// A folder in memory, and one on the disk that cargo builds on.
fn places() -> Vec<(&'static str, PathBuf)> {
    let places =
        [("in memory", PathBuf::from("/dev/shm")), ("on disk", PathBuf::from(env!("CARGO_TARGET_TMPDIR")))];
    places.into_iter().filter(|(_, folder)| folder.is_dir()).collect()
}

/// A run of so many repeats on three scenes: how long it took, and how much of that the runner says was its own.
fn run(folder: &Path, repeats: u32) -> (Duration, Vec<RepeatResult>) {
    let scenes = stage1("film", None);
    let cell = caption("film", "model", "ok", Some(&scenes));
    let plan = RunPlan {
        repeats: Repeats::Fixed(repeats),
        warmup: Warmup::Fixed(0),
        ..plan(vec![scenes, cell.clone()])
    };
    let run = TestRun::within(folder);
    let start = Instant::now();
    run.finish(&plan, &runner(&[]));
    (start.elapsed(), run.results(&cell, Pass::Measured))
}

/// Wall time beside the runner's own, of one repeat of the scenes and one of the captions.
fn overhead(folder: &Path) -> Duration {
    let beside = |repeats| {
        let (elapsed, results) = run(folder, repeats);
        elapsed.saturating_sub(results.iter().map(|result| Duration::from_nanos(result.wall_ns)).sum())
    };
    beside(MANY).saturating_sub(beside(FEW)) / (MANY - FEW) / 2
}

fn per_repeat(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("per repeat beside the runner's own time");
    group.sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(1));
    for (place, folder) in places() {
        group.bench_function(format!("all of it, journal {place}"), |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| overhead(&folder)).sum());
        });
    }
    group.finish();
}

fn journal(criterion: &mut Criterion) {
    let (_, results) = run(&std::env::temp_dir(), 1);
    let result = results.into_iter().next().unwrap();
    let event = JournalEvent::Repeat { result: Box::new(result), conditions: None };
    let mut group = criterion.benchmark_group("journal");
    for (place, folder) in places() {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let (mut journal, _) = Journal::open(&folder.path().join("journal.jsonl")).unwrap();
        group.bench_function(format!("append and sync {place}"), |bencher| {
            bencher.iter(|| journal.append(black_box(&event)).unwrap());
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let line = serde_json::to_string(&reelbench_protocol::JournalLine { at_ms: 0, event }).unwrap() + "\n";
    fs::write(&path, line.repeat(100_000)).unwrap();
    group.sample_size(10);
    group.bench_function(
        format!("read 100,000 repeats, {} MB", fs::metadata(&path).unwrap().len() / 1_000_000),
        |bencher| {
            bencher.iter(|| read_journal(black_box(&path)).unwrap().len());
        },
    );
    group.finish();
}

/// Processor time of all threads of this process so far.
fn processor_time() -> Duration {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let of_thread = |schedstat: String| schedstat.split(' ').next()?.parse().ok().map(Duration::from_nanos);
    threads.filter_map(|thread| of_thread(fs::read_to_string(thread.path().join("schedstat")).ok()?)).sum()
}

/// What the harness uses while a runner works and says nothing.
fn idle(criterion: &mut Criterion) {
    const WINDOW: Duration = Duration::from_secs(3);
    let hanging: PlannedCell = caption("film", "hanging", "hang", None);
    criterion
        .benchmark_group("idle")
        .sample_size(10)
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(1))
        .bench_function("processor time of the parent in a minute", |bencher| {
            bencher.iter_custom(|count| {
                let plan =
                    RunPlan { timeout: WINDOW + Duration::from_secs(1), ..plan(vec![hanging.clone()]) };
                let harness = thread::spawn(move || TestRun::new().finish(&plan, &runner(&[])));
                thread::sleep(Duration::from_millis(500));
                let before = processor_time();
                thread::sleep(WINDOW);
                let used = processor_time().saturating_sub(before);
                harness.join().unwrap();
                used * 60 / WINDOW.as_secs() as u32 * count as u32
            });
        });
}

criterion_group!(benches, per_repeat, journal, idle);
criterion_main!(benches);
