//! The product of a panel of 64 rows with a few vectors.

use half::f16;
use reelbench_nn::vector::fused;

use super::PANEL;

/// Floats of a register.
const LANES: usize = 16;
/// Vectors whose sums fit the registers beside a column of weights.
const VECTORS: usize = 4;

/// A type that weights are stored in.
pub(crate) trait Element: Copy + Default + Send + Sync {
    /// The same value.
    fn widen(self) -> f32;

    /// The same 16 values in a register.
    ///
    /// # Safety
    /// The processor has AVX-512.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "a trait's functions cannot be bound to instructions")]
    unsafe fn load(values: &[Self; LANES]) -> std::arch::x86_64::__m512;
}

impl Element for f16 {
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector loads take pointers")]
    #[inline]
    unsafe fn load(values: &[Self; LANES]) -> std::arch::x86_64::__m512 {
        use std::arch::x86_64::{_mm256_loadu_si256, _mm512_cvtph_ps};
        // SAFETY: sixteen halves, transparent `u16`s, are 32 bytes, as many as are loaded; no
        // alignment is needed. The caller has the instructions.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast())) }
    }
}

impl Element for f32 {
    fn widen(self) -> f32 {
        self
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector loads take pointers")]
    #[inline]
    unsafe fn load(values: &[Self; LANES]) -> std::arch::x86_64::__m512 {
        // SAFETY: sixteen floats are 64 bytes, as many as are loaded; no alignment is needed. The
        // caller has the instruction.
        unsafe { std::arch::x86_64::_mm512_loadu_ps(values.as_ptr()) }
    }
}

/// The products of a panel, column by column, with every vector of `x`: one element of `products`
/// per vector.
pub(super) fn multiply<E: Element>(panel: &[[E; PANEL]], x: &[f32], products: &mut [[f32; PANEL]]) {
    let columns = panel.len();
    let (many, few) = products.as_chunks_mut::<VECTORS>();
    let mut x = x.chunks_exact(columns);
    for products in many {
        if let [Some(a), Some(b), Some(c), Some(d)] = [x.next(), x.next(), x.next(), x.next()] {
            multiply_few(panel, [a, b, c, d], products);
        }
    }
    for (x, products) in x.zip(few) {
        multiply_few(panel, [x], std::array::from_mut(products));
    }
}

fn multiply_few<E: Element, const N: usize>(
    panel: &[[E; PANEL]],
    x: [&[f32]; N],
    products: &mut [[f32; PANEL]; N],
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        #[expect(unsafe_code, reason = "the processor has AVX-512, as just checked")]
        // SAFETY: calling a function compiled for AVX-512 only requires that the processor has it.
        return unsafe { multiply_avx512(panel, x, products) };
    }
    multiply_anywhere(panel, x, products);
}

fn multiply_anywhere<E: Element, const N: usize>(
    panel: &[[E; PANEL]],
    x: [&[f32]; N],
    products: &mut [[f32; PANEL]; N],
) {
    *products = [[0.0; PANEL]; N];
    for (column, weights) in panel.iter().enumerate() {
        let weights = weights.map(E::widen);
        for (x, products) in x.iter().zip(products.iter_mut()) {
            for (product, weight) in products.iter_mut().zip(weights) {
                *product = fused(weight, x[column], *product);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn multiply_avx512<E: Element, const N: usize>(
    panel: &[[E; PANEL]],
    x: [&[f32]; N],
    products: &mut [[f32; PANEL]; N],
) {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps};
    let mut sums = [[_mm512_setzero_ps(); PANEL / LANES]; N];
    for (column, weights) in panel.iter().enumerate() {
        let mut registers = [_mm512_setzero_ps(); PANEL / LANES];
        for (register, weights) in registers.iter_mut().zip(weights.as_chunks::<LANES>().0) {
            #[expect(unsafe_code, reason = "this function is compiled for AVX-512")]
            // SAFETY: as above.
            let loaded = unsafe { E::load(weights) };
            *register = loaded;
        }
        for (x, sums) in x.iter().zip(&mut sums) {
            let x = _mm512_set1_ps(x[column]);
            for (sum, weights) in sums.iter_mut().zip(registers) {
                *sum = _mm512_fmadd_ps(weights, x, *sum);
            }
        }
    }
    for (sums, products) in sums.iter().zip(products) {
        for (&sum, products) in sums.iter().zip(products.as_chunks_mut::<LANES>().0) {
            #[expect(unsafe_code, reason = "vector stores take pointers")]
            // SAFETY: sixteen floats are 64 bytes, as many as are stored; no alignment is needed.
            unsafe {
                _mm512_storeu_ps(products.as_mut_ptr(), sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_kernels_give_the_same_sums() {
        if !is_x86_feature_detected!("avx512f") {
            println!("SKIPPED: this processor has no AVX-512");
            return;
        }
        let value = |i: usize| (i as f32 * 0.7).sin();
        let panel: Vec<[f16; PANEL]> = (0..39)
            .map(|column| std::array::from_fn(|row| f16::from_f32(value(column * PANEL + row))))
            .collect();
        let x: Vec<f32> = (0..2 * 39).map(|i| value(i + 7)).collect();
        let x = [&x[..39], &x[39..]];
        let [mut fast, mut slow] = [[[f32::NAN; PANEL]; 2]; 2];
        #[expect(unsafe_code, reason = "the processor has AVX-512, as just checked")]
        // SAFETY: as above.
        unsafe {
            multiply_avx512(&panel, x, &mut fast);
        }
        multiply_anywhere(&panel, x, &mut slow);
        for (fast, slow) in fast.as_flattened().iter().zip(slow.as_flattened()) {
            assert!((fast - slow).abs() < 1e-5, "{fast} and {slow}");
        }
    }
}
