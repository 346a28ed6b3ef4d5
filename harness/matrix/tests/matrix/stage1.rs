//! The base stages: their axes, the engines of speech, and what is refused at which line.

use reelbench_matrix::{Selection, load_spec};
use reelbench_protocol::{
    AsrEngine, AsrModel, AsrSpec, Device, Models, PlannedCell, Quantization, RemoteSpec, Stage1Spec, Tracker,
    Unit, Weights, Work,
};

use crate::common::{errors, everything, expand, fixtures, parse};

/// A matrix with one film and these base stages.
fn stage1(stages: &str) -> String {
    format!("version: 1\nname: test\nvideos: [{{id: film, path: clips/film.mp4}}]\nstage1:\n{stages}\n")
}

/// The stages of each cell.
fn specs(stages: &str) -> Vec<Stage1Spec> {
    let spec = |cell: PlannedCell| match cell.spec.work {
        Work::Stage1(stage1) => stage1,
        Work::Caption(_) => panic!("there are no models"),
    };
    expand(&stage1(stages)).cells.into_iter().map(spec).collect()
}

fn warnings(stages: &str) -> String {
    let file = std::path::Path::new("matrix.yaml");
    let expansion = expand(&stage1(stages));
    expansion.warnings.iter().map(|warning| warning.in_file(file).to_string()).collect::<Vec<_>>().join("\n")
}

const AZURE: &str = "{engine: azure, endpoint: \"https://name.openai.azure.com\", model: whisper";

#[test]
fn what_is_left_out_has_its_default() {
    let specs = specs(
        "  asr: {weights: \"dummy:whisper-tiny\"}\n  ast: {weights: \"dummy:ast-tiny\"}\n  yolo: {weights: \"dummy:yolov8-tiny\"}",
    );
    let dummy = |preset: &str| Weights::Dummy { preset: preset.to_owned(), seed: 0 };
    let [Stage1Spec { scene: None, asr: Some(asr), ast: Some(ast), yolo: Some(yolo), parallel: false }] =
        &specs[..]
    else {
        panic!("{specs:#?}")
    };
    let AsrModel::Whisper(whisper) = &asr.model else { panic!("{asr:?}") };
    assert_eq!((whisper.quantization, whisper.num_beams), (Quantization::None, 1));
    assert!(!whisper.temperature_fallback, "what random weights say always looks wrong");
    assert_eq!((asr.per, asr.concurrency), (Unit::File, 1));
    assert_eq!((&ast.weights, ast.quantization), (&dummy("ast-tiny"), Quantization::None));
    assert_eq!((ast.per, ast.batch), (Unit::File, 1));
    assert_eq!(yolo.weights, dummy("yolov8-tiny"));
    assert_eq!((yolo.every_nth_frame, yolo.tracker), (5, Tracker::Bytetrack));
}

#[test]
fn whisper_decodes_again_unless_told_otherwise_or_its_weights_are_random() {
    let fallbacks = |pairs: &str| -> Vec<bool> {
        let of = |spec: &Stage1Spec| match &spec.asr.as_ref().unwrap().model {
            AsrModel::Whisper(whisper) => whisper.temperature_fallback,
            _ => panic!("{spec:?}"),
        };
        specs(&format!("  asr: {{{pairs}}}")).iter().map(of).collect()
    };
    assert_eq!(fallbacks("weights: [weights, \"dummy:whisper-tiny\"]"), [true, false]);
    assert_eq!(fallbacks("weights: weights, temperature_fallback: [false, true]"), [false, true]);
    assert_eq!(fallbacks("weights: \"dummy:whisper-tiny\", temperature_fallback: true"), [true]);
}

