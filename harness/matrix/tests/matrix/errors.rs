//! Every kind of error, with its line and its remedy.

use reelbench_matrix::{Folders, Matrix, MatrixReport, RunOverrides};
use reelbench_protocol::{AsrEngine, Capabilities, Device, Dtype, Family, Quantization};

use crate::common::{errors, everything, expand, fixtures, parse, with};

#[test]
fn everything_wrong_is_said_at_once() {
    let text = std::fs::read_to_string(fixtures().join("bad.yaml")).unwrap();
    insta::assert_snapshot!(errors(&text));
}

#[test]
fn the_same_for_programs() {
    let error = parse(&with("settings: {num_baems: 2}")).unwrap_err();
    let json = serde_json::to_value(&error).unwrap();
    insta::assert_json_snapshot!(json["problems"]);
    assert!(json["file"].as_str().unwrap().ends_with("matrix.yaml"));
}

#[test]
fn the_same_for_people() {
    let text = with("# Größe\nsettings: {quantization: [none, 🎬, none]}");
    let report = MatrixReport::from(
        Matrix::parse(&text, "/nowhere/m.yaml".as_ref(), &Folders::default()).unwrap_err(),
    );
    let mut shown = String::new();
    let handler = miette::NarratableReportHandler::new();
    handler.render_report(&mut shown, &report).unwrap();
    insta::assert_snapshot!(shown);
}

#[test]
fn places_count_characters_and_spans_count_bytes() {
    let text = with("settings: {dtype: [\"é\", f33]}");
    let error = parse(&text).unwrap_err();
    let places: Vec<_> = error.problems.iter().map(|problem| problem.place.unwrap()).collect();
    assert_eq!(&text[places[0].start..places[0].end], "\"é\"");
    assert_eq!(&text[places[1].start..places[1].end], "f33");
    assert_eq!((places[1].line, places[1].column), (5, 25));
}

#[test]
fn problems_of_syntax_have_a_place() {
    insta::assert_snapshot!(
        [
            "version: 1\nname: [a\n",
            "version: 1\n\tname: a\n",
            "version: 1\nname: a\n  videos: []\n",
            "version: 1\n---\nversion: 1\n",
            "version: !!int 1\n",
            "version: *one\n",
            "version: &one [*one]\n",
            "- 1\n",
            "just text",
            "",
            "# nothing\n",
            "version: \"1\n",
            "name: 'a'b\n",
            "@",
        ]
        .map(|text| format!("{text:?}\n{}", errors(text)))
        .join("\n\n")
    );
}

#[test]
fn a_matrix_has_something_to_do() {
    insta::assert_snapshot!(errors("version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\n"));
    insta::assert_snapshot!(errors("version: 1\nname: a\nvideos: []\nmodels: []\nstage1: {}\n"));
}

#[test]
fn entries_of_include_must_be_able_to_add() {
    let text = with(
        "include:\n- {video: film, scene.threshold: 3}\n- {asr.concurrency: 2, model: captioner}\n- {num_crops: 2, model: captioner}",
    );
    insta::assert_snapshot!(errors(&text));
    let no_models = "version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nstage1: {scene: {}}\ninclude: [{num_beams: 2}]\n";
    insta::assert_snapshot!(errors(no_models));
}

