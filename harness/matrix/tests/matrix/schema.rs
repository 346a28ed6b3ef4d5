//! The schema says what the reader does: no key more, no key less.

use reelbench_matrix::schema;
use serde_json::Value;

use crate::common::{parse, with};

/// A matrix in which the map of a pointer has one line more, and the number of that line.
fn with_line(map: &str, line: &str) -> (String, u32) {
    let (before, indent) = match map {
        "" => (with(""), ""),
        "videos" => ("version: 1\nname: a\nstage1: {scene: {}}\nvideos:\n-\n".to_owned(), "  "),
        "videos.reference" => ("version: 1\nname: a\nstage1: {scene: {}}\nvideos:\n- id: film\n  path: clips/film.mp4\n  reference:\n".to_owned(), "    "),
        "models" => ("version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nmodels:\n-\n".to_owned(), "  "),
        "models.settings" => (
            "version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nmodels:\n- id: m\n  family: phi3-v\n  \
             weights: weights\n  settings:\n"
                .to_owned(),
            "    ",
        ),
        "stage1.ast" => (
            with("stage1:\n  scene: {}\n  asr: {weights: \"dummy:whisper-tiny\"}\n  ast:\n    weights: \"dummy:ast-tiny\""),
            "    ",
        ),
        "stage1.yolo" => (with("stage1:\n  yolo:\n    weights: \"dummy:yolov8-tiny\""), "    "),
        "stage1.scene" | "stage1.asr" => {
            (with(&format!("stage1:\n  {}:", map.trim_start_matches("stage1."))), "    ")
        }
        "gate.limits" => (with("gate:\n  limits:"), "    "),
        "run.auto" => (with("run:\n  repeats: auto"), "  "),
        "exclude" | "include" => (with(&format!("{map}:\n-")), "  "),
        _ => (with(&format!("{map}:")), "  "),
    };
    let text = format!("{}\n{indent}{line}\n", before.trim_end());
    let number = text.trim_end().lines().count() as u32;
    (text, number)
}

/// Every map of the schema by the keys that lead to it, with the map's schema.
fn maps(schema: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    if let Some(properties) = schema["properties"].as_object() {
        found.push((at.to_owned(), schema.clone()));
        for (key, value) in properties {
            let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            maps(value, &below, found);
        }
    }
    if schema["items"].is_object() {
        maps(&schema["items"], at, found);
    }
}

fn all_maps() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    maps(&schema(), "", &mut found);
    found
}