#[test]
fn every_key_is_an_axis_and_all_of_them_multiply() {
    let all = specs(
        "  scene: {threshold: [20, 27]}
  asr: {weights: \"dummy:whisper-tiny\", quantization: [none, q8_0, q4k], num_beams: [1, 5], temperature_fallback: [true, false], per: [scene, file], concurrency: [1, 4]}
  ast: {weights: [\"dummy:ast-tiny\", \"dummy:ast-tiny?seed=1\"], quantization: [none, q8_0], per: [scene, file], batch: [1, 8]}
  yolo: {weights: \"dummy:yolov8-tiny\", every_nth_frame: [1, 5, 10], tracker: [bytetrack, none]}
  parallel: [true, false]",
    );
    assert_eq!(all.len(), 2 * (3 * 2 * 2 * 2 * 2) * (2 * 2 * 2 * 2) * (3 * 2) * 2);
    let distinct: std::collections::HashSet<String> = all.iter().map(|spec| format!("{spec:?}")).collect();
    assert_eq!(distinct.len(), all.len());
    assert!(all[0].parallel && !all[1].parallel, "the last axis varies fastest");
}

#[test]
fn keys_of_one_engine_do_not_multiply_for_another() {
    let cells = specs(
        "  asr:
    engine: [whisper, azure]
    weights: [\"dummy:whisper-tiny\", \"dummy:whisper-tiny?seed=1\"]
    quantization: [none, q8_0]
    num_beams: [1, 5]
    endpoint: https://name.openai.azure.com
    model: whisper
    requests_per_minute: [3, 60, 100]
    request_timeout: 2m
    api_version: 2024-06-01
    concurrency: [1, 4]",
    );
    let of = |engine| cells.iter().filter(|spec| spec.asr.as_ref().unwrap().model.engine() == engine).count();
    assert_eq!((of(AsrEngine::Whisper), of(AsrEngine::Azure)), (2 * 2 * 2 * 2, 3 * 2));
    let azure = cells.iter().map(|spec| spec.asr.clone().unwrap()).find(|asr| asr.weights().is_none());
    let remote = RemoteSpec {
        endpoint: "https://name.openai.azure.com".to_owned(),
        model: "whisper".to_owned(),
        requests_per_minute: Some(3),
        request_timeout_s: 120,
        api_version: Some("2024-06-01".to_owned()),
    };
    assert_eq!(azure, Some(AsrSpec { model: AsrModel::Azure(remote), per: Unit::File, concurrency: 1 }));
}

#[test]
fn local_is_another_word_for_whisper() {
    let local = specs("  asr: {engine: local, weights: \"dummy:whisper-tiny\"}");
    assert_eq!(local, specs("  asr: {engine: whisper, weights: \"dummy:whisper-tiny\"}"));
    assert_eq!(
        errors(&stage1("  asr: {engine: [whisper, local], weights: \"dummy:whisper-tiny\"}")),
        "matrix.yaml:5:27: the axis `engine` has the text `local` twice; first on line 5"
    );
    let cells = expand(&stage1("  asr: {engine: local, weights: \"dummy:whisper-tiny\"}")).cells;
    let selection: Selection = "asr.engine=local".parse().unwrap();
    assert!(selection.matches(&cells[0]));
    let text = stage1("  asr: {engine: local, weights: \"dummy:whisper-tiny\"}")
        + "exclude: [{asr.engine: local}]\n";
    assert_eq!(expand(&text).cells, []);
}

#[test]
fn openai_has_a_place_of_its_own_and_no_version() {
    let specs = specs("  asr: {engine: openai, model: whisper-1}");
    let AsrModel::Openai(remote) = &specs[0].asr.as_ref().unwrap().model else { panic!("{specs:?}") };
    assert_eq!((remote.endpoint.as_str(), remote.request_timeout_s), ("https://api.openai.com/v1", 60));
    assert_eq!((remote.requests_per_minute, remote.api_version.as_deref()), (None, None));
}

#[test]
fn what_an_engine_needs_and_has_no_use_for_is_said_at_its_line() {
    insta::assert_snapshot!(
        [
            "  asr: {}",
            "  asr: {engine: azure}",
            "  asr: {engine: openai}",
            "  asr: {engine: openai, model: whisper-1, num_beams: 2, quantization: q8_0, weights: \"dummy:whisper-tiny\", api_version: v1}",
            "  asr: {weights: \"dummy:whisper-tiny\", endpoint: \"https://host\", model: a, requests_per_minute: 3, request_timeout: 5s}",
            "  asr: {engine: [azure, openai], endpoint: \"https://host\", model: a}",
            "  asr: {engine: [azzure, whisper], weights: \"dummy:whisper-tiny\", model: a}",
            "  ast: {}",
            "  yolo: {tracker: botsort}",
        ]
        .map(|stages| format!("{stages}\n{}", errors(&stage1(stages))))
        .join("\n\n")
    );
}

#[test]
fn a_secret_has_no_place_in_a_matrix() {
    let keys = "keys come from the environment: AZURE_OPENAI_API_KEY / OPENAI_API_KEY";
    let said = errors(&stage1(&format!("  asr: {AZURE}, api_key: hidden}}")));
    assert!(said.starts_with("matrix.yaml:5:") && said.contains("unknown key `api_key`"), "{said}");
    assert!(said.ends_with(keys) && !said.contains("hidden"), "{said}");
    for endpoint in
        ["https://me:hidden@host", "https://hidden@host/v1", "https://host/v1?api-key=hidden", "hidden"]
    {
        let said = errors(&stage1(&format!("  asr: {{engine: openai, model: a, endpoint: \"{endpoint}\"}}")));
        assert!(said.starts_with("matrix.yaml:5:45: `endpoint` must ") && said.ends_with(keys), "{said}");
        assert!(!said.contains("hidden"), "{said}");
    }
    let text = stage1(&format!("  asr: {AZURE}}}"))
        + "include: [{asr.endpoint: \"https://a:hidden@host\", asr.api_key: hidden}]\n";
    let said = errors(&text);
    assert!(
        said.contains("matrix.yaml:6:26: `endpoint` must have no user name or password")
            && said.ends_with(keys),
        "{said}"
    );
    assert!(!said.contains("hidden"), "{said}");
}

#[test]
fn texts_of_remote_engines_are_looked_at() {
    insta::assert_snapshot!(
        [
            "request_timeout: soon",
            "request_timeout: 1500ms",
            "request_timeout: 25h",
            "api_version: \"2024?key=1\"",
            "requests_per_minute: 0",
            "model: \"\"",
            "model: two words",
        ]
        .map(|pair| {
            let said = errors(&stage1(
                &format!("  asr: {AZURE}, {pair}}}").replace("model: whisper, model", "model"),
            ));
            format!("{pair}\n{}", said.replace("; first on line 5", ""))
        })
        .join("\n\n")
    );
}

#[test]
fn sounds_per_scene_need_scenes_too() {
    assert_eq!(
        errors(&stage1("  ast: {weights: \"dummy:ast-tiny\", per: [file, scene]}")),
        "matrix.yaml:5:48: `per: scene` needs scenes, and `stage1.scene` is left out; add `scene: {}` to stage1, or say `per: file`"
    );
}

#[test]
fn parallel_without_two_stages_is_a_warning_and_no_axis() {
    for stages in [
        "  scene: {}\n  parallel: [false, true]",
        "  asr: {weights: \"dummy:whisper-tiny\"}\n  parallel: [false, true]",
        "  ast: {weights: \"dummy:ast-tiny\"}\n  parallel: [false, true]",
    ] {
        let said = warnings(stages);
        assert!(said.starts_with("matrix.yaml:6:13: warning: `parallel` changes nothing"), "{said}");
        assert_eq!(specs(stages).len(), 1);
    }
    let both = "  asr: {weights: \"dummy:whisper-tiny\"}\n  ast: {weights: \"dummy:ast-tiny\"}\n  parallel: [false, true]";
    assert_eq!((warnings(both).as_str(), specs(both).len()), ("", 2));
}

#[test]
fn what_a_runner_does_not_offer_of_each_stage_is_an_error_at_its_line() {
    let text = stage1(
        "  asr:
    engine: [whisper, openai]
    weights: \"dummy:whisper-tiny\"
    quantization: [none, nf4]
    model: whisper-1
  ast:
    weights: \"dummy:ast-tny\"
    quantization: [nf4, q8_0]
    batch: [1, 16]
  yolo:
    weights: \"dummy:yolo\"
    tracker: [none, bytetrack]
  parallel: [false, true]",
    ) + "include: [{ast.batch: 17}]\n";
    let mut few = everything();
    let local = [Quantization::None, Quantization::Q8_0, Quantization::Q4k].to_vec();
    if let (Some(asr), Some(ast), Some(yolo)) = (&mut few.asr, &mut few.ast, &mut few.yolo) {
        asr.engines = vec![AsrEngine::Whisper];
        (asr.quantization, ast.quantization) = (local.clone(), local);
        ast.max_batch = 8;
        yolo.trackers = vec![Tracker::None];
    }
    few.parallel = false;
    let said = |capabilities| {
        let error = parse(&text).unwrap().expand(&capabilities).unwrap_err().to_string();
        error.replace(&format!("{}/", fixtures().display()), "")
    };
    insta::assert_snapshot!(said(few.clone()));
    (few.asr, few.ast, few.yolo) = (None, None, None);
    insta::assert_snapshot!(said(few));
}

#[test]
fn a_remote_engine_loads_nothing() {
    let text =
        stage1(&format!("  asr: {AZURE}}}\n  ast: {{weights: \"dummy:ast-tiny\", quantization: q8_0}}"));
    let load = load_spec(&expand(&text).cells[0], Device::Cpu);
    let Models::Stage1 { asr: None, ast: Some(ast), yolo: None } = load.models else { panic!("{load:?}") };
    assert_eq!(ast.quantization, Quantization::Q8_0);
    let text = stage1(
        "  asr: {weights: \"dummy:whisper-tiny\", quantization: [none, q4k], num_beams: [1, 2]}\n  yolo: {weights: \"dummy:yolov8-tiny\", every_nth_frame: [1, 5]}",
    );
    let cells = expand(&text).cells;
    let loads: std::collections::HashSet<_> = cells.iter().map(|cell| load_spec(cell, Device::Cpu)).collect();
    assert_eq!((cells.len(), loads.len()), (2 * 2 * 2, 2));
}

/// The cells that a selection, an exclusion and an inclusion of each remote key mean.
#[test]
fn keys_of_remote_engines_select_exclude_and_add() {
    let text = stage1(&format!(
        "  asr: {AZURE}, requests_per_minute: [3, 60], request_timeout: 90s, api_version: v1}}"
    ));
    for (key, present, absent, matching) in [
        ("asr.endpoint", "https://name.openai.azure.com", "https://other", 2),
        ("asr.model", "whisper", "whisper-2", 2),
        ("asr.requests_per_minute", "3", "4", 1),
        ("asr.request_timeout", "90s", "91s", 2),
        ("asr.api_version", "v1", "v2", 2),
    ] {
        let cells = expand(&text).cells;
        let count = |value: &str| {
            let selection: Selection = format!("{key}={value}").parse().unwrap();
            cells.iter().filter(|cell| selection.matches(cell)).count()
        };
        assert_eq!((count(present), count(absent)), (matching, 0), "{key}");
        let left = |value: &str| expand(&format!("{text}exclude: [{{{key}: {value}}}]\n")).cells.len();
        assert_eq!((left(present), left(absent)), (2 - matching, 2), "{key}");
        let added = |value: &str| expand(&format!("{text}include: [{{{key}: {value}}}]\n")).cells.len();
        assert_eq!((added(present), added(absent)), (2, 3), "{key}");
    }
}

#[test]
fn an_entry_may_name_another_engine_with_what_it_needs() {
    let whisper = stage1("  asr: {weights: \"dummy:whisper-tiny\"}");
    let with = |entry: &str| format!("{whisper}include: [{entry}]\n");
    let both = "{asr.engine: openai, asr.model: whisper-1, asr.endpoint: \"http://127.0.0.1:9\"}";
    let cells = expand(&with(both)).cells;
    assert_eq!(cells.len(), 2);
    assert_eq!(cells[1].spec.requested()["asr.endpoint"], "http://127.0.0.1:9");
    insta::assert_snapshot!(
        [
            "{asr.engine: azure, asr.model: a}",
            "{asr.engine: openai}",
            "{asr.engine: openai, asr.model: a, asr.num_beams: 2}",
            "{asr.model: whisper-1}",
            "{asr.engine: whisper, asr.weights: nowhere}",
            "{parallel: true}",
            "{ast.batch: 2}",
        ]
        .map(|entry| format!("{entry}\n{}", errors(&with(entry))))
        .join("\n\n")
    );
}

#[test]
fn a_remote_engine_never_takes_anothers_place() {
    let azure = stage1(&format!("  asr: {AZURE}}}"));
    let said = errors(&format!("{azure}include: [{{asr.engine: openai}}]\n"));
    let expected =
        ["asr.endpoint", "asr.model"].map(|key| format!("needs `{key}`; that of stage1 is another engine's"));
    assert!(said.lines().zip(&expected).all(|(line, expected)| line.contains(expected)), "{said}");
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    let own = "{asr.engine: openai, asr.endpoint: \"https://api.openai.com/v1\", asr.model: whisper-1}";
    assert_eq!(expand(&format!("{azure}include: [{own}]\n")).cells.len(), 2);
}

#[test]
fn more_cells_than_anyone_runs_are_refused_before_they_are_made() {
    let list = |most: u32| (1..=most).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let text = stage1(&format!(
        "  asr: {{engine: [whisper, openai], weights: \"dummy:whisper-tiny\", num_beams: [{}], model: a, requests_per_minute: [{}], concurrency: [{}]}}",
        list(64),
        list(36),
        list(1001)
    ));
    let error = parse(&text).unwrap().expand(&everything()).unwrap_err().to_string();
    assert!(error.contains("the axes multiply to 100100 cells, more than 100000"), "{error}");
}
