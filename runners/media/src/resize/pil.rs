//! Pillow's resize (`src/libImaging/Resample.c` of Pillow 13): two passes, one along rows and one along columns,
//! each an antialiased filter in 22-bit fixed point with 8-bit values in between. Which pass comes first shows in the
//! last bits.

use image::RgbImage;

/// Bits after the point: 32, less 8 for the value and 2 for the overshoot of the filter.
const PRECISION: u32 = 32 - 8 - 2;

/// Pillow's `Image.resize((width, height), BICUBIC)` of an RGB picture, byte for byte.
///
/// A picture or a target without pixels gives an empty picture.
pub fn pil_bicubic(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    resize(picture, width, height, Kernel { support: 2.0, weight: bicubic })
}

/// Pillow's `Image.resize((width, height), BILINEAR)` of an RGB picture, byte for byte.
///
/// A picture or a target without pixels gives an empty picture.
pub fn pil_bilinear(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    resize(picture, width, height, Kernel { support: 1.0, weight: triangle })
}

#[derive(Clone, Copy)]
struct Kernel {
    support: f64,
    weight: fn(f64) -> f64,
}

/// The cubic of Keys with a = -0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// For every output position, the inputs it is made of.
struct Plan {
    /// First input and number of inputs.
    spans: Vec<(usize, usize)>,
    /// `longest` weights per output.
    weights: Vec<i32>,
    longest: usize,
}

impl Plan {
    fn new(input: u32, output: u32, kernel: Kernel) -> Self {
        let scale = f64::from(input) / f64::from(output);
        let stretch = scale.max(1.0);
        let support = kernel.support * stretch;
        let longest = support.ceil() as usize * 2 + 1;
        let mut spans = Vec::with_capacity(output as usize);
        let mut weights = Vec::with_capacity(output as usize * longest);
        let mut exact = Vec::with_capacity(longest);
        for index in 0..output {
            let center = (f64::from(index) + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(input as usize);
            exact.clear();
            exact.extend((first..end).map(|x| (kernel.weight)((x as f64 - center + 0.5) * (1.0 / stretch))));
            let sum: f64 = exact.iter().sum();
            let one = f64::from(1_u32 << PRECISION);
            weights.extend(exact.iter().map(|weight| {
                let weight = if sum == 0.0 { *weight } else { weight / sum };
                // The cast rounds towards zero.
                (weight * one + 0.5_f64.copysign(weight)) as i32
            }));
            weights.resize((index as usize + 1) * longest, 0);
            spans.push((first, end - first));
        }
        Self { spans, weights, longest }
    }

    fn taps(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.spans
            .iter()
            .zip(self.weights.chunks_exact(self.longest))
            .map(|(&(first, count), weights)| (first, &weights[..count]))
    }
}

fn resize(picture: &RgbImage, width: u32, height: u32, kernel: Kernel) -> RgbImage {
    if width == 0 || height == 0 || picture.is_empty() {
        return RgbImage::new(width, height);
    }
    let along_rows = |picture: &RgbImage| match picture.width() {
        unchanged if unchanged == width => picture.clone(),
        _ => resize_rows(picture, width, kernel),
    };
    let along_columns = |picture: &RgbImage| match picture.height() {
        unchanged if unchanged == height => picture.clone(),
        _ => resize_columns(picture, height, kernel),
    };
    if columns_first(picture, width, height) {
        along_rows(&along_columns(picture))
    } else {
        along_columns(&along_rows(picture))
    }
}

/// Pillow 13 begins with the columns where the height shrinks, and by more than twice as much as the width does
/// (observed on 13.0.0 over random sizes, both filters; versions before it always begin with the rows).
fn columns_first(picture: &RgbImage, width: u32, height: u32) -> bool {
    let lower = i64::from(picture.height()) - i64::from(height);
    let narrower = i64::from(picture.width()) - i64::from(width);
    lower > 0 && lower > 2 * narrower
}

/// What a sum starts with, so that it is rounded.
const HALF: i32 = 1 << (PRECISION - 1);

fn to_level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

fn resize_rows(picture: &RgbImage, width: u32, kernel: Kernel) -> RgbImage {
    let plan = Plan::new(picture.width(), width, kernel);
    let mut resized = RgbImage::new(width, picture.height());
    let row = picture.width() as usize * 3;
    // Four lanes fill a vector register; the fourth is not used.
    let mut wide = vec![[0_i32; 4]; picture.width() as usize];
    for (source, target) in picture.chunks_exact(row).zip(resized.chunks_exact_mut(width as usize * 3)) {
        for (wide, pixel) in wide.iter_mut().zip(source.chunks_exact(3)) {
            *wide = [i32::from(pixel[0]), i32::from(pixel[1]), i32::from(pixel[2]), 0];
        }
        for ((first, weights), target) in plan.taps().zip(target.chunks_exact_mut(3)) {
            let mut sum = [HALF; 4];
            for (pixel, &weight) in wide[first..].iter().zip(weights) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += value * weight;
                }
            }
            target.copy_from_slice(&[to_level(sum[0]), to_level(sum[1]), to_level(sum[2])]);
        }
    }
    resized
}

fn resize_columns(picture: &RgbImage, height: u32, kernel: Kernel) -> RgbImage {
    let plan = Plan::new(picture.height(), height, kernel);
    let mut resized = RgbImage::new(picture.width(), height);
    let row = picture.width() as usize * 3;
    let rows: Vec<&[u8]> = picture.chunks_exact(row).collect();
    for ((first, weights), target) in plan.taps().zip(resized.chunks_exact_mut(row)) {
        let sources = &rows[first..first + weights.len()];
        let (blocks, rest) = target.as_chunks_mut::<LANES>();
        let start_of_rest = blocks.len() * LANES;
        for (index, target) in blocks.iter_mut().enumerate() {
            let columns = sources.iter().map(|source| &source.as_chunks::<LANES>().0[index]);
            let sums = weighted_sums(columns, weights);
            for (target, sum) in target.iter_mut().zip(sums) {
                *target = to_level(sum);
            }
        }
        for (index, target) in rest.iter_mut().enumerate() {
            let column = sources.iter().map(|source| std::array::from_ref(&source[start_of_rest + index]));
            let [sum] = weighted_sums(column, weights);
            *target = to_level(sum);
        }
    }
    resized
}

/// Columns that are summed up together, so that the sums stay in vector registers.
const LANES: usize = 64;

#[inline]
fn weighted_sums<'a, const N: usize>(rows: impl Iterator<Item = &'a [u8; N]>, weights: &[i32]) -> [i32; N] {
    let mut sums = [HALF; N];
    for (row, &weight) in rows.zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += i32::from(value) * weight;
        }
    }
    sums
}
