//! From a picture to tiles, as transformers 4.46's slow processor does it
//! (`models/llava_next/image_processing_llava_next.py`).

use rayon::prelude::*;
use reelbench_media::RgbImage;
use reelbench_media::resize::pil_bicubic;

use crate::pixels::Levels;

/// A canvas of whole tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// Height and width in pixels, or in patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Extent {
    pub(crate) fn of(picture: &RgbImage) -> Self {
        Self { height: picture.height() as usize, width: picture.width() as usize }
    }
}

/// How pictures become tiles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tiling {
    /// Side of a tile in pixels.
    pub(crate) side: usize,
    grids: Vec<Grid>,
    levels: Levels,
}

/// A picture's tiles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tiles {
    /// The whole picture as one tile, then the canvas row by row: (tiles, 3, side, side).
    pub(crate) pixels: Vec<f32>,
    /// Number of tiles.
    pub(crate) count: usize,
}

impl Tiling {
    pub(crate) fn new(side: usize, grids: Vec<Grid>, levels: Levels) -> Self {
        Self { side, grids, levels }
    }

    /// Every canvas there is.
    pub(crate) fn grids(&self) -> &[Grid] {
        &self.grids
    }

    /// The canvas that keeps most of a picture's pixels, and among those the one that wastes fewest of its own.
    pub(crate) fn grid(&self, picture: Extent) -> Grid {
        let mut best = (0, usize::MAX, Grid { rows: 1, columns: 1 });
        for &grid in &self.grids {
            let canvas = self.canvas(grid);
            let scale = f64::min(
                canvas.width as f64 / picture.width as f64,
                canvas.height as f64 / picture.height as f64,
            );
            let scaled = |length: usize| (length as f64 * scale) as usize;
            let kept = (scaled(picture.width) * scaled(picture.height)).min(picture.width * picture.height);
            let wasted = canvas.width * canvas.height - kept;
            if kept > best.0 || (kept == best.0 && wasted < best.1) {
                best = (kept, wasted, grid);
            }
        }
        best.2
    }

    /// Cuts a picture, which must not be empty, into tiles and normalizes them.
    pub(crate) fn tile(&self, picture: &RgbImage) -> Tiles {
        let grid = self.grid(Extent::of(picture));
        let canvas = self.canvas(grid);
        let fitted = fitted_size(Extent::of(picture), canvas);
        let fitted = bicubic(picture, fitted);
        let mut tiles = vec![bicubic(picture, Extent { height: self.side, width: self.side })];
        tiles.extend(self.cut(&fitted, canvas));
        let area = self.side * self.side;
        let mut pixels = vec![0f32; tiles.len() * 3 * area];
        pixels
            .par_chunks_mut(3 * area)
            .zip(&tiles)
            .for_each(|(pixels, tile)| self.levels.write(tile, pixels));
        Tiles { pixels, count: tiles.len() }
    }

    fn canvas(&self, grid: Grid) -> Extent {
        Extent { height: grid.rows * self.side, width: grid.columns * self.side }
    }

    /// Centres a picture on its canvas and cuts that up.
    ///
    /// The reference pads both sides by half of what is missing, rounded down. Where an odd number
    /// is missing its canvas is one pixel short, and the tiles at the far end are resized and
    /// cropped into shape.
    fn cut(&self, fitted: &RgbImage, canvas: Extent) -> Vec<RgbImage> {
        let size = Extent::of(fitted);
        let (left, top) = ((canvas.width - size.width) / 2, (canvas.height - size.height) / 2);
        let mut padded = RgbImage::new((size.width + 2 * left) as u32, (size.height + 2 * top) as u32);
        for (x, y, pixel) in fitted.enumerate_pixels() {
            padded.put_pixel(x + left as u32, y + top as u32, *pixel);
        }
        let (side, padded_size) = (self.side, Extent::of(&padded));
        let mut tiles = Vec::new();
        for y in (0..padded_size.height).step_by(side) {
            for x in (0..padded_size.width).step_by(side) {
                let size = Extent {
                    height: side.min(padded_size.height - y),
                    width: side.min(padded_size.width - x),
                };
                tiles.push(self.square(crop(&padded, x, y, size)));
            }
        }
        tiles
    }

    /// Resizes the shorter side to a tile's and crops the centre.
    fn square(&self, tile: RgbImage) -> RgbImage {
        let Extent { height, width } = Extent::of(&tile);
        if height == self.side && width == self.side {
            return tile;
        }
        let longer = |long: usize, short: usize| self.side * long / short;
        let size = if width <= height {
            Extent { height: longer(height, width), width: self.side }
        } else {
            Extent { height: self.side, width: longer(width, height) }
        };
        let resized = bicubic(&tile, size);
        let (x, y) = ((size.width - self.side) / 2, (size.height - self.side) / 2);
        crop(&resized, x, y, Extent { height: self.side, width: self.side })
    }
}

