//! Vectors rounded to bytes.

use super::tiles::SPAN;

/// The 32 bytes of a span, four neighbours in a word: what one instruction multiplies.
pub(super) type Words = [i32; SPAN / 4];

/// Vectors rounded to 8 bits in spans of 32, span by span: what is multiplied with the same
/// weights lies together.
pub(super) struct Inputs {
    vectors: usize,
    /// Shape (spans, vectors).
    values: Vec<Words>,
    scales: Vec<f32>,
    /// The sum of a span's values.
    sums: Vec<i32>,
}

/// One span of every vector.
#[derive(Clone, Copy)]
pub(super) struct InputSpan<'a> {
    pub(super) values: &'a [Words],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [i32],
}

impl Inputs {
    /// From `x` of shape (vectors, columns).
    pub(super) fn new(x: &[f32], columns: usize) -> Self {
        let (vectors, spans) = (x.len() / columns, columns / SPAN);
        let mut inputs = Self {
            vectors,
            values: vec![Words::default(); spans * vectors],
            scales: vec![0.0; spans * vectors],
            sums: vec![0; spans * vectors],
        };
        for (vector, x) in x.chunks_exact(columns).enumerate() {
            for (span, x) in x.as_chunks::<SPAN>().0.iter().enumerate() {
                let place = span * vectors + vector;
                let (scale, values) = round(x);
                inputs.scales[place] = scale;
                inputs.sums[place] = values.iter().map(|&value| i32::from(value)).sum();
                inputs.values[place] = words(values);
            }
        }
        inputs
    }

    pub(super) fn vectors(&self) -> usize {
        self.vectors
    }

    pub(super) fn span(&self, index: usize) -> InputSpan<'_> {
        let range = index * self.vectors..(index + 1) * self.vectors;
        InputSpan {
            values: &self.values[range.clone()],
            scales: &self.scales[range.clone()],
            sums: &self.sums[range],
        }
    }
}

/// The scale and the values, whose product is `x`: the scale is infinite or no number where an
/// element is.
fn round(x: &[f32; SPAN]) -> (f32, [i8; SPAN]) {
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // As integers, magnitudes are in order, those that are no numbers last.
    let largest = x.iter().map(|x| x.to_bits() & 0x7fff_ffff).fold(0, u32::max);
    let scale = f32::from_bits(largest) / 127.0;
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    (scale, x.map(|x| (x * inverse + ROUND).to_bits() as i8))
}

fn words(values: [i8; SPAN]) -> Words {
    let mut words = Words::default();
    for (word, bytes) in words.iter_mut().zip(values.as_chunks().0) {
        *word = i32::from_le_bytes(bytes.map(i8::cast_unsigned));
    }
    words
}

/// The four values in a word.
pub(super) fn bytes(word: i32) -> [i8; 4] {
    word.to_le_bytes().map(u8::cast_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_within_half_a_step_and_spans_lie_together() {
        let x: Vec<f32> = (0..3 * 64).map(|i| (i as f32 * 0.37).sin() * (1 + i / 32) as f32).collect();
        let inputs = Inputs::new(&x, 64);
        for (vector, x) in x.chunks(64).enumerate() {
            for (index, x) in x.chunks(32).enumerate() {
                let span = inputs.span(index);
                let scale = span.scales[vector];
                let values: Vec<i8> = span.values[vector].iter().flat_map(|&word| bytes(word)).collect();
                for (x, &value) in x.iter().zip(&values) {
                    assert!((x - scale * f32::from(value)).abs() <= scale * 0.5001);
                }
                assert_eq!(span.sums[vector], values.iter().map(|&value| i32::from(value)).sum::<i32>());
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for (odd, is_lost) in [(f32::NAN, f32::is_nan as fn(f32) -> bool), (f32::INFINITY, f32::is_infinite)]
        {
            let mut x = [1.0; 32];
            x[7] = odd;
            assert!(is_lost(Inputs::new(&x, 32).span(0).scales[0]), "{odd}");
        }
        assert_eq!(Inputs::new(&[0.0; 32], 32).span(0).values, [[0; 8]]);
    }
}
