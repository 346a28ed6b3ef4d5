//! The layers of a Llama-like language model.

use candle_core::{Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use reelbench_nn::activation::swiglu;
use reelbench_nn::{
    Bias, CacheMode, Decoder, KvCache, Linear, RmsNorm, Rope, Rotation, Visible, attention, bytes_of,
    rows_by_context,
};

use super::{Projections, TextConfig};
use crate::embeddings::embed;
use crate::precision::Precisions;

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
    pub(crate) fn load(
        config: &TextConfig,
        tensors: &VarBuilder<'_>,
        precisions: Precisions,
    ) -> Result<Self> {
        let model = tensors.pp("model");
        let embeddings = model.pp("embed_tokens").get((config.vocab_size, config.hidden_size), "weight")?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::load(config, &model.pp("layers").pp(index), precisions))
            .collect::<Result<_>>()?;
        let head = if config.tie_word_embeddings {
            Linear::new(embeddings.clone(), None)
        } else {
            let (hidden, tensors) = (config.hidden_size, tensors.pp("lm_head"));
            Linear::load(hidden, config.vocab_size, Bias::Without, &tensors, precisions.head)?
        };
        let rope = match &config.long_rope {
            Some(factors) => Rope::stretched(config.rope_theta, config.head_dim, factors),
            None => Rope::new(config.rope_theta, config.head_dim),
        };
        let norm = RmsNorm::load(config.hidden_size, config.rms_norm_eps, &model.pp("norm"))?;
        Ok(Self { embeddings, layers, norm, head, rope, max_positions: config.max_position_embeddings })
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

    /// Bytes that the weights take up in memory.
    pub(crate) fn weights_bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Layer::weights_bytes).sum();
        bytes_of(&self.embeddings) + layers + self.norm.weights_bytes() + self.head.weights_bytes()
    }

    /// Logits after the last of the positions `x` of shape (rows, positions, hidden), which are whole
    /// contexts: shape (rows, vocabulary). Their keys and values become a context of `caches`.
    fn whole(&self, x: &Tensor, mut caches: Option<&mut [KvCache]>) -> Result<Tensor> {
        let length = x.dim(1)?;
        self.check_positions(length)?;
        let rotation = self.rope.whole(length, x.device())?;
        let last = self.layers.len() - 1;
        let mut x = x.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            let needed = if index == last { Needed::Last } else { Needed::All };
            let cache = caches.as_mut().and_then(|caches| caches.get_mut(index));
            x = layer.whole(&x, &rotation, needed, cache)?;
        }
        self.logits(&x.squeeze(1)?)
    }

    /// Logits after one more token of each row, whose contexts then have `lengths` positions.
    fn step(&self, tokens: &[u32], lengths: &[usize], caches: &mut [KvCache]) -> Result<Tensor> {
        lengths.iter().try_for_each(|length| self.check_positions(*length))?;
        let rotation = self.rope.last_of(lengths, self.device())?;
        let mut x = self.embed(tokens)?.unsqueeze(0)?;
        for (layer, cache) in self.layers.iter().zip(caches) {
            x = layer.step(&x, &rotation, cache)?;
        }
        self.logits(&x.squeeze(0)?)
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.head.forward(&self.norm.forward(x)?)
    }

    fn check_positions(&self, length: usize) -> Result<()> {
        if length > self.max_positions {
            bail!("{length} positions, but the model has {}", self.max_positions);
        }
        Ok(())
    }
}

impl Layer {
    fn load(config: &TextConfig, tensors: &VarBuilder<'_>, precisions: Precisions) -> Result<Self> {
        let precision = precisions.layers;
        let &TextConfig {
            hidden_size: hidden, intermediate_size: inner, head_dim, rms_norm_eps: eps, ..
        } = config;
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let (attention, mlp) = (tensors.pp("self_attn"), tensors.pp("mlp"));
        let (q, kv) = (heads * head_dim, kv_heads * head_dim);
        let (qkv, gate_up) = if config.projections == Projections::Joined {
            (vec![(q + 2 * kv, attention.pp("qkv_proj"))], vec![(2 * inner, mlp.pp("gate_up_proj"))])
        } else {
            let qkv = [(q, "q_proj"), (kv, "k_proj"), (kv, "v_proj")];
            let gate_up = [(inner, "gate_proj"), (inner, "up_proj")];
            (
                qkv.map(|(n, name)| (n, attention.pp(name))).to_vec(),
                gate_up.map(|(n, name)| (n, mlp.pp(name))).to_vec(),
            )
        };
        let bias = Bias::Without;
        Ok(Self {
            attention_norm: RmsNorm::load(hidden, eps, &tensors.pp("input_layernorm"))?,
            qkv: Linear::load_joined(hidden, bias, &qkv, precision)?,
            output: Linear::load(q, hidden, bias, &attention.pp("o_proj"), precision)?,
            mlp_norm: RmsNorm::load(hidden, eps, &tensors.pp("post_attention_layernorm"))?,
            gate_up: Linear::load_joined(hidden, bias, &gate_up, precision)?,
            down: Linear::load(inner, hidden, bias, &mlp.pp("down_proj"), precision)?,
            heads,
            kv_heads,
            head_dim,
        })
    }

    fn weights_bytes(&self) -> u64 {
        let linears = [&self.qkv, &self.output, &self.gate_up, &self.down];
        let norms = [&self.attention_norm, &self.mlp_norm];
        linears.map(Linear::weights_bytes).iter().sum::<u64>()
            + norms.map(RmsNorm::weights_bytes).iter().sum::<u64>()
    }

