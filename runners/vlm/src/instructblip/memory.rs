//! What InstructBLIP needs in memory, by its configuration.

use reelbench_nn::Precision;
use reelbench_protocol::{MemoryEstimate, WeightsPart};

use super::config::{InstructBlipConfig, QFormerConfig, VisionConfig};
use crate::memory::{QUESTION_TOKENS, Workload, estimate, linears, singles};
use crate::precision::Precisions;

impl InstructBlipConfig {
    /// What captions by this model need.
    pub(super) fn memory(&self, precisions: Precisions, workload: &Workload) -> MemoryEstimate {
        let (precision, language) = (precisions.vision, &self.language);
        let (seen, asked, spoken) =
            (self.vision.hidden_size, self.qformer.hidden_size, language.hidden_size());
        let positions = (self.queries + QUESTION_TOKENS).min(language.max_positions());
        let [kept, pass] = language.working_bytes(positions, workload);
        let seeing = self.vision.sizes().working_bytes(1);
        let parts = vec![
            WeightsPart::new("vision", self.vision.weights_bytes(precision)),
            WeightsPart::new("qformer", self.qformer.weights_bytes(self.queries, seen, precision)),
            WeightsPart::new("projector", linears(precision, &[(asked, spoken, spoken)])),
            WeightsPart::new("language", language.weights_bytes(precisions)),
        ];
        estimate(parts, kept + pass.max(seeing).max(language.largest_tensor_bytes()))
    }
}

impl VisionConfig {
    fn weights_bytes(&self, precision: Precision) -> u64 {
        let sizes = self.sizes();
        // The convolution has a bias here.
        sizes.embeddings_bytes()
            + singles(sizes.hidden)
            + sizes.layer_bytes(self.layout(), precision) * sizes.layers as u64
    }
}

impl QFormerConfig {
    fn weights_bytes(&self, queries: usize, picture: usize, precision: Precision) -> u64 {
        let &Self { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers, .. } = self;
        let attention = |source| {
            let (square, other) = ((hidden, hidden, hidden), (source, hidden, hidden));
            let linear = [square, other, other, square];
            linears(precision, &linear) + singles(2 * hidden)
        };
        let mlp =
            linears(precision, &[(hidden, inner, inner), (inner, hidden, hidden)]) + singles(2 * hidden);
        let crossing = layers.div_ceil(self.cross_attention_frequency) as u64;
        singles(hidden * (queries + self.vocab_size + self.max_position_embeddings + 2))
            + (attention(hidden) + 2 * mlp) * layers as u64
            + attention(picture) * crossing
    }
}
