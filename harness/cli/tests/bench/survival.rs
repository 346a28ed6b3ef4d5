//! `bench` is interrupted, killed, and robbed of its disk.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Workplace, cells_of};

/// Far more than anything here takes on a busy machine.
const AMPLE: Duration = Duration::from_mins(1);

/// A runner that follows `script.json`, and a matrix whose only caption loads the given preset.
fn workplace(preset: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.scripted_runner(r#"{"rules": []}"#);
    workplace.write(
        "matrix.yaml",
        format!(
            "version: 1\nname: survival\nvideos: [{{id: film, path: film.mp4}}]\nstage1: {{scene: {{}}}}\n\
             models: [{{id: model, family: llava-next, weights: \"dummy:{preset}\"}}]\n\
             run: {{repeats: 2, warmup: 0, timeout: 10m}}\n"
        ),
    );
    workplace
}

pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < AMPLE, "{what} did not happen in {AMPLE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a line of a runner's log begins so.
fn is_logged(workplace: &Workplace, beginning: &str) -> bool {
    let logs = fs::read_dir(workplace.path("run/logs")).into_iter().flatten().flatten();
    logs.filter_map(|log| fs::read_to_string(log.path()).ok())
        .any(|log| log.lines().any(|line| line.starts_with(beginning)))
}

pub(crate) fn signal(bench: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), bench.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// In a repeat with a child of its own, and in a load: where a runner is when something happens to `bench`.
const PLACES: [(&str, &str, usize); 2] =
    [("hang-with-child", "child ", 3), ("load-hang", "loading dummy:load-hang", 2)];

#[test]
fn a_killed_bench_leaves_no_process_behind() {
    for (preset, logged, processes) in PLACES {
        let workplace = workplace(preset);
        let mut bench = workplace.start("matrix.yaml --runner scripted --out run");
        until(logged, || is_logged(&workplace, logged));
        let lodgers = workplace.lodgers();
        assert_eq!(lodgers.len(), 1 + processes, "bench, a guard, the runner and its child: {lodgers:?}");
        bench.kill().unwrap();
        bench.wait().unwrap();
        until("the end of all processes", || workplace.lodgers().is_empty());
    }
}

#[test]
fn an_interrupt_ends_in_order_and_the_run_goes_on() {
    for (preset, logged, _) in PLACES {
        for name in ["INT", "TERM", "HUP"] {
            let workplace = workplace(preset);
            let bench = workplace.start("matrix.yaml --runner scripted --out run");
            until(logged, || is_logged(&workplace, logged));
            signal(&bench, name);
            let ended = bench.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(130), "{name} in {preset}");
            until("the end of all processes", || workplace.lodgers().is_empty());
            let last = workplace.json_lines("run/journal.jsonl").pop().unwrap();
            assert_eq!(last["what"]["kind"], "interrupted");
            // What was measured is in the report, and what was not is no failure of the model's.
            assert_eq!(cells_of(&workplace.json("run/summary.json"), "model").len(), 1);
            assert!(
                workplace.read("run/report.md").contains("| **film**"),
                "{}",
                workplace.read("run/report.md")
            );
        }
    }
    let workplace = workplace("slow");
    let bench = workplace.start("matrix.yaml --runner scripted --out run");
    until("the caption", || is_logged(&workplace, "film model"));
    signal(&bench, "INT");
    assert_eq!(bench.wait_with_output().unwrap().status.code(), Some(130));
    workplace.bench("run matrix.yaml --runner scripted --resume run").expect(0);
}

#[test]
fn the_second_interrupt_kills() {
    let workplace = workplace("hang");
    let mut bench = workplace.start("matrix.yaml --runner scripted --out run");
    until("the caption", || is_logged(&workplace, "film model"));
    // Nobody reads this pipe, so the report is never done.
    let pipe = workplace.path("run/summary.json.part");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    signal(&bench, "INT");
    until("the first interrupt", || workplace.read("run/journal.jsonl").contains("\"interrupted\""));
    thread::sleep(Duration::from_millis(200));
    assert!(bench.try_wait().unwrap().is_none(), "it waits for the pipe");
    signal(&bench, "INT");
    assert_eq!(bench.wait().unwrap().signal(), Some(2));
}

