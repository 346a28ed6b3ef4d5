//! Attention from one position of each of several rows, which share the keys of a prompt.

use std::iter::once;

use candle_core::{CpuStorage, D, DType, Device, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::kernel::Operand;
use crate::linear::WeightMatrix;
use crate::matmul::{Matrix, multiply};
use crate::panels::{NumberPanel, Panels};
use crate::storage::contiguous_floats;
use crate::vector;

/// Keys and values that every row sees.
#[derive(Debug)]
pub(crate) enum SharedKeys {
    /// One after another the key-value heads, laid out for products with few queries, on the processor.
    Panels(Vec<SharedHead>),
    /// Of shape (1, positions, key-value heads, dimension), elsewhere.
    Tensors { k: Tensor, v: Tensor },
}

#[derive(Debug)]
pub(crate) struct SharedHead {
    /// A row for each position.
    k: Panels<NumberPanel<f32>>,
    /// A column for each position.
    v: Panels<NumberPanel<f32>>,
}

impl SharedKeys {
    /// From keys and values of shape (1, positions, key-value heads, dimension).
    pub(crate) fn new(k: Tensor, v: Tensor) -> Result<Self> {
        let (_, positions, heads, dimension) = k.dims4()?;
        if !matches!(k.device(), Device::Cpu) || k.dtype() != DType::F32 || k.dims() != v.dims() {
            return Ok(Self::Tensors { k, v });
        }
        let head = |index| {
            let part = |all: &Tensor| all.narrow(2, index, 1)?.reshape((positions, dimension));
            Ok(SharedHead {
                k: Panels::joined(dimension, once(part(&k)))?,
                v: Panels::joined(positions, once(part(&v)?.t()?.contiguous()))?,
            })
        };
        (0..heads).map(head).collect::<Result<_>>().map(Self::Panels)
    }

    /// Positions, key-value heads, dimension.
    fn dims(&self) -> Result<(usize, usize, usize)> {
        match self {
            Self::Panels(heads) => {
                let (positions, dimension) = heads.first().map_or((0, 0), |head| head.k.dims());
                Ok((positions, heads.len(), dimension))
            }
            Self::Tensors { k, .. } => {
                let (_, positions, heads, dimension) = k.dims4()?;
                Ok((positions, heads, dimension))
            }
        }
    }
}

/// Softmax of the scaled scores, plus `bias` of shape (heads, positions), times the values, for `q` of
/// shape (1, rows, heads, dimension). A row sees what is shared, and then its own `k` and `v`, of shape
/// (rows, positions, key-value heads, dimension). The result has shape (1, rows, heads * dimension).
pub(crate) fn attention_of_rows(
    q: &Tensor,
    shared: Option<&SharedKeys>,
    k: &Tensor,
    v: &Tensor,
    scale: f32,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let (_, rows, heads, dimension) = q.dims4()?;
    let (own_rows, own, kv_heads, _) = k.dims4()?;
    let (shared_length, shared_heads, shared_dimension) =
        shared.map_or(Ok((0, kv_heads, dimension)), SharedKeys::dims)?;
    let shared_fits = (shared_heads, shared_dimension) == (kv_heads, dimension);
    let bias_fits = bias.is_none_or(|bias| bias.dims() == [heads, shared_length + own]);
    if own_rows != rows
        || k.dims() != v.dims()
        || !shared_fits
        || !bias_fits
        || kv_heads == 0
        || heads % kv_heads != 0
    {
        bail!("attention of {:?} over {shared_length} shared keys and {:?}", q.dims(), k.dims());
    }
    let panels = match shared {
        Some(SharedKeys::Tensors { .. }) => return with_tensors(q, shared, k, v, scale, bias),
        Some(SharedKeys::Panels(heads)) => heads.as_slice(),
        None => &[],
    };
    if !matches!(q.device(), Device::Cpu) || [q, k, v].iter().any(|tensor| tensor.dtype() != DType::F32) {
        return with_tensors(q, shared, k, v, scale, bias);
    }
    let bias = bias.map(Tensor::contiguous).transpose()?;
    let guards =
        [Some(q), Some(k), Some(v), bias.as_ref()].map(|tensor| tensor.map(Tensor::storage_and_layout));
    let operands =
        guards.each_ref().map(|guard| guard.as_ref().map(|(storage, layout)| (&**storage, *layout)));
    let [Some(q), Some(k), Some(v), bias] = operands else {
        bail!("attention without queries or keys");
    };
    let operand = |(storage, layout)| Operand::new(cpu(storage)?, layout);
    let rows_kernel = Rows {
        q: operand(q)?,
        shared: panels,
        shared_keys: shared_length,
        own: (operand(k)?, operand(v)?),
        bias: bias.map(|(storage, layout)| contiguous_floats(cpu(storage)?, layout)).transpose()?,
        scale,
    };
    Tensor::from_vec(rows_kernel.attend()?, (1, rows, heads * dimension), &Device::Cpu)
}

fn cpu(storage: &Storage) -> Result<&CpuStorage> {
    match storage {
        Storage::Cpu(storage) => Ok(storage),
        _ => bail!("this attention is for the processor"),
    }
}

struct Rows<'a> {
    q: Operand<'a>,
    /// What is shared by key-value head; none where nothing is.
    shared: &'a [SharedHead],
    shared_keys: usize,
    own: (Operand<'a>, Operand<'a>),
    /// Of shape (heads, keys).
    bias: Option<&'a [f32]>,
    scale: f32,
}

