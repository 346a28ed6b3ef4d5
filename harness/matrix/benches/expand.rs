//! Reading and expanding a matrix of 10,000 cells; planning it must stay well under a second.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_matrix::{Folders, Matrix};
use reelbench_protocol::{Capabilities, CaptionerSupport, Dtype, Family, Quantization};

fn capabilities() -> Capabilities {
    let captioner = CaptionerSupport {
        family: Family::LlavaNext,
        quantization: Quantization::ALL.to_vec(),
        dtype: Dtype::ALL.to_vec(),
        use_cache: vec![true, false],
        max_num_beams: 64,
        max_batch_scenes: 1024,
        num_crops: false,
        presets: vec!["llava-tiny".to_owned()],
    };
    Capabilities { captioners: vec![captioner], devices: vec!["cpu".to_owned()], ..Capabilities::default() }
}

/// 10 films × 1,000 settings.
fn text() -> String {
    let mut text = String::from("version: 1\nname: large\nvideos:\n");
    for video in 0..10 {
        let _ = writeln!(text, "  - {{id: v{video}, path: Cargo.toml}}");
    }
    let list = |least: u32| (least..least + 10).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        text,
        "models: [{{id: m, family: llava-next, weights: 'dummy:llava-tiny'}}]\nsettings:\n  num_beams: [{}]\n  \
         frame_size: [{}]\n  max_new_tokens: [{}]",
        list(1),
        list(300),
        list(10)
    );
    text
}

fn expand(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("large.yaml");
    let (text, folders, capabilities) = (text(), Folders::default(), capabilities());
    criterion.bench_function("read and expand 10,000 cells", |bencher| {
        bencher.iter(|| {
            let matrix = Matrix::parse(black_box(&text), &file, &folders).map_err(|error| error.to_string());
            matrix.and_then(|matrix| matrix.expand(&capabilities).map_err(|error| error.to_string()))
        });
    });
}

criterion_group!(benches, expand);
criterion_main!(benches);
