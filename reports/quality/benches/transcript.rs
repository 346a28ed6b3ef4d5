//! The word errors of two hours of speech, and normalizing its transcript.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_quality::{edits, english};

/// Words of a two-hour film in which people talk most of the time.
const WORDS: u32 = 20_000;

/// Numbers for words, drawn with the squares' bias towards frequent ones.
fn words(seed: u32) -> Vec<u32> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let drawn = std::iter::successors(Some(seed), next).skip(1).take(WORDS as usize);
    drawn.map(|state| (state >> 16) * (state >> 16) / (1 << 20)).collect()
}

fn transcripts(criterion: &mut Criterion) {
    let reference = words(1);
    // One word in ten is another, one in twenty is missing.
    let heard: Vec<u32> = (0u32..)
        .zip(&reference)
        .filter(|(at, _)| at % 20 != 7)
        .map(|(at, w)| if at % 10 == 3 { w + 1 } else { *w })
        .collect();
    let other = words(2);
    let text = "and so my fellow americans, it's twenty five dollars for Mr. Smith's dog. "
        .repeat(WORDS as usize / 12);
    criterion.bench_function("edits of 20,000 words, 15 % wrong", |b| {
        b.iter(|| edits(black_box(&reference), black_box(&heard)));
    });
    criterion.bench_function("edits of 20,000 words, unrelated", |b| {
        b.iter(|| edits(black_box(&reference), black_box(&other)));
    });
    criterion.bench_function("normalizing 20,000 English words", |b| b.iter(|| english(black_box(&text))));
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = transcripts }
criterion_main!(benches);
