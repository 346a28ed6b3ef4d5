//! Products of tiles and rounded vectors.

use super::inputs::{InputSpan, Inputs, bytes};
use super::tiles::{ROWS, Range, SPAN, Span, Tile};

/// Vectors of a task: their sums and one span of them stay in a core's nearest cache.
pub(super) const VECTORS: usize = 128;

/// Multiplications below which a second thread costs more than it saves.
pub(super) const PARALLEL_FROM: usize = 1 << 18;

/// Rows of tiles that a task multiplies at a time: each input is fetched once for both.
pub(super) const TILE_ROWS: usize = 2;

/// Room for the products of rows of tiles with the vectors of a task.
#[derive(Default)]
pub(super) struct Sums([Vec<[f32; ROWS]>; TILE_ROWS]);

impl Sums {
    /// The products of up to [`TILE_ROWS`] rows of tiles with `per_row` tiles each: for every row one element per
    /// vector.
    pub(super) fn products<T: Tile>(
        &mut self,
        tiles: &[T],
        per_row: usize,
        inputs: &Inputs,
    ) -> &[Vec<[f32; ROWS]>] {
        for sums in &mut self.0 {
            sums.clear();
            sums.resize(inputs.vectors(), [0.0; ROWS]);
        }
        let [first, second] = &mut self.0;
        if let Some((upper, lower)) = tiles.split_at_checked(per_row).filter(|(_, lower)| !lower.is_empty()) {
            add([upper, lower], inputs, [first, second]);
            &self.0
        } else {
            add([tiles], inputs, [first]);
            &self.0[..1]
        }
    }
}

/// Adds the products of rows of tiles with every vector to each row's `sums`.
pub(super) fn add<T: Tile, const N: usize>(
    tiles: [&[T]; N],
    inputs: &Inputs,
    mut sums: [&mut [[f32; ROWS]]; N],
) {
    let (empty, mut rooms) = (Span::default(), [Span::default(); N]);
    let per_row = tiles.iter().map(|tiles| tiles.len()).min().unwrap_or_default();
    for tile in 0..per_row {
        // Every row of tiles has as many.
        let tiles = tiles.map(|tiles| &tiles[tile]);
        for index in 0..T::COLUMNS / SPAN {
            let inputs = inputs.span(tile * T::COLUMNS / SPAN + index);
            let ranges = tiles.map(|tile| tile.range(index));
            let mut spans = [&empty; N];
            for ((span, tile), room) in spans.iter_mut().zip(tiles).zip(&mut rooms) {
                *span = tile.span(index, room);
            }
            add_spans(spans, T::ZERO, &ranges, inputs, &mut sums);
        }
    }
}

fn add_spans<const N: usize>(
    spans: [&Span; N],
    zero: i32,
    ranges: &[Range; N],
    inputs: InputSpan<'_>,
    sums: &mut [&mut [[f32; ROWS]]; N],
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        #[expect(unsafe_code, reason = "the processor has these instructions, as just checked")]
        // SAFETY: calling a function compiled for them only requires that the processor has them.
        return unsafe { add_spans_vnni(spans, zero, ranges, inputs, sums) };
    }
    for ((span, range), sums) in spans.iter().zip(ranges).zip(sums) {
        add_span_anywhere(span, zero, range, inputs, sums);
    }
}

