//! Products in blocks against the dense products of what the blocks stand for.

use super::*;

fn matrix(rows: usize, columns: usize) -> Tensor {
    let values: Vec<f32> = (0..rows * columns)
        .map(|i| ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * (1.0 + (i / columns % 5) as f32))
        .collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

fn dequantized(weight: &Tensor, blocks: Blocks) -> Vec<Vec<f32>> {
    QTensor::quantize(weight, blocks.ggml()).unwrap().dequantize(&Device::Cpu).unwrap().to_vec2().unwrap()
}

const SHAPES: [(Blocks, usize, usize); 5] = [
    (Blocks::Q8_0, 16, 32),
    (Blocks::Q8_0, 37, 96),
    (Blocks::Q8_0, 700, 384),
    (Blocks::Q4k, 37, 512),
    (Blocks::Q4k, 700, 256),
];

#[test]
fn rows_are_what_the_blocks_stand_for() {
    for (blocks, rows, columns) in SHAPES {
        let weight = matrix(rows, columns);
        let found = QuantizedMatrix::new(&weight, blocks).unwrap();
        assert_eq!((found.dims(), found.stored()), ((rows, columns), Stored::In(blocks)));
        let mut out = vec![0.0; columns];
        for (index, expected) in dequantized(&weight, blocks).iter().enumerate() {
            found.row(index, &mut out);
            for (found, expected) in out.iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-5,
                    "{blocks:?}, row {index}: {found} is not {expected}"
                );
            }
        }
    }
}

/// The difference is that of rounding the vectors: less than half a step of 1/127 per product.
#[test]
fn products_agree_with_dense_ones_for_few_and_many_vectors() {
    for (blocks, rows, columns) in SHAPES {
        let weight = matrix(rows, columns);
        let quantized = QuantizedMatrix::new(&weight, blocks).unwrap();
        let dense = dequantized(&weight, blocks);
        for vectors in [0, 1, 5, kernel::VECTORS, kernel::VECTORS + 1, 2 * kernel::VECTORS + 3] {
            let x: Vec<f32> = (0..vectors * columns).map(|i| (i as f32 * 0.11).sin()).collect();
            let mut out = vec![f32::NAN; vectors * rows];
            quantized.apply(&x, &mut out);
            for (x, out) in x.chunks(columns).zip(out.chunks(rows)) {
                for (out, row) in out.iter().zip(&dense) {
                    let exact: f64 = x.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                    let length = row.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
                    // Rounding errors are independent: their sum grows as the row's length does.
                    let error = (f64::from(*out) - exact).abs();
                    assert!(error < 6.0 * length / 127.0 / 12f64.sqrt(), "{blocks:?} {vectors}: {error}");
                }
            }
        }
    }
}

/// Inputs that are whole numbers of steps lose nothing.
#[test]
fn products_of_whole_steps_are_exact() {
    for (blocks, rows, columns) in SHAPES {
        let weight = matrix(rows, columns);
        let quantized = QuantizedMatrix::new(&weight, blocks).unwrap();
        let dense = dequantized(&weight, blocks);
        let step = |i: usize| if i.is_multiple_of(32) { 127.0 } else { (i * 37 % 255) as f32 - 127.0 };
        let x: Vec<f32> = (0..3 * columns).map(step).collect();
        let mut out = vec![0.0; 3 * rows];
        quantized.apply(&x, &mut out);
        for (x, out) in x.chunks(columns).zip(out.chunks(rows)) {
            for (out, row) in out.iter().zip(&dense) {
                let exact: f64 = x.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let size: f64 = x.iter().zip(row).map(|(x, w)| f64::from(x * w).abs()).sum();
                assert!((f64::from(*out) - exact).abs() < 1e-6 * size, "{blocks:?}: {out} is not {exact}");
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    let quantized = QuantizedMatrix::new(&matrix(16, 64), Blocks::Q8_0).unwrap();
    let mut x = vec![1.0; 128];
    x[70] = f32::NAN;
    let mut out = vec![0.0; 32];
    quantized.apply(&x, &mut out);
    assert!(out[..16].iter().all(|product| product.is_finite()));
    assert!(out[16..].iter().all(|product| product.is_nan()));
}

#[test]
fn blocks_are_chosen_by_the_columns() {
    let fitting = |quantization, columns| Blocks::fitting(quantization, columns).unwrap();
    assert_eq!(fitting(Quantization::None, 256), None);
    assert_eq!(fitting(Quantization::Q8_0, 96), Some(Blocks::Q8_0));
    assert_eq!(fitting(Quantization::Q4k, 512), Some(Blocks::Q4k));
    assert_eq!(fitting(Quantization::Q4k, 384), Some(Blocks::Q8_0));
    assert_eq!(fitting(Quantization::Q8_0, 40), None);
    assert_eq!(fitting(Quantization::Q8_0, 0), None);
    assert!(matches!(Blocks::fitting(Quantization::Nf4, 64), Err(QuantizeError::Nf4)));
    assert!(QuantizedMatrix::new(&matrix(4, 40), Blocks::Q8_0).is_err());
}

#[test]
fn joined_matrices_are_rounded_one_by_one() {
    let (a, b) = (matrix(21, 64), matrix(7, 64));
    let parts = [a.clone(), b.clone()].into_iter().map(Ok);
    let joined = QuantizedMatrix::joined(64, Blocks::Q8_0, parts).unwrap();
    let whole = QuantizedMatrix::new(&Tensor::cat(&[a, b], 0).unwrap(), Blocks::Q8_0).unwrap();
    assert_eq!((joined.rows(), joined.bytes()), (28, whole.bytes()));
    let [mut found, mut expected] = [[0.0; 64]; 2];
    for index in 0..28 {
        joined.row(index, &mut found);
        whole.row(index, &mut expected);
        assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits), "row {index}");
    }
    assert!(QuantizedMatrix::joined(64, Blocks::Q8_0, [Ok(matrix(3, 32))].into_iter()).is_err());
}
