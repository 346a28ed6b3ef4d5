//! Products in 16 bits against the exact products of what is stored.

use candle_core::Device;

use half::bf16;

use super::*;

fn values(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin() * (1.0 + (i % 7) as f32)).collect()
}

const DTYPES: [DType; 3] = [DType::F32, DType::BF16, DType::F16];

fn pack(weight: &Tensor) -> Box<dyn WeightMatrix> {
    let (columns, weights) = (weight.dim(1).unwrap(), std::iter::once(Ok(weight.clone())));
    match weight.dtype() {
        DType::BF16 => Box::new(Panels::<NumberPanel<Pair>>::joined(columns, weights).unwrap()),
        DType::F16 => Box::new(Panels::<NumberPanel<f16>>::joined(columns, weights).unwrap()),
        _ => Box::new(Panels::<NumberPanel<f32>>::joined(columns, weights).unwrap()),
    }
}

fn matrix(rows: usize, columns: usize, dtype: DType) -> (Box<dyn WeightMatrix>, Vec<f32>) {
    let weight = Tensor::from_vec(values(rows * columns, 0.37), (rows, columns), &Device::Cpu).unwrap();
    let weight = weight.to_dtype(dtype).unwrap();
    let stored = weight.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (pack(&weight), stored)
}

const SHAPES: [(usize, usize); 4] = [(1, 1), (64, 32), (70, 33), (200, 1200)];

#[test]
fn products_are_those_of_the_rounded_numbers() {
    for dtype in DTYPES {
        for (rows, columns) in SHAPES {
            let (matrix, stored) = matrix(rows, columns, dtype);
            assert_eq!((matrix.dims(), matrix.stored()), ((rows, columns), Stored::As(dtype)));
            for vectors in [0, 1, 5, 6, 7, SPREAD_PANELS, VECTORS_PER_TASK + 8] {
                let x = values(vectors * columns, 0.11);
                let mut out = vec![f32::NAN; vectors * rows];
                matrix.apply(&x, &mut out);
                let input = |x: f32| if dtype == DType::BF16 { bf16::from_f32(x).to_f32() } else { x };
                for (x, out) in x.chunks(columns).zip(out.chunks(rows)) {
                    for (out, row) in out.iter().zip(stored.chunks(columns)) {
                        let products = x.iter().zip(row).map(|(x, w)| f64::from(input(*x)) * f64::from(*w));
                        let exact: f64 = products.clone().sum();
                        let size: f64 = products.map(f64::abs).sum();
                        let error = (f64::from(*out) - exact).abs();
                        assert!(error <= 1e-6 * size, "{dtype:?} {rows} {columns} {vectors}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_product_is_the_same_in_whatever_company() {
    for dtype in DTYPES {
        let (rows, columns) = (130, 700);
        let (matrix, _) = matrix(rows, columns, dtype);
        let x = values((SPREAD_PANELS + 5) * columns, 0.23);
        let mut together = vec![0.0; (SPREAD_PANELS + 5) * rows];
        matrix.apply(&x, &mut together);
        for (x, together) in x.chunks(columns).zip(together.chunks(rows)) {
            let mut alone = vec![0.0; rows];
            matrix.apply(x, &mut alone);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&alone), bits(together), "{dtype:?}");
        }
    }
}

#[test]
fn views_into_tensors_are_taken_from_where_they_begin() {
    let both = Tensor::from_vec(values(4 * 3, 0.5), (4, 3), &Device::Cpu).unwrap();
    let both = both.to_dtype(DType::BF16).unwrap();
    let second = both.narrow(0, 2, 2).unwrap();
    let mut found = [0.0; 2];
    pack(&second).apply(&[1.0, 0.0, 0.0], &mut found);
    let expected = second.to_dtype(DType::F32).unwrap().narrow(1, 0, 1).unwrap();
    assert_eq!(found.to_vec(), expected.flatten_all().unwrap().to_vec1::<f32>().unwrap());
}

#[test]
fn joined_matrices_stand_one_after_another() {
    let part = |rows, step| Tensor::from_vec(values(rows * 33, step), (rows, 33), &Device::Cpu).unwrap();
    let (a, b) = (part(70, 0.3), part(5, 0.7));
    let parts = [a.clone(), b.clone()].into_iter().map(Ok);
    let joined = Panels::<NumberPanel<f32>>::joined(33, parts).unwrap();
    let x = values(2 * 33, 0.9);
    let [mut found, mut expected] = [vec![0.0; 2 * 75], vec![0.0; 2 * 75]];
    joined.apply(&x, &mut found);
    pack(&Tensor::cat(&[&a, &b], 0).unwrap()).apply(&x, &mut expected);
    assert_eq!((joined.dims(), found), ((75, 33), expected));
    for odd in [b.narrow(1, 0, 32).unwrap(), b.to_dtype(DType::BF16).unwrap()] {
        assert!(Panels::<NumberPanel<f32>>::joined(33, [Ok(odd)].into_iter()).is_err());
    }
}
