//! Sixteen numbers at once: what the kernels of linear layers compute with.
//!
//! The compiler vectorizes arrays of sums only for some sizes of a kernel, and is many times slower
//! for the others, so registers are named where the processor has them.

/// Numbers of a register.
pub(crate) const LANES: usize = 16;

/// Two neighbouring columns, rounded to bfloat16: the unit that is multiplied at once.
pub(crate) type Pair = [half::bf16; 2];

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
use avx512 as in_use;
pub(crate) use in_use::{Nibbles, Pairs, Register};
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx512f")))]
use portable as in_use;

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
mod avx512 {
    use std::arch::x86_64::{
        __m512, __m512i, _mm256_loadu_si256, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_loadu_si512, _mm512_mul_ps, _mm512_permutexvar_ps, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_setzero_ps, _mm512_srli_epi32, _mm512_storeu_ps,
    };

    use half::f16;

    use super::{LANES, Pair};

    /// Sixteen floats.
    #[derive(Clone, Copy)]
    pub(crate) struct Register(__m512);

    /// Sixteen pairs.
    #[derive(Clone, Copy)]
    pub(crate) struct Pairs(__m512i);

    /// Sixteen words of eight 4-bit numbers each.
    #[derive(Clone, Copy)]
    pub(crate) struct Nibbles(__m512i);

    // SAFETY of all below: the module exists only where the whole build has AVX-512F; a pointer comes
    // from a reference to an array as long as what is loaded or stored, which needs no alignment.
    #[expect(unsafe_code, reason = "intrinsics have no safe form outside of annotated functions")]
    impl Register {
        #[inline]
        pub(crate) fn zero() -> Self {
            Self(unsafe { _mm512_setzero_ps() })
        }

        #[inline]
        pub(crate) fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline]
        pub(crate) fn load(values: &[f32; LANES]) -> Self {
            Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
        }

        /// The same values in 32 bits.
        #[inline]
        pub(crate) fn widen(values: &[f16; LANES]) -> Self {
            Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast())) })
        }

        #[inline]
        pub(crate) fn store(self, values: &mut [f32; LANES]) {
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
        }

        /// `self · factor + addend`, rounded once.
        #[inline]
        pub(crate) fn mul_add(self, factor: Self, addend: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
        }

        #[inline]
        pub(crate) fn times(self, factor: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, factor.0) })
        }

        /// `self` plus both products of every pair of `a` and `b`.
        #[inline]
        pub(crate) fn add_products(self, a: Pairs, b: Pairs) -> Self {
            #[cfg(target_feature = "avx512bf16")]
            {
                use std::arch::x86_64::{__m512bh, _mm512_dpbf16_ps};
                use std::mem::transmute;
                // The types are two names for the same 64 bytes.
                let [a, b] = [a.0, b.0].map(|pairs| unsafe { transmute::<__m512i, __m512bh>(pairs) });
                Self(unsafe { _mm512_dpbf16_ps(self.0, a, b) })
            }
            #[cfg(not(target_feature = "avx512bf16"))]
            {
                let ((a_even, a_odd), (b_even, b_odd)) = (a.split(), b.split());
                a_even.mul_add(b_even, a_odd.mul_add(b_odd, self))
            }
        }

        /// Of sixteen values, those that the words' lowest four bits number.
        #[inline]
        pub(crate) fn select(self, numbers: Nibbles) -> Self {
            // The instruction looks at no other bits.
            Self(unsafe { _mm512_permutexvar_ps(numbers.0, self.0) })
        }
    }

    #[expect(unsafe_code, reason = "as above")]
    impl Pairs {
        #[inline]
        pub(crate) fn load(pairs: &[Pair; LANES]) -> Self {
            Self(unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) })
        }

        #[inline]
        pub(crate) fn splat([even, odd]: Pair) -> Self {
            let bits = u32::from(even.to_bits()) | u32::from(odd.to_bits()) << 16;
            Self(unsafe { _mm512_set1_epi32(bits.cast_signed()) })
        }

        #[cfg(not(target_feature = "avx512bf16"))]
        #[inline]
        fn split(self) -> (Register, Register) {
            use std::arch::x86_64::{_mm512_and_si512, _mm512_castsi512_ps, _mm512_slli_epi32};
            let even = unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(self.0)) };
            let high = unsafe { _mm512_and_si512(self.0, _mm512_set1_epi32(-1 << 16)) };
            (Register(even), Register(unsafe { _mm512_castsi512_ps(high) }))
        }
    }

    #[expect(unsafe_code, reason = "as above")]
    impl Nibbles {
        #[inline]
        pub(crate) fn load(bytes: &[u8; 4 * LANES]) -> Self {
            Self(unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) })
        }

        /// With the next four bits lowest.
        #[inline]
        pub(crate) fn next(self) -> Self {
            Self(unsafe { _mm512_srli_epi32::<4>(self.0) })
        }
    }
}

