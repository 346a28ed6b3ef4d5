//! Scaled dot-product attention with grouped key-value heads.
//!
//! No operand is repeated or transposed in memory, and scores exist for one block of query rows
//! at a time, so a long context costs time but no gigabytes.

mod kernel;
mod rows;

use candle_core::{D, DType, Device, Result, Tensor, bail};

use kernel::AttentionKernel;
pub(crate) use rows::{SharedKeys, attention_of_rows};

/// Query rows whose scores exist at once on devices without a kernel of our own.
const TENSOR_BLOCK: usize = 512;

/// Which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// All of them.
    All,
    /// Those up to its own position. The last query stands at the last key's position.
    UpToItself,
}

/// Softmax of `q·kᵀ * scale` over the visible keys, times `v`; the softmax is taken in `f32`.
///
/// `q` has shape (batch, queries, heads, dimension), `k` and `v` (batch, keys, key-value heads,
/// dimension), where heads is a multiple of key-value heads and each of them serves that many
/// neighbouring heads. Views with gaps are fine as long as the dimension is without. The result
/// has shape (batch, queries, heads * dimension).
///
/// # Errors
/// When the shapes do not fit each other.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f32, visible: Visible) -> Result<Tensor> {
    let (batch, queries, heads, dimension) = q.dims4()?;
    let (_, keys, kv_heads, _) = k.dims4()?;
    if k.dims() != v.dims()
        || k.dims() != [batch, keys, kv_heads, dimension]
        || kv_heads == 0
        || heads % kv_heads != 0
    {
        bail!("attention of {:?} over keys {:?} and values {:?}", q.dims(), k.dims(), v.dims());
    }
    if visible == Visible::UpToItself && queries > keys {
        bail!("{queries} queries but only {keys} keys for them to stand at");
    }
    let dtype = q.dtype();
    let out = if matches!(q.device(), Device::Cpu) {
        let float = |tensor: &Tensor| tensor.to_dtype(DType::F32);
        let kernel = AttentionKernel { scale, visible };
        float(q)?.apply_op3_no_bwd(&float(k)?, &float(v)?, &kernel)?.to_dtype(dtype)?
    } else {
        with_tensors(q, k, v, scale, visible)?
    };
    out.transpose(1, 2)?.reshape((batch, queries, heads * dimension))
}

/// The same from candle's own operations, for devices without a kernel here. The result has shape
/// (batch, heads, queries, dimension).
fn with_tensors(q: &Tensor, k: &Tensor, v: &Tensor, scale: f32, visible: Visible) -> Result<Tensor> {
    let (batch, queries, heads, dimension) = q.dims4()?;
    let (_, keys, kv_heads, _) = k.dims4()?;
    let group = heads / kv_heads;
    let k = k.permute((0, 2, 3, 1))?.contiguous()?;
    let v = v.transpose(1, 2)?.contiguous()?;
    let q = (q.transpose(1, 2)? * f64::from(scale))?;
    let mut blocks = Vec::new();
    for start in (0..queries).step_by(TENSOR_BLOCK) {
        let rows = TENSOR_BLOCK.min(queries - start);
        let block = q.narrow(2, start, rows)?.contiguous()?;
        let block = block.reshape((batch, kv_heads, group * rows, dimension))?;
        let mut scores = block.matmul(&k)?.to_dtype(DType::F32)?;
        if visible == Visible::UpToItself {
            let mask = causal_mask(rows, keys, keys - queries + start, q.device())?;
            scores = scores.reshape((batch, heads, rows, keys))?.broadcast_add(&mask)?;
            scores = scores.reshape((batch, kv_heads, group * rows, keys))?;
        }
        let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(v.dtype())?;
        blocks.push(weights.matmul(&v)?.reshape((batch, heads, rows, dimension))?);
    }
    Tensor::cat(&blocks, 2)
}

/// 0 where row `i` sees a key, which is up to key `past + i`, and negative infinity elsewhere.
fn causal_mask(rows: usize, keys: usize, past: usize, device: &Device) -> Result<Tensor> {
    let mask: Vec<f32> = (0..rows)
        .flat_map(|row| (0..keys).map(move |key| if key <= past + row { 0.0 } else { f32::NEG_INFINITY }))
        .collect();
    Tensor::from_vec(mask, (rows, keys), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(shape: (usize, usize, usize, usize), seed: u64) -> Tensor {
        crate::Checkpoint::dummy(seed).var_builder(DType::F32, &Device::Cpu).get(shape, "x").unwrap()
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn the_kernel_agrees_with_candles_operations() {
        for (batch, queries, keys, heads, kv_heads) in
            [(1, 1, 1, 4, 4), (1, 1, 77, 8, 2), (2, 1, 5, 6, 3), (1, 130, 130, 4, 2), (2, 70, 95, 4, 1)]
        {
            let q = random((batch, queries, heads, 16), 1);
            let (k, v) = (random((batch, keys, kv_heads, 16), 2), random((batch, keys, kv_heads, 16), 3));
            for visible in [Visible::All, Visible::UpToItself] {
                let kernel = attention(&q, &k, &v, 3.0, visible).unwrap();
                let tensors = with_tensors(&q, &k, &v, 3.0, visible).unwrap().transpose(1, 2).unwrap();
                let tensors = tensors.reshape(kernel.dims()).unwrap();
                assert!(
                    largest_difference(&kernel, &tensors) < 1e-5,
                    "{queries} queries, {keys} keys, {visible:?}"
                );
            }
        }
    }

    #[test]
    fn views_with_gaps_are_read_right() {
        let wide = random((2, 9, 6, 8), 4);
        let (q, k) = (wide.narrow(2, 0, 4).unwrap(), wide.narrow(2, 4, 2).unwrap());
        let gaps = attention(&q, &k, &k, 1.0, Visible::UpToItself).unwrap();
        let (q, k) = (q.contiguous().unwrap(), k.contiguous().unwrap());
        let none = attention(&q, &k, &k, 1.0, Visible::UpToItself).unwrap();
        assert!(largest_difference(&gaps, &none) < f32::EPSILON);
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let (q, k) = (random((1, 4, 4, 8), 1), random((1, 3, 3, 8), 2));
        assert!(attention(&q, &k, &k, 1.0, Visible::All).is_err());
        let k = random((1, 3, 2, 8), 2);
        assert!(attention(&q, &k, &k, 1.0, Visible::UpToItself).is_err());
    }
}
