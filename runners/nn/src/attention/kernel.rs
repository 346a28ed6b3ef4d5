//! Attention on the processor: one task per head and block of query rows, each a product, a
//! softmax and a product on one thread.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, bail};
use rayon::prelude::*;

use super::Visible;
use crate::matmul::{Matrix, multiply};
use crate::storage::floats;
use crate::vector;

/// Query rows of a task: their scores over a few thousand keys stay in a core's cache.
const BLOCK: usize = 64;

pub(super) struct AttentionKernel {
    pub(super) scale: f32,
    pub(super) visible: Visible,
}

/// A tensor of shape (batch, positions, heads, dimension).
struct Operand<'a> {
    values: &'a [f32],
    dims: (usize, usize, usize, usize),
    strides: (usize, usize, usize),
}

impl<'a> Operand<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let [batch, position, head, 1] = *layout.stride() else {
            bail!("a head's values must lie without gaps, strides are {:?}", layout.stride());
        };
        let dims = layout.shape().dims4()?;
        Ok(Self { values: floats(storage, layout)?, dims, strides: (batch, position, head) })
    }

    /// `rows` rows of one head, `row_stride` values apart.
    fn matrix(
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
    fn head(&self, batch: usize, head: usize, rows: usize) -> Matrix<'a> {
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
                    k.head(batch, kv_head, keys),
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
                    let (k, v) = (k.head(batch, head / group, most), v.head(batch, head / group, most));
                    self.attend(rows, k, v, sees, scores, out)
                },
            )
        })
    }

    /// Attends from every row of `q` to as many of the first keys as `sees` says.
    fn attend(
        &self,
        q: Matrix<'_>,
        k: Matrix<'_>,
        v: Matrix<'_>,
        sees: impl Fn(usize) -> usize,
        scores: &mut Vec<f32>,
        out: &mut [f32],
    ) -> Result<()> {
        scores.resize(q.rows * k.rows, 0.0);
        multiply(q, k.transposed(), scores)?;
        for (row, scores) in scores.chunks_exact_mut(k.rows).enumerate() {
            let (seen, unseen) = scores.split_at_mut(sees(row));
            vector::softmax(seen, self.scale);
            unseen.fill(0.0);
        }
        let weights =
            Matrix { data: scores, rows: q.rows, columns: k.rows, row_stride: k.rows, column_stride: 1 };
        multiply(weights, v, out)
    }
}
