//! Linear layers of every storage, with as few inputs as a decoder has and as many as an encoder.
#![expect(clippy::unwrap_used, reason = "a bench ends where something is missing")]

use std::hint::black_box;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reelbench_nn::{Bias, Checkpoint, Linear, Precision};
use reelbench_protocol::Quantization;

/// Inputs, outputs and rows: of whisper-tiny, then of a small language model, at last of one with 7
/// billion weights.
const SHAPES: [(usize, usize, &[usize]); 3] =
    [(384, 1536, &[1, 4, 1500]), (1024, 5632, &[1, 5, 8, 64, 3000]), (4096, 4096, &[1, 8, 512])];

const BF16: Precision = Precision { dtype: DType::BF16, ..Precision::SINGLE };
const F16: Precision = Precision { dtype: DType::F16, ..Precision::SINGLE };

const PRECISIONS: [(&str, Precision); 6] = [
    ("f32", Precision::SINGLE),
    ("bf16", BF16),
    ("f16", F16),
    ("q8_0", Precision::quantized(Quantization::Q8_0)),
    ("q4k", Precision::quantized(Quantization::Q4k)),
    ("nf4", Precision::quantized(Quantization::Nf4)),
];

fn linear(criterion: &mut Criterion) {
    for (inputs, outputs, rows) in SHAPES {
        let tensors = Checkpoint::dummy(0).var_builder(DType::F32, &Device::Cpu);
        let weight = tensors.get((outputs, inputs), "weight").unwrap();
        let layers = PRECISIONS.map(|(name, precision)| {
            (name, Linear::load(inputs, outputs, Bias::Without, &tensors, precision).unwrap())
        });
        for &rows in rows {
            let x = Tensor::randn(0f32, 1.0, (rows, inputs), &Device::Cpu).unwrap();
            let mut group = criterion.benchmark_group(format!("{inputs} to {outputs}, {rows} rows"));
            group.throughput(Throughput::Elements(2 * (inputs * outputs * rows) as u64));
            group.bench_function("candle f32", |bencher| {
                bencher.iter(|| black_box(&x).matmul(&weight.t().unwrap()).unwrap());
            });
            for (name, layer) in &layers {
                group.bench_function(*name, |bencher| bencher.iter(|| layer.forward(black_box(&x)).unwrap()));
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = linear
}
criterion_main!(benches);
