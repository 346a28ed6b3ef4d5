//! A run that was killed, however often and whenever, goes on to the report of one that was not; and it goes on with
//! nothing but what it began with.

use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::Workplace;
use crate::essence::Essence;
use crate::survival::until;

/// Two captioners that work, each with and without its cache, one that fails, and the scenes for them.
fn workplace(repeats: u32) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.scripted_runner(
        r#"{"rules": [{"when": {"model": "breaks"}, "then": {"do": "fail"}}, {"then": {"do": "slow", "ms": 4}}]}"#,
    );
    workplace.write(
        "matrix.yaml",
        format!(
            r#"
version: 1
name: killed
videos: [{{id: film, path: film.mp4}}]
stage1: {{scene: {{}}, ast: {{weights: "dummy:ast-tiny"}}}}
models:
  - {{id: one, family: llava-next, weights: "dummy:llava-next-tiny"}}
  - {{id: two, family: llava-next, weights: "dummy:llava-next-tiny?seed=2"}}
  - {{id: breaks, family: llava-next, weights: "dummy:phi-3.5-vision-tiny"}}
settings: {{use_cache: [true, false], max_new_tokens: 4}}
run: {{repeats: {repeats}, warmup: 1}}
"#
        ),
    );
    workplace
}

/// Cells that can be measured: stage 1 and two captioners with two settings each.
const MEASURABLE: usize = 5;

/// Cell, number and time of each measured repeat in a journal, also in one whose last line is torn. A repeat that is
/// measured again has another time.
fn measured(workplace: &Workplace, run: &str) -> Vec<(String, u64)> {
    let journal = fs::read_to_string(workplace.path(&format!("{run}/journal.jsonl"))).unwrap_or_default();
    let whole = journal.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = whole.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| line["what"]["result"].clone())
        .filter(|result| result["pass"] == "measured")
        .map(|result| {
            (format!("{} {}", result["cell"], result["repeat"]), result["wall_ns"].as_u64().unwrap())
        })
        .collect()
}

fn begin(workplace: &Workplace, run: &str) {
    workplace.bench(&format!("run matrix.yaml --runner scripted --out {run}")).expect(3);
}

/// How to begin a run, or to go on with what there is of it.
fn command(workplace: &Workplace, run: &str) -> String {
    let option = if workplace.path(run).exists() { "--resume" } else { "--out" };
    format!("run matrix.yaml --runner scripted {option} {run}")
}

/// Goes on to the end, and sees that it is that of an uninterrupted run and that nothing was measured twice.
fn finish(workplace: &Workplace, run: &str, expected: &Essence, repeats: usize) {
    until("the end of all processes", || workplace.lodgers().is_empty());
    let before = measured(workplace, run);
    workplace.bench(&command(workplace, run)).expect(3);
    let after = measured(workplace, run);
    assert_eq!(after[..before.len()], before, "what was measured stays");
    let once: HashSet<&String> = after.iter().map(|(repeat, _)| repeat).collect();
    assert_eq!((once.len(), after.len()), (MEASURABLE * repeats, MEASURABLE * repeats), "each once");
    let essence = Essence::of(workplace, run);
    assert_eq!(essence.summary, expected.summary);
    assert_eq!(essence.report, expected.report);
    assert!(essence == *expected, "{essence:#?}\n{expected:#?}");
}

/// Numbers without an order, the same for the same seed (`SplitMix64`).
struct Draw(u64);