/// What one task computes in.
#[derive(Default)]
struct Room {
    queries: Vec<f32>,
    scores: Vec<f32>,
    part: Vec<f32>,
}

impl Rows<'_> {
    fn attend(&self) -> Result<Vec<f32>> {
        let (_, rows, heads, dimension) = self.q.dims;
        let kv_heads = self.own.0.dims.2;
        let group = heads / kv_heads;
        // Key-value heads stand outermost while computing, so that every task has its own part.
        let mut out = vec![0f32; rows * heads * dimension];
        let width = group * dimension;
        out.par_chunks_mut((rows * width).max(1)).enumerate().try_for_each_init(
            Room::default,
            |room, (kv_head, out)| {
                self.score(kv_head, room)?;
                self.weigh(kv_head, room, out)
            },
        )?;
        if rows == 1 {
            return Ok(out);
        }
        let parts: Vec<&[f32]> = out.chunks_exact(width.max(1)).collect();
        let ordered = (0..rows).flat_map(|row| (0..kv_heads).map(move |kv_head| kv_head * rows + row));
        Ok(ordered.filter_map(|part| parts.get(part)).flat_map(|part| part.iter().copied()).collect())
    }

    /// The weights of all keys for the heads that share `kv_head`: rows of `queries`, group by group.
    fn score(&self, kv_head: usize, room: &mut Room) -> Result<()> {
        let (_, rows, heads, dimension) = self.q.dims;
        let (_, own, kv_heads, _) = self.own.0.dims;
        let (group, shared) = (heads / kv_heads, self.shared_keys);
        let keys = shared + own;
        room.queries.clear();
        for row in 0..rows {
            let heads = self.q.matrix(0, row, kv_head * group, group, self.q.strides.2);
            for head in 0..group {
                room.queries.extend_from_slice(heads.row(head)?);
            }
        }
        room.scores.resize(rows * group * keys, 0.0);
        let queries = Matrix {
            data: &room.queries,
            rows: rows * group,
            columns: dimension,
            row_stride: dimension,
            column_stride: 1,
        };
        if let Some(head) = self.shared.get(kv_head) {
            room.part.resize(queries.rows * shared, 0.0);
            head.k.apply(queries.data, &mut room.part);
            copy_rows(&room.part, shared, &mut room.scores, keys, 0);
        }
        let by_row = room.scores.chunks_exact_mut((group * keys).max(1));
        for (row, scores) in by_row.enumerate() {
            let queries = Matrix {
                rows: group,
                data: queries.data.get(row * group * dimension..).unwrap_or_default(),
                ..queries
            };
            room.part.resize(group * own, 0.0);
            multiply(queries, self.own.0.head(row, kv_head, own).transposed(), &mut room.part)?;
            copy_rows(&room.part, own, scores, keys, shared);
        }
        for (index, scores) in room.scores.chunks_exact_mut(keys.max(1)).enumerate() {
            let head = kv_head * group + index % group;
            match self.bias.and_then(|bias| bias.get(head * keys..(head + 1) * keys)) {
                Some(bias) => {
                    for score in scores.iter_mut() {
                        *score *= self.scale;
                    }
                    vector::add(scores, bias);
                    vector::softmax(scores, 1.0);
                }
                None => vector::softmax(scores, self.scale),
            }
        }
        Ok(())
    }

    /// The weighted values.
    fn weigh(&self, kv_head: usize, room: &mut Room, out: &mut [f32]) -> Result<()> {
        let (_, _, heads, dimension) = self.q.dims;
        let (_, own, kv_heads, _) = self.own.0.dims;
        let (group, shared) = (heads / kv_heads, self.shared_keys);
        let keys = shared + own;
        let weights = |first: usize, rows: usize, columns: usize| Matrix {
            data: room.scores.get(first..).unwrap_or_default(),
            rows,
            columns,
            row_stride: keys,
            column_stride: 1,
        };
        if let Some(head) = self.shared.get(kv_head) {
            room.part.clear();
            for scores in room.scores.chunks_exact(keys.max(1)) {
                room.part.extend_from_slice(&scores[..shared]);
            }
            head.v.apply(&room.part, out);
        }
        room.part.resize(group * dimension, 0.0);
        for (row, out) in out.chunks_exact_mut((group * dimension).max(1)).enumerate() {
            let weights = weights(row * group * keys + shared, group, own);
            multiply(weights, self.own.1.head(row, kv_head, own), &mut room.part)?;
            vector::add(out, &room.part);
        }
        Ok(())
    }
}

