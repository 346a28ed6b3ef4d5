//! Keys and values of past positions.

use candle_core::{Result, Tensor, bail};

use crate::attention::{SharedKeys, attention_of_rows};

/// Positions that the rows' own part grows by at least.
const GROWTH: usize = 64;

/// Whether keys and values of past positions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMode {
    /// They are: a step computes its own position only.
    On,
    /// They are not: every step computes the whole context anew.
    Off,
}

/// One layer's keys and values in several contexts. A context begins with a prompt, which its rows
/// (its beams) share, and goes on with positions that every row has of its own.
#[derive(Debug, Default)]
pub struct KvCache {
    contexts: Vec<ContextCache>,
}

#[derive(Debug)]
struct ContextCache {
    /// None where nothing is shared.
    prompt: Option<SharedKeys>,
    rows: usize,
    own: Option<Own>,
}

/// Keys and values of shape (rows, capacity, heads, dimension), of which `length` positions are used.
#[derive(Debug)]
struct Own {
    k: Tensor,
    v: Tensor,
    length: usize,
}

impl KvCache {
    /// Without contexts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a context of one row behind the others, with the keys and values of its prompt, of shape
    /// (1, positions, heads, dimension).
    ///
    /// # Errors
    /// When the shapes are others.
    pub fn add_context(&mut self, prompt: Option<(Tensor, Tensor)>) -> Result<()> {
        let prompt = prompt.map(|(k, v)| SharedKeys::new(k, v)).transpose()?;
        self.contexts.push(ContextCache { prompt, rows: 1, own: None });
        Ok(())
    }

    /// Adds one position to each row, and attends from it to all positions of its row. `q` has shape
    /// (1, rows, heads, dimension), `k` and `v` (1, rows, key-value heads, dimension). `bias`, of shape
    /// (heads, positions), is added to the scores of every row; rows have as many positions then.
    /// The result has shape (1, rows, heads * dimension).
    ///
    /// # Errors
    /// When the shapes do not fit each other or the rows.
    pub fn step(
        &mut self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        scale: f32,
        bias: Option<&Tensor>,
    ) -> Result<Tensor> {
        let rows: usize = self.contexts.iter().map(|context| context.rows).sum();
        if q.dim(1)? != rows || k.dim(1)? != rows || k.dims() != v.dims() {
            bail!("a step of {rows} rows got {:?}, {:?} and {:?}", q.dims(), k.dims(), v.dims());
        }
        let mut first = 0;
        let mut attended = Vec::with_capacity(self.contexts.len());
        for context in &mut self.contexts {
            let part = |tensor: &Tensor| tensor.narrow(1, first, context.rows);
            let (q, k, v) = (part(q)?, part(k)?.transpose(0, 1)?, part(v)?.transpose(0, 1)?);
            let own = Own::with(context.own.take(), &k, &v)?;
            let used = |tensor: &Tensor| tensor.narrow(1, 0, own.length);
            attended.push(attention_of_rows(
                &q,
                context.prompt.as_ref(),
                &used(&own.k)?,
                &used(&own.v)?,
                scale,
                bias,
            )?);
            first += context.rows;
            context.own = Some(own);
        }
        Tensor::cat(&attended, 1)
    }

    /// Gives context `i` the rows that `rows[i]` names, counted from the context's first; a context
    /// without rows ends.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn select_rows(&mut self, rows: &[Vec<u32>]) -> Result<()> {
        for (context, rows) in self.contexts.iter_mut().zip(rows) {
            context.select_rows(rows)?;
        }
        self.contexts.retain(|context| context.rows > 0);
        Ok(())
    }
}

impl ContextCache {
    fn select_rows(&mut self, rows: &[u32]) -> Result<()> {
        if let Some(row) = rows.iter().find(|row| **row as usize >= self.rows) {
            bail!("row {row} is not among {}", self.rows);
        }
        let unchanged = rows.len() == self.rows && (0..).zip(rows).all(|(index, row)| index == *row);
        if let Some(own) = self.own.take().filter(|_| !rows.is_empty()) {
            self.own = Some(if unchanged { own } else { own.selected(rows)? });
        }
        self.rows = rows.len();
        Ok(())
    }
}

impl Own {
    /// What was there with one position more, given as `k` and `v` of shape (rows, 1, heads, dimension).
    fn with(own: Option<Self>, k: &Tensor, v: &Tensor) -> Result<Self> {
        let length = own.as_ref().map_or(0, |own| own.length);
        let own = match own {
            Some(own) if own.k.dim(1)? > length => own,
            smaller => Self::with_capacity((2 * length).max(GROWTH), k, smaller.as_ref())?,
        };
        own.k.slice_set(&k.contiguous()?, 1, length)?;
        own.v.slice_set(&v.contiguous()?, 1, length)?;
        Ok(Self { length: length + 1, ..own })
    }

    fn with_capacity(capacity: usize, like: &Tensor, old: Option<&Self>) -> Result<Self> {
        let (rows, _, heads, dimension) = like.dims4()?;
        let zeros = || Tensor::zeros((rows, capacity, heads, dimension), like.dtype(), like.device());
        let own = Self { k: zeros()?, v: zeros()?, length: 0 };
        if let Some(old) = old {
            own.k.slice_set(&old.k.narrow(1, 0, old.length)?.contiguous()?, 1, 0)?;
            own.v.slice_set(&old.v.narrow(1, 0, old.length)?.contiguous()?, 1, 0)?;
        }
        Ok(own)
    }

