//! From a picture's features to the row of embeddings that stands for it in the prompt, as
//! transformers 4.46 packs them (`models/llava_next/modeling_llava_next.py`: `pack_image_features`,
//! `unpad_image`).

use candle_core::{Result, Tensor};

use super::tiles::{Extent, Grid};

/// A picture's features: the whole picture's, then the canvas without its padding, a line break
/// after every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    grid: Grid,
    /// Features along a tile's side.
    side: usize,
    /// Rows and columns of the canvas that are padding, at each of two opposite ends.
    padding: Extent,
}

impl Packing {
    pub(crate) fn new(picture: Extent, grid: Grid, side: usize) -> Self {
        let canvas = Extent { height: grid.rows * side, width: grid.columns * side };
        let (width, height) = (picture.width as f64, picture.height as f64);
        let padding = if width / height > canvas.width as f64 / canvas.height as f64 {
            let kept = (height * (canvas.width as f64 / width)) as usize;
            Extent { height: (canvas.height - kept) / 2, width: 0 }
        } else {
            let kept = (width * (canvas.height as f64 / height)) as usize;
            Extent { height: 0, width: (canvas.width - kept) / 2 }
        };
        Self { grid, side, padding }
    }

    /// How many embeddings the picture takes up.
    pub(crate) fn length(&self) -> usize {
        let Extent { height, width } = self.kept();
        self.side * self.side + height * (width + 1)
    }

    fn kept(&self) -> Extent {
        Extent {
            height: self.grid.rows * self.side - 2 * self.padding.height,
            width: self.grid.columns * self.side - 2 * self.padding.width,
        }
    }

    /// Packs features of shape (tiles, side * side, hidden), with `newline` of shape (hidden) as line
    /// break, into shape (length, hidden).
    pub(crate) fn pack(&self, features: &Tensor, newline: &Tensor) -> Result<Tensor> {
        let (tiles, _, hidden) = features.dims3()?;
        let (side, Grid { rows, columns }) = (self.side, self.grid);
        let canvas = features.narrow(0, 1, tiles - 1)?;
        let canvas = canvas.reshape(vec![rows, columns, side, side, hidden])?.transpose(1, 2)?;
        let canvas = canvas.reshape((rows * side, columns * side, hidden))?;
        let Extent { height, width } = self.kept();
        let kept = canvas.narrow(0, self.padding.height, height)?.narrow(1, self.padding.width, width)?;
        let breaks = newline.broadcast_as((height, 1, hidden))?;
        let lines = Tensor::cat(&[&kept, &breaks], 1)?.reshape((height * (width + 1), hidden))?;
        Tensor::cat(&[&features.get(0)?, &lines], 0)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn lengths_are_those_of_the_reference() {
        let length = |width, height, rows, columns, side| {
            Packing::new(Extent { height, width }, Grid { rows, columns }, side).length()
        };
        assert_eq!(length(480, 270, 2, 2, 8), 234);
        assert_eq!(length(270, 480, 2, 2, 8), 240);
        assert_eq!(length(672, 672, 2, 2, 24), 2928);
    }

    #[test]
    fn rows_run_across_tiles_and_padding_is_left_out() {
        // Two tiles of 2x2 side by side; features are 10 * tile + position.
        let features: Vec<f32> =
            (0..3).flat_map(|tile| (0..4).map(move |at| (10 * tile + at) as f32)).collect();
        let features = Tensor::from_vec(features, (3, 4, 1), &Device::Cpu).unwrap();
        let newline = Tensor::full(-1f32, 1, &Device::Cpu).unwrap();
        let pack = |width, height| {
            let packing = Packing::new(Extent { height, width }, Grid { rows: 1, columns: 2 }, 2);
            let packed = packing.pack(&features, &newline).unwrap();
            assert_eq!(packed.dim(0).unwrap(), packing.length());
            packed.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let whole = [0.0, 1.0, 2.0, 3.0];
        assert_eq!(
            pack(200, 100),
            [&whole[..], &[10.0, 11.0, 20.0, 21.0, -1.0, 12.0, 13.0, 22.0, 23.0, -1.0]].concat()
        );
        assert_eq!(pack(100, 100), [&whole[..], &[11.0, 20.0, -1.0, 13.0, 22.0, -1.0]].concat());
    }
}
