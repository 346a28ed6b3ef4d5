//! What a report and a gate compute for every cell.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_stats::{Level, compare_paired, compare_unpaired, median_interval};

/// Times that scatter by a few per cent, others for every cell.
fn times(cell: usize, count: usize) -> Vec<f64> {
    (0..count).map(|round| 1.0 + 0.05 * ((cell * 31 + round * round * 7 + round) as f64).sin()).collect()
}

fn medians(bench: &mut Criterion) {
    for count in [5, 30] {
        let samples = times(1, count);
        bench.bench_function(&format!("median_interval of {count} samples"), |bench| {
            bench.iter(|| median_interval(black_box(&samples)));
        });
    }
}

fn families(bench: &mut Criterion) {
    const CELLS: usize = 10_000;
    let level = Level::default().for_family(CELLS);
    for (name, compare) in
        [("paired", compare_paired as fn(&[f64], &[f64], Level, f64) -> _), ("unpaired", compare_unpaired)]
    {
        for rounds in [5, 10, 20] {
            let cells: Vec<_> =
                (0..CELLS).map(|cell| (times(2 * cell, rounds), times(2 * cell + 1, rounds))).collect();
            bench.bench_function(&format!("{CELLS} cells of {rounds} {name} rounds"), |bench| {
                bench.iter(|| {
                    cells
                        .iter()
                        .filter_map(|(base, head)| compare(base, head, level, 0.05))
                        .map(|cell| cell.ratio)
                        .sum::<f64>()
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).without_plots();
    targets = medians, families
}
criterion_main!(benches);
