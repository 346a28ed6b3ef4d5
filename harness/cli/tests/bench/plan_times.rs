//! `bench plan` knows from earlier runs what a run will take.

use serde_json::Value;

use crate::common::Workplace;

const MATRIX: &str = r#"
version: 1
name: times
videos: [{id: film, path: film.mp4}]
stage1: {scene: {}}
models: [{id: good, family: llava-next, weights: "dummy:llava-next-tiny"}]
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 1}
"#;

fn measured() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "the fake runner does not look inside");
    workplace.write("matrix.yaml", MATRIX);
    workplace.bench("run matrix.yaml --runner fake --out runs/first").expect(0);
    workplace
}

fn plan(workplace: &Workplace, options: &str) -> Value {
    workplace.bench(&format!("plan matrix.yaml --runner fake --json {options}")).expect(0).json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_cell_that_was_measured_takes_what_it_took() {
    let workplace = measured();
    let plan = plan(&workplace, "");
    let summary = workplace.json("runs/first/summary.json");
    let mut repeats = 0.0;
    for (cell, measured) in plan["cells"].as_array().unwrap().iter().zip(summary["cells"].as_array().unwrap())
    {
        assert_eq!(cell["id"], measured["id"]);
        assert_eq!(cell["time"]["known"], serde_json::json!({"from": "same_cell", "run": "first"}));
        let (planned, took) = (number(&cell["time"]["repeat_s"]), number(&measured["wall_s"]["median"]));
        assert!((planned - took).abs() < 1e-9, "{planned} {took}");
        assert_eq!(cell["time"]["load_s"], measured["load_s"]);
        repeats += took;
    }
    let loads: f64 = summary["cells"].as_array().unwrap().iter().map(|cell| number(&cell["load_s"])).sum();
    let expected = 3.0 * repeats + loads;
    assert!((number(&plan["time"]["at_least_s"]) - expected).abs() < 1e-6, "{} {expected}", plan["time"]);
    assert_eq!(plan["time"]["at_least_s"], plan["time"]["at_most_s"]);
    assert_eq!((number(&plan["time"]["cells"]), number(&plan["time"]["unknown"])), (2.0, 0.0));

    let text = workplace.bench("plan matrix.yaml --runner fake").expect(0).stdout;
    assert!(text.contains(" a repeat  (dummy weights)"), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("time: about ") && last.ends_with("as measured in first (2 cells)"), "{last}");
}

#[test]
fn another_setting_and_another_film_are_estimated_from_the_nearest_cell() {
    let workplace = measured();
    workplace.write("other.mp4", "another film");
    let two_films = MATRIX
        .replace("path: film.mp4}", "path: film.mp4}, {id: other, path: other.mp4}")
        .replace("max_new_tokens: 4", "max_new_tokens: [4, 8]");
    workplace.write("matrix.yaml", two_films);
    let plan = plan(&workplace, "");
    let cells = plan["cells"].as_array().unwrap();
    let caption = |video: &str, tokens: u64| {
        let wanted = |cell: &&Value| {
            cell["kind"] == "caption"
                && cell["video"] == video
                && cell["requested"]["max_new_tokens"].as_u64() == Some(tokens)
        };
        cells.iter().find(wanted).unwrap()
    };
    let same = caption("film", 4);
    assert_eq!(same["time"]["known"]["from"], "same_cell");
    let like = &caption("film", 8)["time"];
    assert_eq!(like["known"]["from"], "like_cell");
    assert_eq!(like["known"]["cell"], same["id"]);
    assert_eq!(like["known"]["differs"], serde_json::json!(["max_new_tokens"]));
    assert_eq!(like["repeat_s"], same["time"]["repeat_s"]);
    assert!(caption("other", 4).get("time").is_none(), "the length of the other film is unknown");
    assert_eq!(plan["time"]["unknown"], 3);

    let text = workplace.bench("plan matrix.yaml --runner fake").expect(0).stdout;
    assert!(text.contains("a repeat (from a like cell with another max_new_tokens)"), "{text}");
    assert!(text.contains(", without 3 cells of which nothing is known; "), "{text}");
}

#[test]
fn a_longer_film_takes_longer_as_soon_as_any_cell_tells_its_length() {
    let workplace = measured();
    workplace.write("other.mp4", "another film");
    let scenes_alone = MATRIX.replace("{id: film, path: film.mp4}", "{id: other, path: other.mp4}");
    let scenes_alone: String = scenes_alone
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("models:") && !line.starts_with("settings:"))
        .collect();
    workplace.write("scenes.yaml", scenes_alone);
    workplace.bench("run scenes.yaml --runner fake --out runs/second").expect(0);
    let journal = workplace.read("runs/second/journal.jsonl");
    let three_times_as_long = journal.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(length) = line["what"]["result"].get("media_s").map(number) {
            line["what"]["result"]["media_s"] = (3.0 * length).into();
        }
        format!("{line}\n")
    });
    workplace.write("runs/second/journal.jsonl", three_times_as_long.collect::<String>());

    let both = MATRIX.replace("path: film.mp4}", "path: film.mp4}, {id: other, path: other.mp4}");
    workplace.write("matrix.yaml", both);
    let plan = plan(&workplace, "");
    let time = |video: &str| {
        let is_wanted = |cell: &&Value| cell["kind"] == "caption" && cell["video"] == video;
        &plan["cells"].as_array().unwrap().iter().find(is_wanted).unwrap()["time"]
    };
    assert_eq!(time("other")["known"]["differs"], serde_json::json!(["video"]));
    let (other, film) = (number(&time("other")["repeat_s"]), number(&time("film")["repeat_s"]));
    assert!((other / film - 3.0).abs() < 1e-9, "{other} {film}");
}

#[test]
fn without_a_run_of_the_same_runner_on_the_same_machine_nothing_is_known() {
    let workplace = measured();
    let manifest = workplace.read("runs/first/manifest.json");
    let no_time = |why: &str| {
        let plan = plan(&workplace, "");
        assert!(plan["time"].is_null(), "{why}: {}", plan["time"]);
        let text = workplace.bench("plan matrix.yaml --runner fake").expect(0).stdout;
        assert!(text.ends_with("time: unknown, since no earlier run on this machine tells\n"), "{text}");
    };
    let mut elsewhere: Value = serde_json::from_str(&manifest).unwrap();
    elsewhere["environment"]["cpu"] = "another processor".into();
    workplace.write("runs/first/manifest.json", elsewhere.to_string());
    no_time("another machine");
    let mut other_runner: Value = serde_json::from_str(&manifest).unwrap();
    other_runner["runner"]["name"] = "another runner".into();
    workplace.write("runs/first/manifest.json", other_runner.to_string());
    no_time("another runner");

    workplace.write("runs/first/manifest.json", manifest.replace("\"format\": 1", "\"format\": 99"));
    let ended = workplace.bench("plan matrix.yaml --runner fake").expect(0);
    assert!(
        ended.stderr.contains("left out of the estimates: run directory of format 99"),
        "{}",
        ended.stderr
    );
}

#[test]
fn history_is_looked_for_where_it_is_said_to_be() {
    let workplace = measured();
    std::fs::rename(workplace.path("runs"), workplace.path("kept")).unwrap();
    assert!(plan(&workplace, "")["time"].is_null());
    assert!(plan(&workplace, "--history kept")["time"].is_object());
    let ended = workplace.bench("plan matrix.yaml --runner fake --history nowhere").expect(2);
    assert!(ended.stderr.contains("nowhere"), "{}", ended.stderr);
}