    /// Turned queries, turned keys, and values, of shape (rows, positions, heads, dimension).
    fn qkv(&self, x: &Tensor, rotation: &Rotation) -> Result<[Tensor; 3]> {
        let (rows, positions, _) = x.dims3()?;
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let qkv = qkv.reshape((rows, positions, self.heads + 2 * self.kv_heads, self.head_dim))?;
        let k = rotation.apply(&qkv.narrow(2, self.heads, self.kv_heads)?)?;
        let v = qkv.narrow(2, self.heads + self.kv_heads, self.kv_heads)?;
        Ok([qkv.narrow(2, 0, self.heads)?, k, v])
    }

    fn scale(&self) -> f32 {
        (self.head_dim as f32).sqrt().recip()
    }

    /// All positions of contexts, whose keys and values become a context of `cache`.
    fn whole(
        &self,
        x: &Tensor,
        rotation: &Rotation,
        needed: Needed,
        cache: Option<&mut KvCache>,
    ) -> Result<Tensor> {
        let [q, k, v] = self.qkv(x, rotation)?;
        let positions = x.dim(1)?;
        let used = if needed == Needed::Last { 1 } else { positions };
        let q = rotation.last(used)?.apply(&q.narrow(1, positions - used, used)?)?;
        let attended = attention(&q, &k, &v, self.scale(), Visible::UpToItself)?;
        if let Some(cache) = cache {
            cache.add_context(Some((k, v)))?;
        }
        self.after_attention(&x.narrow(1, positions - used, used)?, &attended)
    }

    /// One more position of each row, of shape (1, rows, hidden).
    fn step(&self, x: &Tensor, rotation: &Rotation, cache: &mut KvCache) -> Result<Tensor> {
        let [q, k, v] = self.qkv(x, rotation)?;
        let attended = cache.step(&rotation.apply(&q)?, &k, &v, self.scale(), None)?;
        self.after_attention(x, &attended)
    }

    fn after_attention(&self, x: &Tensor, attended: &Tensor) -> Result<Tensor> {
        let x = (x + self.output.forward(attended)?)?;
        let inner = swiglu(&self.gate_up.forward(&self.mlp_norm.forward(&x)?)?)?;
        x + self.down.forward(&inner)?
    }
}

/// A language model with its contexts.
#[derive(Debug)]
pub(crate) struct TextSession<'a> {
    model: &'a TextModel,
    mode: CacheMode,
    caches: Vec<KvCache>,
    contexts: Vec<Context>,
}

#[derive(Debug)]
struct Context {
    rows: usize,
    length: usize,
    /// The embeddings of every row so far, where no cache keeps what was computed from them.
    embeddings: Option<Tensor>,
}

impl<'a> TextSession<'a> {
    /// A session without contexts.
    pub(crate) fn new(model: &'a TextModel, mode: CacheMode) -> Self {
        let caches = model.layers.iter().map(|_| KvCache::new()).collect();
        Self { model, mode, caches, contexts: Vec::new() }
    }

    fn step_anew(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let mut tokens = tokens;
        let mut logits = Vec::with_capacity(self.contexts.len());
        for context in &mut self.contexts {
            let Some((own, rest)) = tokens.split_at_checked(context.rows) else { break };
            let added = self.model.embed(own)?.unsqueeze(1)?;
            let embeddings = match context.embeddings.take() {
                Some(embeddings) => Tensor::cat(&[&embeddings, &added], 1)?,
                None => added,
            };
            logits.push(self.model.whole(&embeddings, None)?);
            context.embeddings = Some(embeddings);
            tokens = rest;
        }
        Tensor::cat(&logits, 0)
    }
}

impl Decoder for TextSession<'_> {
    fn prefill(&mut self, prompt: &Tensor) -> Result<Tensor> {
        let length = prompt.dim(1)?;
        let (caches, embeddings) = match self.mode {
            CacheMode::On => (Some(self.caches.as_mut_slice()), None),
            CacheMode::Off => (None, Some(prompt.clone())),
        };
        let logits = self.model.whole(prompt, caches)?;
        self.contexts.push(Context { rows: 1, length, embeddings });
        Ok(logits)
    }

    fn step(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let rows: usize = self.contexts.iter().map(|context| context.rows).sum();
        if rows != tokens.len() {
            bail!("{} tokens for {rows} rows", tokens.len());
        }
        for context in &mut self.contexts {
            context.length += 1;
        }
        match self.mode {
            CacheMode::Off => self.step_anew(tokens),
            CacheMode::On => {
                let lengths = self.contexts.iter();
                let lengths: Vec<usize> =
                    lengths.flat_map(|context| std::iter::repeat_n(context.length, context.rows)).collect();
                self.model.step(tokens, &lengths, &mut self.caches)
            }
        }
    }

    fn select_rows(&mut self, rows: &[u32]) -> Result<()> {
        let counts: Vec<usize> = self.contexts.iter().map(|context| context.rows).collect();
        let rows = rows_by_context(&counts, rows)?;
        for (context, rows) in self.contexts.iter_mut().zip(&rows) {
            context.rows = rows.len();
            if let Some(embeddings) = context.embeddings.take().filter(|_| !rows.is_empty()) {
                let rows = Tensor::new(rows.as_slice(), self.model.device())?;
                context.embeddings = Some(embeddings.index_select(&rows, 0)?);
            }
        }
        self.contexts.retain(|context| context.rows > 0);
        self.caches.iter_mut().try_for_each(|cache| cache.select_rows(&rows))
    }
}