#[test]
fn speech_per_scene_needs_scenes() {
    insta::assert_snapshot!(errors(&with(
        "stage1: {asr: {weights: \"dummy:whisper-tiny\", per: [file, scene]}}"
    )));
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let expansion = expand(&with(
        "stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\", concurrency: [1, 4]}}\n\
         settings: {num_crops: 4}\nexclude: [{model: captioner, asr.per: file}, {video: film, num_beams: 7}]",
    ));
    let file = std::path::Path::new("matrix.yaml");
    let warnings: Vec<String> =
        expansion.warnings.iter().map(|warning| warning.in_file(file).to_string()).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn what_the_runner_does_not_offer_is_an_error_at_its_line() {
    let text = "version: 1
name: a
videos: [{id: film, path: clips/film.mp4}]
stage1:
  scene: {detector: [content, adaptive]}
  asr:
    weights: [\"dummy:whisper-tiny\", \"dummy:whisper-tny\"]
    concurrency: [1, 8]
    num_beams: 9
models:
  - {id: one, family: llava-next, weights: \"dummy:captioner-tyni\"}
  - {id: two, family: instructblip, weights: \"dummy:captioner-tiny\"}
  - id: three
    family: phi3-v
    weights: \"dummy:captioner-tiny\"
    settings: {num_crops: 16, use_cache: false}
settings:
  quantization: [none, q4k, nf4]
  dtype: [f32, bf16]
  max_new_tokens: 16
  min_new_tokens: [0, 32]
include:
  - {model: one, num_beams: 4}
  - {scene.detector: adaptive, asr.num_beams: 10}
run: {device: cuda:1}
";
    let error = parse(text).unwrap().expand(&few()).unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&format!("{}/", fixtures().display()), ""));
    // Excluded cells ask for nothing.
    let text = with("settings: {quantization: [none, nf4]}\nexclude: [{quantization: nf4}]");
    assert_eq!(parse(&text).unwrap().expand(&few()).unwrap().cells.len(), 1);
}

/// A runner that offers little.
fn few() -> Capabilities {
    let mut few = everything();
    few.captioners.retain(|captioner| captioner.family != Family::Instructblip);
    for captioner in &mut few.captioners {
        captioner.quantization = vec![Quantization::None, Quantization::Q4k];
        captioner.dtype = vec![Dtype::F32, Dtype::Auto];
        captioner.use_cache = vec![true];
        captioner.max_num_beams = 1;
        captioner.num_crops = false;
    }
    if let Some(asr) = &mut few.asr {
        (asr.max_concurrency, asr.max_num_beams) = (4, 5);
    }
    if let Some(scene) = &mut few.scene {
        scene.detectors.pop();
    }
    few
}

#[test]
fn a_stage_without_a_runner_is_an_error_at_its_line() {
    let text = with("stage1:\n  scene: {}\n  asr: {weights: \"dummy:whisper-tiny\"}");
    let captioners = everything().captioners;
    let neither = Capabilities { captioners, ..Capabilities::default() };
    let error = parse(&text).unwrap().expand(&neither).unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&format!("{}/", fixtures().display()), ""));
    let mut no_engine = everything();
    if let Some(asr) = &mut no_engine.asr {
        asr.engines.retain(|engine| *engine != AsrEngine::Whisper);
        asr.per.clear();
    }
    let error = parse(&text).unwrap().expand(&no_engine).unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&format!("{}/", fixtures().display()), ""));
}

#[test]
fn a_device_of_the_command_line_has_no_line() {
    let mut matrix = parse(&with("run: {device: cpu}")).unwrap();
    matrix.override_run(RunOverrides { device: Some(Device::Cuda(0)), ..RunOverrides::default() });
    let error = matrix.expand(&everything()).unwrap_err();
    assert_eq!(error.problems[0].place, None);
    assert!(
        error
            .to_string()
            .ends_with("matrix.yaml: the runner does not offer the device `cuda:0`; offered: cpu")
    );
}

#[test]
fn axes_that_multiply_without_end_are_refused() {
    let axis = |name: &str, count: u32| {
        format!("  {name}: [{}]\n", (1..=count).map(|value| value.to_string()).collect::<Vec<_>>().join(", "))
    };
    let names = ["frame_size", "max_new_tokens", "min_new_tokens"];
    let text = with(&format!("settings:\n{}", names.map(|name| axis(name, 1000)).concat()));
    let error = parse(&text).unwrap().expand(&everything()).unwrap_err();
    assert!(error.to_string().contains("the axes multiply to 1000000000 cells, more than 100000"), "{error}");
}

#[test]
fn slips_have_a_remedy() {
    let whole = [
        "version: 1\nvideos:\n\t- {id: film, path: clips/film.mp4}\n",
        "version: 1\nvideos:\n  - id: film\n   path: clips/film.mp4\n",
        "version: 1\nname: note: this\n",
        "version: 1\nvideos: [{id: film, path: \"C:\\Users\\film.mp4\"}]\n",
        "version: 1\nsettings: {num_beams: [1, 2\nrun: {repeats: 3}\n",
    ];
    let lines = [
        "run: {seed: 1}\nrun: {seed: 2}",
        "run: {}\nrepeats: 3",
        "settings: {repeats: 3}",
        "run: {repeats: Auto, warmup: AUTO}",
        "run: {repeats: \"5\", timeout: 30, memory_limit: 8}",
        "run: {timeout: 30 minuten, run_timeout: \"30\", memory_limit: 8gb}",
        "run: [repeats, 3]",
        "gate: {max_regression: 5}",
        "gate: {max_regression: \"5\", metric: rft}",
        "gate: {metric: rtf, limits: {wall_s: 3%}}",
    ];
    let crlf = with("run: {order: sideways}\nsettings: {dtype: fp32}").replace('\n', "\r\n");
    let texts = whole.map(str::to_owned).into_iter().chain(lines.map(with)).chain([crlf]);
    insta::assert_snapshot!(texts.map(|text| errors(&text)).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_matrix_that_leaves_nothing_to_run_says_so() {
    let expansion = expand(&with("exclude: [{model: captioner}]"));
    assert!(expansion.cells.is_empty());
    let warnings: Vec<_> = expansion.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["`exclude` leaves out every cell: nothing will run"]);
    assert!(expansion.warnings[0].place.is_some());
}