/// The largest size of a picture's shape that fits on a canvas.
fn fitted_size(picture: Extent, canvas: Extent) -> Extent {
    let scale_width = canvas.width as f64 / picture.width as f64;
    let scale_height = canvas.height as f64 / picture.height as f64;
    let at_most = |length: f64, most: usize| (length.ceil() as usize).min(most);
    if scale_width < scale_height {
        Extent { height: at_most(picture.height as f64 * scale_width, canvas.height), width: canvas.width }
    } else {
        Extent { height: canvas.height, width: at_most(picture.width as f64 * scale_height, canvas.width) }
    }
}

fn bicubic(picture: &RgbImage, size: Extent) -> RgbImage {
    pil_bicubic(picture, size.width as u32, size.height as u32)
}

fn crop(picture: &RgbImage, x: usize, y: usize, size: Extent) -> RgbImage {
    let mut out = RgbImage::new(size.width as u32, size.height as u32);
    for (to_x, to_y, pixel) in out.enumerate_pixels_mut() {
        *pixel = *picture.get_pixel(to_x + x as u32, to_y + y as u32);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiling() -> Tiling {
        let grid = |rows, columns| Grid { rows, columns };
        let grids = vec![grid(1, 2), grid(2, 1), grid(2, 2), grid(3, 1), grid(1, 3)];
        Tiling::new(336, grids, Levels::new(1.0 / 255.0, [0.5; 3], [0.5; 3]))
    }

    #[test]
    fn the_canvas_follows_the_pictures_shape() {
        let grid = |width, height| {
            let Grid { rows, columns } = tiling().grid(Extent { height, width });
            (rows, columns)
        };
        assert_eq!(grid(597, 336), (1, 2));
        assert_eq!(grid(336, 597), (2, 1));
        assert_eq!(grid(1280, 720), (2, 2));
        assert_eq!(grid(2000, 300), (1, 3));
        assert_eq!(grid(1, 1), (1, 2));
    }

    #[test]
    fn a_canvas_that_is_one_pixel_short_still_gives_whole_tiles() {
        // 597x336 on 672x336: 75 pixels are missing, so that the padded picture is 671 wide.
        let picture = RgbImage::from_raw(597, 336, vec![255; 597 * 336 * 3]).unwrap();
        let tiles = tiling().tile(&picture);
        assert_eq!((tiles.count, tiles.pixels.len()), (3, 3 * 3 * 336 * 336));
        let row = &tiles.pixels[3 * 336 * 336..][..336];
        assert!(row[..37].iter().all(|value| *value < -0.999), "padding is black");
        assert!(row[37..].iter().all(|value| *value > 0.999), "the picture is white");
    }

    #[test]
    fn extreme_shapes_are_tiled() {
        for (width, height) in [(1, 1), (1, 3000), (3000, 1), (337, 335)] {
            let tiles = tiling().tile(&RgbImage::new(width, height));
            let Grid { rows, columns } =
                tiling().grid(Extent { height: height as usize, width: width as usize });
            assert_eq!(tiles.count, 1 + rows * columns, "{width}x{height}");
        }
    }

    /// A picture whose values follow from their place, as the fixture's script makes it.
    fn patterned(width: u32, height: u32) -> RgbImage {
        let values =
            (0..height).flat_map(|y| (0..width).flat_map(move |x| [7 * x + 3 * y, x * y, x * x + 5 * y]));
        RgbImage::from_raw(width, height, values.map(|value| value as u8).collect()).unwrap()
    }

    /// Sizes that leave the canvas one pixel short, and that are resized columns first, among them.
    #[test]
    fn tiles_are_those_of_the_reference() {
        #[derive(serde::Deserialize)]
        struct Fixture {
            stride: usize,
            pictures: Vec<Picture>,
        }
        #[derive(serde::Deserialize)]
        struct Picture {
            width: u32,
            height: u32,
            tiles: usize,
            samples: Vec<f32>,
        }
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiles.json"));
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let raw: super::super::config::RawConfig =
            serde_json::from_str(r#"{"vision_config": {"image_size": 112, "patch_size": 14}}"#).unwrap();
        let tiling = raw.resolve().unwrap().tiling;
        for Picture { width, height, tiles, samples } in fixture.pictures {
            let found = tiling.tile(&patterned(width, height));
            assert_eq!(found.count, tiles, "{width}x{height}");
            let found: Vec<f32> = found.pixels.into_iter().step_by(fixture.stride).collect();
            assert_eq!(found.len(), samples.len());
            let difference = samples.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference <= 1e-5, "{width}x{height}: {difference}");
        }
    }
}
