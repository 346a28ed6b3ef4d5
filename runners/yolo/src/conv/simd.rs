//! Sixteen `f32` at once, the one unit in which feature maps are stored and computed.

/// Channels in a block of a feature map: as many as an AVX-512 register holds.
pub(crate) const LANES: usize = 16;

/// Sixteen channels of one pixel, in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    /// Makes every channel at least as large as the other's.
    pub(crate) fn raise(&mut self, other: &Self) {
        for (value, other) in self.0.iter_mut().zip(other.0) {
            *value = value.max(other);
        }
    }

    /// The channels of many pixels, one after another.
    pub(crate) fn flat(lanes: &[Self]) -> &[f32] {
        let (values, count) = (lanes.as_ptr().cast::<f32>(), lanes.len() * LANES);
        // SAFETY: `repr(C)` and an alignment of 64 bytes that is also its size leave no gaps
        // between the arrays, so the memory is that many initialized floats, borrowed as long.
        #[expect(unsafe_code, reason = "the standard library flattens slices of arrays only")]
        unsafe {
            std::slice::from_raw_parts(values, count)
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
mod vector {
    use std::arch::x86_64::{
        __m512, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_fnmadd_ps, _mm512_load_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_rcp14_ps,
        _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps, _mm512_store_ps, _mm512_sub_ps,
    };

    use super::Lanes;

    /// Pixels times blocks of channels that are summed up at once: of the 32 registers, two hold
    /// weights and one a pixel.
    pub(crate) const ACCUMULATORS: usize = 28;

    /// Sixteen channels of one pixel, in a register. The compiler vectorizes arrays of floats only
    /// for some sizes of the kernels, and is 60 times slower for the others.
    #[derive(Clone, Copy)]
    pub(crate) struct Vector(__m512);

    // SAFETY of all below: the module exists only where the whole build has AVX-512F; pointers
    // come from references to `Lanes`, which are aligned to 64 bytes.
    #[expect(unsafe_code, reason = "intrinsics have no safe form outside of annotated functions")]
    impl Vector {
        #[inline]
        pub(crate) fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline]
        pub(crate) fn load(lanes: &Lanes) -> Self {
            Self(unsafe { _mm512_load_ps(lanes.0.as_ptr()) })
        }

        #[inline]
        pub(crate) fn store(self, lanes: &mut Lanes) {
            unsafe { _mm512_store_ps(lanes.0.as_mut_ptr(), self.0) }
        }

        /// `self · factor + addend`, rounded once.
        #[inline]
        pub(crate) fn mul_add(self, factor: Self, addend: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
        }

        /// `addend − self · factor`, rounded once.
        #[inline]
        pub(crate) fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
            Self(unsafe { _mm512_fnmadd_ps(self.0, factor.0, addend.0) })
        }

        #[inline]
        pub(crate) fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline]
        pub(crate) fn minus(self, other: Self) -> Self {
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline]
        pub(crate) fn times(self, other: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }

        /// x · sigmoid(x) = x / (1 + e⁻ˣ).
        #[inline]
        pub(crate) fn silu(self) -> Self {
            /// Taylor's coefficients of 2ᶠ from the sixth down: |f| ≤ 1/2 leaves 1.3e-7 of the value.
            const POWER_OF_TWO: [f32; 6] = [
                1.540_353e-4,
                1.333_355_8e-3,
                9.618_129e-3,
                5.550_410_7e-2,
                0.240_226_5,
                std::f32::consts::LN_2,
            ];
            // Outside of this range e⁻ˣ cannot be represented. Of two operands, the second counts where
            // one is not a number.
            let [least, most] = [-87.0, 87.0].map(|limit| Self::splat(limit).0);
            let x = unsafe { _mm512_min_ps(most, _mm512_max_ps(least, self.0)) };
            let log2_e = Self::splat(-std::f32::consts::LOG2_E);
            let whole = Self(unsafe {
                const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
                _mm512_roundscale_ps::<NEAREST>(Self(x).times(log2_e).0)
            });
            let part = Self(x).mul_add(log2_e, Self::splat(0.0).minus(whole));
            let [sixth, others @ ..] = POWER_OF_TWO.map(Self::splat);
            let power = others.into_iter().fold(sixth, |sum, factor| sum.mul_add(part, factor));
            let power = power.mul_add(part, Self::splat(1.0));
            let divisor = Self(unsafe { _mm512_scalef_ps(power.0, whole.0) }).plus(Self::splat(1.0));
            // The reciprocal to 14 bits, and one step of Newton's method to all of them.
            let guess = Self(unsafe { _mm512_rcp14_ps(divisor.0) });
            let reciprocal = guess.times(guess.neg_mul_add(divisor, Self::splat(2.0)));
            self.times(reciprocal)
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx512f")))]
mod vector {
    use super::{LANES, Lanes};

    /// Pixels times blocks of channels that are summed up at once: few, as the registers are.
    pub(crate) const ACCUMULATORS: usize = 6;

    /// Sixteen channels of one pixel, in as many registers as it takes.
    #[derive(Clone, Copy)]
    pub(crate) struct Vector([f32; LANES]);

    impl Vector {
        #[inline]
        fn zip(self, other: Self, with: impl Fn(f32, f32) -> f32) -> Self {
            Self(std::array::from_fn(|lane| with(self.0[lane], other.0[lane])))
        }

        #[inline]
        pub(crate) fn splat(value: f32) -> Self {
            Self([value; LANES])
        }

        #[inline]
        pub(crate) fn load(lanes: &Lanes) -> Self {
            Self(lanes.0)
        }

        #[inline]
        pub(crate) fn store(self, lanes: &mut Lanes) {
            lanes.0 = self.0;
        }

        #[inline]
        pub(crate) fn mul_add(self, factor: Self, addend: Self) -> Self {
            self.zip(factor, |a, b| a * b).plus(addend)
        }

        #[inline]
        pub(crate) fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
            addend.minus(self.zip(factor, |a, b| a * b))
        }

        #[inline]
        pub(crate) fn plus(self, other: Self) -> Self {
            self.zip(other, |a, b| a + b)
        }

        #[inline]
        pub(crate) fn minus(self, other: Self) -> Self {
            self.zip(other, |a, b| a - b)
        }

        #[inline]
        pub(crate) fn times(self, other: Self) -> Self {
            self.zip(other, |a, b| a * b)
        }

        /// x · sigmoid(x).
        #[inline]
        pub(crate) fn silu(self) -> Self {
            Self(self.0.map(|x| x * reelbench_nn::vector::sigmoid(x)))
        }
    }
}

pub(crate) use vector::{ACCUMULATORS, Vector};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silu_is_exact_to_a_few_units_in_the_last_place() {
        let silu = |x: f32| {
            let mut lanes = Lanes::ZERO;
            Vector::splat(x).silu().store(&mut lanes);
            lanes.0[LANES - 1]
        };
        for step in -20_000..20_000 {
            let x = step as f32 * 1e-3;
            let exact = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            let error = (f64::from(silu(x)) - exact).abs();
            assert!(error < 4e-7 * exact.abs().max(1e-2), "silu({x}): error {error}");
        }
        assert!(silu(-1e30).abs() < 1e-6);
        assert!((silu(1e30) / 1e30 - 1.0).abs() < 1e-6);
        assert!(silu(f32::NAN).is_nan());
    }
}
