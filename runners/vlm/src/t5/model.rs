//! The encoder, the decoder and the head.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{Bias, KvCache, Linear, RmsNorm, bytes_of};

use super::config::T5Config;
use super::layers::{CrossAttention, KeysValues, Mlp, SeenByRows, SelfAttention};
use super::position_bias::{Direction, PositionBias};
use crate::embeddings::embed;
use crate::precision::Precisions;

/// A T5's weights.
#[derive(Debug)]
pub(crate) struct T5Model {
    embeddings: Tensor,
    encoder: Vec<EncoderLayer>,
    encoder_bias: PositionBias,
    encoder_norm: RmsNorm,
    decoder: Vec<DecoderLayer>,
    decoder_bias: PositionBias,
    decoder_norm: RmsNorm,
    /// None where the embeddings serve as the head.
    head: Option<Linear>,
    start: u32,
}

#[derive(Debug)]
struct EncoderLayer {
    attention: SelfAttention,
    mlp: Mlp,
}

#[derive(Debug)]
struct DecoderLayer {
    attention: SelfAttention,
    cross: CrossAttention,
    mlp: Mlp,
}

impl T5Model {
    /// Takes `shared.*`, `encoder.*`, `decoder.*` and `lm_head.*`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(crate) fn load(config: &T5Config, tensors: &VarBuilder<'_>, precisions: Precisions) -> Result<Self> {
        let (hidden, precision) = (config.hidden_size, precisions.layers);
        let [encoder, decoder] = ["encoder", "decoder"].map(|name| tensors.pp(name));
        let bias = |stack: &VarBuilder<'_>, direction| {
            let first = stack.pp("block.0.layer.0.SelfAttention.relative_attention_bias");
            PositionBias::load(config.buckets, config.heads, direction, &first)
        };
        let norm = |stack: &VarBuilder<'_>| {
            RmsNorm::load(hidden, config.layer_norm_eps, &stack.pp("final_layer_norm"))
        };
        let head = if config.tie_word_embeddings {
            None
        } else {
            let (vocabulary, head) = (config.vocab_size, tensors.pp("lm_head"));
            Some(Linear::load(hidden, vocabulary, Bias::Without, &head, precisions.head)?)
        };
        let encoder_layers = (0..config.encoder_layers).map(|index| {
            let layer = encoder.pp("block").pp(index).pp("layer");
            Result::Ok(EncoderLayer {
                attention: SelfAttention::load(config, &layer.pp(0), precision)?,
                mlp: Mlp::load(config, &layer.pp(1), precision)?,
            })
        });
        let decoder_layers = (0..config.decoder_layers).map(|index| {
            let layer = decoder.pp("block").pp(index).pp("layer");
            Result::Ok(DecoderLayer {
                attention: SelfAttention::load(config, &layer.pp(0), precision)?,
                cross: CrossAttention::load(config, &layer.pp(1), precision)?,
                mlp: Mlp::load(config, &layer.pp(2), precision)?,
            })
        });
        Ok(Self {
            embeddings: tensors.pp("shared").get((config.vocab_size, hidden), "weight")?,
            encoder: encoder_layers.collect::<Result<_>>()?,
            encoder_bias: bias(&encoder, Direction::Both)?,
            encoder_norm: norm(&encoder)?,
            decoder: decoder_layers.collect::<Result<_>>()?,
            decoder_bias: bias(&decoder, Direction::Past)?,
            decoder_norm: norm(&decoder)?,
            head,
            start: config.start,
        })
    }

    /// Bytes that the weights take up in memory.
    pub(crate) fn weights_bytes(&self) -> u64 {
        let encoder: u64 = self
            .encoder
            .iter()
            .map(|layer| layer.attention.weights_bytes() + layer.mlp.weights_bytes())
            .sum();
        let decoder = self.decoder.iter().map(|layer| {
            layer.attention.weights_bytes() + layer.cross.weights_bytes() + layer.mlp.weights_bytes()
        });
        let biases = self.encoder_bias.weights_bytes() + self.decoder_bias.weights_bytes();
        let norms = self.encoder_norm.weights_bytes() + self.decoder_norm.weights_bytes();
        let head = self.head.as_ref().map_or(0, Linear::weights_bytes);
        bytes_of(&self.embeddings) + encoder + decoder.sum::<u64>() + biases + norms + head
    }

    /// Embeddings of tokens, of shape (tokens, hidden).
    ///
    /// # Errors
    /// When a token is not in the vocabulary.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        embed(&self.embeddings, tokens)
    }

    /// Where it is computed.
    pub(crate) fn device(&self) -> &Device {
        self.embeddings.device()
    }

    /// The token that the decoder begins with.
    pub(super) fn start(&self) -> u32 {
        self.start
    }

    /// A cache for each layer of the decoder.
    pub(super) fn caches(&self) -> Vec<KvCache> {
        self.decoder.iter().map(|_| KvCache::new()).collect()
    }

    /// What the encoder says about a prompt, both of shape (1, positions, hidden).
    pub(super) fn encode(&self, prompt: &Tensor) -> Result<Tensor> {
        let bias = self.encoder_bias.whole(prompt.dim(1)?)?;
        let encoded = self.encoder.iter().try_fold(prompt.clone(), |x, layer| {
            layer.mlp.forward(&layer.attention.whole(&x, &bias, None)?)
        })?;
        self.encoder_norm.forward(&encoded)
    }

    /// The keys and values that each of the decoder's layers makes of what the encoder says.
    pub(super) fn keys_values(&self, encoded: &Tensor) -> Result<Vec<KeysValues>> {
        self.decoder.iter().map(|layer| layer.cross.keys_values(encoded)).collect()
    }

    /// Logits after the last token of `rows`, which are whole and equally long, of shape
    /// (rows, vocabulary). All look at one prompt. Their keys and values become a context of `caches`.
    pub(super) fn whole(
        &self,
        rows: &[Vec<u32>],
        prompt: &[KeysValues],
        mut caches: Option<&mut [KvCache]>,
    ) -> Result<Tensor> {
        let (count, positions) = (rows.len(), rows.first().map_or(0, Vec::len));
        let bias = self.decoder_bias.whole(positions)?;
        let mut x = self.embed(&rows.concat())?.reshape((count, positions, ()))?;
        for (index, (layer, prompt)) in self.decoder.iter().zip(prompt).enumerate() {
            let cache = caches.as_mut().and_then(|caches| caches.get_mut(index));
            x = layer.attention.whole(&x, &bias, cache)?;
            let all = x.reshape((1, count * positions, ()))?;
            let all = layer.cross.forward(&all, &[(prompt, count * positions)])?;
            x = layer.mlp.forward(&all)?.reshape((count, positions, ()))?;
        }
        self.logits(&x.narrow(1, positions.saturating_sub(1), 1)?.squeeze(1)?)
    }

    /// Logits after one more token of each row, all of which then have `length` positions. `prompts`
    /// holds, for each context, what its rows look at in every layer, and how many they are.
    pub(super) fn step(
        &self,
        tokens: &[u32],
        length: usize,
        prompts: &[(&[KeysValues], usize)],
        caches: &mut [KvCache],
    ) -> Result<Tensor> {
        let bias = self.decoder_bias.last(length)?;
        let mut x = self.embed(tokens)?.unsqueeze(0)?;
        for (index, (layer, cache)) in self.decoder.iter().zip(caches).enumerate() {
            let seen: Vec<SeenByRows<'_>> =
                prompts.iter().filter_map(|(layers, rows)| Some((layers.get(index)?, *rows))).collect();
            x = layer.attention.step(&x, &bias, cache)?;
            x = layer.mlp.forward(&layer.cross.forward(&x, &seen)?)?;
        }
        self.logits(&x.squeeze(0)?)
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.decoder_norm.forward(x)?;
        if let Some(head) = &self.head {
            return head.forward(&x);
        }
        // Embeddings are larger than a head, which the reference makes up for.
        let hidden = x.dim(1)? as f64;
        Linear::new(self.embeddings.clone(), None).forward(&(x / hidden.sqrt())?)
    }
}