/// The same on any processor.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "avx512f"))))]
mod portable {
    use half::f16;
    use half::slice::HalfFloatSliceExt;

    use super::{LANES, Pair};
    use crate::vector::fused;

    /// Sixteen floats.
    #[derive(Clone, Copy)]
    pub(crate) struct Register([f32; LANES]);

    /// Sixteen pairs.
    #[derive(Clone, Copy)]
    pub(crate) struct Pairs([Pair; LANES]);

    /// Sixteen words of eight 4-bit numbers each.
    #[derive(Clone, Copy)]
    pub(crate) struct Nibbles([u32; LANES]);

    impl Register {
        pub(crate) fn zero() -> Self {
            Self::splat(0.0)
        }

        pub(crate) fn splat(value: f32) -> Self {
            Self([value; LANES])
        }

        pub(crate) fn load(values: &[f32; LANES]) -> Self {
            Self(*values)
        }

        pub(crate) fn widen(values: &[f16; LANES]) -> Self {
            let mut singles = [0.0; LANES];
            values.convert_to_f32_slice(&mut singles);
            Self(singles)
        }

        pub(crate) fn store(self, values: &mut [f32; LANES]) {
            *values = self.0;
        }

        pub(crate) fn mul_add(self, factor: Self, addend: Self) -> Self {
            Self(std::array::from_fn(|lane| fused(self.0[lane], factor.0[lane], addend.0[lane])))
        }

        pub(crate) fn times(self, factor: Self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane] * factor.0[lane]))
        }

        pub(crate) fn add_products(self, a: Pairs, b: Pairs) -> Self {
            let half = |pairs: Pairs, place: usize| Self(pairs.0.map(|pair| pair[place].to_f32()));
            half(a, 0).mul_add(half(b, 0), half(a, 1).mul_add(half(b, 1), self))
        }

        pub(crate) fn select(self, numbers: Nibbles) -> Self {
            Self(numbers.0.map(|word| self.0[(word & 15) as usize]))
        }
    }

    impl Pairs {
        pub(crate) fn load(pairs: &[Pair; LANES]) -> Self {
            Self(*pairs)
        }

        pub(crate) fn splat(pair: Pair) -> Self {
            Self([pair; LANES])
        }
    }

    impl Nibbles {
        pub(crate) fn load(bytes: &[u8; 4 * LANES]) -> Self {
            let words = bytes.as_chunks().0;
            Self(std::array::from_fn(|lane| u32::from_le_bytes(words[lane])))
        }

        pub(crate) fn next(self) -> Self {
            Self(self.0.map(|word| word >> 4))
        }
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::LANES;

    fn values(step: f32) -> [f32; LANES] {
        std::array::from_fn(|lane| (lane as f32 * step).sin() + 0.1)
    }

    /// Where the processor has no such registers, both are the same.
    #[test]
    fn registers_compute_what_arrays_do() {
        macro_rules! results {
            ($module:ident) => {{
                use super::$module::{Nibbles, Pairs, Register};
                let [a, b, c] = [0.3, 0.7, 1.1].map(values);
                let pairs = |x: [f32; LANES]| x.map(|x| [bf16::from_f32(x), bf16::from_f32(x * 3.0)]);
                let bytes: [u8; 64] = std::array::from_fn(|i| (i * 37 % 256) as u8);
                let sums = Register::load(&c);
                let stored = |register: Register| {
                    let mut values = [f32::NAN; LANES];
                    register.store(&mut values);
                    values
                };
                [
                    stored(Register::widen(&a.map(f16::from_f32))),
                    stored(Register::load(&a).mul_add(Register::splat(b[3]), sums)),
                    stored(sums.add_products(Pairs::load(&pairs(a)), Pairs::load(&pairs(b)))),
                    stored(sums.add_products(Pairs::load(&pairs(a)), Pairs::splat(pairs(b)[5]))),
                    stored(sums.select(Nibbles::load(&bytes))),
                    stored(sums.select(Nibbles::load(&bytes).next().next().next())),
                    stored(Register::load(&a).times(sums)),
                    stored(Register::zero()),
                ]
            }};
        }
        let found = results!(in_use);
        for (found, expected) in found.iter().flatten().zip(results!(portable).iter().flatten()) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
}