#[test]
fn every_map_of_the_format_is_in_the_schema() {
    let names: Vec<String> = all_maps().into_iter().map(|(name, _)| name).collect();
    let mut expected = [
        "",
        "exclude",
        "gate",
        "gate.limits",
        "include",
        "models",
        "models.settings",
        "run",
        "settings",
        "stage1",
        "stage1.asr",
        "stage1.ast",
        "stage1.scene",
        "stage1.yolo",
        "videos",
        "videos.reference",
    ];
    expected.sort_unstable();
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn the_reader_names_the_keys_of_the_schema() {
    for (map, schema) in all_maps() {
        let (text, line) = with_line(&map, "no_such_key: 1");
        let error = parse(&text).unwrap_err();
        let problem = error
            .problems
            .iter()
            .find(|problem| problem.message == "unknown key `no_such_key`")
            .unwrap_or_else(|| panic!("{map}: {error}"));
        assert_eq!(problem.place.unwrap().line, line, "{map}");
        let help = problem.help.as_ref().unwrap();
        let (_, keys) = help.split_once("valid keys here: ").unwrap();
        let mut accepted: Vec<&str> = keys.split(", ").collect();
        accepted.sort_unstable();
        let mut described: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        described.sort_unstable();
        assert_eq!(accepted, described, "{map}");
    }
}

#[test]
fn the_reader_knows_every_key_of_the_schema_and_looks_at_it() {
    for (map, schema) in all_maps() {
        for key in schema["properties"].as_object().unwrap().keys() {
            // No key takes a map in a list in a list.
            let (text, line) = with_line(&map, &format!("{key}: [[{{a: 1}}]]"));
            let error = parse(&text).unwrap_err();
            let here: Vec<_> = error
                .problems
                .iter()
                .filter(|problem| problem.place.is_some_and(|place| place.line == line))
                .map(|problem| problem.message.as_str())
                .collect();
            assert!(here.iter().any(|message| message.contains("must be")), "{map} {key}: {error}");
            assert!(here.iter().all(|message| !message.contains("unknown key")), "{map} {key}: {error}");
        }
    }
}

/// A value of each key that is not its default.
const OTHER: &[(&str, &str, &str)] = &[
    ("videos.reference", "transcript", "clips/film.txt"),
    ("videos.reference", "scenes", "clips/scenes.json"),
    ("videos.reference", "captions", "clips/captions.jsonl"),
    ("videos.reference", "objects", "clips/objects.json"),
    ("videos.reference", "sounds", "clips/sounds.json"),
    ("stage1.scene", "detector", "adaptive"),
    ("stage1.scene", "threshold", "12"),
    ("stage1.scene", "min_scene_len", "7"),
    ("settings", "use_cache", "false"),
    ("settings", "quantization", "q4k"),
    ("settings", "dtype", "f32"),
    ("settings", "frames_per_scene", "1"),
    ("settings", "frame_size", "0"),
    ("settings", "num_beams", "3"),
    ("settings", "max_new_tokens", "16"),
    ("settings", "min_new_tokens", "16"),
    ("settings", "num_crops", "16"),
    ("settings", "batch_scenes", "4"),
    ("settings", "length_penalty", "2"),
    ("settings", "early_stopping", "never"),
    ("settings", "repetition_penalty", "1.5"),
    ("settings", "temperature", "0.5"),
    ("settings", "top_p", "0.9"),
    ("run", "repeats", "5"),
    ("run", "warmup", "0"),
    ("run", "repeats", "auto"),
    ("run", "warmup", "auto"),
    ("run.auto", "min_repeats", "6"),
    ("run.auto", "max_repeats", "7"),
    ("run.auto", "precision", "1%"),
    ("run.auto", "repeat_budget", "1m"),
    ("run", "timeout", "90s"),
    ("run", "run_timeout", "90s"),
    ("run", "memory_limit", "8GB"),
    ("run", "device", "cpu"),
    ("run", "seed", "9"),
    ("run", "order", "sequential"),
    ("run", "max_scenes", "2"),
    ("run", "cache_check", "0"),
    ("gate", "metric", "wall_s"),
    ("gate", "max_regression", "7.5%"),
    ("gate", "limits", "{rtf: 7%}"),
    ("gate", "confidence", "0.9"),
];

#[test]
fn every_key_makes_a_difference() {
    let debug = |text: &str| {
        let matrix = parse(text).unwrap_or_else(|error| panic!("{error}"));
        let text = format!("{matrix:?}").replace(&format!("{text:?}"), "");
        // Places differ between texts of the same meaning.
        text.split("Place {")
            .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
            .collect::<String>()
    };
    for (map, key, value) in OTHER {
        let map = if *map == "settings" { "models.settings" } else { map };
        let (text, line) = with_line(map, &format!("{key}: {value}"));
        let empty: String = text
            .lines()
            .take(line as usize - 1)
            .enumerate()
            .map(|(index, text)| {
                if index + 2 == line as usize && text.ends_with(':') {
                    format!("{text} {{}}\n")
                } else {
                    format!("{text}\n")
                }
            })
            .collect();
        assert_ne!(debug(&text), debug(&empty), "{map} {key}");
    }
    let described = all_maps();
    for map in ["videos.reference", "stage1.scene", "settings", "run", "gate"] {
        let (_, schema) = described.iter().find(|(name, _)| name == map).unwrap();
        let mut tried: Vec<&str> = OTHER
            .iter()
            .filter(|(of, ..)| of.trim_end_matches(".auto") == map)
            .map(|(_, key, _)| *key)
            .collect();
        tried.sort_unstable();
        tried.dedup();
        let mut keys: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(tried, keys, "{map}");
    }
}

#[test]
fn the_schema_as_it_is() {
    insta::assert_json_snapshot!(schema());
}
