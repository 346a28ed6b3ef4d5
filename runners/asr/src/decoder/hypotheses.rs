//! Hypotheses about windows, and room for a step of all of them.

use super::{Decoder, Heard};

/// Hypotheses that go on together, each about a window of its own.
#[derive(Debug, Default)]
pub(crate) struct Hypotheses {
    pub(super) rows: Vec<Row>,
    pub(super) scratch: Scratch,
}

/// One hypothesis: the keys and values of its tokens.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) heard: Heard,
    /// Tokens so far.
    pub(super) length: usize,
    /// Per layer `[length, d]`, with room for the whole context.
    pub(super) keys: Vec<Vec<f32>>,
    pub(super) values: Vec<Vec<f32>>,
}

/// Buffers of one step, each for all hypotheses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) hidden: Vec<f32>,
    pub(super) normed: Vec<f32>,
    pub(super) qkv: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) projected: Vec<f32>,
    pub(super) inner: Vec<f32>,
    pub(super) scores: Vec<f32>,
    pub(super) logits: Vec<f32>,
}

impl Scratch {
    pub(super) fn resize(&mut self, rows: usize, decoder: &Decoder) {
        let d = decoder.d;
        let inner = decoder.layers.first().map_or(0, |layer| layer.expand.outputs());
        for buffer in [&mut self.hidden, &mut self.normed, &mut self.attended, &mut self.projected] {
            buffer.resize(rows * d, 0.0);
        }
        self.qkv.resize(rows * 3 * d, 0.0);
        self.inner.resize(rows * inner, 0.0);
        self.logits.resize(rows * decoder.embeddings.rows(), 0.0);
    }
}

impl Hypotheses {
    /// Adds a hypothesis without tokens about a window.
    pub(crate) fn push(&mut self, decoder: &Decoder, heard: &Heard) {
        let room = decoder.context * decoder.d;
        let cache = || (0..decoder.layers.len()).map(|_| Vec::with_capacity(room)).collect();
        self.rows.push(Row { heard: heard.clone(), length: 0, keys: cache(), values: cache() });
    }

    /// The logits that [`Decoder::predict`] computed last, one row per hypothesis.
    pub(crate) fn logits(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let vocab_size = (self.scratch.logits.len() / self.rows.len().max(1)).max(1);
        self.scratch.logits.chunks_exact_mut(vocab_size)
    }

    /// Goes on with hypothesis `parents[i]` as the `i`-th; the logits are of no use until the next
    /// prediction.
    pub(crate) fn select(&mut self, parents: &[usize]) {
        self.rows = parents.iter().map(|&parent| self.rows[parent].copy()).collect();
    }

    /// Lets go of a hypothesis and puts the last one in its place.
    pub(crate) fn swap_remove(&mut self, index: usize) {
        self.rows.swap_remove(index);
    }
}

impl Row {
    fn copy(&self) -> Self {
        let copy = |cache: &[Vec<f32>]| cache.iter().map(copy_with_room).collect();
        Self {
            heard: self.heard.clone(),
            length: self.length,
            keys: copy(&self.keys),
            values: copy(&self.values),
        }
    }
}

/// A copy that can grow as far as the original without moving.
fn copy_with_room(values: &Vec<f32>) -> Vec<f32> {
    let mut copy = Vec::with_capacity(values.capacity());
    copy.extend_from_slice(values);
    copy
}
