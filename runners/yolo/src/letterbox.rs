//! The picture as the network sees it: scaled to fit, padded to multiples of 32.

use rayon::prelude::*;
use reelbench_media::RgbImage;
use reelbench_media::resize::cv2_linear;

use crate::conv::{Lanes, Map, fold_lane};

/// The longer side of the scaled picture.
const SIZE: u32 = 640;
/// The network halves a picture five times.
const UNIT: u32 = 32;
/// The grey around the picture.
const PAD: u8 = 114;

/// How a picture lies in the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Letterbox {
    /// Width and height of the picture.
    original: (u32, u32),
    /// Width and height after scaling.
    scaled: (u32, u32),
    /// Width and height with the padding.
    pub(crate) padded: (u32, u32),
    /// Grey columns at the left and rows at the top.
    margin: (u32, u32),
}

impl Letterbox {
    /// For a picture with at least one pixel.
    pub(crate) fn new(original: (u32, u32)) -> Self {
        let fit = |side: u32| f64::from(SIZE) / f64::from(side);
        let scale = fit(original.0).min(fit(original.1));
        let scaled = |side: u32| ((f64::from(side) * scale).round_ties_even() as u32).max(1);
        let scaled = (scaled(original.0), scaled(original.1));
        let padded = (scaled.0.next_multiple_of(UNIT), scaled.1.next_multiple_of(UNIT));
        // Of an odd number of rows or columns, the larger half comes after the picture.
        let margin = ((padded.0 - scaled.0) / 2, (padded.1 - scaled.1) / 2);
        Self { original, scaled, padded, margin }
    }

    /// Writes the picture to a map of half the padded size, folded, from 0 to 1.
    pub(crate) fn fill(&self, picture: &RgbImage, map: &mut Map) {
        let scaled = cv2_linear(picture, self.scaled.0, self.scaled.1);
        let levels: [f32; 256] = std::array::from_fn(|level| level as f32 / 255.0);
        let row_bytes = self.scaled.0 as usize * 3;
        let (left, top) = (self.margin.0 as usize, self.margin.1 as usize);
        let (width, length) = (map.width, map.row_length());
        map.rows_mut().par_chunks_exact_mut(length).enumerate().for_each(|(y, row)| {
            let row = &mut row[1..=width];
            row.fill(Lanes(grey(levels[usize::from(PAD)])));
            for down in 0..2 {
                let Some(source) = (2 * y + down).checked_sub(top) else { continue };
                let Some(source) = scaled.get(source * row_bytes..(source + 1) * row_bytes) else { continue };
                for (x, pixel) in source.as_chunks::<3>().0.iter().enumerate() {
                    let x = left + x;
                    let lane = fold_lane(down, x % 2);
                    let out = &mut row[x / 2].0[lane..lane + 3];
                    for (out, level) in out.iter_mut().zip(pixel) {
                        *out = levels[usize::from(*level)];
                    }
                }
            }
        });
    }

    /// From pixels of the padded picture to those of the original, inside of it. The sides were
    /// rounded when they were scaled, so each has a scale of its own.
    pub(crate) fn to_original(self, xyxy: [f32; 4]) -> [f32; 4] {
        let axis = |original: u32, scaled: u32, margin: u32| {
            (original as f32, scaled as f32 / original as f32, margin as f32)
        };
        let axes = [
            axis(self.original.0, self.scaled.0, self.margin.0),
            axis(self.original.1, self.scaled.1, self.margin.1),
        ];
        std::array::from_fn(|side| {
            let (size, scale, margin) = axes[side % 2];
            ((xyxy[side] - margin) / scale).clamp(0.0, size)
        })
    }
}

/// The three channels of a folded picture, one after another.
pub(crate) fn unfolded(map: &Map) -> Vec<f32> {
    let places = |end: usize| (0..end).map(|place| (place / 2, place % 2));
    let mut values = Vec::with_capacity(12 * map.height * map.width);
    for channel in 0..3 {
        for (y, down) in places(2 * map.height) {
            let row = map.pixels(y, 0);
            values.extend(places(2 * map.width).map(|(x, right)| row[x].0[fold_lane(down, right) + channel]));
        }
    }
    values
}

/// Four pixels of one grey, folded; the lanes that no channel fills stay empty.
fn grey(level: f32) -> [f32; 16] {
    let filled = fold_lane(1, 1) + 3;
    std::array::from_fn(|lane| if lane < filled { level } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shorter_side_is_padded_and_only_to_32() {
        let letterbox = Letterbox::new((600, 400));
        assert_eq!((letterbox.scaled, letterbox.padded), ((640, 427), (640, 448)));
        assert_eq!(letterbox.margin, (0, 10));
        let film = Letterbox::new((1280, 720));
        assert_eq!((film.scaled, film.padded, film.margin), ((640, 360), (640, 384), (0, 12)));
    }

    #[test]
    fn a_thread_of_pixels_keeps_one_column() {
        let letterbox = Letterbox::new((1, 8000));
        assert_eq!((letterbox.scaled, letterbox.padded), ((1, 640), (32, 640)));
    }

    #[test]
    fn pixels_and_grey_lie_where_the_network_looks_for_them() {
        let mut picture = RgbImage::new(640, 30);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            pixel.0 = [x as u8, y as u8, 200];
        }
        let letterbox = Letterbox::new(picture.dimensions());
        assert_eq!((letterbox.padded, letterbox.margin), ((640, 32), (0, 1)));
        let mut map = Map::new(1, 16, 320);
        letterbox.fill(&picture, &mut map);
        let top = map.pixels(0, 0)[2].0;
        assert_eq!(top[..6], [114.0 / 255.0; 6]);
        assert_eq!(top[6..12], [4.0, 0.0, 200.0, 5.0, 0.0, 200.0].map(|level: f32| level / 255.0));
        assert_eq!(top[12..], [0.0; 4]);
    }
}
