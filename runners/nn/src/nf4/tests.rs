//! NF4 against bitsandbytes 0.50.2.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
use reelbench_protocol::Quantization;

use super::*;
use crate::linear::{Bias, Linear, WeightMatrix};
use crate::{Checkpoint, Precision};

const NF4: Precision = Precision::quantized(Quantization::Nf4);

/// Where tensors of bitsandbytes' own lie: in the repository one of 90 rows, three blocks each, so that groups of 256
/// scales begin within rows.
fn references() -> Vec<(PathBuf, Vec<&'static str>)> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nf4.safetensors");
    let mut references = vec![(fixture, vec!["cut"])];
    if let Some(shared) = reelbench_testkit::shared("parity/nf4") {
        references.push((shared.join("reference.safetensors"), vec!["square", "tall", "wide"]));
    }
    references
}

struct Reference {
    tensors: HashMap<String, Tensor>,
    name: &'static str,
}

impl Reference {
    fn all() -> Vec<Self> {
        let load = |(path, names): (PathBuf, Vec<&'static str>)| {
            let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
            names.into_iter().map(move |name| Self { tensors: tensors.clone(), name })
        };
        references().into_iter().flat_map(load).collect()
    }

    fn tensor(&self, part: &str) -> Tensor {
        self.tensors[&format!("{}.{part}", self.name)].clone()
    }

    fn floats(&self, part: &str) -> Vec<f32> {
        self.tensor(part).flatten_all().unwrap().to_vec1().unwrap()
    }

    fn bytes(&self, part: &str) -> Vec<u8> {
        self.tensor(part).flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The layer as transformers saves it.
    fn checkpoint(&self) -> HashMap<String, Tensor> {
        let (outputs, inputs) = self.tensor("weight").dims2().unwrap();
        let state = format!(
            r#"{{"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [{outputs}, {inputs}],
                "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": {}}}"#,
            f64::from(self.floats("double_quant.offset")[0])
        );
        let column = |tensor: Tensor| tensor.reshape(((), 1)).unwrap();
        HashMap::from([
            ("weight".to_owned(), column(self.tensor("packed"))),
            ("weight.absmax".to_owned(), self.tensor("double_quant.absmax_u8")),
            ("weight.quant_map".to_owned(), Tensor::new(&FRACTIONS, &Device::Cpu).unwrap()),
            ("weight.nested_absmax".to_owned(), self.tensor("double_quant.nested_absmax")),
            ("weight.nested_quant_map".to_owned(), self.tensor("double_quant.nested_code")),
            (STATE.to_owned(), Tensor::new(state.as_bytes(), &Device::Cpu).unwrap()),
        ])
    }
}

const STATE: &str = "weight.quant_state.bitsandbytes__nf4";

/// The same to the bit; says where they are not, rather than all of both.
#[track_caller]
fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.to_bits(), expected.to_bits(), "{what}, {index}: {found} is not {expected}");
    }
}

fn load(
    tensors: &HashMap<String, Tensor>,
    precision: Precision,
    outputs: usize,
    inputs: usize,
) -> Result<Linear> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    candle_core::safetensors::save(tensors, &file).unwrap();
    let checkpoint = Checkpoint::open(&file).unwrap();
    let builder = checkpoint.var_builder(DType::F32, &Device::Cpu);
    let layer = Linear::load(inputs, outputs, Bias::Without, &builder, precision)?;
    checkpoint.finish(&[]).unwrap();
    Ok(layer)
}

#[test]
fn every_byte_is_bitsandbytes_own() {
    for reference in Reference::all() {
        let weights = reference.floats("weight");
        let (packed, scales) = quantize::quantize_blocks(&weights);
        assert!(packed == reference.bytes("packed"), "{}", reference.name);
        assert_same(&scales, &reference.floats("absmax"), "scales");
        let fraction = |index: usize| FRACTIONS[usize::from(packed[index / 2] >> (4 * (1 - index % 2)) & 15)];
        let dequantized: Vec<f32> = (0..weights.len()).map(|i| fraction(i) * scales[i / BLOCK]).collect();
        assert_same(&dequantized, &reference.floats("dequantized"), "dequantized");

        let (scales, key) = quantize::quantize_scales(&scales);
        assert_same(&[key.mean], &reference.floats("double_quant.offset"), "mean");
        assert_same(&key.fractions, &reference.floats("double_quant.nested_code"), "fractions");
        assert_same(&key.largest, &reference.floats("double_quant.nested_absmax"), "largest");
        assert!(scales == reference.bytes("double_quant.absmax_u8"), "{}", reference.name);
    }
}

/// Products with the columns of an identity are the weights, whether one or many are asked for.
#[test]
fn products_are_those_of_the_dequantized_weights() {
    for reference in Reference::all() {
        let (outputs, inputs) = reference.tensor("weight").dims2().unwrap();
        let tensors = HashMap::from([("weight".to_owned(), reference.tensor("weight"))]);
        let quantized = load(&tensors, NF4, outputs, inputs).unwrap();
        assert_eq!(quantized.stored(), Stored::Nf4);
        let stored = load(&reference.checkpoint(), NF4, outputs, inputs).unwrap();
        let expected = reference.floats("double_quant.dequantized");
        let identity = Tensor::eye(inputs, DType::F32, &Device::Cpu).unwrap();
        for layer in [&quantized, &stored] {
            let found = layer.forward(&identity).unwrap().t().unwrap().flatten_all().unwrap();
            assert_same(&found.to_vec1().unwrap(), &expected, "weights");
            let one = layer.forward(&identity.narrow(0, 3, 1).unwrap()).unwrap().squeeze(0).unwrap();
            let column: Vec<f32> = expected.chunks(inputs).map(|row| row[3]).collect();
            assert_same(&one.to_vec1().unwrap(), &column, "a column");
            let x = reference.tensor("x");
            let dense = reference.tensor("double_quant.dequantized");
            let expected = x.matmul(&dense.t().unwrap()).unwrap();
            let difference = (layer.forward(&x).unwrap() - expected).unwrap().abs().unwrap();
            let largest: f32 = difference.flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap();
            assert!(largest < 1e-5, "{}: {largest}", reference.name);
        }
    }
}

