//! From a picture to crops: the HD transform of Phi-3.5-vision's published processor
//! (`processing_phi3_v.py`), which resizes with Pillow and looks at the whole with torch's bicubic.

use reelbench_media::RgbImage;
use reelbench_media::resize::pil_bilinear;

use super::bicubic::bicubic;
use crate::pixels::Levels;

/// How pictures become crops.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HdTransform {
    /// Side of a crop in pixels.
    pub(crate) side: usize,
    levels: Levels,
}

/// A picture's crops.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Crops {
    /// The whole picture as one crop, then its parts row by row: (1 + rows * columns, 3, side, side).
    pub(crate) pixels: Vec<f32>,
    /// Rows of parts.
    pub(crate) rows: usize,
    /// Parts in a row.
    pub(crate) columns: usize,
}

impl Crops {
    /// Number of crops, the whole picture included.
    pub(crate) fn count(&self) -> usize {
        1 + self.rows * self.columns
    }
}

impl HdTransform {
    pub(crate) fn new(side: usize, levels: Levels) -> Self {
        Self { side, levels }
    }

    /// Cuts a picture into at most `num_crops` parts. `None` where it is so narrow that nothing is left of
    /// its shorter side.
    pub(crate) fn crops(&self, picture: &RgbImage, num_crops: usize) -> Option<Crops> {
        let canvas = if picture.width() < picture.height() {
            transposed(&self.canvas(&transposed(picture), num_crops)?)
        } else {
            self.canvas(picture, num_crops)?
        };
        let (width, height) = (canvas.width() as usize, canvas.height() as usize);
        let mut planes = vec![0f32; 3 * width * height];
        self.levels.write(&canvas, &mut planes);
        let (side, area) = (self.side, self.side * self.side);
        let (rows, columns) = (height / side, width / side);
        let mut pixels = Vec::with_capacity((1 + rows * columns) * 3 * area);
        for plane in planes.chunks_exact(width * height) {
            pixels.extend(bicubic(plane, [height, width], side));
        }
        for row in 0..rows {
            for column in 0..columns {
                for plane in planes.chunks_exact(width * height) {
                    let lines = plane.chunks_exact(width).skip(row * side).take(side);
                    pixels.extend(lines.flat_map(|line| &line[column * side..][..side]));
                }
            }
        }
        Some(Crops { pixels, rows, columns })
    }

    /// A picture at least as wide as high, resized to the width of as many crops as may be, and centred
    /// on white as high as whole crops.
    fn canvas(&self, picture: &RgbImage, num_crops: usize) -> Option<RgbImage> {
        let ratio = f64::from(picture.width()) / f64::from(picture.height());
        let rows = |columns: usize| (columns as f64 / ratio).ceil() as usize;
        let columns = (1..=num_crops).take_while(|&columns| columns * rows(columns) <= num_crops).last()?;
        let width = columns * self.side;
        let height = (width as f64 / ratio) as usize;
        if height == 0 {
            return None;
        }
        let resized = pil_bilinear(picture, width as u32, height as u32);
        let padded = height.next_multiple_of(self.side);
        let top = ((padded - height) / 2) as u32;
        let white = vec![u8::MAX; 3 * width * padded];
        let mut canvas = RgbImage::from_raw(width as u32, padded as u32, white)?;
        for (x, y, pixel) in resized.enumerate_pixels() {
            canvas.put_pixel(x, y + top, *pixel);
        }
        Some(canvas)
    }
}

/// Rows as columns.
fn transposed(picture: &RgbImage) -> RgbImage {
    RgbImage::from_fn(picture.height(), picture.width(), |x, y| *picture.get_pixel(y, x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::RawPixels;

    fn transform() -> HdTransform {
        HdTransform::new(336, RawPixels::default().levels().unwrap())
    }

    /// A picture whose values follow from their place, as the fixture's script makes it.
    fn patterned(width: u32, height: u32) -> RgbImage {
        let values =
            (0..height).flat_map(|y| (0..width).flat_map(move |x| [7 * x + 3 * y, x * y, x * x + 5 * y]));
        RgbImage::from_raw(width, height, values.map(|value| value as u8).collect()).unwrap()
    }

    #[test]
    fn crops_are_those_of_the_reference() {
        #[derive(serde::Deserialize)]
        struct Fixture {
            stride: usize,
            pictures: Vec<Picture>,
        }
        #[derive(serde::Deserialize)]
        struct Picture {
            width: u32,
            height: u32,
            num_crops: usize,
            rows: usize,
            columns: usize,
            samples: Vec<f32>,
        }
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hd_crops.json"));
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        for Picture { width, height, num_crops, rows, columns, samples } in fixture.pictures {
            let found = transform().crops(&patterned(width, height), num_crops).unwrap();
            assert_eq!((found.rows, found.columns), (rows, columns), "{width}x{height}");
            assert_eq!(found.pixels.len(), found.count() * 3 * 336 * 336);
            let found: Vec<f32> = found.pixels.into_iter().step_by(fixture.stride).collect();
            assert_eq!(found.len(), samples.len());
            let difference = samples.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference <= 1e-5, "{width}x{height}: {difference}");
        }
    }

    #[test]
    fn a_picture_too_narrow_to_be_resized_is_refused() {
        assert!(transform().crops(&RgbImage::new(4000, 1), 4).is_none());
        assert!(transform().crops(&RgbImage::new(1, 4000), 4).is_none());
        assert!(transform().crops(&RgbImage::new(1344, 1), 4).is_some());
        assert_eq!(transform().crops(&RgbImage::new(1, 1), 4).map(|crops| crops.count()), Some(5));
        assert_eq!(transform().crops(&RgbImage::new(10, 10), 0), None);
    }
}