/// Copies rows of `columns` values into rows of `stride` values, from column `first` on.
fn copy_rows(from: &[f32], columns: usize, to: &mut [f32], stride: usize, first: usize) {
    for (from, to) in from.chunks_exact(columns.max(1)).zip(to.chunks_exact_mut(stride.max(1))) {
        to.iter_mut().skip(first).zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// The same from candle's own operations, for other devices and types.
fn with_tensors(
    q: &Tensor,
    shared: Option<&SharedKeys>,
    k: &Tensor,
    v: &Tensor,
    scale: f32,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let shared = match shared {
        Some(SharedKeys::Tensors { k, v }) => Some((k, v)),
        Some(SharedKeys::Panels(_)) => {
            bail!("keys for the processor, but {:?} for {:?}", q.dtype(), q.device())
        }
        None => None,
    };
    let (_, rows, heads, dimension) = q.dims4()?;
    let kv_heads = k.dim(2)?;
    let all = |shared: Option<&Tensor>, own_keys: &Tensor| match shared {
        Some(shared) => {
            let shared = shared.broadcast_as((rows, shared.dim(1)?, kv_heads, dimension))?;
            Tensor::cat(&[&shared, own_keys], 1)
        }
        None => own_keys.contiguous(),
    };
    let (k, v) = (all(shared.map(|(k, _)| k), k)?, all(shared.map(|(_, v)| v), v)?);
    let keys = k.dim(1)?;
    let q = (q.transpose(0, 1)?.reshape((rows, kv_heads, heads / kv_heads, dimension))? * f64::from(scale))?;
    let mut scores = q.contiguous()?.matmul(&k.permute((0, 2, 3, 1))?.contiguous()?)?.to_dtype(DType::F32)?;
    if let Some(bias) = bias {
        let bias = bias.to_dtype(DType::F32)?.reshape((1, kv_heads, heads / kv_heads, keys))?;
        scores = scores.broadcast_add(&bias)?;
    }
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(v.dtype())?;
    let attended = weights.matmul(&v.transpose(1, 2)?.contiguous()?)?;
    attended.reshape((1, rows, heads * dimension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_agrees_with_candles_operations() {
        let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
        let get = |shape: (usize, usize, usize, usize), name| tensors.get(shape, name).unwrap();
        for (rows, shared, own, heads, kv_heads) in [(1, 70, 1, 8, 2), (5, 33, 4, 4, 4), (3, 0, 6, 4, 1)] {
            let q = get((1, rows, heads, 16), "q");
            let (k, v) = (get((rows, own, kv_heads, 16), "k"), get((rows, own, kv_heads, 16), "v"));
            let prompt =
                (get((1, shared.max(1), kv_heads, 16), "pk"), get((1, shared.max(1), kv_heads, 16), "pv"));
            let (panels, whole) = if shared > 0 {
                let (k, v) = prompt.clone();
                (Some(SharedKeys::new(k.clone(), v.clone()).unwrap()), Some(SharedKeys::Tensors { k, v }))
            } else {
                (None, None)
            };
            let bias = tensors.get((heads, shared + own), "bias").unwrap();
            for bias in [None, Some(&bias)] {
                let kernel = attention_of_rows(&q, panels.as_ref(), &k, &v, 0.4, bias).unwrap();
                let tensors = with_tensors(&q, whole.as_ref(), &k, &v, 0.4, bias).unwrap();
                let difference = (kernel - tensors).unwrap().abs().unwrap().flatten_all().unwrap();
                let largest: f32 = difference.max(0).unwrap().to_scalar().unwrap();
                assert!(largest < 1e-5, "{rows} rows, {shared} shared, {own} own: {largest}");
            }
        }
    }
}
