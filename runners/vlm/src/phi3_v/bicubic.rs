//! torch's `interpolate(mode="bicubic", align_corners=False)` to a square, without antialiasing
//! (`aten/src/ATen/native/UpSample.h`).

/// The coefficient of Keys' kernel.
const A: f32 = -0.75;

/// What one value of the result is made of along one axis.
struct Taps {
    at: [usize; 4],
    weights: [f32; 4],
}

impl Taps {
    fn blend(&self, value: impl Fn(usize) -> f32) -> f32 {
        self.at.iter().zip(&self.weights).map(|(at, weight)| value(*at) * weight).sum()
    }
}

/// For each of `to` values, its share of the `from` ones; those past an end are the end's.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f32 / to as f32;
    let tap = |index: usize| {
        let centre = scale * (index as f32 + 0.5) - 0.5;
        let first = centre.floor();
        let t = (centre - first).clamp(0.0, 1.0);
        let last = from as i64 - 1;
        Taps {
            at: std::array::from_fn(|tap| (first as i64 - 1 + tap as i64).clamp(0, last) as usize),
            weights: [outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)],
        }
    };
    (0..to).map(tap).collect()
}

/// Keys' kernel up to 1.
fn inner(x: f32) -> f32 {
    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
}

/// Keys' kernel from 1 to 2.
fn outer(x: f32) -> f32 {
    ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
}

/// Resizes a plane of `[height, width]`, neither of which may be 0, to `side` x `side`.
pub(super) fn bicubic(plane: &[f32], [height, width]: [usize; 2], side: usize) -> Vec<f32> {
    let (vertical, horizontal) = (taps(height, side), taps(width, side));
    let mut resized = Vec::with_capacity(side * side);
    for row in &vertical {
        let along_row = |column: &Taps| row.blend(|y| column.blend(|x| plane[y * width + x]));
        resized.extend(horizontal.iter().map(along_row));
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch 2.15: `interpolate(torch.arange(12.).reshape(1, 1, 3, 4) ** 2, (2, 2), mode="bicubic")`.
    const EXPECTED: [f32; 4] = [2.778_320_3, 12.690_43, 59.784_18, 97.997_07];

    #[test]
    fn a_plane_is_resized_as_torch_resizes_it() {
        let plane: Vec<f32> = (0..12).map(|value| (value * value) as f32).collect();
        let resized = bicubic(&plane, [3, 4], 2);
        for (found, expected) in resized.iter().zip(EXPECTED) {
            assert!((found - expected).abs() < 1e-5, "{resized:?}");
        }
    }

    #[test]
    fn one_value_fills_the_square() {
        assert!(bicubic(&[2.5], [1, 1], 3).iter().all(|value| (value - 2.5).abs() < 1e-5));
    }
}
