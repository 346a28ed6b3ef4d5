//! What disturbs a measurement is recorded, and said.

use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::common::Workplace;

const MATRIX: &str = r#"
version: 1
name: disturbed
videos: [{id: film, path: film.mp4}]
models: [{id: slow, family: llava-next, weights: "dummy:slow"}]
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 0, cache_check: 0}
"#;

/// Processes that use a quarter of the processors, at least one, until they are dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Self {
        let processors = thread::available_parallelism().unwrap().get();
        let spin =
            || Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().unwrap();
        Self((0..processors.div_ceil(4)).map(|_| spin()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for process in &mut self.0 {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

fn load_by_others(findings: &Value) -> Option<&Value> {
    findings.as_array().unwrap().iter().find(|found| found["kind"] == "others_load")
}

#[test]
fn a_busy_process_beside_the_runner_is_found() {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    workplace.write("matrix.yaml", MATRIX);
    let busy = Busy::start();
    workplace.bench("matrix.yaml --runner fake --out run").expect(0);
    drop(busy);
    let summary = workplace.json("run/summary.json");
    let found = load_by_others(&summary["cells"][0]["noise"]);
    let found = found.unwrap_or_else(|| panic!("others' load is not in {summary:#}"));
    assert_eq!(found["repeats"], serde_json::json!([0, 1]));
    let share = found["size"].as_f64().unwrap();
    // The kernel counts in hundredths of a second for each processor.
    assert!((0.1..=1.1).contains(&share), "others used {share} of the processors");
    let report = workplace.read("run/report.md");
    assert!(report.contains("see Noise.**"), "the verdict does not say so:\n{report}");
    let row = report.lines().find(|line| line.starts_with("| Load by others")).expect("a row of the table");
    assert!(row.contains("taskset"), "no hint in {row}");
    assert!(workplace.path("run/conditions.parquet").is_file());
}

#[test]
fn a_doctor_tells_how_quiet_the_machine_is() {
    let workplace = Workplace::new();
    let busy = Busy::start();
    let said = workplace.bench("doctor --runner fake --json").expect(0).json();
    drop(busy);
    let noise = &said["noise"];
    assert_eq!(noise["verdict"], "noisy");
    assert!(load_by_others(&noise["findings"]).is_some(), "{noise:#}");
    assert!(noise["jitter"]["pieces"].as_u64() > Some(1), "{noise:#}");
    assert!(noise["conditions"]["elapsed_s"].as_f64() >= Some(2.0), "{noise:#}");
}
