//! How bitsandbytes rounds: `quantize_4bit` with `compress_statistics` in `backends/cpu/ops.py`,
//! `csrc/cpu_ops.cpp` and `functional.py` of version 0.50.2.

use rayon::prelude::*;

use super::{BLOCK, FRACTIONS, SCALES, ScaleKey};

/// Steps between −1 and 1 at which 8-bit fractions are looked up.
const STEPS: usize = 65_536;

/// Two weights in a byte, and a scale per block. `weights` are whole blocks.
pub(super) fn quantize_blocks(weights: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = vec![0; weights.len() / 2];
    let mut scales = vec![0.0; weights.len() / BLOCK];
    let blocks = weights.as_chunks::<BLOCK>().0.par_iter().zip(bytes.as_chunks_mut().0);
    blocks.zip(&mut scales).with_min_len(256).for_each(|((weights, bytes), scale)| {
        *scale = largest(weights);
        *bytes = round_block(weights, *scale);
    });
    (bytes, scales)
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// The nearest fractions, of two equally near the lower one.
fn round_block(weights: &[f32; BLOCK], scale: f32) -> [u8; BLOCK / 2] {
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    let mut numbers = [0u32; BLOCK];
    for neighbours in FRACTIONS.windows(2) {
        let middle = f32::midpoint(neighbours[0], neighbours[1]);
        for (number, weight) in numbers.iter_mut().zip(weights) {
            *number += u32::from(weight * inverse > middle);
        }
    }
    std::array::from_fn(|index| (numbers[2 * index] << 4 | numbers[2 * index + 1]) as u8)
}

/// A byte per scale, and what the bytes stand for.
pub(super) fn quantize_scales(scales: &[f32]) -> (Vec<u8>, ScaleKey) {
    let (fractions, mean) = (fractions_of_scales(), mean(scales));
    let table = lookup_table(&fractions);
    let mut bytes = Vec::with_capacity(scales.len());
    let mut all_largest = Vec::with_capacity(scales.len().div_ceil(SCALES));
    for scales in scales.chunks(SCALES) {
        let rests: Vec<f32> = scales.iter().map(|scale| scale - mean).collect();
        let largest = largest(&rests);
        all_largest.push(largest);
        let inverse = largest.recip();
        bytes.extend(rests.iter().map(|rest| {
            if largest > 0.0 {
                let place = (rest * inverse).clamp(-1.0, 1.0);
                table[((place + 1.0) * 0.5 * (STEPS - 1) as f32 + 0.5) as usize % STEPS]
            } else {
                0
            }
        }));
    }
    (bytes, ScaleKey { fractions, largest: all_largest, mean })
}

/// The nearest fraction at every step.
fn lookup_table(fractions: &[f32; 256]) -> Vec<u8> {
    let middles: Vec<f32> = fractions.windows(2).map(|pair| f32::midpoint(pair[0], pair[1])).collect();
    let step = |index: usize| -1.0 + 2.0 * index as f32 / (STEPS - 1) as f32;
    (0..STEPS).map(|index| middles.partition_point(|middle| *middle < step(index)) as u8).collect()
}

/// What 8 bits of a scale can be (`create_dynamic_map`): seven decades, each with twice as many
/// fractions as the one below, on both sides of 0, and 1.
fn fractions_of_scales() -> [f32; 256] {
    let decades = [1e-6f32, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];
    let positive = decades.iter().enumerate().flat_map(|(index, decade)| {
        let parts = 1 << index;
        (0..parts).map(move |part| decade * f32::midpoint(border(part, parts), border(part + 1, parts)))
    });
    let mut fractions: Vec<f32> =
        positive.flat_map(|fraction| [fraction, -fraction]).chain([0.0, 1.0]).collect();
    fractions.sort_by(f32::total_cmp);
    std::array::from_fn(|index| fractions[index])
}

/// Element `index` of `linspace(0.1, 1, parts + 1)` as torch computes it: from the nearer end, and
/// rounded once.
fn border(index: usize, parts: usize) -> f32 {
    let step = (1.0 - 0.1f32) / parts as f32;
    if index < parts.div_ceil(2) {
        step.mul_add(index as f32, 0.1)
    } else {
        step.mul_add(-((parts - index) as f32), 1.0)
    }
}

/// The mean as torch 2.15 computes it on one thread with 256-bit registers (`SumKernel.cpp`): the
/// order decides its last bits.
fn mean(values: &[f32]) -> f32 {
    let sum = if values.len() < 8 { sum::<1>(values) } else { sum::<8>(values) };
    sum / values.len() as f32
}

/// Registers summed up side by side.
const CHAINS: usize = 4;

fn sum<const WIDTH: usize>(values: &[f32]) -> f32 {
    let (registers, rest) = values.as_chunks::<WIDTH>();
    let (steps, odd) = registers.as_chunks::<CHAINS>();
    let [mut total, others @ ..] = cascade(steps);
    for register in odd.iter().chain(&others) {
        add(&mut total, register);
    }
    rest.iter().chain(&total).fold(0.0, |sum, value| sum + value)
}

/// Sums of runs, of runs of runs and so on, so that no sum has many more terms than another.
fn cascade<const WIDTH: usize>(steps: &[[[f32; WIDTH]; CHAINS]]) -> [[f32; WIDTH]; CHAINS] {
    let zero = [[0.0; WIDTH]; CHAINS];
    let mut levels = [zero; 4];
    let power = (steps.len().next_power_of_two().ilog2() as usize / levels.len()).max(4);
    let runs = steps.chunks_exact(1 << power);
    let rest = runs.remainder();
    for (index, run) in runs.enumerate() {
        for step in run {
            add_all(&mut levels[0], step);
        }
        let done = (index + 1) << power;
        for level in 1..levels.len() {
            let below = std::mem::replace(&mut levels[level - 1], zero);
            add_all(&mut levels[level], &below);
            if done & (((1 << power) - 1) << (level * power)) != 0 {
                break;
            }
        }
    }
    let [mut total, others @ ..] = levels;
    for step in rest.iter().chain(&others) {
        add_all(&mut total, step);
    }
    total
}

fn add_all<const WIDTH: usize>(sums: &mut [[f32; WIDTH]; CHAINS], step: &[[f32; WIDTH]; CHAINS]) {
    for (sum, register) in sums.iter_mut().zip(step) {
        add(sum, register);
    }
}

fn add<const WIDTH: usize>(sum: &mut [f32; WIDTH], register: &[f32; WIDTH]) {
    for (sum, value) in sum.iter_mut().zip(register) {
        *sum += value;
    }
}
