//! Attention on the processor: one task per head and block of query rows, each a product, a
//! softmax and a product on one thread.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, bail};
use rayon::prelude::*;

use super::Visible;
use crate::matmul::{Matrix, multiply};
use crate::storage::floats;
use crate::vector;

/// Query rows of a task: their scores over a few thousand keys stay in a core's cache, and they are as many as gemm
/// multiplies with an operand as it lies, rather than with a copy that it makes for each of them.
const BLOCK: usize = 48;

/// Values of a vector register. gemm reads an operand as it lies where their number divides its longer side.
const LANES: usize = 16;

pub(super) struct AttentionKernel {
    pub(super) scale: f32,
    pub(super) visible: Visible,
}

/// A tensor of shape (batch, positions, heads, dimension).
pub(super) struct Operand<'a> {
    values: &'a [f32],
    pub(super) dims: (usize, usize, usize, usize),
    pub(super) strides: (usize, usize, usize),
}

impl<'a> Operand<'a> {
    pub(super) fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let [batch, position, head, 1] = *layout.stride() else {
            bail!("a head's values must lie without gaps, strides are {:?}", layout.stride());
        };
        let dims = layout.shape().dims4()?;
        Ok(Self { values: floats(storage, layout)?, dims, strides: (batch, position, head) })
    }

    /// `rows` rows of one head, `row_stride` values apart.
    pub(super) fn matrix(
        &self,
        batch: usize,
        position: usize,
        head: usize,
        rows: usize,
        row_stride: usize,
    ) -> Matrix<'a> {
        let start = batch * self.strides.0 + position * self.strides.1 + head * self.strides.2;
        let data = self.values.get(start..).unwrap_or_default();
        Matrix { data, rows, columns: self.dims.3, row_stride, column_stride: 1 }
    }

    /// The first `rows` positions of one head.
    pub(super) fn head(&self, batch: usize, head: usize, rows: usize) -> Matrix<'a> {
        self.matrix(batch, 0, head, rows, self.strides.1)
    }
}

impl CustomOp3 for AttentionKernel {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let q = Operand::new(q, q_layout)?;
        let (k, v) = (Operand::new(k, k_layout)?, Operand::new(v, v_layout)?);
        let (batch, queries, heads, dimension) = q.dims;
        let mut out = vec![0f32; batch * heads * queries * dimension];
        if queries == 1 {
            self.one_query(&q, &k, &v, &mut out)?;
        } else {
            self.many_queries(&q, &k, &v, &mut out)?;
        }
        Ok((CpuStorage::F32(out), Shape::from((batch, heads, queries, dimension))))
    }
}

impl AttentionKernel {
    /// The heads that share a key-value head go through its keys together.
    fn one_query(&self, q: &Operand<'_>, k: &Operand<'_>, v: &Operand<'_>, out: &mut [f32]) -> Result<()> {
        let (_, keys, kv_heads, dimension) = k.dims;
        let group = q.dims.2 / kv_heads;
        out.par_chunks_mut(group * dimension).enumerate().try_for_each_init(
            Vec::new,
            |scores, (task, out)| {
                let (batch, kv_head) = (task / kv_heads, task % kv_heads);
                let rows = q.matrix(batch, 0, kv_head * group, group, q.strides.2);
                let sees = |_| keys;
                self.attend(
                    rows,
                    k.head(batch, kv_head, keys).transposed(),
                    v.head(batch, kv_head, keys),
                    sees,
                    scores,
                    out,
                )
            },
        )
    }

