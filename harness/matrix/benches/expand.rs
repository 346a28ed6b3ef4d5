//! Reading and expanding a matrix of 10,000 cells; planning it must stay well under a second.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_matrix::{Folders, Matrix};
use reelbench_protocol::{
    AsrEngine, AsrSupport, Capabilities, CaptionerSupport, Dtype, Family, Quantization, Unit,
};

fn capabilities() -> Capabilities {
    let captioner = CaptionerSupport {
        family: Family::LlavaNext,
        quantization: Quantization::ALL.to_vec(),
        dtype: Dtype::ALL.to_vec(),
        use_cache: vec![true, false],
        max_num_beams: 64,
        max_batch_scenes: 1024,
        num_crops: false,
        sampling: true,
        presets: vec!["llava-tiny".to_owned()],
    };
    let asr = AsrSupport {
        engines: AsrEngine::ALL.to_vec(),
        per: Unit::ALL.to_vec(),
        max_concurrency: 64,
        max_num_beams: 64,
        quantization: Quantization::ALL.to_vec(),
        presets: vec!["whisper-tiny".to_owned()],
    };
    Capabilities {
        asr: Some(asr),
        captioners: vec![captioner],
        devices: vec!["cpu".to_owned()],
        ..Capabilities::default()
    }
}

/// 10 films and one captioner.
fn text(question: &str, rest: &str) -> String {
    let mut text = String::from("version: 1\nname: large\nvideos:\n");
    for video in 0..10 {
        let _ = writeln!(text, "  - {{id: v{video}, path: Cargo.toml}}");
    }
    text + &format!(
        "models: [{{id: m, family: llava-next, weights: 'dummy:llava-tiny', question: '{question}'}}]\n{rest}"
    )
}

fn list(least: u32, count: u32) -> String {
    (least..least + count).map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

/// 1,000 settings for each film.
fn settings() -> String {
    let (beams, sizes, lengths) = (list(1, 10), list(300, 10), list(10, 10));
    let axes = format!("num_beams: [{beams}], frame_size: [{sizes}], max_new_tokens: [{lengths}]");
    text("What?", &format!("settings: {{{axes}}}\n"))
}

/// 100 ways of finding speech for each film, and 9 captions that tell of each.
fn speech() -> String {
    let axes = format!("num_beams: [{}], quantization: [none, q8_0, q4k, nf4]", list(1, 25));
    let stage1 = format!("stage1: {{asr: {{weights: 'dummy:whisper-tiny', {axes}}}}}\n");
    text("{transcript}", &(stage1 + "settings: {num_beams: [1, 2, 3], frame_size: [1, 2, 3]}\n"))
}

fn expand(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("large.yaml");
    let (folders, capabilities) = (Folders::default(), capabilities());
    for (name, text) in [
        ("read and expand 10,000 cells", settings()),
        ("read and expand 10,000 cells that tell of speech", speech()),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let matrix =
                    Matrix::parse(black_box(&text), &file, &folders).map_err(|error| error.to_string());
                matrix.and_then(|matrix| matrix.expand(&capabilities).map_err(|error| error.to_string()))
            });
        });
    }
}

criterion_group!(benches, expand);
criterion_main!(benches);
