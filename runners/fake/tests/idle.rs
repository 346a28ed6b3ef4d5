//! While a runner measures, the harness uses no processor time. Alone in its file, as it looks at the whole process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::thread;
use std::time::Duration;

use common::{TestRun, caption, plan, runner};
use reelbench_exec::RunPlan;

/// Processor time of this process so far, in clock ticks: fields 14 and 15 of `/proc/self/stat`.
fn processor_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// Times all threads of this process went to sleep so far.
fn sleeps() -> u64 {
    let of_thread = |status: String| {
        let line =
            status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:").map(str::to_owned));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok()).map(of_thread).sum()
}

#[test]
fn the_parent_sleeps_while_a_runner_works() {
    let hanging = caption("film", "hanging", "hang", None);
    let run = TestRun::new();
    let harness = thread::spawn(move || {
        run.finish(&RunPlan { timeout: Duration::from_secs(4), ..plan(vec![hanging]) }, &runner(&[]));
    });
    // Starting, journalling and killing cost what they cost on this machine; polling would show in every window.
    let mut windows = Vec::new();
    while !harness.is_finished() {
        let (ticks, slept) = (processor_ticks(), sleeps());
        thread::sleep(Duration::from_secs(1));
        windows.push((sleeps() - slept, processor_ticks() - ticks));
    }
    harness.join().unwrap();
    let &(slept, ticks) = windows.iter().min().unwrap();
    // A tick is 10 ms. Polling at 10 Hz would be 10 sleeps a second; one is this thread's own.
    assert!(slept <= 5, "went to sleep {slept} times in a second at least: {windows:?}");
    assert!(ticks <= 2, "{ticks} ticks of 10 ms in a second: {windows:?}");
}