    fn many_queries(&self, q: &Operand<'_>, k: &Operand<'_>, v: &Operand<'_>, out: &mut [f32]) -> Result<()> {
        let (_, queries, heads, dimension) = q.dims;
        let (_, keys, kv_heads, _) = k.dims;
        let group = heads / kv_heads;
        out.par_chunks_mut(queries * dimension).enumerate().try_for_each(|(task, out)| {
            let (batch, head) = (task / heads, task % heads);
            let (k, v) = (k.head(batch, head / group, keys), v.head(batch, head / group, keys));
            let wanted = queries > BLOCK && dimension % LANES == 0;
            let arranged = if wanted { Some(Arranged::new(k, v)?) } else { None };
            out.par_chunks_mut(BLOCK * dimension).enumerate().try_for_each_init(
                Vec::new,
                |scores, (block, out)| {
                    let first = block * BLOCK;
                    let rows = q.matrix(batch, first, head, out.len() / dimension, q.strides.1);
                    let sees = |row: usize| match self.visible {
                        Visible::All => keys,
                        Visible::UpToItself => keys - queries + first + row + 1,
                    };
                    let most = sees(rows.rows - 1);
                    let (k, v) = match &arranged {
                        Some(arranged) => arranged.first(most),
                        None => (Matrix { rows: most, ..k }.transposed(), Matrix { rows: most, ..v }),
                    };
                    self.attend(rows, k, v, sees, scores, out)
                },
            )
        })
    }

    /// Attends from every row of `q` to as many of the first keys as `sees` says. Keys are the columns of `k` and the
    /// rows of `v`; `k` may have columns behind them that nobody sees.
    fn attend(
        &self,
        q: Matrix<'_>,
        k: Matrix<'_>,
        v: Matrix<'_>,
        sees: impl Fn(usize) -> usize,
        scores: &mut Vec<f32>,
        out: &mut [f32],
    ) -> Result<()> {
        scores.resize(q.rows * k.columns, 0.0);
        multiply(q, k, scores)?;
        for (row, scores) in scores.chunks_exact_mut(k.columns).enumerate() {
            let (seen, unseen) = scores.split_at_mut(sees(row));
            vector::softmax(seen, self.scale);
            unseen.fill(0.0);
        }
        let weights =
            Matrix { data: scores, rows: q.rows, columns: v.rows, row_stride: k.columns, column_stride: 1 };
        multiply(weights, v, out)
    }
}

/// The keys and values of one head as gemm likes them best. Laid out once, they serve every block of queries.
struct Arranged {
    /// Of shape (dimension, keys), with zeros behind the last key.
    k: Vec<f32>,
    /// Of shape (keys, dimension).
    v: Vec<f32>,
    dimension: usize,
    /// Keys in a row of `k`.
    stride: usize,
}

impl Arranged {
    /// Both of shape (keys, dimension).
    fn new(k: Matrix<'_>, v: Matrix<'_>) -> Result<Self> {
        let (keys, dimension) = (k.rows, k.columns);
        let stride = keys.next_multiple_of(LANES);
        let mut arranged = Self {
            k: vec![0.0; dimension * stride],
            v: Vec::with_capacity(keys * dimension),
            dimension,
            stride,
        };
        for key in 0..keys {
            for (row, value) in arranged.k.chunks_exact_mut(stride).zip(k.row(key)?) {
                row[key] = *value;
            }
            arranged.v.extend_from_slice(v.row(key)?);
        }
        Ok(arranged)
    }

    /// The first keys, and values: (dimension, keys and up to 15 that nobody sees) and (keys, dimension).
    fn first(&self, keys: usize) -> (Matrix<'_>, Matrix<'_>) {
        let &Self { dimension, stride, .. } = self;
        let columns = keys.next_multiple_of(LANES);
        let k = Matrix { data: &self.k, rows: dimension, columns, row_stride: stride, column_stride: 1 };
        let v =
            Matrix { data: &self.v, rows: keys, columns: dimension, row_stride: dimension, column_stride: 1 };
        (k, v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_laid_out_whatever_lies_between_them() {
        let data: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let part = |start: usize| Matrix {
            data: &data[start..],
            rows: 3,
            columns: 2,
            row_stride: 5,
            column_stride: 1,
        };
        let arranged = Arranged::new(part(0), part(3)).unwrap();
        let (k, v) = arranged.first(2);
        assert_eq!((k.rows, k.columns, k.row_stride), (2, 16, 16));
        assert_eq!(k.data[..4], [0.0, 5.0, 10.0, 0.0]);
        assert_eq!(k.data[16..20], [1.0, 6.0, 11.0, 0.0]);
        assert_eq!((v.rows, v.columns), (2, 2));
        assert_eq!(v.data, [3.0, 4.0, 8.0, 9.0, 13.0, 14.0]);
        assert!(Arranged::new(part(0), part(9)).is_err(), "the last value is missing");
    }
}