fn add_span_anywhere(span: &Span, zero: i32, range: &Range, inputs: InputSpan<'_>, sums: &mut [[f32; ROWS]]) {
    let each = inputs.values.iter().zip(inputs.scales).zip(inputs.sums).zip(sums);
    for (((values, &scale), &sum), sums) in each {
        let mut dots = [-zero * sum; ROWS];
        for (group, &word) in span.iter().zip(values) {
            let values = bytes(word).map(i32::from);
            for (dot, weights) in dots.iter_mut().zip(group) {
                *dot +=
                    weights.iter().zip(values).map(|(&weight, value)| i32::from(weight) * value).sum::<i32>();
            }
        }
        let offset = scale * sum as f32;
        for (((total, dot), row_scale), minimum) in
            sums.iter_mut().zip(dots).zip(&range.scale).zip(&range.minimum)
        {
            *total += dot as f32 * row_scale * scale - minimum * offset;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_spans_vnni<const N: usize>(
    spans: [&Span; N],
    zero: i32,
    ranges: &[Range; N],
    inputs: InputSpan<'_>,
    sums: &mut [&mut [[f32; ROWS]]; N],
) {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps,
        _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
    };
    let mut weights = [[_mm512_setzero_si512(); 8]; N];
    for (registers, span) in weights.iter_mut().zip(spans) {
        for (register, group) in registers.iter_mut().zip(span) {
            *register = load(group);
        }
    }
    let row_scales = ranges.each_ref().map(|range| load_floats(&range.scale));
    let minima = ranges.each_ref().map(|range| load_floats(&range.minimum));
    let each = inputs.values.iter().zip(inputs.scales).zip(inputs.sums).enumerate();
    for (vector, ((values, &scale), &sum)) in each {
        let mut even = [_mm512_set1_epi32(-zero * sum); N];
        let mut odd = [_mm512_setzero_si512(); N];
        for pair in 0..4 {
            // Word by word: taken together they would go through a general register each.
            let first = _mm512_set1_epi32(values[2 * pair]);
            let second = _mm512_set1_epi32(values[2 * pair + 1]);
            for ((even, odd), weights) in even.iter_mut().zip(&mut odd).zip(&weights) {
                *even = _mm512_dpbusd_epi32(*even, weights[2 * pair], first);
                *odd = _mm512_dpbusd_epi32(*odd, weights[2 * pair + 1], second);
            }
        }
        let (scale, offset) = (_mm512_set1_ps(scale), _mm512_set1_ps(scale * sum as f32));
        for (row, sums) in sums.iter_mut().enumerate() {
            let dots = _mm512_cvtepi32_ps(_mm512_add_epi32(even[row], odd[row]));
            let total = &mut sums[vector];
            let mut added = _mm512_fmadd_ps(_mm512_mul_ps(dots, row_scales[row]), scale, load_floats(total));
            // Where zero lies in the middle of the bytes there is no minimum.
            if zero == 0 {
                added = _mm512_fnmadd_ps(minima[row], offset, added);
            }
            store_floats(added, total);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn load(group: &super::tiles::Group) -> std::arch::x86_64::__m512i {
    #[expect(unsafe_code, reason = "vector loads take pointers")]
    // SAFETY: the group is 64 bytes, as many as are loaded; no alignment is needed.
    unsafe {
        std::arch::x86_64::_mm512_loadu_si512(group.as_ptr().cast())
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn load_floats(values: &[f32; ROWS]) -> std::arch::x86_64::__m512 {
    #[expect(unsafe_code, reason = "vector loads take pointers")]
    // SAFETY: sixteen floats are 64 bytes, as many as are loaded; no alignment is needed.
    unsafe {
        std::arch::x86_64::_mm512_loadu_ps(values.as_ptr())
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn store_floats(register: std::arch::x86_64::__m512, values: &mut [f32; ROWS]) {
    #[expect(unsafe_code, reason = "vector stores take pointers")]
    // SAFETY: sixteen floats are 64 bytes, as many as are stored; no alignment is needed.
    unsafe {
        std::arch::x86_64::_mm512_storeu_ps(values.as_mut_ptr(), register);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_kernels_give_the_same_sums() {
        if !is_x86_feature_detected!("avx512vnni") {
            println!("SKIPPED: this processor has no AVX-512 VNNI");
            return;
        }
        let mut span = Span::default();
        for (i, byte) in span.as_flattened_mut().as_flattened_mut().iter_mut().enumerate() {
            *byte = (i * 89 % 256) as u8;
        }
        let mut flipped = span;
        flipped.reverse();
        let row = |i: usize| (i as f32 * 0.7).sin();
        let range = Range { scale: std::array::from_fn(row), minimum: std::array::from_fn(|i| row(i + 50)) };
        let x: Vec<f32> = (0..5 * 32).map(|i| (i as f32 * 0.31).cos()).collect();
        let inputs = Inputs::new(&x, 32);
        for zero in [0, 128] {
            let minimum = if zero == 0 { range.minimum } else { [0.0; ROWS] };
            let range = Range { minimum, ..range };
            let [mut fast, mut slow, mut other, mut other_slow] = [[[0.5; ROWS]; 5]; 4];
            #[expect(unsafe_code, reason = "the processor has these instructions, as just checked")]
            // SAFETY: as above.
            unsafe {
                let sums = &mut [fast.as_mut_slice(), other.as_mut_slice()];
                add_spans_vnni([&span, &flipped], zero, &[range, range], inputs.span(0), sums);
            }
            add_span_anywhere(&span, zero, &range, inputs.span(0), &mut slow);
            add_span_anywhere(&flipped, zero, &range, inputs.span(0), &mut other_slow);
            let slow = slow.as_flattened().iter().chain(other_slow.as_flattened());
            for (fast, slow) in fast.as_flattened().iter().chain(other.as_flattened()).zip(slow) {
                assert!((fast - slow).abs() < 1e-3, "{fast} and {slow}");
            }
        }
    }
}
