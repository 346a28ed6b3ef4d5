//! An editor that goes by the schema accepts what the reader accepts, refuses what it refuses for its shape, and offers the
//! defaults that it fills in.

use std::path::Path;

use reelbench_matrix::schema;
use serde_json::Value;

use crate::common::{expand, parse, with};
use crate::example::EXAMPLE;

/// Why a value is not as a schema has it; one reason is enough. Patterns are left to editors.
fn misfit(value: &Value, schema: &Value, at: &str) -> Option<String> {
    let keywords = schema.as_object().unwrap();
    keywords.iter().find_map(|(keyword, wanted)| misfit_of(keyword, wanted, value, schema, at))
}

fn misfit_of(keyword: &str, wanted: &Value, value: &Value, schema: &Value, at: &str) -> Option<String> {
    let fits = match keyword {
        "$schema" | "title" | "description" | "default" | "examples" => true,
        "pattern" => wanted.is_string(),
        "type" => match wanted.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            other => panic!("unknown type {other}"),
        },
        "enum" => wanted.as_array().unwrap().contains(value),
        "const" => wanted == value,
        "anyOf" => wanted.as_array().unwrap().iter().any(|schema| misfit(value, schema, at).is_none()),
        "minimum" => value.as_f64().is_none_or(|value| value >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|value| value <= wanted.as_f64().unwrap()),
        "required" => value.as_object().is_none_or(|map| {
            wanted.as_array().unwrap().iter().all(|key| map.contains_key(key.as_str().unwrap()))
        }),
        "additionalProperties" => value.as_object().is_none_or(|map| {
            assert_eq!(*wanted, Value::Bool(false));
            map.keys().all(|key| schema["properties"].get(key).is_some())
        }),
        "properties" => {
            let map = value.as_object()?;
            let known = map.iter().filter_map(|(key, value)| Some((key, value, wanted.get(key)?)));
            let mut misfits =
                known.filter_map(|(key, value, schema)| misfit(value, schema, &format!("{at}/{key}")));
            return misfits.next();
        }
        "items" => {
            let elements = value.as_array()?;
            return elements.iter().find_map(|element| misfit(element, wanted, &format!("{at}[]")));
        }
        "minItems" => {
            value.as_array().is_none_or(|elements| elements.len() as u64 >= wanted.as_u64().unwrap())
        }
        "uniqueItems" => value.as_array().is_none_or(|elements| {
            elements.iter().enumerate().all(|(index, element)| !elements[..index].contains(element))
        }),
        other => panic!("the schema has a keyword that this test does not know: {other}"),
    };
    (!fits).then(|| format!("{at}: {value} against {keyword}"))
}

fn misfit_of_text(text: &str) -> Option<String> {
    let value: Value = serde_yaml::from_str(text).unwrap();
    misfit(&value, &schema(), "")
}

