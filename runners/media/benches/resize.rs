//! Pillow's bicubic resize at the sizes that captioners ask for.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reelbench_media::RgbImage;
use reelbench_media::resize::pil_bicubic;

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]))
}

fn resizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pil_bicubic");
    for ((from_width, from_height), (width, height)) in [
        ((1280, 720), (597, 336)),
        ((597, 336), (672, 336)),
        ((597, 336), (336, 336)),
        ((640, 480), (224, 224)),
    ] {
        let source = picture(from_width, from_height);
        group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        group.bench_function(format!("{from_width}x{from_height} to {width}x{height}"), |bencher| {
            bencher.iter(|| pil_bicubic(black_box(&source), width, height));
        });
    }
    group.finish();
}

criterion_group!(benches, resizes);
criterion_main!(benches);
