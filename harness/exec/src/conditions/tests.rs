//! Two looks at a made-up machine, and at this one.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

fn write(root: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A machine with two processors whose counters all stand at `n`.
fn machine(root: &Path, n: u64) {
    let pressure = format!("some avg10=0.00 avg60=0.00 avg300=0.00 total={}\n", n * 1_000_000);
    write(
        root,
        &[
            ("proc/stat", format!("cpu  {} 0 {n} 9 9 0 0 {n} 0 0\ncpu0 1 1\ncpu1 1 1\n", 3 * n)),
            ("proc/7/stat", format!("7 (runner) S 1 7 7 0 -1 0 0 0 {n} 0 {n} {n} 0 0 20 0 1 0")),
            ("proc/7/task/7/status", format!("nonvoluntary_ctxt_switches:\t{n}\n")),
            ("proc/vmstat", format!("pswpin {n}\npswpout {n}\n")),
            ("proc/meminfo", "MemAvailable:    1024 kB\n".to_owned()),
            ("proc/pressure/cpu", pressure.clone()),
            ("proc/pressure/memory", pressure.clone()),
            ("proc/pressure/io", pressure),
            ("proc/self/cgroup", "0::/\n".to_owned()),
            ("sys/fs/cgroup/cpu.stat", format!("nr_throttled {n}\nthrottled_usec {}\n", n * 1_000_000)),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", format!("{}", n * 1000)),
            ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", n.to_string()),
        ],
    );
}

#[test]
fn what_changed_between_two_looks() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path(), 100);
    let observer = Observer::of(&root.path().join("proc"), &root.path().join("sys"));
    let before = observer.begin(7);
    machine(root.path(), 300);
    let told = observer.end(&before);
    let ticks = |ticks: f64| Some(ticks / observer.ticks_per_s);
    let frequency = |mhz| Some(Frequency { min_mhz: mhz, mean_mhz: mhz, max_mhz: mhz });
    let expected = Conditions {
        elapsed_s: told.elapsed_s,
        processors: Some(2),
        runner_cpu_s: ticks(400.0),
        others_cpu_s: ticks(400.0),
        stolen_cpu_s: ticks(200.0),
        runner_preemptions: Some(200),
        runner_major_faults: Some(200),
        frequency_before: frequency(100.0),
        frequency_after: frequency(300.0),
        thermal_throttles: Some(200),
        cgroup_throttles: Some(200),
        cgroup_throttled_s: Some(200.0),
        stalled: Some(Stalls { cpu_s: 200.0, memory_s: 200.0, io_s: 200.0 }),
        swapped_pages: Some(400),
        available_memory_bytes: Some(1 << 20),
        clock_step_ns: told.clock_step_ns,
        gpus: Vec::new(),
    };
    assert_eq!(told, expected);
    assert!(told.elapsed_s > Some(0.0));
    assert!(told.clock_step_ns > Some(0));
}

#[test]
fn a_system_that_tells_nothing_leaves_everything_out() {
    let root = tempfile::tempdir().unwrap();
    let observer = Observer::of(&root.path().join("proc"), &root.path().join("sys"));
    let told = observer.end(&observer.begin(7));
    let expected =
        Conditions { elapsed_s: told.elapsed_s, clock_step_ns: told.clock_step_ns, ..Conditions::default() };
    assert_eq!(told, expected);
}

#[test]
fn the_work_of_a_process_and_its_children_is_its_own() {
    let observer = Observer::new();
    let mut shell = std::process::Command::new("sh");
    // The shell works, and so does a child that it waits for and one that still runs.
    shell.args(["-c", "spin() { i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; }; (spin); (spin; exec sleep 60) & spin; echo ready; read end; kill $!"]);
    let mut shell =
        shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let before = observer.begin(shell.id());
    let mut ready = [0; 5];
    std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let told = observer.end(&before);
    drop(shell.stdin.take());
    shell.wait().unwrap();
    let elapsed = told.elapsed_s.unwrap();
    let runner = told.runner_cpu_s.unwrap();
    let processors = f64::from(told.processors.unwrap());
    assert!(runner > 0.02, "{told:?}");
    assert!(runner + told.others_cpu_s.unwrap() <= processors * elapsed + 0.1, "{told:?}");
}

#[test]
fn looking_takes_little() {
    let observer = Observer::new();
    let own = std::process::id();
    let once = || {
        let start = Instant::now();
        observer.end(&observer.begin(own));
        start.elapsed()
    };
    let least = (0..50).map(|_| once()).min().unwrap();
    // A debug build on a busy machine with many processors is far below this; a sleep in it would not be.
    assert!(least < Duration::from_millis(5), "{least:?}");
}
