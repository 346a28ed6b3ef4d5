//! What naming sounds is made of: features, and the model at one and at several windows. Random weights cost the same
//! as published ones.
#![expect(clippy::unwrap_used, reason = "a bench ends where something is missing")]

use std::hint::black_box;
use std::time::Duration;

use candle_core::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reelbench_ast::fbank::Fbank;
use reelbench_ast::presets::Preset;
use reelbench_ast::{QUANTIZATIONS, SoundTagger};
use reelbench_protocol::Weights;

/// The runner's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sound of so many windows.
fn sound(windows: usize) -> Vec<f32> {
    (0..windows * 163_840).map(|n| (n as f32 * 0.05).sin() * 0.3).collect()
}

fn features(criterion: &mut Criterion) {
    let fbank = Fbank::new(Preset::find("ast-base").unwrap().feature_config());
    let samples = sound(1);
    criterion.bench_function("features of 10.24 s", |bencher| {
        bencher.iter(|| fbank.compute(black_box(&samples)));
    });
}

fn model(criterion: &mut Criterion) {
    let weights = Weights::Dummy { preset: "ast-base".to_owned(), seed: 0 };
    let mut group = criterion.benchmark_group("ast-base");
    for quantization in QUANTIZATIONS {
        let tagger = SoundTagger::load(&weights, quantization, &Device::Cpu).unwrap();
        for batch in [1, 4] {
            let samples = sound(batch);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::new(quantization.as_str(), batch), |bencher| {
                bencher.iter(|| tagger.tag(black_box(&samples), batch, &mut |_| ()).unwrap());
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(8));
    targets = features, model
}
criterion_main!(benches);
