//! The tower, what lies between its features and the language model, and that.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{Bias, Linear, bytes_of};
use reelbench_protocol::WeightsPart;

use super::config::Phi3VConfig;
use super::hd::Crops;
use crate::clip::ClipVision;
use crate::precision::Precisions;
use crate::text::TextModel;

/// Where a checkpoint keeps the tower.
pub(super) const TOWER: &str = "model.vision_embed_tokens.img_processor.vision_model";

/// Phi-3.5-vision's weights.
pub(super) struct Phi3VModel {
    vision: ClipVision,
    /// What stands at the end of a row of features, of shape (1, 1, merged).
    line_break: Tensor,
    /// What stands between a picture's parts and the whole, of shape (1, merged).
    separator: Tensor,
    inner: Linear,
    outer: Linear,
    text: TextModel,
}

impl Phi3VModel {
    pub(super) fn load(
        config: &Phi3VConfig,
        tensors: &VarBuilder<'_>,
        precisions: Precisions,
    ) -> Result<Self> {
        let (merged, hidden, precision) = (config.merged(), config.text.hidden_size, precisions.vision);
        let pictures = tensors.pp("model.vision_embed_tokens");
        let projection = pictures.pp("img_projection");
        Ok(Self {
            vision: ClipVision::load(&config.vision, config.vision_layers, &tensors.pp(TOWER), precision)?,
            line_break: pictures.get((1, 1, 1, merged), "sub_GN")?.reshape((1, 1, merged))?,
            separator: pictures.get((1, 1, merged), "glb_GN")?.reshape((1, merged))?,
            inner: Linear::load(merged, hidden, Bias::With, &projection.pp("0"), precision)?,
            outer: Linear::load(hidden, hidden, Bias::With, &projection.pp("2"), precision)?,
            text: TextModel::load(&config.text, tensors, precisions)?,
        })
    }

    pub(super) fn weights(&self) -> Vec<WeightsPart> {
        let linears = self.inner.weights_bytes() + self.outer.weights_bytes();
        let projector = linears + bytes_of(&self.line_break) + bytes_of(&self.separator);
        vec![
            WeightsPart::new("vision", self.vision.weights_bytes()),
            WeightsPart::new("projector", projector),
            WeightsPart::new("language", self.text.weights_bytes()),
        ]
    }

    pub(super) fn device(&self) -> &Device {
        self.text.device()
    }

    pub(super) fn text(&self) -> &TextModel {
        &self.text
    }

    /// The embeddings of each picture, of shape (features, hidden).
    ///
    /// The published code looks at crops of zeros too, so that all pictures have as many; nothing comes of
    /// these, and they are left out here.
    pub(super) fn features(&self, pictures: &[Crops], side: usize) -> Result<Vec<Tensor>> {
        let count: usize = pictures.iter().map(Crops::count).sum();
        let pixels: Vec<f32> = pictures.iter().flat_map(|crops| crops.pixels.iter().copied()).collect();
        let pixels = Tensor::from_vec(pixels, (count, 3, side, side), self.device())?;
        let state = self.vision.forward(&pixels)?;
        let patches = state.narrow(1, 1, state.dim(1)? - 1)?;
        let mut first = 0;
        let mut features = Vec::with_capacity(pictures.len());
        for crops in pictures {
            let own = patches.narrow(0, first, crops.count())?;
            features.push(self.project(&self.arrange(&own, crops.rows, crops.columns)?)?);
            first += crops.count();
        }
        Ok(features)
    }

    fn project(&self, features: &Tensor) -> Result<Tensor> {
        self.outer.forward(&self.inner.forward(features)?.gelu_erf()?)
    }

    /// A picture's parts line by line, a separator, the whole line by line; `sub_glb` in the published
    /// code.
    fn arrange(&self, patches: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
        let parts = patches.narrow(0, 1, rows * columns)?;
        let whole = patches.narrow(0, 0, 1)?;
        let parts = lines(&merge(&parts, rows, columns)?, &self.line_break)?;
        let whole = lines(&merge(&whole, 1, 1)?, &self.line_break)?;
        Tensor::cat(&[&parts, &self.separator, &whole], 0)
    }
}

/// Merges squares of four patches and puts crops in their places: (rows * columns, patches, width) to
/// (height, width, 4 * width).
fn merge(patches: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
    let (_, count, width) = patches.dims3()?;
    let side = count.isqrt() / 2;
    patches
        .reshape(vec![rows, columns, side, 2, side, 2, width])?
        .permute(vec![0, 2, 1, 4, 3, 5, 6])?
        .reshape((rows * side, columns * side, 4 * width))
}

/// One line after another, each with `line_break` at its end.
fn lines(features: &Tensor, line_break: &Tensor) -> Result<Tensor> {
    let (height, width, merged) = features.dims3()?;
    let breaks = line_break.broadcast_as((height, 1, merged))?;
    Tensor::cat(&[features, &breaks], 1)?.reshape((height * (width + 1), merged))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_take_their_places_and_squares_of_four_become_one() {
        // Two crops side by side, of 4x4 patches with one value: 100 * crop + 10 * row + column.
        let patches: Vec<f32> = (0..2)
            .flat_map(|crop| (0..16).map(move |at| (100 * crop + 10 * (at / 4) + at % 4) as f32))
            .collect();
        let patches = Tensor::from_vec(patches, (2, 16, 1), &Device::Cpu).unwrap();
        let merged = merge(&patches, 1, 2).unwrap();
        assert_eq!(merged.dims(), [2, 4, 4]);
        let at = |row: usize, column: usize| {
            merged.get(row).unwrap().get(column).unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(at(0, 0), [0.0, 1.0, 10.0, 11.0]);
        assert_eq!(at(1, 1), [22.0, 23.0, 32.0, 33.0]);
        assert_eq!(at(0, 2), [100.0, 101.0, 110.0, 111.0]);
        let line_break = Tensor::full(-1f32, (1, 1, 4), &Device::Cpu).unwrap();
        let lines = lines(&merged, &line_break).unwrap();
        assert_eq!(lines.dims(), [10, 4]);
        assert_eq!(lines.get(4).unwrap().to_vec1::<f32>().unwrap(), [-1.0; 4]);
        assert_eq!(lines.get(5).unwrap().to_vec1::<f32>().unwrap(), [20.0, 21.0, 30.0, 31.0]);
    }
}
