//! Attention of one query per hypothesis: to the tokens before it, and to the sound.

use rayon::prelude::*;
use reelbench_nn::vector;

use super::hypotheses::{Row, Scratch};
use super::{Decoder, Layer};
use crate::matrix::PANEL;

/// Multiplications below which attention stays on one thread.
const PARALLEL_FROM: usize = 1 << 16;

impl Decoder {
    /// Values of a head.
    fn width(&self) -> usize {
        self.d / self.heads
    }

    pub(super) fn attend_to_tokens(
        &self,
        layer: &Layer,
        index: usize,
        rows: &mut [Row],
        scratch: &mut Scratch,
    ) {
        let (d, width) = (self.d, self.width());
        layer.attention_norm.apply(&scratch.hidden, &mut scratch.normed);
        layer.qkv.apply(&scratch.normed, &mut scratch.qkv);
        for (row, qkv) in rows.iter_mut().zip(scratch.qkv.chunks_exact(3 * d)) {
            row.keys[index].extend_from_slice(&qkv[d..2 * d]);
            row.values[index].extend_from_slice(&qkv[2 * d..]);
        }
        let Scratch { qkv, attended, scores, .. } = scratch;
        let longest = rows.iter().map(|row| row.length + 1).max().unwrap_or_default();
        let scale = (width as f32).sqrt().recip();
        self.for_each_head(attended, scores, longest, |row, head, out, scores| {
            let query = &qkv[row * 3 * d + head * width..][..width];
            let column = head * width;
            let (keys, values) = (&rows[row].keys[index][column..], &rows[row].values[index][column..]);
            let scores = &mut scores[..=rows[row].length];
            for (score, key) in scores.iter_mut().zip(keys.chunks(d)) {
                *score = vector::dot(query, &key[..width]);
            }
            vector::softmax(scores, scale);
            out.fill(0.0);
            for (&score, value) in scores.iter().zip(values.chunks(d)) {
                vector::add_scaled(out, score, &value[..width]);
            }
        });
        layer.out.apply(&scratch.attended, &mut scratch.projected);
        vector::add(&mut scratch.hidden, &scratch.projected);
    }

    pub(super) fn attend_to_sound(&self, layer: &Layer, index: usize, rows: &[Row], scratch: &mut Scratch) {
        let (d, width) = (self.d, self.width());
        layer.cross_norm.apply(&scratch.hidden, &mut scratch.normed);
        layer.cross_query.apply(&scratch.normed, &mut scratch.projected);
        let Scratch { projected, attended, scores, .. } = scratch;
        let positions = rows.first().map_or(0, |row| row.heard.positions());
        let scale = (width as f32).sqrt().recip();
        self.for_each_head(attended, scores, positions, |row, head, out, scores| {
            let query = &projected[row * d + head * width..][..width];
            let head = &rows[row].heard.layer(index)[head];
            head.keys.multiply(query, scores.as_chunks_mut().0);
            let scores = &mut scores[..head.positions()];
            vector::softmax(scores, scale);
            for (part, out) in head.values.iter().zip(out.chunks_mut(PANEL)) {
                let mut products = [[0.0; PANEL]];
                part.multiply(scores, &mut products);
                out.copy_from_slice(&products[0][..out.len()]);
            }
        });
        layer.cross_out.apply(&scratch.attended, &mut scratch.projected);
        vector::add(&mut scratch.hidden, &scratch.projected);
    }

    /// Calls `attend` for every hypothesis and head with its part of `out` and room for at least as
    /// many scores as there are positions, on several threads where it pays.
    fn for_each_head(
        &self,
        out: &mut [f32],
        scores: &mut Vec<f32>,
        positions: usize,
        attend: impl Fn(usize, usize, &mut [f32], &mut [f32]) + Sync,
    ) {
        let width = self.width();
        let room = positions.next_multiple_of(PANEL).max(PANEL);
        let needed = out.len() / width * room;
        if scores.len() < needed {
            scores.resize(needed, 0.0);
        }
        let attend = |(task, (out, scores)): (usize, (&mut [f32], &mut [f32]))| {
            attend(task / self.heads, task % self.heads, out, scores);
        };
        if out.len() * positions < PARALLEL_FROM {
            out.chunks_exact_mut(width).zip(scores.chunks_exact_mut(room)).enumerate().for_each(attend);
        } else {
            let tasks = out.par_chunks_exact_mut(width).zip(scores.par_chunks_exact_mut(room));
            tasks.enumerate().for_each(attend);
        }
    }
}
