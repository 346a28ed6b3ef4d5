//! What a knob gives and takes, in sentences: the cache's cost, memory for time, and speed that is only shortness.

use reelbench_protocol::{Metric, Quantization};
use reelbench_stats::Interval;

use crate::knobs::{KnobEffect, TOKENS_OUT, WEIGHTS_BYTES};
use crate::units::{self, count};

/// From this share of a saving on, shorter outputs are the main reason for it.
const MAINLY: f64 = 0.5;

pub(super) fn sentences(effects: &[&KnobEffect]) -> Vec<String> {
    let of =
        |words: fn(&KnobEffect) -> Option<String>| effects.iter().filter_map(move |effect| words(effect));
    of(shortness).chain(of(cost_without_cache)).chain(of(memory_for_time)).collect()
}

/// `Without the cache, captioning takes 21.0x the time, 19.6x to 22.4x (llava, 1 pair).`
fn cost_without_cache(effect: &KnobEffect) -> Option<String> {
    if (effect.knob.as_str(), effect.value.as_str()) != ("use_cache", "false") {
        return None;
    }
    let time = effect.ratio(Metric::WallS)?;
    let interval =
        time.interval.map(|Interval { lo, hi }| format!(", {} to {}", units::times(lo), units::times(hi)));
    Some(format!(
        "Without the cache, captioning takes {} the time{} ({}).",
        units::times(time.ratio),
        interval.unwrap_or_default(),
        measured_on(effect)
    ))
}

/// `With quantization q4k instead of none the weights take 28.1 % of the memory and the process 45.0 % at its peak, in 59.0 %
/// of the time (llava, 4 pairs).`
fn memory_for_time(effect: &KnobEffect) -> Option<String> {
    let is_quantization = effect.knob.rsplit('.').next() == Some("quantization");
    if !is_quantization || effect.base != Quantization::None.as_str() {
        return None;
    }
    let share = |ratio| units::percent(ratio);
    let weights = effect.ratios.get(WEIGHTS_BYTES)?.ratio;
    let peak = effect.ratio(Metric::PeakRssBytes)?.ratio;
    let time = effect.ratio(Metric::WallS)?.ratio;
    Some(format!(
        "With {} the weights take {} of the memory and the process {} at its peak, in {} of the time ({}).",
        change(effect),
        share(weights),
        share(peak),
        share(time),
        measured_on(effect)
    ))
}

/// `⚠️ max_new_tokens 128 instead of 256 is faster mainly because it says less: 50.0 % of the tokens, each of them decoded in
/// 1.00x the time (llava, 4 pairs).`
fn shortness(effect: &KnobEffect) -> Option<String> {
    effect.explained_by_length.filter(|&share| share >= MAINLY)?;
    let is_faster = effect.ratio(Metric::WallS)?.ratio < 1.0;
    let faster_over_slower = |ratio: f64| if is_faster { ratio } else { ratio.recip() };
    let tokens = faster_over_slower(effect.ratios.get(TOKENS_OUT)?.ratio);
    let per_token = effect.ratio(Metric::TokensPerS).map(|rate| faster_over_slower(rate.ratio).recip());
    let (to, from) = if is_faster { (&effect.value, &effect.base) } else { (&effect.base, &effect.value) };
    let per_token =
        per_token.map(|time| format!(", each of them decoded in {} the time", units::times(time)));
    Some(format!(
        "⚠️ {} {to} instead of {from} is faster mainly because it says less: {} of the tokens{} ({}).",
        effect.knob,
        units::percent(tokens),
        per_token.unwrap_or_default(),
        measured_on(effect)
    ))
}

fn change(effect: &KnobEffect) -> String {
    format!("{} {} instead of {}", effect.knob, effect.value, effect.base)
}

/// `llava, 4 pairs, dummy weights`.
fn measured_on(effect: &KnobEffect) -> String {
    let model = effect.model.iter().map(ToString::to_string);
    let dummy = effect.dummy_weights.then(|| "dummy weights".to_owned());
    model.chain([count(effect.pairs, "pair")]).chain(dummy).collect::<Vec<_>>().join(", ")
}
