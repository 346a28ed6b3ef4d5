//! What a decoder-only language model needs in memory, by its configuration.

use reelbench_nn::Precision;

use super::{Projections, TextConfig};
use crate::memory::{Workload, linears, singles};
use crate::precision::Precisions;

impl TextConfig {
    /// Bytes that the weights will take up in memory.
    pub(crate) fn weights_bytes(&self, precisions: Precisions) -> u64 {
        let &Self { hidden_size: hidden, intermediate_size: inner, .. } = self;
        let (q, kv) = (self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim);
        let qkv = match self.projections {
            Projections::Apart => [(hidden, q, 0), (hidden, kv, 0), (hidden, kv, 0)],
            Projections::Joined => [(hidden, q + 2 * kv, 0), (hidden, 0, 0), (hidden, 0, 0)],
        };
        let gate_up = match self.projections {
            Projections::Apart => [(hidden, inner, 0), (hidden, inner, 0)],
            Projections::Joined => [(hidden, 2 * inner, 0), (hidden, 0, 0)],
        };
        let layer = [qkv.as_slice(), &[(q, hidden, 0)], &gate_up, &[(inner, hidden, 0)]].concat();
        let layer = linears(precisions.layers, &layer) + singles(2 * hidden);
        // The embeddings' weight is laid out anew where it serves as the head.
        let head = if self.tie_word_embeddings { Precision::SINGLE } else { precisions.head };
        singles(self.vocab_size * hidden)
            + layer * self.num_hidden_layers as u64
            + singles(hidden)
            + linears(head, &[(hidden, self.vocab_size, 0)])
    }

    /// Bytes that the contexts of prompts with `positions` positions are held in, and bytes that one of
    /// them is computed in.
    pub(crate) fn working_bytes(&self, positions: usize, workload: &Workload) -> [u64; 2] {
        let &Self { hidden_size: hidden, intermediate_size: inner, .. } = self;
        let (q, kv) = (self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim);
        let &Workload { batch_scenes, num_beams, max_new_tokens, use_cache, .. } = workload;
        let own = num_beams * max_new_tokens;
        let (kept, computed) = if use_cache {
            let cached = 2 * self.num_hidden_layers * kv * (positions + own);
            (positions * hidden + cached, positions)
        } else {
            let contexts = num_beams * (positions + max_new_tokens);
            (contexts * hidden, contexts)
        };
        let pass = computed * (2 * hidden + 2 * q + 2 * kv + 3 * inner);
        [singles(kept * batch_scenes), singles(pass)]
    }

    /// Bytes of the largest tensor as it is read.
    pub(crate) fn largest_tensor_bytes(&self) -> u64 {
        singles(self.hidden_size * self.intermediate_size.max(self.vocab_size))
    }
}