impl Draw {
    /// A part of this duration.
    fn part_of(&mut self, whole: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        whole.mul_f64(((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[test]
fn a_kill_at_any_moment_costs_at_most_the_repeat_in_flight() {
    const MOMENTS: usize = 25;
    const SEED: u64 = 5;
    let workplace = workplace(3);
    let start = Instant::now();
    begin(&workplace, "whole");
    let takes = start.elapsed();
    let expected = Essence::of(&workplace, "whole");
    assert_eq!(expected.outputs.len(), MEASURABLE * 3 * 3, "a line for each scene and repeat");
    let mut draw = Draw(SEED);
    let mut alive = 0;
    for moment in 0..MOMENTS {
        let run = format!("killed-{moment}");
        let mut bench = workplace.start(&command(&workplace, &run));
        let wait = draw.part_of(takes.mul_f64(1.1));
        thread::sleep(wait);
        alive += usize::from(bench.try_wait().unwrap().is_none());
        bench.kill().unwrap();
        bench.wait().unwrap();
        println!(
            "seed {SEED}, moment {moment}: killed after {wait:?}, {} repeats in",
            measured(&workplace, &run).len()
        );
        finish(&workplace, &run, &expected, 3);
    }
    assert!(alive >= MOMENTS / 4, "it was still at work {alive} times");
}

#[test]
fn a_run_killed_twenty_times_in_a_row_ends_as_one_that_was_not() {
    const KILLS: usize = 20;
    const REPEATS: usize = 10;
    let workplace = workplace(REPEATS as u32);
    begin(&workplace, "whole");
    let expected = Essence::of(&workplace, "whole");
    let mut draw = Draw(20);
    for kill in 0..KILLS {
        let before = measured(&workplace, "run");
        let mut bench = workplace.start(&command(&workplace, "run"));
        until("another repeat", || measured(&workplace, "run").len() > before.len());
        thread::sleep(draw.part_of(Duration::from_millis(20)));
        assert!(bench.try_wait().unwrap().is_none(), "kill {kill}: it was at work");
        bench.kill().unwrap();
        bench.wait().unwrap();
        until("the end of all processes", || workplace.lodgers().is_empty());
        assert_eq!(measured(&workplace, "run")[..before.len()], before);
    }
    finish(&workplace, "run", &expected, REPEATS);
}

#[test]
fn a_kill_before_the_run_began_or_while_its_report_is_written_costs_nothing() {
    let workplace = workplace(1);
    begin(&workplace, "whole");
    let expected = Essence::of(&workplace, "whole");
    // What there is before the manifest.
    workplace.write("unborn/matrix.yaml", workplace.read("matrix.yaml"));
    workplace.write("unborn/.manifest.json.part", "{\"format\": 1");
    finish(&workplace, "unborn", &expected, 1);
    // The report stops at its last file, into a pipe that nobody reads.
    let mut bench = workplace.start(&command(&workplace, "reporting"));
    let pipe = workplace.path("reporting/report.md.part");
    until("the first repeat", || !measured(&workplace, "reporting").is_empty());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    until("the report", || workplace.path("reporting/outputs.jsonl").exists());
    thread::sleep(Duration::from_millis(100));
    assert!(bench.try_wait().unwrap().is_none());
    bench.kill().unwrap();
    bench.wait().unwrap();
    assert!(!workplace.path("reporting/report.md").exists());
    fs::remove_file(pipe).unwrap();
    finish(&workplace, "reporting", &expected, 1);
}

#[test]
fn a_run_goes_on_with_what_it_began_with_unless_told_otherwise() {
    type Alter = fn(&Workplace);
    let cases: [(&str, Alter, &str); 6] = [
        (
            "the matrix",
            |it| {
                it.write("matrix.yaml", it.read("matrix.yaml").replace("repeats: 1", "repeats: 2"));
            },
            "matrix is not what it was",
        ),
        (
            "the film",
            |it| {
                it.write("film.mp4", "another film");
            },
            "film.mp4 (film) is not what it was",
        ),
        (
            "the runner",
            |it| {
                fs::write(it.path("runner"), [fs::read(it.path("runner")).unwrap(), b"\n".to_vec()].concat())
                    .unwrap();
            },
            "runner (runner) is not what it was",
        ),
        (
            "what the runner says of itself",
            |it| {
                let mut manifest = it.json("run/manifest.json");
                manifest["runner"]["threads"] = 7.into();
                it.write("run/manifest.json", manifest.to_string());
            },
            "runner: threads is not what it was: 7 before",
        ),
        (
            "the device",
            |it| {
                it.write("device", "--device cpu");
            },
            "device is not what it was: auto before, cpu now",
        ),
        (
            "the machine",
            |it| {
                let mut manifest = it.json("run/manifest.json");
                manifest["environment"]["cpu"] = "another processor".into();
                it.write("run/manifest.json", manifest.to_string());
            },
            "environment: cpu is not what it was: another processor before",
        ),
    ];
    for (what, alter, said) in cases {
        let workplace = workplace(1);
        workplace.copy(
            &std::path::Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("bench-runner-fake"),
            "runner",
        );
        make_executable(&workplace, "runner");
        workplace.write("device", "");
        let bench = |option: &str| {
            let device = workplace.read("device");
            workplace.bench(&format!("run matrix.yaml --runner runner {device} {option}"))
        };
        bench("--out run").expect(0);
        let planned = workplace.json("run/summary.json")["cells"].as_array().unwrap().len();
        alter(&workplace);
        let manifest = workplace.read("run/manifest.json");
        let refused = bench("--resume run").expect(1);
        assert!(refused.stderr.contains(said), "{what}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("put that back") && refused.stderr.contains("--accept-changes"),
            "{}",
            refused.stderr
        );
        assert_eq!(refused.stderr.matches(" is not what it was").count(), 1, "{what}: {}", refused.stderr);
        assert_eq!(workplace.read("run/manifest.json"), manifest, "{what}");
        bench("--resume run --accept-changes").expect(0);
        let changes = workplace.json("run/manifest.json")["changes"].as_array().unwrap().len();
        assert_eq!(changes, 1, "{what}");
        assert!(workplace.read("run/report.md").contains("**Changed** when the run went on"), "{what}");
        assert_eq!(workplace.json("run/summary.json")["cells"].as_array().unwrap().len(), planned);
        bench("--resume run").expect(0);
        assert_eq!(
            workplace.json("run/manifest.json")["changes"].as_array().unwrap().len(),
            1,
            "{what}: as it is now"
        );
    }
}

#[cfg(unix)]
fn make_executable(workplace: &Workplace, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(workplace.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn weights_that_were_added_or_taken_away_are_a_change() {
    let workplace = workplace(1);
    let matrix = workplace.read("matrix.yaml").replace("\"dummy:llava-next-tiny\"", "weights");
    workplace.write("matrix.yaml", matrix);
    workplace.write("weights/config.json", "{}");
    workplace.write("weights/tokenizer.json", "{}");
    begin(&workplace, "run");
    fs::remove_file(workplace.path("weights/tokenizer.json")).unwrap();
    workplace.write("weights/added_tokens.json", "{}");
    let refused = workplace.bench("run matrix.yaml --runner scripted --resume run").expect(1);
    for said in [
        "tokenizer.json (weights) is not what it was: sha256",
        "added_tokens.json (weights) is not what it was: not there before",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
}