fn file_of_the_repository(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

#[test]
fn the_matrices_of_the_repository_are_valid() {
    let readme = file_of_the_repository("README.md");
    let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let of_readme: Vec<String> =
        blocks.filter(|block| block.starts_with("version: ")).map(str::to_owned).collect();
    assert!(!of_readme.is_empty());
    let files = ["ci/quickstart.yaml", "ci/fuzz/corpus/matrix/small.yaml"].map(file_of_the_repository);
    for text in files.into_iter().chain(of_readme).chain([EXAMPLE.to_owned(), with("")]) {
        assert_eq!(misfit_of_text(&text), None, "{text}");
    }
}

#[test]
fn an_editor_finds_the_schema_of_the_quickstart() {
    let quickstart = file_of_the_repository("ci/quickstart.yaml");
    let path = quickstart.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
    let committed: Value = serde_json::from_str(&file_of_the_repository(&format!("ci/{path}"))).unwrap();
    assert!(committed == schema(), "`bench schema > harness/matrix/matrix.schema.json` brings it up to date");
}

#[test]
fn the_schema_refuses_what_the_reader_refuses_for_its_shape() {
    let lines = [
        "settings: []",
        "settings: {use_cash: true}",
        "settings: {use_cache: 1}",
        "settings: {dtype: f33}",
        "settings: {num_beams: 0}",
        "settings: {num_beams: [1, 1]}",
        "settings: {num_beams: []}",
        "settings: {temperature: -1}",
        "settings: {early_stopping: always}",
        "stage1: {ast: {}}",
        "stage1: {scenes: {}}",
        "run: {repeats: Auto}",
        "run: {repeats: 0}",
        "run: {max_scenes: none}",
        "run: {timeout: 30}",
        "gate: {metric: rft}",
        "gate: {limits: {wall: 5%}}",
        "gate: {confidence: 95}",
        "exclude: {video: film}",
    ];
    let whole = [
        "version: 2\nname: a\nvideos: [{catalog: film}]",
        "version: 1\nname: a\nvideos: []",
        "version: 1",
        "[]",
    ];
    for text in lines.map(with).into_iter().chain(whole.map(str::to_owned)) {
        assert!(parse(&text).is_err(), "the reader takes {text}");
        assert!(misfit_of_text(&text).is_some(), "the schema takes {text}");
    }
}

/// A matrix in which a map of the schema has the given line, which may be empty, and to which the key means something.
fn with_in(map: &str, key: &str, line: &str) -> String {
    let asr = "  scene: {}\n  asr:\n    weights: \"dummy:whisper-tiny\"\n";
    let remote = "  asr:\n    engine: openai\n    model: whisper-1\n";
    match map {
        "/properties/models/items" => with("").replace("}]\n\n", &format!(", {line}}}]\n")),
        "/properties/stage1" => {
            with(&format!("stage1:\n{asr}  ast: {{weights: \"dummy:ast-tiny\"}}\n  {line}"))
        }
        "/properties/stage1/properties/scene" => with(&format!("stage1:\n  scene: {{{line}}}")),
        "/properties/stage1/properties/asr" if key == "request_timeout" => {
            with(&format!("stage1:\n{remote}    {line}"))
        }
        "/properties/stage1/properties/asr" => with(&format!("stage1:\n{asr}    {line}")),
        "/properties/stage1/properties/ast" => {
            with(&format!("stage1:\n  scene: {{}}\n  ast:\n    weights: \"dummy:ast-tiny\"\n    {line}"))
        }
        "/properties/stage1/properties/yolo" => {
            with(&format!("stage1:\n  yolo:\n    weights: \"dummy:yolov8-tiny\"\n    {line}"))
        }
        _ => with(&format!("{}: {{{line}}}", map.trim_start_matches("/properties/"))),
    }
}

/// What a matrix comes to.
fn meaning(text: &str) -> String {
    let matrix = parse(text).unwrap_or_else(|error| panic!("{error}"));
    format!("{:?} {:?} {:?}", expand(text).cells, matrix.run(), matrix.gate())
}

/// The pointers of all maps with a default among their keys, the key, and the default.
fn defaults(schema: &Value, at: &str, found: &mut Vec<(String, String, Value)>) {
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        found.extend(below.get("default").map(|value| (at.to_owned(), key.clone(), value.clone())));
        defaults(below, &format!("{at}/properties/{key}"), found);
    }
    if schema["items"].is_object() {
        defaults(&schema["items"], &format!("{at}/items"), found);
    }
}

#[test]
fn a_default_says_what_leaving_the_key_out_means() {
    let mut found = Vec::new();
    defaults(&schema(), "", &mut found);
    assert!(found.len() > 35, "{} defaults", found.len());
    for (map, key, value) in found {
        let described = schema().pointer(&format!("{map}/properties/{key}")).unwrap().clone();
        assert_eq!(misfit(&value, &described, &key), None);
        let of_auto = ["min_repeats", "max_repeats", "precision", "repeat_budget"].contains(&key.as_str());
        let others = if of_auto { "repeats: auto" } else { "" };
        let comma = if of_auto { ", " } else { "" };
        let said = with_in(&map, &key, &format!("{others}{comma}{key}: {value}"));
        assert_eq!(meaning(&said), meaning(&with_in(&map, &key, others)), "{map} {key}: {value}");
    }
}