/// Groups of 256 scales begin in the middle of rows, and belong to the tensor, not to the layer.
#[test]
fn joined_layers_are_quantized_apart_and_products_do_not_depend_on_company() {
    let tensors = Checkpoint::dummy(5).var_builder(DType::F32, &Device::Cpu);
    let parts = [(130, tensors.pp("a")), (70, tensors.pp("b"))];
    let inputs = 192;
    let joined = Linear::load_joined(inputs, Bias::Without, &parts, NF4).unwrap();
    let x = tensors.get((110, inputs), "x").unwrap();
    let together: Vec<Vec<f32>> = joined.forward(&x).unwrap().to_vec2().unwrap();
    let apart =
        parts.map(|(outputs, tensors)| Linear::load(inputs, outputs, Bias::Without, &tensors, NF4).unwrap());
    for (index, together) in together.iter().enumerate() {
        let x = x.narrow(0, index, 1).unwrap();
        let alone = Tensor::cat(&apart.each_ref().map(|layer| layer.forward(&x).unwrap()), 1).unwrap();
        assert_same(&alone.squeeze(0).unwrap().to_vec1().unwrap(), together, "a product");
    }
}

#[test]
fn blocks_of_nothing_are_zero_and_ties_go_down() {
    let mut weights = vec![0.0; 2 * BLOCK];
    weights[BLOCK] = 1.0;
    for (weight, pair) in weights[BLOCK + 1..].iter_mut().zip(FRACTIONS.windows(2)) {
        *weight = f32::midpoint(pair[0], pair[1]);
    }
    let (packed, scales) = quantize::quantize_blocks(&weights);
    assert_eq!(packed[..32], [0x77; 32]);
    assert_eq!(packed[32..40], [0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
    assert_same(&scales, &[0.0, 1.0], "scales");
}

#[test]
fn what_does_not_fit_stays_dense() {
    let tensors = Checkpoint::dummy(5).var_builder(DType::F32, &Device::Cpu);
    let precision = Precision { dtype: DType::BF16, ..NF4 };
    let layer = Linear::load(96, 8, Bias::Without, &tensors, precision).unwrap();
    assert_eq!(layer.stored(), Stored::As(DType::BF16));
    assert!(Panels::<Nf4Panel>::load(96, &[(8, tensors)]).is_err());
}

#[test]
fn a_quarter_of_a_byte_more_than_half_is_taken_up() {
    let tensors = Checkpoint::dummy(5).var_builder(DType::F32, &Device::Cpu);
    let matrix = Panels::<Nf4Panel>::load(256, &[(256, tensors)]).unwrap();
    // Half a byte per weight, a byte per block of 64, four per 256 blocks.
    assert_eq!(matrix.bytes(), 256 * 256 / 2 + 256 * 4 + 256 * 4 / 256 * 4);
}

#[test]
fn states_that_cannot_be_taken_are_named() {
    let reference = &Reference::all()[0];
    let (outputs, inputs) = reference.tensor("weight").dims2().unwrap();
    let error = |change: &dyn Fn(&mut HashMap<String, Tensor>), precision| {
        let mut tensors = reference.checkpoint();
        change(&mut tensors);
        load(&tensors, precision, outputs, inputs).unwrap_err().to_string()
    };
    let state = |text: &str| Tensor::new(text.as_bytes(), &Device::Cpu).unwrap();
    let with_state = |text: &str| error(&|tensors| drop(tensors.insert(STATE.to_owned(), state(text))), NF4);
    let tensor = |shape: usize| Tensor::zeros(shape, DType::U8, &Device::Cpu).unwrap();
    let cases = [
        (error(&|_| (), Precision::SINGLE), "quantization: nf4"),
        (error(&|_| (), Precision::quantized(Quantization::Q8_0)), "quantization: nf4"),
        (error(&|tensors| drop(tensors.insert("SCB".to_owned(), tensor(3))), NF4), "int8"),
        (
            error(&|tensors| drop(tensors.insert(STATE.replace("nf4", "fp4"), tensor(3))), Precision::SINGLE),
            "fp4",
        ),
        (with_state("{"), "quant_state"),
        (with_state(r#"{"quant_type": "nf4", "blocksize": 128, "shape": [1, 1]}"#), "blocks of 128"),
        (with_state(r#"{"quant_type": "nf4", "blocksize": 64, "shape": [1, 1]}"#), "[1, 1]"),
        (
            with_state(&format!(
                r#"{{"quant_type": "nf4", "blocksize": 64, "shape": [{outputs}, {inputs}]}}"#
            )),
            "double quantization",
        ),
        (error(&|tensors| drop(tensors.insert("weight.absmax".to_owned(), tensor(3))), NF4), "absmax"),
        (error(&|tensors| drop(tensors.remove("weight.nested_absmax")), NF4), "nested_absmax"),
        (
            error(
                &|tensors| {
                    let other = Tensor::ones(16, DType::F32, &Device::Cpu).unwrap();
                    tensors.insert("weight.quant_map".to_owned(), other);
                },
                NF4,
            ),
            "quant_map",
        ),
    ];
    for (found, part) in cases {
        assert!(found.contains(part) && found.contains("weight"), "`{part}` is not in: {found}");
    }
}
