//! Linear layers in every storage against dense ones.

use candle_core::Device;
use reelbench_protocol::Quantization;

use super::*;

#[test]
fn few_and_many_rows_agree_with_candles_layer() {
    let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
    let weight = tensors.get((67, 40), "weight").unwrap();
    let bias = tensors.get((1, 67), "b").unwrap().squeeze(0).unwrap();
    let layer = Linear::new(weight.clone(), Some(bias.clone()));
    let reference = candle_nn::Linear::new(weight, Some(bias));
    for rows in [1, 3, 8, 200] {
        let x = tensors.get((1, rows, 40), "x").unwrap();
        let expected = reference.forward(&x).unwrap();
        let difference = (layer.forward(&x).unwrap() - expected).unwrap().abs().unwrap();
        let largest: f32 = difference.flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap();
        assert!(largest < 1e-6, "{rows} rows: {largest}");
    }
    assert!(layer.forward(&tensors.get((2, 41), "y").unwrap()).is_err());
}

#[test]
fn joined_layers_stand_one_after_another() {
    let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
    let parts = [(3, tensors.pp("a")), (5, tensors.pp("b"))];
    let joined = Linear::load_joined(4, Bias::With, &parts, Precision::SINGLE).unwrap();
    let x = tensors.get((2, 4), "x").unwrap();
    let [a, b] = parts
        .map(|(outputs, tensors)| Linear::load(4, outputs, Bias::With, &tensors, Precision::SINGLE).unwrap());
    let apart = Tensor::cat(&[a.forward(&x).unwrap(), b.forward(&x).unwrap()], 1).unwrap();
    assert_eq!(joined.forward(&x).unwrap().to_vec2::<f32>().unwrap(), apart.to_vec2::<f32>().unwrap());
}

#[test]
fn a_quantized_layer_keeps_its_bias_and_tells_what_it_stores() {
    let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
    let load = |inputs, precision| {
        let layer = Linear::load(inputs, 64, Bias::Without, &tensors, precision)?;
        Result::Ok(layer.with_bias(Tensor::full(5f32, 64, &Device::Cpu)?))
    };
    let cases = [
        (Quantization::None, 256, Stored::As(DType::F32), 4 * 256),
        (Quantization::Q8_0, 256, Stored::In(Blocks::Q8_0), 8 * 34),
        (Quantization::Q4k, 256, Stored::In(Blocks::Q4k), 148),
        (Quantization::Q4k, 96, Stored::In(Blocks::Q8_0), 3 * 34),
        (Quantization::Q4k, 40, Stored::As(DType::F32), 4 * 40),
        (Quantization::Nf4, 256, Stored::Nf4, 256 / 2 + 4),
    ];
    for (quantization, inputs, stored, bytes_per_row) in cases {
        let layer = load(inputs, Precision::quantized(quantization)).unwrap();
        assert_eq!(layer.stored(), stored, "{quantization:?}");
        // What NF4 keeps per 256 scales is less than a byte per row here.
        assert_eq!(layer.weights_bytes() / 64, bytes_per_row + 4, "{quantization:?}");
        let x = tensors.get((2, 3, inputs), "x").unwrap();
        let (found, exact) =
            (layer.forward(&x).unwrap(), load(inputs, Precision::SINGLE).unwrap().forward(&x).unwrap());
        assert_eq!(found.dims(), exact.dims());
        let error = (&found - &exact).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        let spread = (exact - 5.0).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(error < 0.02 * spread, "{quantization:?}: {error} of {spread}");
    }
}

#[test]
fn candles_blocks_and_ours_agree() {
    let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
    let weight = tensors.get((48, 256), "weight").unwrap();
    let x = tensors.get((5, 256), "x").unwrap();
    for blocks in [Blocks::Q8_0, Blocks::Q4k] {
        let theirs = QTensor::quantize(&weight, blocks.ggml()).unwrap();
        let theirs = Weight::OnDevice(Arc::new(theirs), blocks).product(&x, None).unwrap();
        let ours = QuantizedMatrix::new(&weight, blocks).unwrap();
        let ours = Weight::Own(Arc::new(ours)).product(&x, None).unwrap();
        let difference = (theirs - ours).unwrap().abs().unwrap().flatten_all().unwrap();
        let largest: f32 = difference.max(0).unwrap().to_scalar().unwrap();
        // They round inputs per 256 columns, we per 32.
        assert!(largest < 0.05, "{blocks:?}: {largest}");
    }
}

#[test]
fn sixteen_bits_halve_the_weight_and_stay_close() {
    let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
    let load = |dtype| {
        let precision = Precision { dtype, ..Precision::SINGLE };
        Linear::load(96, 128, Bias::Without, &tensors, precision)
    };
    let x = tensors.get((3, 96), "x").unwrap();
    let exact = load(DType::F32).unwrap().forward(&x).unwrap();
    // Two roundings to 8 and one to 11 bits, of 96 products whose errors are independent.
    for (dtype, tolerance) in [(DType::BF16, 2f32.powi(-8)), (DType::F16, 2f32.powi(-11))] {
        let layer = load(dtype).unwrap();
        assert_eq!((layer.stored(), layer.weights_bytes()), (Stored::As(dtype), 96 * 128 * 2));
        let found = layer.forward(&x).unwrap();
        assert_eq!(found.dtype(), DType::F32);
        let error = (found - &exact).unwrap().sqr().unwrap().mean_all().unwrap();
        let size = exact.sqr().unwrap().mean_all().unwrap();
        let ratio = (error / size).unwrap().to_scalar::<f32>().unwrap().sqrt();
        assert!(ratio < tolerance && ratio > tolerance / 50.0, "{dtype:?}: {ratio}");
    }
    assert!(load(DType::F64).unwrap_err().to_string().contains("F64"));
}
