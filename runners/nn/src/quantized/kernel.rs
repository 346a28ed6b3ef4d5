//! Products of tiles and rounded vectors.

use super::inputs::{InputSpan, Inputs, bytes};
use super::tiles::{ROWS, Range, SPAN, Span, Tile};

/// Vectors of a task: their sums and one span of them stay in a core's nearest cache.
pub(super) const VECTORS: usize = 128;

/// Multiplications below which a second thread costs more than it saves.
pub(super) const PARALLEL_FROM: usize = 1 << 18;

/// Room for the products of sixteen rows with the vectors of a task.
#[derive(Default)]
pub(super) struct Sums(Vec<[f32; ROWS]>);

impl Sums {
    /// The products of one row of tiles, one element per vector.
    pub(super) fn products<T: Tile>(&mut self, tiles: &[T], inputs: &Inputs) -> &[[f32; ROWS]] {
        self.0.clear();
        self.0.resize(inputs.vectors(), [0.0; ROWS]);
        add(tiles, inputs, &mut self.0);
        &self.0
    }
}

/// Adds the products of one row of tiles with every vector to `sums`.
pub(super) fn add<T: Tile>(tiles: &[T], inputs: &Inputs, sums: &mut [[f32; ROWS]]) {
    let mut room = Span::default();
    for (tile, first) in tiles.iter().zip((0..).step_by(T::COLUMNS / SPAN)) {
        for index in 0..T::COLUMNS / SPAN {
            let (range, inputs) = (tile.range(index), inputs.span(first + index));
            add_span(tile.span(index, &mut room), T::ZERO, &range, inputs, sums);
        }
    }
}

fn add_span(span: &Span, zero: i32, range: &Range, inputs: InputSpan<'_>, sums: &mut [[f32; ROWS]]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        #[expect(unsafe_code, reason = "the processor has these instructions, as just checked")]
        // SAFETY: calling a function compiled for them only requires that the processor has them.
        return unsafe { add_span_vnni(span, zero, range, inputs, sums) };
    }
    add_span_anywhere(span, zero, range, inputs, sums);
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
fn add_span_vnni(span: &Span, zero: i32, range: &Range, inputs: InputSpan<'_>, sums: &mut [[f32; ROWS]]) {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps,
        _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
    };
    let mut weights = [_mm512_setzero_si512(); 8];
    for (register, group) in weights.iter_mut().zip(span) {
        *register = load(group);
    }
    let (row_scale, minimum) = (load_floats(&range.scale), load_floats(&range.minimum));
    let each = inputs.values.iter().zip(inputs.scales).zip(inputs.sums).zip(sums);
    for (((values, &scale), &sum), sums) in each {
        let mut even = _mm512_set1_epi32(-zero * sum);
        let mut odd = _mm512_setzero_si512();
        for (weights, words) in weights.as_chunks::<2>().0.iter().zip(values.as_chunks::<2>().0) {
            even = _mm512_dpbusd_epi32(even, weights[0], _mm512_set1_epi32(words[0]));
            odd = _mm512_dpbusd_epi32(odd, weights[1], _mm512_set1_epi32(words[1]));
        }
        let dots = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)), row_scale);
        let total = _mm512_fmadd_ps(dots, _mm512_set1_ps(scale), load_floats(sums));
        let total = _mm512_fnmadd_ps(minimum, _mm512_set1_ps(scale * sum as f32), total);
        store_floats(total, sums);
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
        let row = |i: usize| (i as f32 * 0.7).sin();
        let range = Range { scale: std::array::from_fn(row), minimum: std::array::from_fn(|i| row(i + 50)) };
        let x: Vec<f32> = (0..5 * 32).map(|i| (i as f32 * 0.31).cos()).collect();
        let inputs = Inputs::new(&x, 32);
        for zero in [0, 128] {
            let [mut fast, mut slow] = [[[0.5; ROWS]; 5]; 2];
            #[expect(unsafe_code, reason = "the processor has these instructions, as just checked")]
            // SAFETY: as above.
            unsafe {
                add_span_vnni(&span, zero, &range, inputs.span(0), &mut fast);
            }
            add_span_anywhere(&span, zero, &range, inputs.span(0), &mut slow);
            for (fast, slow) in fast.as_flattened().iter().zip(slow.as_flattened()) {
                assert!((fast - slow).abs() < 1e-3, "{fast} and {slow}");
            }
        }
    }
}
