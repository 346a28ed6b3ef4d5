use candle_core::{DType, Device, Tensor};

use super::map::View;
use super::*;

/// Numbers between −1 and 1 without a pattern.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn filters(inputs: usize, outputs: usize, side: usize) -> Filters {
    let weight = noise(outputs * inputs * side * side, 7);
    Filters::new(FilterSizes { inputs, outputs, side }, weight, noise(outputs, 8)).unwrap()
}

/// A map and the same values as a tensor of shape (1, channels, height, width).
fn picture(channels: &Channels, height: usize, width: usize) -> (Map, Tensor) {
    let values = noise(channels.count() * height * width, 9);
    let mut map = Map::new(channels.blocks(), height, width);
    let (pitch, length) = (map.pitch, map.row_length());
    for (block, range) in channels.by_block().into_iter().enumerate() {
        for (y, row) in map.rows_mut().chunks_exact_mut(length).enumerate() {
            for x in 0..width {
                for (lane, channel) in range.clone().enumerate() {
                    row[block * pitch + 1 + x].0[lane] = values[(channel * height + y) * width + x];
                }
            }
        }
    }
    let shape = (1, channels.count(), height, width);
    (map, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
}

/// The channels from `first_block` on, as a tensor of shape (1, channels, height, width).
fn tensor(view: View<'_>, channels: &Channels) -> Tensor {
    let map = view.map;
    let mut values = Vec::new();
    for (block, range) in channels.by_block().into_iter().enumerate() {
        for lane in 0..range.len() {
            for y in 0..map.height {
                values.extend(map.pixels(y, view.first_block + block).iter().map(|pixel| pixel.0[lane]));
            }
        }
    }
    Tensor::from_vec(values, (1, channels.count(), map.height, map.width), &Device::Cpu).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let a = a.to_dtype(DType::F64).unwrap();
    (&a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

/// candle's convolution, in 64 bits.
fn reference(filters: &Filters, input: &Tensor, stride: usize) -> Tensor {
    let (weight, bias) = filters.tensors(&Device::Cpu).unwrap();
    let double = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let (input, weight, bias) = (double(input), double(&weight), double(&bias));
    let sums = input.conv2d(&weight, filters.side / 2, stride, 1, 1).unwrap();
    sums.broadcast_add(&bias.reshape((1, filters.bias.len(), 1, 1)).unwrap()).unwrap()
}

/// Runs a layer of `side` and `stride` without activation, and compares.
fn check(
    inputs: &Channels,
    outputs: &Channels,
    side: usize,
    stride: Stride,
    (height, width): (usize, usize),
) {
    let filters = filters(inputs.count(), outputs.count(), side);
    let (map, input) = picture(inputs, height, width);
    let step = stride.pixels();
    let mut out = Map::new(outputs.blocks() + 1, height.div_ceil(step), width.div_ceil(step));
    Conv::new(&filters, inputs, outputs, stride, Activation::None).run(map.all(), Target::new(&mut out, 1));
    let difference =
        largest_difference(&tensor(out.from_block(1), outputs), &reference(&filters, &input, step));
    // The sums' standard deviation: every product of two evenly spread numbers adds 1/9.
    let spread = ((inputs.count() * side * side) as f64).sqrt() / 3.0;
    assert!(
        difference < 1e-5 * spread,
        "{inputs:?} {outputs:?} {side} {stride:?} {height}x{width}: {difference}"
    );
    assert!(out.values().iter().take(out.row_length()).all(|lanes| *lanes == Lanes::ZERO), "border");
    assert!(
        tensor(out.all(), &Channels::one(16))
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .iter()
            .all(|value| *value == 0.0)
    );
}

#[test]
fn layers_agree_with_candles_convolution() {
    let one = Channels::one;
    for size in [(12, 20), (1, 1), (7, 29), (2, 3), (33, 5)] {
        for (side, stride) in [(1, Stride::One), (3, Stride::One), (3, Stride::Two)] {
            check(&one(16), &one(16), side, stride, size);
            check(&one(32), &one(80), side, stride, size);
            check(&Channels::new([24, 16, 5]), &Channels::new([20, 20]), side, stride, size);
        }
    }
    check(&one(128), &one(96), 3, Stride::One, (24, 40));
}

#[test]
fn a_folded_picture_gives_what_the_picture_gives() {
    let (height, width) = (6, 10);
    let filters = filters(3, 16, 3);
    let (_, input) = picture(&Channels::one(3), 2 * height, 2 * width);
    let values: Vec<Vec<Vec<f32>>> = input.squeeze(0).unwrap().to_vec3().unwrap();
    let mut map = Map::new(1, height, width);
    let length = map.row_length();
    for (y, row) in map.rows_mut().chunks_exact_mut(length).enumerate() {
        for (x, pixel) in row[1..=width].iter_mut().enumerate() {
            for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                for (channel, plane) in values.iter().enumerate() {
                    pixel.0[fold_lane(down, right) + channel] = plane[2 * y + down][2 * x + right];
                }
            }
        }
    }
    let outputs = Channels::one(16);
    let mut out = Map::new(1, height, width);
    Conv::folded(&filters, &outputs).run(map.all(), Target::new(&mut out, 0));
    let expected = reference(&filters, &input, 2).silu().unwrap();
    assert!(largest_difference(&tensor(out.all(), &outputs), &expected) < 1e-5);
}

#[test]
fn a_residual_is_added_after_the_activation() {
    let channels = Channels::one(24);
    let filters = filters(24, 24, 3);
    let (source, input) = picture(&channels, 9, 11);
    let both = Channels::new([24, 24]);
    let (mut map, values) = picture(&both, 9, 11);
    let target = Target { map: &mut map, first_block: 2, residual: Some(0) };
    Conv::new(&filters, &channels, &channels, Stride::One, Activation::Silu).run(source.all(), target);
    let residual = values.narrow(1, 0, 24).unwrap().to_dtype(DType::F64).unwrap();
    let expected = (reference(&filters, &input, 1).silu().unwrap() + residual).unwrap();
    assert!(largest_difference(&tensor(map.from_block(2), &channels), &expected) < 5e-5);
}
