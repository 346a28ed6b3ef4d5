//! Products of a panel and packed vectors.

use candle_core::WithDType;
use half::{bf16, f16};

use super::PANEL;
use crate::register::{LANES, Pair, Pairs, Register};

/// Vectors whose sums with a panel fit the registers beside one step of it.
pub(crate) const VECTORS: usize = 6;

/// Bytes of a panel that go with all vectors before the next are read: they stay in a core's nearest
/// cache.
const PIECE_BYTES: usize = 32 << 10;

/// What a vector is taken apart into.
pub(crate) trait Input: Copy + Default + Send + Sync {
    /// Columns in it.
    const COLUMNS: usize;

    /// Takes a vector apart; what is missing of the last input is zero.
    fn of(vector: &[f32]) -> impl Iterator<Item = Self>;
}

/// The part of a row that is multiplied with an input at once.
pub(crate) trait Unit: Copy + Default + Send + Sync {
    /// What a matrix is made of.
    type Number: WithDType;
    /// As many columns of a vector.
    type Input: Input;
    /// Sixteen rows.
    type Rows: Copy;

    /// From up to as many numbers as an input has columns.
    fn new(numbers: &[Self::Number]) -> Self;

    /// Sixteen rows in registers.
    fn load(units: &[Self; LANES]) -> Self::Rows;

    /// `sums` plus the products of sixteen rows and one input.
    fn add(sums: Register, rows: Self::Rows, input: Self::Input) -> Register;
}

impl Input for f32 {
    const COLUMNS: usize = 1;

    fn of(vector: &[f32]) -> impl Iterator<Item = Self> {
        vector.iter().copied()
    }
}

impl Input for Pair {
    const COLUMNS: usize = 2;

    fn of(vector: &[f32]) -> impl Iterator<Item = Self> {
        let (pairs, rest) = vector.as_chunks();
        pairs.iter().map(|pair| pair.map(round)).chain(rest.first().map(|&last| [round(last), bf16::ZERO]))
    }
}

/// Inputs are rounded to bfloat16 too; products are added up in 32 bits.
impl Unit for Pair {
    type Number = bf16;
    type Input = Self;
    type Rows = Pairs;

    fn new(numbers: &[bf16]) -> Self {
        [numbers[0], numbers.get(1).copied().unwrap_or_default()]
    }

    #[inline]
    fn load(units: &[Self; LANES]) -> Pairs {
        Pairs::load(units)
    }

    #[inline]
    fn add(sums: Register, rows: Pairs, input: Self) -> Register {
        sums.add_products(rows, Pairs::splat(input))
    }
}

/// Widened as it is used: inputs stay in 32 bits.
impl Unit for f16 {
    type Number = Self;
    type Input = f32;
    type Rows = Register;

    fn new(numbers: &[Self]) -> Self {
        numbers[0]
    }

    #[inline]
    fn load(units: &[Self; LANES]) -> Register {
        Register::widen(units)
    }

    #[inline]
    fn add(sums: Register, rows: Register, input: f32) -> Register {
        rows.mul_add(Register::splat(input), sums)
    }
}

impl Unit for f32 {
    type Number = Self;
    type Input = Self;
    type Rows = Register;

    fn new(numbers: &[Self]) -> Self {
        numbers[0]
    }

    #[inline]
    fn load(units: &[Self; LANES]) -> Register {
        Register::load(units)
    }

    #[inline]
    fn add(sums: Register, rows: Register, input: Self) -> Register {
        rows.mul_add(Register::splat(input), sums)
    }
}

/// To the nearest bfloat16, of two equally near the even one, without a branch.
fn round(value: f32) -> bf16 {
    let bits = value.to_bits();
    let rounded = (bits + (0x7fff + (bits >> 16 & 1))) >> 16;
    // What is no number must not be rounded up to infinity.
    let none = bits >> 16 | 0x40;
    bf16::from_bits(if value.is_nan() { none } else { rounded } as u16)
}

/// Vectors, as many side by side as a kernel takes.
pub(crate) struct Inputs<I> {
    vectors: usize,
    steps: usize,
    /// Shape (groups of vectors, steps).
    values: Vec<[I; VECTORS]>,
}

impl<I: Input> Inputs<I> {
    /// From `x` of shape (vectors, columns).
    pub(super) fn new(x: &[f32], columns: usize) -> Self {
        let (vectors, steps) = (x.len() / columns, columns.div_ceil(I::COLUMNS));
        let mut values = vec![[I::default(); VECTORS]; vectors.div_ceil(VECTORS) * steps];
        for (group, x) in values.chunks_exact_mut(steps).zip(x.chunks(VECTORS * columns)) {
            for (place, x) in x.chunks_exact(columns).enumerate() {
                for (inputs, input) in group.iter_mut().zip(I::of(x)) {
                    inputs[place] = input;
                }
            }
        }
        Self { vectors, steps, values }
    }