/// Runs a line of shell in the workplace, with `$BENCH` for the program. `None` where what it needs is not to be had.
fn shell(workplace: &Workplace, wrapper: &[&str], script: &str) -> (i32, String) {
    let (program, args) = wrapper.split_first().unwrap();
    let output = Command::new(program)
        .args(args)
        .arg(script)
        .env("BENCH", env!("CARGO_BIN_EXE_bench"))
        .current_dir(workplace.path(""))
        .stdout(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The journal's whole lines.
fn whole_lines(workplace: &Workplace, journal: &str) -> Vec<Value> {
    let text = workplace.read(journal);
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn assert_stopped_for_want_of_disk(workplace: &Workplace, code: i32, stderr: &str, why: &str) {
    assert_eq!(code, 1, "{stderr}");
    let said = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(said.contains("cannot write to the journal") && said.contains("journal.jsonl"), "{stderr}");
    assert!(said.contains(why) && said.contains("--resume"), "{said}");
    until("the end of all processes", || workplace.lodgers().is_empty());
}

#[test]
fn a_journal_that_cannot_grow_stops_the_run_which_then_goes_on() {
    let workplace = workplace("ok");
    // Blocks of 512 bytes: enough for the plan and the first answers. Without the signal, the write fails.
    let limited = "trap '' XFSZ; ulimit -f 24; exec \"$BENCH\" run matrix.yaml --repeats 40 --runner scripted --out run";
    let (code, stderr) = shell(&workplace, &["sh", "-c"], limited);
    assert_stopped_for_want_of_disk(&workplace, code, &stderr, "File too large");
    let before = whole_lines(&workplace, "run/journal.jsonl");
    assert!(before.len() > 3, "some of it was measured: {}", before.len());
    workplace.bench("run matrix.yaml --runner scripted --resume run").expect(0);
    let after = whole_lines(&workplace, "run/journal.jsonl");
    assert_eq!(after[..before.len()], before, "what was written stays");
    let measured = after.iter().filter(|line| line["what"]["result"]["pass"] == "measured").count();
    assert_eq!(measured, 80, "each repeat of both cells once");
}

#[test]
fn a_full_disk_stops_the_run_which_then_goes_on() {
    let workplace = workplace("ok");
    fs::create_dir(workplace.path("disk")).unwrap();
    // A file system of its own, seen by these processes alone; it grows before the run goes on.
    let script = "mount -t tmpfs -o size=64k none disk || exit 77
        \"$BENCH\" run matrix.yaml --repeats 60 --runner scripted --out disk/run; code=$?
        cp disk/run/journal.jsonl before.jsonl
        mount -o remount,size=8m disk || exit 78
        \"$BENCH\" run matrix.yaml --runner scripted --resume disk/run || exit 79
        cp disk/run/journal.jsonl disk/run/summary.json .; exit $code";
    let (code, stderr) = shell(&workplace, &["unshare", "--mount", "--map-root-user", "sh", "-c"], script);
    if !workplace.path("before.jsonl").exists() && (code == 77 || stderr.contains("unshare")) {
        eprintln!("SKIPPED: no file system can be mounted here: {stderr}");
        return;
    }
    assert_stopped_for_want_of_disk(&workplace, code, &stderr, "No space left on device");
    let (before, after) = (whole_lines(&workplace, "before.jsonl"), whole_lines(&workplace, "journal.jsonl"));
    assert!(before.len() > 3);
    assert_eq!(after[..before.len()], before, "what was written stays");
    let samples = workplace.json("summary.json");
    assert_eq!(cells_of(&samples, "model")[0]["rtf"]["samples"].as_array().unwrap().len(), 60);
}

#[test]
fn a_report_that_cannot_be_written_loses_nothing() {
    let workplace = workplace("ok");
    // A folder stands where the summary belongs.
    workplace.bench("run matrix.yaml --runner scripted --out run").expect(0);
    let expected = workplace.read("run/report.md");
    let journal = workplace.read("run/journal.jsonl");
    fs::remove_file(workplace.path("run/summary.json")).unwrap();
    fs::create_dir(workplace.path("run/summary.json")).unwrap();
    let ended = workplace.bench("run matrix.yaml --runner scripted --resume run").expect(1);
    assert!(ended.stderr.contains("summary.json"), "{}", ended.stderr);
    assert!(ended.stderr.contains("bench report"), "{}", ended.stderr);
    assert_eq!(workplace.read("run/journal.jsonl"), journal);
    assert_eq!(workplace.read("run/report.md"), expected, "the old one stands");
    fs::remove_dir(workplace.path("run/summary.json")).unwrap();
    workplace.bench("report run").expect(0);
    assert_eq!(workplace.read("run/report.md"), expected);
}

#[test]
fn the_limit_of_memory_is_the_matrixs_or_the_command_lines() {
    let workplace = workplace("eat-memory");
    let matrix = workplace.read("matrix.yaml").replace("timeout: 10m", "memory_limit: 512MiB");
    workplace.write("matrix.yaml", matrix);
    let reason = |args: &str, name: &str| {
        workplace.bench(&format!("matrix.yaml --runner scripted --out {name} {args}")).expect(3);
        let summary = workplace.json(&format!("{name}/summary.json"));
        let cell = cells_of(&summary, "model")[0];
        assert_eq!(cell["outcome"], "oom", "{cell:#}");
        cell["reason"].as_str().unwrap().to_owned()
    };
    let by_matrix = reason("", "by-matrix");
    assert!(by_matrix.starts_with("decode, scene 1: ") && by_matrix.contains("512 MiB"), "{by_matrix}");
    assert!(reason("--memory-limit 256MiB", "by-command").contains("256 MiB"));
    assert!(workplace.read("by-matrix/report.md").contains("❌ OOM (decode, scene 1)"));
    let wrong = workplace.bench("matrix.yaml --runner scripted --memory-limit 8").expect(2);
    assert!(wrong.stderr.contains("such as 8GB or 512MiB"), "{}", wrong.stderr);
}

#[test]
fn a_run_whose_time_is_up_ends_with_its_own_code_and_goes_on() {
    let workplace = workplace("ok");
    let ample = workplace.read("matrix.yaml");
    workplace.write("matrix.yaml", ample.replace("run: {", "run: {run_timeout: 1ms, "));
    let plan = workplace.bench("plan matrix.yaml --runner scripted").expect(0);
    assert!(plan.stdout.contains("1ms for the whole run"), "{}", plan.stdout);
    let ended = workplace.bench("matrix.yaml --runner scripted --out run").expect(3);
    assert!(
        ended.stderr.contains("run.run_timeout") && ended.stderr.contains("--resume"),
        "{}",
        ended.stderr
    );
    assert!(workplace.read("run/report.md").contains("The run's time was up"));
    workplace.write("matrix.yaml", ample);
    workplace.bench("run matrix.yaml --runner scripted --resume run --accept-changes").expect(0);
    let summary = workplace.json("run/summary.json");
    assert_eq!(cells_of(&summary, "model")[0]["rtf"]["samples"].as_array().unwrap().len(), 2);
}
