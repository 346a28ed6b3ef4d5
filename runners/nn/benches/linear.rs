//! Linear layers of every storage, with as few inputs as a decoder has and as many as an encoder,
//! beside candle's own products of the same blocks.
#![expect(clippy::unwrap_used, reason = "a bench ends where something is missing")]

use std::hint::black_box;
use std::time::Duration;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, VarBuilder};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reelbench_nn::{Bias, Linear, Precision};
use reelbench_protocol::Quantization;

/// Inputs, outputs and rows: of whisper-tiny, then of a language model with 7 billion weights.
const SHAPES: [(usize, usize, &[usize]); 3] =
    [(384, 1536, &[1, 4, 1500]), (384, 51_864, &[1]), (4096, 4096, &[1, 8, 512])];

type Layer = Box<dyn Fn(&Tensor) -> Tensor>;

fn linear(criterion: &mut Criterion) {
    for (inputs, outputs, rows) in SHAPES {
        let weight = Tensor::randn(0f32, 0.02, (outputs, inputs), &Device::Cpu).unwrap();
        let named = [("weight".to_owned(), weight.clone())].into();
        let tensors = VarBuilder::from_tensors(named, DType::F32, &Device::Cpu);
        let mut layers: Vec<(&str, Layer)> = Vec::new();
        for (name, quantization) in
            [("f32", Quantization::None), ("q8_0", Quantization::Q8_0), ("q4k", Quantization::Q4k)]
        {
            let layer =
                Linear::load(inputs, outputs, Bias::Without, &tensors, Precision::quantized(quantization))
                    .unwrap();
            layers.push((name, Box::new(move |x| layer.forward(x).unwrap())));
        }
        for (name, dtype) in [("candle q8_0", GgmlDType::Q8_0), ("candle q4k", GgmlDType::Q4K)] {
            if inputs % dtype.block_size() == 0 {
                let blocks = QTensor::quantize(&weight, dtype).unwrap();
                let layer = QMatMul::from_qtensor(blocks).unwrap();
                layers.push((name, Box::new(move |x| layer.forward(x).unwrap())));
            }
        }
        for &rows in rows {
            let x = Tensor::randn(0f32, 1.0, (rows, inputs), &Device::Cpu).unwrap();
            let mut group = criterion.benchmark_group(format!("{inputs} to {outputs}, {rows} rows"));
            group.throughput(Throughput::Elements(2 * (inputs * outputs * rows) as u64));
            for (name, layer) in &layers {
                group.bench_function(*name, |bencher| bencher.iter(|| layer(black_box(&x))));
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
