//! What the runner can tell beforehand: memory that is not there, and weights that will not do.

use serde_json::Value;

use crate::common::{Workplace, cells_of};

fn workplace(models: &[&str], rest: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "film");
    let models = models
        .iter()
        .map(|preset| format!("  - {{id: {preset}, family: llava-next, weights: \"dummy:{preset}\"}}\n"));
    let models: String = models.collect();
    workplace.write(
        "matrix.yaml",
        format!(
            "version: 1\nname: memory\nvideos: [{{id: film, path: film.mp4}}]\nmodels:\n{models}\
             run: {{repeats: 1, warmup: 0}}\n{rest}"
        ),
    );
    workplace
}

fn skipped(plan: &Value) -> Vec<(&str, &str)> {
    let skipped = plan["skipped"].as_array().unwrap().iter();
    skipped
        .map(|skipped| {
            let model = skipped["cell"]["spec"]["work"]["model"].as_str().unwrap();
            (model, skipped["reason"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn a_plan_tells_the_memory_of_captions_and_skips_what_will_not_do() {
    let workplace = workplace(&["ok", "too-large", "wrong-family"], "stage1: {scene: {}}\n");
    let plan = workplace.bench("plan matrix.yaml --runner fake --json").expect(0).json();
    let available = plan["available_bytes"].as_u64().unwrap();
    let kept: Vec<_> = plan["cells"].as_array().unwrap().iter().collect();
    assert_eq!(kept.len(), 2, "stage 1 and one caption");
    assert!(kept[0].get("memory").is_none(), "only captions are estimated");
    assert_eq!(kept[1]["memory"]["weights_bytes"], 1_000_000);
    assert_eq!(kept[1]["memory"]["working_bytes"], 5_000_000);
    assert_eq!(kept[1]["memory"]["parts"][0]["part"], "vision");
    let skipped = skipped(&plan);
    let (too_large, reason) = skipped[0];
    assert_eq!(too_large, "too-large");
    assert!(reason.starts_with("needs about 61000 GB, "), "{reason}");
    assert!(reason.contains(&format!("{:.0} GB are available", available as f64 / 1e9)), "{reason}");
    assert!(reason.ends_with("or run it all the same with --force"), "{reason}");
    let wrong = "dummy:wrong-family: config.json is of `blip`, not llava-next";
    assert_eq!(skipped[1], ("wrong-family", wrong));
    assert!(plan["skipped"][0]["memory"]["working_bytes"].as_u64().unwrap() > available);
    let text = workplace.bench("plan matrix.yaml --runner fake").expect(0).stdout;
    assert!(text.contains("caption  film ok  from"), "{text}");
    assert!(text.contains("  about 6 MB  (dummy weights)"), "{text}");
    assert!(text.contains(&format!("skipped  film wrong-family: {wrong}")), "{text}");
}

#[test]
fn a_run_skips_what_will_not_do_unless_forced() {
    let workplace = workplace(&["ok", "too-large"], "");
    workplace.bench("run matrix.yaml --runner fake --out skipping").expect(3);
    let summary = workplace.json("skipping/summary.json");
    assert_eq!(cells_of(&summary, "ok")[0]["outcome"], "ok");
    let left_out = cells_of(&summary, "too-large")[0];
    assert_eq!(left_out["outcome"], "skipped");
    assert!(left_out["reason"].as_str().unwrap().starts_with("needs about 61000 GB"));
    workplace.bench("run matrix.yaml --runner fake --out forcing --force").expect(0);
    let plan = workplace.bench("plan matrix.yaml --runner fake --force --json").expect(0).json();
    assert_eq!((plan["cells"].as_array().unwrap().len(), skipped(&plan).len()), (2, 0));
}

#[test]
fn cells_with_equal_needs_are_estimated_once() {
    let settings = "settings: {use_cache: [true, false], num_beams: [1], batch_scenes: [1, 2], \
                    repetition_penalty: [1, 1.1, 1.2], temperature: [0, 0.5], min_new_tokens: [0, 1]}\n";
    let workplace = workplace(&["ok"], settings);
    let ended = workplace.bench("plan matrix.yaml --runner fake --json").expect(0);
    assert_eq!(ended.json()["cells"].as_array().unwrap().len(), 48);
    assert_eq!(ended.stderr.matches("estimating dummy:ok").count(), 4, "cache and scenes at once");
}

#[test]
fn a_runner_that_estimates_nothing_is_asked_nothing() {
    let workplace = workplace(&["too-large"], "");
    let fake = std::path::Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("bench-runner-fake");
    workplace.write(
        "runners.yaml",
        format!(
            "mute: {{program: {:?}, args: [--script, '{{\"estimates\": false}}']}}\n",
            fake.display().to_string()
        ),
    );
    let ended = workplace.bench("plan matrix.yaml --runner mute --json").expect(0);
    assert!(!ended.stderr.contains("estimating"), "{}", ended.stderr);
    assert_eq!(ended.json()["cells"].as_array().unwrap().len(), 1);
    assert_eq!(ended.json()["available_bytes"], Value::Null);
}
