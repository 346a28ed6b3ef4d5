//! OpenCV's `resize(…, INTER_LINEAR)` of 8-bit pictures (`modules/imgproc/src/resize.cpp` of OpenCV 4.5 to 5.0): two taps
//! per axis, no antialiasing, 11-bit weights.

use image::RgbImage;

/// One, as a weight.
const ONE: i32 = 1 << 11;

/// The two inputs of one output position along one axis, and their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    pub(crate) near: usize,
    pub(crate) far: usize,
    pub(crate) near_weight: i32,
    pub(crate) far_weight: i32,
}

/// What happens where a tap reaches over the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The edge value counts alone, with weight one: OpenCV's way along rows.
    Whole,
    /// The edge value counts twice, with both weights, which rounds twice: OpenCV's way along columns.
    Split,
}

/// The taps of one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AxisTaps(pub(crate) Vec<Tap>);

impl AxisTaps {
    pub(crate) fn new(input: u32, output: u32, edge: Edge) -> Self {
        let scale = 1.0 / (f64::from(output) / f64::from(input));
        let last = i64::from(input) - 1;
        let tap = |index: u32| {
            let place = ((f64::from(index) + 0.5) * scale - 0.5) as f32;
            let near = place.floor();
            let mut fraction = place - near;
            let near = near as i64;
            if edge == Edge::Whole && (near < 0 || near >= last) {
                fraction = 0.0;
            }
            let weight = |part: f32| (part * ONE as f32).round_ties_even() as i32;
            Tap {
                near: near.clamp(0, last) as usize,
                far: (near + 1).clamp(0, last) as usize,
                near_weight: weight(1.0 - fraction),
                far_weight: weight(fraction),
            }
        };
        Self((0..output).map(tap).collect())
    }

    /// Whether every output is one input, unmixed.
    pub(crate) fn only_picks(&self) -> bool {
        self.0.iter().all(|tap| tap.near_weight == ONE)
    }
}

/// Mixes the two pixels of every tap: 8-bit levels in, 19-bit sums out.
fn blend_columns(row: &[u8], taps: &AxisTaps, sums: &mut [i32]) {
    for (tap, sum) in taps.0.iter().zip(sums.chunks_exact_mut(3)) {
        let (near, far) = (&row[tap.near * 3..tap.near * 3 + 3], &row[tap.far * 3..tap.far * 3 + 3]);
        for (sum, (&near, &far)) in sum.iter_mut().zip(near.iter().zip(far)) {
            *sum = i32::from(near) * tap.near_weight + i32::from(far) * tap.far_weight;
        }
    }
}

/// Mixes two rows of sums back to 8-bit levels.
pub(crate) fn blend_rows(near: &[i32], far: &[i32], tap: Tap, target: &mut [u8]) {
    for (target, (&near, &far)) in target.iter_mut().zip(near.iter().zip(far)) {
        let sum = ((tap.near_weight * (near >> 4)) >> 16) + ((tap.far_weight * (far >> 4)) >> 16);
        *target = ((sum + 2) >> 2).clamp(0, 255) as u8;
    }
}

/// Whether OpenCV averages blocks of 2×2 pixels instead: it does so when both axes are exactly halved.
pub(crate) fn is_halving(input: (u32, u32), output: (u32, u32)) -> bool {
    input == (output.0 * 2, output.1 * 2)
}

/// OpenCV's `cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)` of a picture with three 8-bit
/// channels in any order, byte for byte.
///
/// A picture or a target without pixels gives an empty picture.
pub fn cv2_linear(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    if width == 0 || height == 0 || picture.is_empty() {
        return RgbImage::new(width, height);
    }
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    if is_halving(picture.dimensions(), (width, height)) {
        return halve(picture);
    }
    let columns = AxisTaps::new(picture.width(), width, Edge::Whole);
    let rows = AxisTaps::new(picture.height(), height, Edge::Split);
    let mut resized = RgbImage::new(width, height);
    let row = width as usize * 3;
    let (mut near, mut far) = (vec![0; row], vec![0; row]);
    let source: Vec<&[u8]> = picture.chunks_exact(picture.width() as usize * 3).collect();
    for (tap, target) in rows.0.iter().zip(resized.chunks_exact_mut(row)) {
        blend_columns(source[tap.near], &columns, &mut near);
        blend_columns(source[tap.far], &columns, &mut far);
        blend_rows(&near, &far, *tap, target);
    }
    resized
}

fn halve(picture: &RgbImage) -> RgbImage {
    RgbImage::from_fn(picture.width() / 2, picture.height() / 2, |x, y| {
        let mut sums = [2_u16; 3];
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            for (sum, level) in sums.iter_mut().zip(picture.get_pixel(2 * x + dx, 2 * y + dy).0) {
                *sum += u16::from(level);
            }
        }
        image::Rgb(sums.map(|sum| (sum >> 2) as u8))
    })
}