    pub(crate) fn vectors(&self) -> usize {
        self.vectors
    }

    /// `steps` steps from `first` on of every group of up to [`VECTORS`] vectors.
    pub(crate) fn groups(&self, first: usize, steps: usize) -> impl Iterator<Item = &[[I; VECTORS]]> {
        self.values.chunks_exact(self.steps).map(move |group| &group[first..][..steps])
    }
}

/// Adds the products of a panel with every vector to `sums`, one element per vector.
pub(super) fn add<U: Unit>(panel: &[[U; PANEL]], inputs: &Inputs<U::Input>, sums: &mut [[f32; PANEL]]) {
    let piece = PIECE_BYTES / size_of::<[U; PANEL]>();
    for (panel, first) in panel.chunks(piece).zip((0..).step_by(piece)) {
        for (group, sums) in inputs.groups(first, panel.len()).zip(sums.chunks_mut(VECTORS)) {
            Group { inputs: group, sums }.accumulate(&mut Rows(panel));
        }
    }
}

/// What goes over the steps of a panel with a number of vectors that is known when compiling.
pub(crate) trait Accumulate<I> {
    /// Adds the products with the first `N` vectors of `inputs` to `sums`.
    fn add<const N: usize>(&mut self, inputs: &[[I; VECTORS]], sums: &mut Sums<N>);
}

/// Up to [`VECTORS`] vectors with their sums.
pub(crate) struct Group<'a, I> {
    pub(crate) inputs: &'a [[I; VECTORS]],
    pub(crate) sums: &'a mut [[f32; PANEL]],
}

impl<I: Input> Group<'_, I> {
    pub(crate) fn accumulate(self, work: &mut impl Accumulate<I>) {
        match self.sums.len() {
            1 => self.with::<1>(work),
            2 => self.with::<2>(work),
            3 => self.with::<3>(work),
            4 => self.with::<4>(work),
            5 => self.with::<5>(work),
            _ => self.with::<VECTORS>(work),
        }
    }

    fn with<const N: usize>(self, work: &mut impl Accumulate<I>) {
        if let Some(stored) = self.sums.as_mut_array::<N>() {
            let mut sums = Sums::load(stored);
            work.add(self.inputs, &mut sums);
            sums.store(stored);
        }
    }
}

/// The sums of `N` vectors with the rows of a panel, in registers.
pub(crate) struct Sums<const N: usize>([[Register; PANEL / LANES]; N]);

impl<const N: usize> Sums<N> {
    fn load(stored: &[[f32; PANEL]; N]) -> Self {
        let mut registers = [[Register::zero(); PANEL / LANES]; N];
        for (registers, stored) in registers.iter_mut().zip(stored) {
            for (register, stored) in registers.iter_mut().zip(stored.as_chunks().0) {
                *register = Register::load(stored);
            }
        }
        Self(registers)
    }

    fn store(self, stored: &mut [[f32; PANEL]; N]) {
        for (registers, stored) in self.0.iter().zip(stored) {
            for (register, stored) in registers.iter().zip(stored.as_chunks_mut().0) {
                register.store(stored);
            }
        }
    }

    /// Adds the products of one step.
    #[inline]
    pub(crate) fn step<U: Unit>(&mut self, rows: [U::Rows; PANEL / LANES], inputs: &[U::Input; VECTORS]) {
        for (registers, &input) in self.0.iter_mut().zip(inputs) {
            for (register, rows) in registers.iter_mut().zip(rows) {
                *register = U::add(*register, rows, input);
            }
        }
    }
}

/// Steps of a panel as they lie in memory.
pub(crate) struct Rows<'a, U>(pub(crate) &'a [[U; PANEL]]);

impl<U: Unit> Accumulate<U::Input> for Rows<'_, U> {
    fn add<const N: usize>(&mut self, inputs: &[[U::Input; VECTORS]], sums: &mut Sums<N>) {
        for (units, inputs) in self.0.iter().zip(inputs) {
            let units = units.as_chunks().0;
            sums.step::<U>(std::array::from_fn(|part| U::load(&units[part])), inputs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_the_format_says() {
        let halfway = (0..2000u32).map(|i| f32::from_bits(0x3f80_8000 + (i << 15) + i % 3 - 1));
        let odd = [0.0, -0.0, 1e-40, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE];
        for value in halfway.chain(odd) {
            assert_eq!(round(value).to_bits(), bf16::from_f32(value).to_bits(), "{value}");
        }
        for bits in [0x7f80_0001, 0xffff_ffff, 0x7fff_8000] {
            assert!(round(f32::from_bits(bits)).is_nan(), "{bits:x}");
        }
    }
}
