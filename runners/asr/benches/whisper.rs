//! What transcription is made of: features, encoder, decoder, and all of it on a real recording.
//! Random weights cost the same as published ones, so only the last needs a model.
#![expect(clippy::unwrap_used, reason = "a bench ends where something is missing")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Duration;

use candle_core::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reelbench_asr::mel::MelSpectrogram;
use reelbench_asr::presets::DUMMY_TOKENS_PER_WINDOW;
use reelbench_asr::{Timestamps, TranscribeOptions, Whisper};
use reelbench_protocol::{Quantization, Weights};

/// The runner's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn parts(criterion: &mut Criterion) {
    let samples: Vec<f32> = (0..30 * 16_000).map(|n| (n as f32 * 0.05).sin() * 0.3).collect();
    let spectrogram = MelSpectrogram::new(80);
    criterion
        .bench_function("mel of 30 s", |bencher| bencher.iter(|| spectrogram.compute(black_box(&samples))));

    let weights = Weights::Dummy { preset: "whisper-tiny.en".to_owned(), seed: 0 };
    let whisper = Whisper::load(&weights, Quantization::None, &Device::Cpu).unwrap();
    let mel = spectrogram.compute(&samples);
    criterion.bench_function("tiny.en encoder, one window", |bencher| {
        bencher.iter(|| whisper.encode(black_box(&mel), 0).unwrap());
    });

    let heard = whisper.hear(&whisper.encode(&mel, 0).unwrap()).unwrap();
    let options = TranscribeOptions { timestamps: Timestamps::Off, ..TranscribeOptions::default() };
    let mut group = criterion.benchmark_group("tiny.en decoder");
    group.throughput(Throughput::Elements(DUMMY_TOKENS_PER_WINDOW as u64));
    group.bench_function("one window", |bencher| {
        bencher.iter(|| whisper.write_window(black_box(&heard), &options).unwrap());
    });
    group.finish();
}

fn recording(criterion: &mut Criterion) {
    let Some(samples) = support::media("two_cities.wav") else { return };
    let mut group = criterion.benchmark_group("two_cities");
    let options = TranscribeOptions::default();
    for (name, quantization) in
        [("f32", Quantization::None), ("q8_0", Quantization::Q8_0), ("q4k", Quantization::Q4k)]
    {
        let Some(whisper) = support::tiny_en(quantization) else { return };
        group.bench_function(format!("44.4 s with tiny.en, greedy, {name}"), |bencher| {
            bencher.iter(|| whisper.transcribe(black_box(&samples), &options, &mut |_| ()).unwrap());
        });
    }
    let Some(whisper) = support::tiny_en(Quantization::None) else { return };
    let pieces: Vec<&[f32]> = samples.chunks(samples.len().div_ceil(8)).collect();
    for batch in [1, 2, 4, 8] {
        group.bench_function(format!("8 pieces, {batch} at once"), |bencher| {
            bencher.iter(|| whisper.transcribe_many(black_box(&pieces), &options, batch, &mut |_| ()));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(8));
    targets = parts, recording
}
criterion_main!(benches);
