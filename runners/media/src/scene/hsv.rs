//! Hue, saturation and value as OpenCV's 8-bit `COLOR_BGR2HSV` gives them (`modules/imgproc/src/color_hsv.simd.hpp` of
//! OpenCV 4.5 to 5.0): hue in units of two degrees (0 to 179), division by 12-bit fixed-point reciprocals.

/// A picture as three planes of 8-bit levels.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bgr {
    pub(crate) blue: Vec<u8>,
    pub(crate) green: Vec<u8>,
    pub(crate) red: Vec<u8>,
}

impl Bgr {
    /// Makes room for a picture of this many pixels.
    pub(crate) fn resize(&mut self, pixels: usize) {
        for plane in [&mut self.blue, &mut self.green, &mut self.red] {
            plane.resize(pixels, 0);
        }
    }

    /// Blue, green and red of `width` pixels from number `first`.
    pub(crate) fn row_mut(&mut self, first: usize, width: usize) -> [&mut [u8]; 3] {
        [&mut self.blue, &mut self.green, &mut self.red].map(|plane| &mut plane[first..first + width])
    }
}

/// The same picture as hue, saturation and value.
#[derive(Debug, Default)]
pub(crate) struct HsvPlanes {
    hue: Vec<u8>,
    saturation: Vec<u8>,
    value: Vec<u8>,
}

const SHIFT: u32 = 12;
const HALF: i32 = 1 << (SHIFT - 1);
/// `255 / value` and `180 / 6 / range` in fixed point are these, divided and rounded to even.
const SATURATION: f32 = (255 << SHIFT) as f32;
const HUE: f32 = (30 << SHIFT) as f32;

/// OpenCV keeps these quotients in tables; computed, they vectorize. For a divisor of 0 the result is meaningless, and
/// multiplied by 0.
#[inline]
fn fixed_point_quotient(dividend: f32, divisor: i32) -> i32 {
    /// Adding it leaves no bits for a fraction, so that the sum is rounded, to even.
    const ROUND: f32 = 1.5 * (1 << 23) as f32;
    (dividend / divisor as f32 + ROUND).to_bits() as i32 - ROUND.to_bits() as i32
}

impl HsvPlanes {
    /// Number of pixels.
    pub(crate) fn len(&self) -> usize {
        self.value.len()
    }

    /// Replaces the planes with those of `bgr`.
    pub(crate) fn read_bgr(&mut self, bgr: &Bgr) {
        for plane in [&mut self.hue, &mut self.saturation, &mut self.value] {
            plane.resize(bgr.blue.len(), 0);
        }
        let pixels = bgr.blue.iter().zip(&bgr.green).zip(&bgr.red);
        let planes = self.hue.iter_mut().zip(&mut self.saturation).zip(&mut self.value);
        for (((&blue, &green), &red), ((hue, saturation), value)) in pixels.zip(planes) {
            (*hue, *saturation, *value) = hsv(blue, green, red);
        }
    }

    /// Mean absolute difference of two pictures of the same size, averaged over the planes.
    pub(crate) fn mean_change(&self, other: &Self) -> f64 {
        let pixels = self.len() as f64;
        let mean = |a: &[u8], b: &[u8]| sum_of_differences(a, b) as f64 / pixels;
        (mean(&self.hue, &other.hue)
            + mean(&self.saturation, &other.saturation)
            + mean(&self.value, &other.value))
            / 3.0
    }
}

#[inline]
fn hsv(blue: u8, green: u8, red: u8) -> (u8, u8, u8) {
    let (b, g, r) = (i32::from(blue), i32::from(green), i32::from(red));
    let value = b.max(g).max(r);
    let range = value - b.min(g).min(r);
    let saturation = (range * fixed_point_quotient(SATURATION, value) + HALF) >> SHIFT;
    let from_green_or_blue = if value == g { b - r + 2 * range } else { r - g + 4 * range };
    let sixths = if value == r { g - b } else { from_green_or_blue };
    let hue = (sixths * fixed_point_quotient(HUE, range) + HALF) >> SHIFT;
    let hue = if hue < 0 { hue + 180 } else { hue };
    (hue as u8, saturation as u8, value as u8)
}

fn sum_of_differences(a: &[u8], b: &[u8]) -> u64 {
    // Short blocks, so that the sums fit into 32-bit lanes.
    let blocks = a.chunks(1 << 12).zip(b.chunks(1 << 12));
    blocks
        .map(|(a, b)| u64::from(a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(pixels: impl Iterator<Item = [u8; 3]>) -> HsvPlanes {
        let mut bgr = Bgr::default();
        for [blue, green, red] in pixels {
            bgr.blue.push(blue);
            bgr.green.push(green);
            bgr.red.push(red);
        }
        let mut planes = HsvPlanes::default();
        planes.read_bgr(&bgr);
        planes
    }

    #[test]
    fn quotients_are_the_exact_ones() {
        for (dividend, exact) in [(SATURATION, 255.0 * 4096.0), (HUE, 30.0 * 4096.0)] {
            for divisor in 1..=255_i32 {
                let wanted = (exact / f64::from(divisor)).round_ties_even() as i32;
                assert_eq!(fixed_point_quotient(dividend, divisor), wanted, "{exact} / {divisor}");
            }
        }
    }

    #[test]
    fn changes_are_means() {
        let (black, grey) = (planes([[0; 3]; 4].into_iter()), planes([[30; 3]; 4].into_iter()));
        assert!((black.mean_change(&grey) - 10.0).abs() < 1e-12);
        assert!(black.mean_change(&black).abs() < 1e-12);
    }

    /// Every fifth level of each channel; hashes (FNV-1a) of the planes of opencv 5.0.0:
    /// see `tests/fixtures/generate.py`.
    #[test]
    fn colours_are_opencvs() {
        let levels = || (0..=255).step_by(5);
        let pixels = levels().flat_map(|b| levels().flat_map(move |g| levels().map(move |r| [b, g, r])));
        let planes = planes(pixels);
        let hash = |plane: &[u8]| {
            plane.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        };
        let hashes = [&planes.hue, &planes.saturation, &planes.value].map(|plane| hash(plane));
        assert_eq!(hashes, [0x4307_bffe_6347_0d57, 0xcfde_b48e_ffb5_6019, 0x7fcf_6859_c1ef_f30b]);
    }
}