    fn selected(&self, rows: &[u32]) -> Result<Self> {
        let rows = Tensor::new(rows, self.k.device())?;
        Ok(Self { k: self.k.index_select(&rows, 0)?, v: self.v.index_select(&rows, 0)?, length: self.length })
    }
}

/// Sorts the rows of several contexts, which stand one after another, by context: `rows[i]` are those
/// of context `i`, counted from its first. `counts` are the rows that the contexts have now.
///
/// # Errors
/// When a row does not exist, or the contexts' order is not kept.
pub fn rows_by_context(counts: &[usize], rows: &[u32]) -> Result<Vec<Vec<u32>>> {
    let mut rest = rows;
    let mut first = 0u32;
    let mut sorted = Vec::with_capacity(counts.len());
    for &count in counts {
        let end = first + count as u32;
        let here = rest.iter().take_while(|row| (first..end).contains(row)).count();
        let (own, later) = rest.split_at(here);
        sorted.push(own.iter().map(|row| row - first).collect());
        (rest, first) = (later, end);
    }
    if !rest.is_empty() {
        bail!("rows {rows:?} are not in the order of contexts with {counts:?} rows");
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::attention::{Visible, attention};

    const HEADS: usize = 4;
    const KV_HEADS: usize = 2;
    const DIMENSION: usize = 8;

    fn random(positions: usize, heads: usize, name: &str) -> Tensor {
        let tensors = crate::Checkpoint::dummy(3).var_builder(DType::F32, &Device::Cpu);
        tensors.get((1, positions, heads, DIMENSION), name).unwrap()
    }

    fn close(found: &Tensor, expected: &Tensor) {
        assert_eq!(found.dims(), expected.dims());
        let difference = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap();
        let largest: f32 = difference.max(0).unwrap().to_scalar().unwrap();
        assert!(largest < 1e-5, "{largest}");
    }

    /// Rows of two contexts that are chosen anew after every step, beside the whole of every row.
    #[test]
    fn steps_attend_to_the_prompt_and_to_what_a_row_has_been_through() {
        let mut cache = KvCache::new();
        let mut whole: Vec<(Tensor, Tensor)> = Vec::new();
        for (name, length) in [("a", 70), ("b", 3)] {
            let (k, v) = (random(length, KV_HEADS, &format!("k{name}")), random(length, KV_HEADS, name));
            cache.add_context(Some((k.clone(), v.clone()))).unwrap();
            whole.push((k, v));
        }
        let mut counts = vec![1, 1];
        let choices: [&[u32]; 5] = [&[0, 0, 0, 1], &[2, 0, 0, 3, 3], &[1, 1, 2, 4, 3], &[3, 4], &[1]];
        for (step, rows) in choices.iter().cycle().take(150).enumerate() {
            let rows: Vec<u32> = rows.iter().map(|row| row % whole.len() as u32).collect();
            let Ok(sorted) = rows_by_context(&counts, &rows) else { continue };
            cache.select_rows(&sorted).unwrap();
            counts = sorted.iter().map(Vec::len).filter(|count| *count > 0).collect();
            whole = rows.iter().map(|row| whole[*row as usize].clone()).collect();
            let new = |heads, name: &str| random(rows.len(), heads, &format!("{name}{step}"));
            let (q, k, v) = (new(HEADS, "q"), new(KV_HEADS, "k"), new(KV_HEADS, "v"));
            let found = cache.step(&q, &k, &v, 0.3, None).unwrap();
            for (row, (all_k, all_v)) in whole.iter_mut().enumerate() {
                let one = |tensor: &Tensor| tensor.narrow(1, row, 1).unwrap();
                *all_k = Tensor::cat(&[&*all_k, &one(&k)], 1).unwrap();
                *all_v = Tensor::cat(&[&*all_v, &one(&v)], 1).unwrap();
                let expected = attention(&one(&q), all_k, all_v, 0.3, Visible::All).unwrap();
                close(&one(&found), &expected);
            }
        }
    }

    #[test]
    fn a_bias_shifts_the_scores_of_every_row() {
        let mut cache = KvCache::new();
        cache.add_context(None).unwrap();
        let (k, v, q) = (random(2, HEADS, "k"), random(2, HEADS, "v"), random(2, HEADS, "q"));
        let one = |tensor: &Tensor, at| tensor.narrow(1, at, 1).unwrap();
        cache.step(&one(&q, 0), &one(&k, 0), &one(&v, 0), 1.0, None).unwrap();
        let bias = Tensor::new(&[[0f32, -1e9]; HEADS], &Device::Cpu).unwrap();
        let found = cache.step(&one(&q, 1), &one(&k, 1), &one(&v, 1), 1.0, Some(&bias)).unwrap();
        close(&found, &one(&v, 0).flatten_from(2).unwrap());
        let short = Tensor::zeros((HEADS, 2), DType::F32, &Device::Cpu).unwrap();
        assert!(cache.step(&one(&q, 1), &one(&k, 1), &one(&v, 1), 1.0, Some(&short)).is_err());
    }

    #[test]
    fn rows_that_do_not_exist_are_errors() {
        assert_eq!(rows_by_context(&[2, 0, 3], &[1, 1, 2, 4]).unwrap(), [vec![1, 1], vec![], vec![0, 2]]);
        assert!(rows_by_context(&[2, 3], &[2, 1]).is_err());
        assert!(rows_by_context(&[2, 3], &[5]).is_err());
        let mut cache = KvCache::new();
        cache.add_context(None).unwrap();
        assert!(cache.select_rows(&[vec![1]]).is_err());
        let (k, q) = (random(2, KV_HEADS, "k"), random(2, HEADS, "q"));
        assert!(cache.step(&q, &k, &k, 1.0, None).is_err());
    }
}
