//! The vision tower, the Q-Former, the projection and the language model.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{Bias, Linear};
use reelbench_protocol::WeightsPart;

use super::config::InstructBlipConfig;
use super::language::Language;
use super::qformer::QFormer;
use super::vision::VisionModel;
use crate::precision::Precisions;

/// InstructBLIP's weights.
///
/// In NF4 all linear layers of vision, Q-Former and projection are in blocks, since transformers
/// 4.46 leaves out the head alone (`integrations/bitsandbytes.py`: `get_keys_to_not_convert`), and of
/// T5 what [`Language`] tells.
pub(super) struct InstructBlipModel {
    pub(super) vision: VisionModel,
    pub(super) qformer: QFormer,
    pub(super) projection: Linear,
    pub(super) language: Language,
}

impl InstructBlipModel {
    pub(super) fn load(
        config: &InstructBlipConfig,
        tensors: &VarBuilder<'_>,
        precisions: Precisions,
    ) -> Result<Self> {
        let precision = precisions.vision;
        let (seen, asked) = (config.vision.hidden_size, config.qformer.hidden_size);
        let projection = tensors.pp("language_projection");
        let spoken = config.language.hidden_size();
        Ok(Self {
            vision: VisionModel::load(&config.vision, &tensors.pp("vision_model"), precision)?,
            qformer: QFormer::load(&config.qformer, config.queries, seen, tensors, precision)?,
            projection: Linear::load(asked, spoken, Bias::With, &projection, precision)?,
            language: Language::load(&config.language, &tensors.pp("language_model"), precisions)?,
        })
    }

    pub(super) fn weights(&self) -> Vec<WeightsPart> {
        vec![
            WeightsPart::new("vision", self.vision.weights_bytes()),
            WeightsPart::new("qformer", self.qformer.weights_bytes()),
            WeightsPart::new("projector", self.projection.weights_bytes()),
            WeightsPart::new("language", self.language.weights_bytes()),
        ]
    }

    /// What the language model starts from, (1, queries + tokens, hidden): the Q-Former's `answers`
    /// stand before everything, also before the token that begins a text.
    pub(super) fn embeddings(&self, answers: &Tensor, tokens: &[u32]) -> Result<Tensor> {
        let tokens = self.language.embed(tokens)?.unsqueeze(0)?;
        Tensor::cat(&[&self.projection.forward(answers)?, &tokens], 1)
    }
}
