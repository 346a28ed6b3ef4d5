//! The Q-Former: learnt queries that read the picture, told the question (Li et al.: "BLIP-2",
//! 2023; transformers 4.46: `models/instructblip/modeling_instructblip.py`).

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use reelbench_nn::{Bias, LayerNorm, Linear, Precision, Visible, attention, bytes_of};

use super::config::QFormerConfig;
use crate::embeddings::embed;

/// Its weights.
#[derive(Debug)]
pub(super) struct QFormer {
    /// Of shape (1, queries, hidden).
    queries: Tensor,
    words: Tensor,
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl QFormer {
    /// Takes `query_tokens` and `qformer.*`, for pictures whose positions have width `picture`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(super) fn load(
        config: &QFormerConfig,
        queries: usize,
        picture: usize,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let &QFormerConfig { hidden_size: hidden, layer_norm_eps: eps, .. } = config;
        let qformer = tensors.pp("qformer");
        let embeddings = qformer.pp("embeddings");
        let table = |rows: usize, name: &str| embeddings.pp(name).get((rows, hidden), "weight");
        let layers = (0..config.num_hidden_layers).map(|index| {
            let crosses = index.is_multiple_of(config.cross_attention_frequency);
            let picture = crosses.then_some(picture);
            Layer::load(config, picture, &qformer.pp("encoder.layer").pp(index), precision)
        });
        Ok(Self {
            queries: tensors.get((1, queries, hidden), "query_tokens")?,
            words: table(config.vocab_size, "word_embeddings")?,
            positions: table(config.max_position_embeddings, "position_embeddings")?,
            norm: LayerNorm::load(hidden, eps, &embeddings.pp("layernorm"))?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// Bytes that the weights take up in memory.
    pub(super) fn weights_bytes(&self) -> u64 {
        let tables = [&self.queries, &self.words, &self.positions].map(bytes_of);
        let layers: u64 = self.layers.iter().map(Layer::weights_bytes).sum();
        tables.iter().sum::<u64>() + self.norm.weights_bytes() + layers
    }

    /// What the queries find in `picture`, of shape (1, positions, width), when asked `tokens`: shape
    /// (1, queries, hidden).
    ///
    /// # Errors
    /// When there are more tokens than positions, or a token is not in the vocabulary.
    pub(super) fn forward(&self, tokens: &[u32], picture: &Tensor) -> Result<Tensor> {
        let (count, most) = (tokens.len(), self.positions.dim(0)?);
        if count > most {
            bail!("{count} tokens, but the Q-Former has {most} positions");
        }
        let words = (embed(&self.words, tokens)? + self.positions.narrow(0, 0, count)?)?;
        let x = Tensor::cat(&[&self.queries, &words.unsqueeze(0)?], 1)?;
        let queries = self.queries.dim(1)?;
        let x = self.norm.forward(&x)?;
        let x = self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, queries, picture))?;
        x.narrow(1, 0, queries)
    }
}

/// Queries and words look at each other; some layers' queries also look at the picture.
#[derive(Debug)]
struct Layer {
    attention: Attention,
    picture_attention: Option<Attention>,
    query_mlp: Mlp,
    word_mlp: Mlp,
}

impl Layer {
    fn load(
        config: &QFormerConfig,
        picture: Option<usize>,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let crossing = |width| Attention::load(config, width, &tensors.pp("crossattention"), precision);
        let mlp = |inner, outer| Mlp::load(config, &tensors.pp(inner), &tensors.pp(outer), precision);
        Ok(Self {
            attention: Attention::load(config, config.hidden_size, &tensors.pp("attention"), precision)?,
            picture_attention: picture.map(crossing).transpose()?,
            query_mlp: mlp("intermediate_query", "output_query")?,
            word_mlp: mlp("intermediate", "output")?,
        })
    }

    fn weights_bytes(&self) -> u64 {
        let picture = self.picture_attention.as_ref().map_or(0, Attention::weights_bytes);
        let mlps = self.query_mlp.weights_bytes() + self.word_mlp.weights_bytes();
        self.attention.weights_bytes() + picture + mlps
    }

    /// `x` holds `queries` queries and then words.
    fn forward(&self, x: &Tensor, queries: usize, picture: &Tensor) -> Result<Tensor> {
        let x = self.attention.forward(x, x)?;
        let (asking, words) = (x.narrow(1, 0, queries)?, x.narrow(1, queries, x.dim(1)? - queries)?);
        let asking = match &self.picture_attention {
            Some(attention) => attention.forward(&asking, picture)?,
            None => asking,
        };
        Tensor::cat(&[&self.query_mlp.forward(&asking)?, &self.word_mlp.forward(&words)?], 1)
    }
}

#[derive(Debug)]
struct Attention {
    queries: Linear,
    /// Keys, then values.
    keys_values: Linear,
    output: Linear,
    norm: LayerNorm,
    heads: usize,
}

impl Attention {
    /// Attention to what has width `source`.
    fn load(
        config: &QFormerConfig,
        source: usize,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let &QFormerConfig { hidden_size: hidden, layer_norm_eps: eps, num_attention_heads: heads, .. } =
            config;
        let (attention, output) = (tensors.pp("attention"), tensors.pp("output"));
        let keys_values = ["key", "value"].map(|name| (hidden, attention.pp(name)));
        Ok(Self {
            queries: Linear::load(hidden, hidden, Bias::With, &attention.pp("query"), precision)?,
            keys_values: Linear::load_joined(source, Bias::With, &keys_values, precision)?,
            output: Linear::load(hidden, hidden, Bias::With, &output.pp("dense"), precision)?,
            norm: LayerNorm::load(hidden, eps, &output.pp("LayerNorm"))?,
            heads,
        })
    }

    fn weights_bytes(&self) -> u64 {
        let linears = [&self.queries, &self.keys_values, &self.output].map(Linear::weights_bytes);
        linears.iter().sum::<u64>() + self.norm.weights_bytes()
    }

    fn forward(&self, x: &Tensor, source: &Tensor) -> Result<Tensor> {
        let (heads, head_dim) = (self.heads, x.dim(2)? / self.heads);
        let q = self.queries.forward(x)?.reshape((1, x.dim(1)?, heads, head_dim))?;
        let kv = self.keys_values.forward(source)?.reshape((1, source.dim(1)?, 2 * heads, head_dim))?;
        let (k, v) = (kv.narrow(2, 0, heads)?, kv.narrow(2, heads, heads)?);
        let attended = attention(&q, &k, &v, (head_dim as f32).sqrt().recip(), Visible::All)?;
        self.norm.forward(&(self.output.forward(&attended)? + x)?)
    }
}

#[derive(Debug)]
struct Mlp {
    inner: Linear,
    outer: Linear,
    norm: LayerNorm,
}

impl Mlp {
    fn load(
        config: &QFormerConfig,
        inner: &VarBuilder<'_>,
        outer: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let (hidden, width) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            inner: Linear::load(hidden, width, Bias::With, &inner.pp("dense"), precision)?,
            outer: Linear::load(width, hidden, Bias::With, &outer.pp("dense"), precision)?,
            norm: LayerNorm::load(hidden, config.layer_norm_eps, &outer.pp("LayerNorm"))?,
        })
    }

    fn weights_bytes(&self) -> u64 {
        self.inner.weights_bytes() + self.outer.weights_bytes() + self.norm.weights_bytes()
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = self.inner.forward(x)?.gelu_erf()?;
        self.norm.forward(&(self.outer.forward(&inner)? + x)?)
    }
}
