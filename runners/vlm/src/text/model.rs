//! The layers of a Llama-like language model.

use candle_core::{Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use reelbench_nn::activation::swiglu;
use reelbench_nn::{Bias, CacheMode, Decoder, KvCache, Linear, Precision, RmsNorm, Rope, Visible, attention};

use super::TextConfig;

/// A language model's weights.
#[derive(Debug)]
pub(crate) struct TextModel {
    embeddings: Tensor,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Linear,
    rope: Rope,
    max_positions: usize,
}

#[derive(Debug)]
struct Layer {
    attention_norm: RmsNorm,
    /// Queries, keys and values, one after another.
    qkv: Linear,
    output: Linear,
    mlp_norm: RmsNorm,
    gate_up: Linear,
    down: Linear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

/// Which positions a layer's result is needed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    All,
    /// The last one: all that the head looks at.
    Last,
}

impl TextModel {
    /// Takes `model.*` and `lm_head.*`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(crate) fn load(config: &TextConfig, tensors: &VarBuilder<'_>) -> Result<Self> {
        let model = tensors.pp("model");
        let embeddings = model.pp("embed_tokens").get((config.vocab_size, config.hidden_size), "weight")?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::load(config, &model.pp("layers").pp(index)))
            .collect::<Result<_>>()?;
        let head = if config.tie_word_embeddings {
            Linear::new(embeddings.clone(), None)
        } else {
            Linear::load(
                config.hidden_size,
                config.vocab_size,
                Bias::Without,
                &tensors.pp("lm_head"),
                Precision::SINGLE,
            )?
        };
        let rope =
            Rope::new(config.rope_theta, config.head_dim, config.max_position_embeddings, tensors.device())?;
        let norm = RmsNorm::load(config.hidden_size, config.rms_norm_eps, &model.pp("norm"))?;
        Ok(Self { embeddings, layers, norm, head, rope, max_positions: config.max_position_embeddings })
    }

    /// Embeddings of tokens, of shape (tokens, hidden).
    ///
    /// # Errors
    /// When a token is not in the vocabulary.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        let vocabulary = self.embeddings.dim(0)?;
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
            bail!(
                "token {token} is not among the model's {vocabulary}; the tokenizer belongs to another model"
            );
        }
        self.embeddings.index_select(&Tensor::new(tokens, self.embeddings.device())?, 0)
    }

    /// Where it is computed.
    pub(crate) fn device(&self) -> &Device {
        self.embeddings.device()
    }

    /// Logits after the last of the positions `x` of shape (rows, positions, hidden), which follow
    /// those in `caches`: shape (rows, vocabulary).
    fn forward(&self, x: &Tensor, caches: &mut [KvCache]) -> Result<Tensor> {
        let offset = caches.first().map_or(0, KvCache::len);
        let end = offset + x.dim(1)?;
        if end > self.max_positions {
            bail!("{end} positions, but the model has {}", self.max_positions);
        }
        let last = self.layers.len() - 1;
        let mut x = x.clone();
        for (index, (layer, cache)) in self.layers.iter().zip(caches).enumerate() {
            let needed = if index == last { Needed::Last } else { Needed::All };
            x = layer.forward(&x, &self.rope, offset, cache, needed)?;
        }
        self.head.forward(&self.norm.forward(&x.squeeze(1)?)?)
    }
}

impl Layer {
    fn load(config: &TextConfig, tensors: &VarBuilder<'_>) -> Result<Self> {
        let &TextConfig {
            hidden_size: hidden, intermediate_size: inner, head_dim, rms_norm_eps: eps, ..
        } = config;
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let (attention, mlp) = (tensors.pp("self_attn"), tensors.pp("mlp"));
        let qkv = [
            (heads * head_dim, attention.pp("q_proj")),
            (kv_heads * head_dim, attention.pp("k_proj")),
            (kv_heads * head_dim, attention.pp("v_proj")),
        ];
        let gate_up = [(inner, mlp.pp("gate_proj")), (inner, mlp.pp("up_proj"))];
        Ok(Self {
            attention_norm: RmsNorm::load(hidden, eps, &tensors.pp("input_layernorm"))?,
            qkv: Linear::load_joined(hidden, Bias::Without, &qkv, Precision::SINGLE)?,
            output: Linear::load(
                heads * head_dim,
                hidden,
                Bias::Without,
                &attention.pp("o_proj"),
                Precision::SINGLE,
            )?,
            mlp_norm: RmsNorm::load(hidden, eps, &tensors.pp("post_attention_layernorm"))?,
            gate_up: Linear::load_joined(hidden, Bias::Without, &gate_up, Precision::SINGLE)?,
            down: Linear::load(inner, hidden, Bias::Without, &mlp.pp("down_proj"), Precision::SINGLE)?,
            heads,
            kv_heads,
            head_dim,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        rope: &Rope,
        offset: usize,
        cache: &mut KvCache,
        needed: Needed,
    ) -> Result<Tensor> {
        let (rows, positions, _) = x.dims3()?;
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let qkv = qkv.reshape((rows, positions, self.heads + 2 * self.kv_heads, self.head_dim))?;
        let k = rope.apply(&qkv.narrow(2, self.heads, self.kv_heads)?, offset)?;
        let v = qkv.narrow(2, self.heads + self.kv_heads, self.kv_heads)?;
        let (k, v) = cache.append(k, v)?;
        let skipped = if needed == Needed::Last { positions - 1 } else { 0 };
        let q = qkv.narrow(2, 0, self.heads)?.narrow(1, skipped, positions - skipped)?;
        let q = rope.apply(&q, offset + skipped)?;
        let scale = (self.head_dim as f32).sqrt().recip();
        let attended = attention(&q, &k, &v, scale, Visible::UpToItself)?;
        let x = (x.narrow(1, skipped, positions - skipped)? + self.output.forward(&attended)?)?;
        let inner = swiglu(&self.gate_up.forward(&self.mlp_norm.forward(&x)?)?)?;
        x + self.down.forward(&inner)?
    }
}

/// A language model with a context.
#[derive(Debug)]
pub(crate) struct TextSession<'a> {
    model: &'a TextModel,
    caches: Vec<KvCache>,
    /// The embeddings so far, where no cache keeps what was computed from them.
    context: Option<Tensor>,
}

impl<'a> TextSession<'a> {
    /// A session without context.
    pub(crate) fn new(model: &'a TextModel) -> Self {
        Self { model, caches: Vec::new(), context: None }
    }
}

impl Decoder for TextSession<'_> {
    fn prefill(&mut self, embeddings: &Tensor, cache: CacheMode) -> Result<Tensor> {
        self.caches = self.model.layers.iter().map(|_| KvCache::new(cache)).collect();
        self.context = (cache == CacheMode::Off).then(|| embeddings.clone());
        self.model.forward(embeddings, &mut self.caches)
    }

    fn step(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let added = self.model.embed(tokens)?.unsqueeze(1)?;
        match &mut self.context {
            Some(context) => {
                *context = Tensor::cat(&[&*context, &added], 1)?;
                self.model.forward(context, &mut self.caches)
            }
            None => self.model.forward(&added, &mut self.caches),
        }
    }

    fn select_rows(&mut self, rows: &[u32]) -> Result<()> {
        if let Some(context) = &mut self.context {
            *context = context.index_select(&Tensor::new(rows, self.model.device())?, 0)?;
        }
        self.caches.iter_mut().try_for_each(|cache| cache.select_rows(rows))
    }
}
