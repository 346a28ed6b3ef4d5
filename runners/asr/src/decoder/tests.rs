//! The decoder against the same architecture written with whole tensors and no cache.

use candle_core::{D, DType, Device, IndexOp};
use reelbench_nn::Checkpoint;

use super::*;
use crate::encoder::NORM_EPS;
use crate::matrix::PANEL;

const SOUND: usize = 37;

fn config() -> ModelConfig {
    ModelConfig {
        vocab_size: 91,
        num_mel_bins: 8,
        d_model: 24,
        encoder_layers: 1,
        encoder_attention_heads: 3,
        encoder_ffn_dim: 40,
        decoder_layers: 2,
        decoder_attention_heads: 3,
        decoder_ffn_dim: 40,
        max_source_positions: 1500,
        max_target_positions: 16,
        activation_function: "gelu".to_owned(),
        scale_embedding: false,
    }
}

fn tensors() -> VarBuilder<'static> {
    Checkpoint::dummy(11).var_builder(DType::F32, &Device::Cpu)
}

fn sound() -> Tensor {
    tensors().get((SOUND, config().d_model), "sound").unwrap()
}

/// The logits after each of `tokens`, `[tokens, vocab_size]`, all positions at once.
fn without_cache(tokens: &[u32]) -> Vec<Vec<f32>> {
    let (config, vb) = (config(), tensors());
    let (d, heads, t) = (config.d_model, config.decoder_attention_heads, tokens.len());
    let norm = |x: &Tensor, name: String| {
        let norm = candle_nn::layer_norm(d, NORM_EPS, vb.pp(name)).unwrap();
        candle_nn::Module::forward(&norm, x).unwrap()
    };
    let linear = |x: &Tensor, (input, output): (usize, usize), name: String| {
        x.matmul(&vb.get((output, input), &format!("{name}.weight")).unwrap().t().unwrap()).unwrap()
    };
    let attend = |queries: &Tensor, sound: &Tensor, mask: Option<&Tensor>, name: String| {
        let split = |x: Tensor| {
            let rows = x.dim(0).unwrap();
            x.reshape((rows, heads, d / heads)).unwrap().transpose(0, 1).unwrap().contiguous().unwrap()
        };
        let q = split(linear(queries, (d, d), format!("{name}.q_proj")));
        let k = split(linear(sound, (d, d), format!("{name}.k_proj")));
        let v = split(linear(sound, (d, d), format!("{name}.v_proj")));
        let scores = (q.matmul(&k.t().unwrap()).unwrap() / ((d / heads) as f64).sqrt()).unwrap();
        let scores = mask.map_or_else(|| scores.clone(), |mask| scores.broadcast_add(mask).unwrap());
        let weights = candle_nn::ops::softmax_last_dim(&scores).unwrap();
        let attended = weights.matmul(&v).unwrap().transpose(0, 1).unwrap().reshape((t, d)).unwrap();
        linear(&attended, (d, d), format!("{name}.out_proj"))
    };
    let future: Vec<f32> = (0..t * t).map(|i| if i % t > i / t { f32::NEG_INFINITY } else { 0.0 }).collect();
    let mask = Tensor::from_vec(future, (t, t), &Device::Cpu).unwrap();
    let embeddings = vb.get((config.vocab_size, d), "embed_tokens.weight").unwrap();
    let positions = vb.get((config.max_target_positions, d), "embed_positions.weight").unwrap();
    let tokens = Tensor::new(tokens, &Device::Cpu).unwrap();
    let mut x = (embeddings.index_select(&tokens, 0).unwrap() + positions.narrow(0, 0, t).unwrap()).unwrap();
    for layer in 0..config.decoder_layers {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let normed = norm(&x, name("self_attn_layer_norm"));
        x = (x + attend(&normed, &normed, Some(&mask), name("self_attn"))).unwrap();
        let normed = norm(&x, name("encoder_attn_layer_norm"));
        x = (x + attend(&normed, &sound(), None, name("encoder_attn"))).unwrap();
        let inner = linear(&norm(&x, name("final_layer_norm")), (d, config.decoder_ffn_dim), name("fc1"));
        x = (x + linear(&inner.gelu_erf().unwrap(), (config.decoder_ffn_dim, d), name("fc2"))).unwrap();
    }
    norm(&x, "layer_norm".to_owned()).matmul(&embeddings.t().unwrap()).unwrap().to_vec2().unwrap()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}

