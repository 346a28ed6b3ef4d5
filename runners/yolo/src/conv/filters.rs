//! A convolution's weights as a checkpoint holds them, and their order in memory for the kernels.

use std::ops::Range;

use candle_core::{DType, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};

use super::kernel::MOST_BLOCKS;
use super::map::Channels;
use super::simd::{LANES, Lanes};

/// What batch normalization adds to a variance.
const EPSILON: f64 = 1e-3;

/// Weights of shape (outputs, inputs, side, side) and a bias per output.
#[derive(Debug, Clone)]
pub struct Filters {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) inputs: usize,
    pub(super) side: usize,
}

/// The sizes of [`Filters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSizes {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Rows and columns: 1 or 3.
    pub side: usize,
}

impl Filters {
    /// Weights of shape (outputs, inputs, side, side) and a bias per output.
    ///
    /// # Errors
    /// When there are more or fewer of them than the sizes say.
    pub fn new(sizes: FilterSizes, weight: Vec<f32>, bias: Vec<f32>) -> Result<Self> {
        let FilterSizes { inputs, outputs, side } = sizes;
        if weight.len() != outputs * inputs * side * side || bias.len() != outputs {
            bail!("{} weights and {} biases do not fit {sizes:?}", weight.len(), bias.len());
        }
        Ok(Self { weight, bias, inputs, side })
    }

    /// Reads `conv.weight` and either batch normalization (`bn.weight`, `bn.bias`,
    /// `bn.running_mean`, `bn.running_var`), which is folded in, or `conv.bias`, where it already is.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or holds something that is not a number.
    pub(crate) fn normalized(sizes: FilterSizes, tensors: &VarBuilder<'_>) -> Result<Self> {
        if !tensors.contains_tensor("bn.weight") {
            return Self::plain(sizes, &tensors.pp("conv"), 0.0);
        }
        let vector = |name: &str, value: f64| {
            tensors.pp("bn").get_with_hints(sizes.outputs, name, Init::Const(value))?.to_dtype(DType::F64)
        };
        let (gain, shift) = (vector("weight", 1.0)?, vector("bias", 0.0)?);
        let (mean, variance) = (vector("running_mean", 0.0)?, vector("running_var", 1.0)?);
        let scale = (gain / (variance + EPSILON)?.sqrt()?)?;
        let bias = (shift - (mean * &scale)?)?;
        let weight = Self::weight(sizes, &tensors.pp("conv"))?.to_dtype(DType::F64)?;
        let weight = weight.broadcast_mul(&scale.reshape((sizes.outputs, 1, 1, 1))?)?;
        Self::from_tensors(sizes, &weight, &bias, tensors)
    }

    /// Reads `weight` and `bias`; random weights get `bias` everywhere.
    ///
    /// # Errors
    /// As [`Self::normalized`].
    pub(crate) fn plain(sizes: FilterSizes, tensors: &VarBuilder<'_>, bias: f64) -> Result<Self> {
        let bias = tensors.get_with_hints(sizes.outputs, "bias", Init::Const(bias))?;
        Self::from_tensors(sizes, &Self::weight(sizes, tensors)?, &bias, tensors)
    }

    fn weight(sizes: FilterSizes, tensors: &VarBuilder<'_>) -> Result<Tensor> {
        tensors.get((sizes.outputs, sizes.inputs, sizes.side, sizes.side), "weight")
    }

    fn from_tensors(
        sizes: FilterSizes,
        weight: &Tensor,
        bias: &Tensor,
        tensors: &VarBuilder<'_>,
    ) -> Result<Self> {
        let values = |tensor: &Tensor| -> Result<Vec<f32>> {
            let values: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                bail!(
                    "the weights of `{}` hold {value}; the file is damaged, fetch it again",
                    tensors.prefix()
                );
            }
            Ok(values)
        };
        Self::new(sizes, values(weight)?, values(bias)?)
    }

    /// One weight; zero for an output that only fills a block.
    pub(super) fn at(&self, output: Option<usize>, input: usize, y: usize, x: usize) -> f32 {
        output.map_or(0.0, |output| {
            self.weight[((output * self.inputs + input) * self.side + y) * self.side + x]
        })
    }

    /// The filters as a tensor of shape (outputs, inputs, side, side) and the bias.
    ///
    /// # Errors
    /// When candle has no memory for them.
    #[cfg(test)]
    pub(super) fn tensors(&self, device: &candle_core::Device) -> Result<(Tensor, Tensor)> {
        let shape = (self.bias.len(), self.inputs, self.side, self.side);
        Ok((
            Tensor::from_slice(&self.weight, shape, device)?,
            Tensor::from_slice(&self.bias, self.bias.len(), device)?,
        ))
    }
}

/// Blocks of output channels that one kernel computes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Blocks of the output, counted from the layer's first one.
    pub(super) blocks: Range<usize>,
    channels: Vec<Range<usize>>,
}

impl Group {
    /// Pairs of blocks; a last one that is left over joins the pair before it.
    pub(super) fn split(outputs: &Channels) -> Vec<Self> {
        let channels = outputs.by_block();
        let mut groups = Vec::new();
        let mut first = 0;
        while first < channels.len() {
            let left = channels.len() - first;
            let count = if left == MOST_BLOCKS { MOST_BLOCKS } else { left.min(MOST_BLOCKS - 1) };
            let blocks = first..first + count;
            groups.push(Self { channels: channels[blocks.clone()].to_vec(), blocks });
            first += count;
        }
        groups
    }

    /// A row of a kernel's weights: what `weight` says of every output channel of the group.
    pub(super) fn row(&self, weight: impl Fn(Option<usize>) -> f32) -> impl Iterator<Item = Lanes> {
        self.channels.iter().map(move |channels| Lanes::of(channels, &weight))
    }
}

impl Lanes {
    /// What `value` says of the channels of a block, and of the nothing that fills it.
    fn of(channels: &Range<usize>, value: impl Fn(Option<usize>) -> f32) -> Self {
        Self(std::array::from_fn(|lane| {
            value(Some(channels.start + lane).filter(|channel| *channel < channels.end))
        }))
    }
}

/// A value per output channel, by block.
pub(super) fn by_block(values: &[f32], outputs: &Channels) -> Vec<Lanes> {
    let value = |channel: Option<usize>| channel.map_or(0.0, |channel| values[channel]);
    outputs.by_block().iter().map(|channels| Lanes::of(channels, value)).collect()
}

/// Checks at compile time that a pixel of one block is as long as the kernels take it to be.
const _: () = assert!(size_of::<Lanes>() == LANES * size_of::<f32>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_in_pairs_with_at_most_one_group_of_three() {
        let sizes = |channels| {
            let groups = Group::split(&Channels::one(channels));
            groups.iter().map(|group| group.blocks.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(16), [1]);
        assert_eq!(sizes(64), [2, 2]);
        assert_eq!(sizes(80), [2, 3]);
        assert_eq!(sizes(33), [3]);
    }

    #[test]
    fn what_only_fills_a_block_weighs_nothing() {
        let packed = by_block(&[1.0, 2.0, 3.0], &Channels::new([2, 1]));
        assert_eq!(packed[0].0[..3], [1.0, 2.0, 0.0]);
        assert_eq!(packed[1].0[..2], [3.0, 0.0]);
    }
}
