//! `bench plan` of 10,000 cells as it is typed: reading, checking, asking the runner, estimating, printing.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

/// 10 films and 1,000 settings for each.
fn matrix() -> String {
    let mut text = String::from("version: 1\nname: large\nvideos:\n");
    for video in 0..10 {
        let _ = writeln!(text, "  - {{id: v{video}, path: film.mp4}}");
    }
    let list = |least: u32, count: u32| {
        (least..least + count).map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (frames, sizes, lengths) = (list(1, 10), list(300, 10), list(10, 10));
    let _ = writeln!(text, "models: [{{id: m, family: llava-next, weights: 'dummy:ok'}}]");
    let _ = writeln!(
        text,
        "settings: {{frames_per_scene: [{frames}], frame_size: [{sizes}], max_new_tokens: [{lengths}]}}"
    );
    text
}

fn plan(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("film.mp4"), "film").unwrap();
    fs::write(folder.path().join("matrix.yaml"), matrix()).unwrap();
    let mut group = criterion.benchmark_group("bench plan, 10,000 cells");
    group.sample_size(10);
    for (name, args) in [("text", &[][..]), ("json", &["--json"])] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let status = Command::new(env!("CARGO_BIN_EXE_bench"))
                    .args(["plan", "matrix.yaml", "--runner", "fake"])
                    .args(args)
                    .current_dir(folder.path())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                assert!(status.unwrap().success());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
