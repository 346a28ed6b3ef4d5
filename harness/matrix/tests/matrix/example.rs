//! The example of the design, with what this version offers.

use std::time::Duration;

use reelbench_matrix::Order;
use reelbench_protocol::{CellKind, Device, Metric, Repeats, Warmup, Work};
use reelbench_references::ReferenceKind;

use crate::common::{expand, parse};

pub(crate) const EXAMPLE: &str = r#"
version: 1
name: seed-table                    # [a-z0-9-]
videos:
  - id: sintel
    path: clips/film.mp4            # relative to this file
    sha256: 8cb0fe73fc0a7d543459996c0cdab730997e6eac1013d3ede18796f777cb7f27
    reference: {transcript: clips/film.txt, scenes: clips/scenes.json, captions: clips/captions.jsonl}
  - {id: bbb, title: Big Buck Bunny, path: clips/other.mp4}
stage1:
  scene: {detector: content, threshold: 27.0, min_scene_len: 15}
  asr:   {engine: whisper, weights: "dummy:whisper-tiny", concurrency: [1, 4], per: scene}
models:
  - id: llava-v1.6-7b
    family: llava-next
    weights: weights
    question: Describe what happens in this scene.
    settings: {num_beams: [1]}
  - {id: instructblip, family: instructblip, weights: "dummy:captioner-mini?seed=3"}
  - {id: phi-3.5, family: phi3-v, weights: "dummy:captioner-tiny", prompt: "<|image_1|> What?"}
settings:
  use_cache: [true, false]
  quantization: [none, q4k, nf4]
  dtype: f32
  frames_per_scene: [2]
  frame_size: 336
  num_beams: 1
  max_new_tokens: 256
  min_new_tokens: 0
  num_crops: 4
  batch_scenes: 1
exclude: [{model: instructblip, quantization: nf4}]
include: [{video: sintel, model: phi-3.5, use_cache: false}]
run: {repeats: 3, warmup: 1, timeout: 30m, device: auto, seed: 0, order: interleaved, max_scenes: null}
gate: {metric: rtf, max_regression: 5%, confidence: 0.95}
"#;

#[test]
fn the_example_reads_as_it_says() {
    let matrix = parse(EXAMPLE).unwrap();
    assert_eq!((matrix.name(), matrix.videos().len()), ("seed-table", 2));
    let sintel = matrix.video(&"sintel".parse().unwrap()).unwrap();
    assert!(sintel.spec.path.is_absolute() && sintel.spec.path.ends_with("clips/film.mp4"));
    assert!(sintel.sha256.as_ref().unwrap().as_str().starts_with("8cb0fe73"));
    assert!(sintel.reference[&ReferenceKind::Captions].ends_with("clips/captions.jsonl"));
    assert_eq!(sintel.reference.len(), 3);
    let bbb = matrix.video(&"bbb".parse().unwrap()).unwrap();
    assert_eq!((&sintel.spec.title, bbb.spec.title.as_deref()), (&None, Some("Big Buck Bunny")));
    let run = matrix.run();
    assert_eq!((run.repeats, run.warmup), (Repeats::Fixed(3), Warmup::Fixed(1)));
    assert_eq!((run.seed, run.max_scenes), (0, None));
    assert_eq!(
        (run.timeout, run.device, run.order),
        (Duration::from_mins(30), Device::Auto, Order::Interleaved)
    );
    let gate = matrix.gate().unwrap();
    assert_eq!(gate.limits, [(Metric::Rtf, 0.05)]);
}

#[test]
fn the_example_expands_as_it_says() {
    let expansion = expand(EXAMPLE);
    assert_eq!((expansion.skipped.len(), expansion.warnings.len()), (0, 0));
    let kinds: Vec<CellKind> = expansion.cells.iter().map(|cell| cell.spec.kind()).collect();
    // 2 films × 2 concurrencies, then 2 films × (6 + 4 + 6) settings; what `include` names is there already.
    assert_eq!(kinds, [vec![CellKind::Stage1; 4], vec![CellKind::Caption; 32]].concat());
    let lines: Vec<String> = expansion
        .cells
        .iter()
        .map(|cell| match &cell.spec.work {
            Work::Stage1(stage1) => format!("{} {} {:?}", cell.id, cell.spec.video.id, stage1.asr),
            Work::Caption(caption) => format!(
                "{} {} {} {} cache={} {} crops={:?} scenes of {}",
                cell.id,
                cell.spec.video.id,
                caption.model,
                caption.weights,
                caption.settings.use_cache,
                caption.settings.quantization,
                caption.settings.num_crops,
                cell.stage1_from.as_ref().unwrap()
            ),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_left_out_has_its_default() {
    let matrix = parse("version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nstage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\"}}\nmodels: [{id: m, family: phi3-v, weights: weights}]\ngate: {}\n").unwrap();
    insta::assert_debug_snapshot!((matrix.run(), matrix.gate()));
    let cells = matrix.expand(&crate::common::everything()).unwrap().cells;
    insta::with_settings!({filters => vec![(r#""/[^"]*/fixtures/"#, "\"[fixtures]/")]}, {
        insta::assert_json_snapshot!(cells);
    });
}
