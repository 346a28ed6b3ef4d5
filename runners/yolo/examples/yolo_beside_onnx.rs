//! Times the network on a picture, and writes what it saw and said for `ci/peers/yolo_onnx.py`:
//!
//! ```text
//! cargo run --release -p reelbench-yolo --example yolo_beside_onnx -- model.safetensors picture.png input.f32 raw.f32
//! python3 ci/peers/yolo_onnx.py model.safetensors --height H --width W --input input.f32 --output onnx.f32
//! ```
#![expect(clippy::print_stdout, reason = "the result of the command")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::Device;
use reelbench_media::load_image;
use reelbench_protocol::Weights;
use reelbench_yolo::Detector;

const RUNS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, picture, input, raw] = &arguments[..] else {
        return Err("give the weights, a picture, and where to write input and raw predictions".into());
    };
    let weights = Weights::Local { path: weights.into(), name: weights.clone() };
    let detector = Detector::load(&weights, &Device::Cpu)?;
    let mut session = detector.session(&load_image(Path::new(picture))?)?;
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            session.infer();
            start.elapsed()
        })
        .collect();
    times.sort();
    let (height, width) = session.size();
    let threads = rayon::current_num_threads();
    println!(
        "{height}x{width}, {threads} threads: best {:.2?}, median {:.2?} of {RUNS}",
        times[0],
        times[RUNS / 2]
    );
    write(input, &session.input())?;
    write(raw, &session.raw())
}

fn write(path: &str, values: &[f32]) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(std::fs::write(path, bytes)?)
}
