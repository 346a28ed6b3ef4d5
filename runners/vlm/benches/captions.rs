//! Prefill and decode of the families' `-tiny` presets, which are small enough for the loops around
//! the products to show.

#![expect(clippy::expect_used, reason = "a bench that cannot run has nothing better to do than to say so")]

use std::hint::black_box;

use candle_core::Device;
use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_media::RgbImage;
use reelbench_nn::{CacheMode, Generation};
use reelbench_protocol::{Dtype, Family, Quantization, Weights};
use reelbench_vlm::{CaptionRequest, Captioner, SceneInput};

/// Tokens of a caption that has more than a prefill.
const DECODED: usize = 33;

/// Families by one of their presets.
const PRESETS: [(Family, &str); 4] = [
    (Family::LlavaNext, "llava-next-tiny"),
    (Family::Instructblip, "instructblip-tiny"),
    (Family::Instructblip, "instructblip-t5-tiny"),
    (Family::Phi3V, "phi-3.5-vision-tiny"),
];

fn captions(c: &mut Criterion) {
    for (family, preset) in PRESETS {
        caption(c, family, preset);
    }
}

fn caption(c: &mut Criterion, family: Family, preset: &str) {
    let weights = Weights::Dummy { preset: preset.to_owned(), seed: 0 };
    let (quantization, dtype) = (Quantization::None, Dtype::F32);
    let captioner =
        Captioner::load(family, &weights, quantization, dtype, &Device::Cpu).expect("the preset exists");
    let frames = [RgbImage::new(199, 112), RgbImage::new(199, 112)];
    let mut group = c.benchmark_group(preset);
    for (name, max_new_tokens, cache) in [
        ("first token", 1, CacheMode::On),
        ("33 tokens", DECODED, CacheMode::On),
        ("33 tokens without cache", DECODED, CacheMode::Off),
    ] {
        let generation = Generation { max_new_tokens, ..Generation::default() };
        let request = CaptionRequest { prompt: None, generation, cache, num_crops: None };
        group.bench_function(name, |b| {
            b.iter(|| {
                let scene = SceneInput { frames: black_box(&frames), question: "What happens?" };
                captioner.caption(&[scene], &request, &mut ()).remove(0).expect("it captions")
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = captions
}
criterion_main!(benches);