#[test]
fn a_step_with_the_cache_agrees_with_the_whole_text_without() {
    let decoder = Decoder::load(&config(), Quantization::None, &tensors()).unwrap();
    let heard = decoder.hear(&sound()).unwrap();
    let mut hypotheses = Hypotheses::default();
    hypotheses.push(&decoder, &heard);
    let tokens: Vec<u32> = (0..config().max_target_positions as u32).map(|i| i * 29 % 91).collect();
    for (&token, expected) in tokens.iter().zip(without_cache(&tokens)) {
        decoder.advance(&[token], &mut hypotheses);
        decoder.predict(&mut hypotheses);
        assert_close(hypotheses.logits().next().unwrap(), &expected);
    }
}

#[test]
fn hypotheses_part_and_go_on_from_their_parents() {
    let decoder = Decoder::load(&config(), Quantization::None, &tensors()).unwrap();
    let heard = decoder.hear(&sound()).unwrap();
    let mut hypotheses = Hypotheses::default();
    hypotheses.push(&decoder, &heard);
    decoder.advance(&[5], &mut hypotheses);
    hypotheses.select(&[0, 0, 0]);
    decoder.advance(&[6, 7, 8], &mut hypotheses);
    hypotheses.select(&[2, 0]);
    decoder.advance(&[9, 10], &mut hypotheses);
    decoder.predict(&mut hypotheses);
    let texts = [[5, 8, 9], [5, 6, 10]];
    assert_eq!(hypotheses.logits().count(), texts.len());
    for (found, text) in hypotheses.logits().zip(texts) {
        assert_close(found, &without_cache(&text)[2]);
    }
}

/// Random tensors have no spread in their biases, so those are tested by themselves.
#[test]
fn fused_projections_keep_their_parts_and_biases_in_order() {
    let d = 4;
    let named = |name: &str, value: f32| {
        let weight = Tensor::full(value, (d, d), &Device::Cpu).unwrap();
        let bias = Tensor::full(value * 10.0, d, &Device::Cpu).unwrap();
        [(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]
    };
    let parts = [named("q_proj", 1.0), named("k_proj", 2.0), named("v_proj", 3.0)];
    let vb = VarBuilder::from_tensors(parts.into_iter().flatten().collect(), DType::F32, &Device::Cpu);
    let (weight, bias) = load_qkv(d, &vb).unwrap();
    let rows: Vec<f32> = weight.i((.., 0)).unwrap().to_vec1().unwrap();
    assert_eq!(rows, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0]);
    let bias: Vec<f32> = bias.to_vec1().unwrap();
    assert_eq!(bias, [10.0, 10.0, 10.0, 10.0, 0.0, 0.0, 0.0, 0.0, 30.0, 30.0, 30.0, 30.0]);

    let cross = CrossProjection::load(d, Quantization::None, &vb).unwrap();
    let heads = cross.apply(&Tensor::ones((3, d), DType::F32, &Device::Cpu).unwrap(), 2).unwrap();
    assert_eq!(heads.len(), 2);
    for head in heads {
        // Keys of 4 · 2 at three positions of width 2, and values of 4 · 3 + 30.
        let mut products = [[0.0; PANEL]];
        head.keys.multiply(&[1.0, 10.0], &mut products);
        assert_eq!(products[0][..4], [88.0, 88.0, 88.0, 0.0]);
        head.values[0].multiply(&[1.0, 1.0, 0.5], &mut products);
        assert_eq!(products[0][..3], [105.0, 105.0, 0.0]);
    }
    assert_eq!(weight.dim(D::Minus1).unwrap(), d);
}
