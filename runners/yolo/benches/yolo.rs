//! `YOLOv8n` on a 384 × 640 picture: the whole, its parts, and one layer beside candle's convolution.
//!
//! `RAYON_NUM_THREADS=2 cargo bench -p reelbench-yolo`; the peer, ONNX Runtime on the same network,
//! is `ci/peers/yolo_onnx.py`.
#![expect(clippy::unwrap_used, reason = "a bench ends where something is missing")]

use std::hint::black_box;

use candle_core::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_media::RgbImage;
use reelbench_protocol::Weights;
use reelbench_yolo::conv::{Activation, Channels, Conv, FilterSizes, Filters, Map, Stride, Target};
use reelbench_yolo::{DetectOptions, Detector};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn detector(preset: &str) -> Detector {
    let weights = Weights::Dummy { preset: preset.to_owned(), seed: 0 };
    Detector::load(&weights, &Device::Cpu).unwrap()
}

/// A picture of a film at its usual size, which scales to 640 × 360 and is padded to 640 × 384.
fn picture() -> RgbImage {
    let mut picture = RgbImage::new(1280, 720);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        pixel.0 = [(x / 5) as u8, (y / 3) as u8, ((x * y) >> 8) as u8];
    }
    picture
}

fn parts(criterion: &mut Criterion) {
    let detector = detector("yolov8n");
    let picture = picture();
    let mut group = criterion.benchmark_group("yolov8n-384x640");
    group.bench_function("detect", |bencher| {
        bencher.iter(|| detector.detect(&picture, &DetectOptions::default()).unwrap());
    });
    group.bench_function("network", |bencher| {
        let mut session = detector.session(&picture).unwrap();
        bencher.iter(|| session.infer());
    });
    group.bench_function("letterbox", |bencher| {
        bencher.iter(|| {
            let session = detector.session(&picture).unwrap();
            session.detections(&DetectOptions::default()).unwrap()
        });
    });
    // Every one of the 5040 anchors has a box: the most that suppression can meet.
    group.bench_function("letterbox and NMS of all boxes", |bencher| {
        let all = DetectOptions { conf: 0.0, ..DetectOptions::default() };
        bencher.iter(|| {
            let session = detector.session(&picture).unwrap();
            session.detections(&all).unwrap()
        });
    });
    group.finish();
}

/// A layer of the head: 64 to 64 channels, side 3, 48 × 80 pixels.
fn layer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conv-64x64x3x3-48x80");
    let input = Tensor::rand(-1f32, 1.0, (1, 64, 48, 80), &Device::Cpu).unwrap();
    let weight = Tensor::rand(-1f32, 1.0, (64, 64, 3, 3), &Device::Cpu).unwrap();
    group.bench_function("candle", |bencher| {
        bencher.iter(|| black_box(input.conv2d(&weight, 1, 1, 1, 1).unwrap()));
    });
    let (channels, sizes) = (Channels::one(64), FilterSizes { inputs: 64, outputs: 64, side: 3 });
    let weight = weight.flatten_all().unwrap().to_vec1().unwrap();
    let filters = Filters::new(sizes, weight, vec![0.0; 64]).unwrap();
    let conv = Conv::new(&filters, &channels, &channels, Stride::One, Activation::None);
    let (map, mut out) = (Map::new(4, 48, 80), Map::new(4, 48, 80));
    group.bench_function("reelbench", |bencher| {
        bencher.iter(|| conv.run(map.all(), Target::new(black_box(&mut out), 0)));
    });
    group.finish();
}

criterion_group!(benches, parts, layer);
criterion_main!(benches);
