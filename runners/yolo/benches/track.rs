//! What tracking costs beside detection: frames of 300 boxes, as many as the detector returns.

use std::f32::consts::TAU;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reelbench_yolo::Detection;
use reelbench_yolo::track::{ByteTrack, ByteTrackConfig};

const BOXES: usize = 300;
/// Frames after which the film repeats itself.
const FRAMES: usize = 120;

/// A box that sways about its place in 1280 × 720 pixels. One in eight is hard to see.
fn detection(frame: usize, n: usize) -> Detection {
    let sway = 20.0 * (TAU * frame as f32 / FRAMES as f32 + n as f32).sin();
    // Multiples of these fractions of 1 spread evenly over the picture.
    let left = (n as f32 * 0.754_878).fract() * 1200.0 + sway;
    let top = (n as f32 * 0.569_84).fract() * 640.0;
    let score = if (n + frame).is_multiple_of(8) { 0.15 } else { 0.3 + (n % 7) as f32 * 0.1 };
    Detection { xyxy: [left, top, left + 40.0, top + 80.0], score, class: 0 }
}

fn crowd(criterion: &mut Criterion) {
    let film: Vec<Vec<Detection>> =
        (0..FRAMES).map(|frame| (0..BOXES).map(|n| detection(frame, n)).collect()).collect();
    let mut tracker = ByteTrack::new(ByteTrackConfig::default(), 30.0);
    let mut frames = film.iter().cycle();

    let mut group = criterion.benchmark_group("track");
    group.throughput(Throughput::Elements(BOXES as u64));
    group.bench_function("a frame of 300 boxes", |bencher| {
        bencher.iter(|| frames.next().map(|frame| tracker.update(black_box(frame))));
    });
    group.finish();
}

criterion_group!(benches, crowd);
criterion_main!(benches);
