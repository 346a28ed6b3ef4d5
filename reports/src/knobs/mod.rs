//! What each knob does: cells that differ in one setting alone, compared pair by pair.

mod effect;
mod figures;
mod pairs;

use std::collections::BTreeMap;

use reelbench_protocol::{CellKind, Metric, ModelId};
use serde::Serialize;

pub use self::effect::{Over, Ratio, ScoreDifference};
use self::figures::{Figures, OkPairs};
use self::pairs::{Contrast, Group};
use crate::comparison::AS_MUCH;
use crate::run::Run;
use crate::summary::CellSummary;

/// Name of the new tokens among [`KnobEffect::ratios`], as in `summary.json`.
pub const TOKENS_OUT: &str = "tokens_out";
/// Name of the weights' memory among [`KnobEffect::ratios`], as in `summary.json`.
pub const WEIGHTS_BYTES: &str = "weights_bytes";

/// What one value of a knob does beside its base value, over all pairs of cells that differ in nothing else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KnobEffect {
    /// Base stages or captions.
    pub kind: CellKind,
    /// The captioner; absent in stage 1.
    pub model: Option<ModelId>,
    /// The setting; several joined by `+` where they change together in every cell.
    pub knob: String,
    /// Its base value.
    pub base: String,
    /// The value that is held against it.
    pub value: String,
    /// Pairs of which both cells are ok.
    pub pairs: usize,
    /// Videos of these pairs.
    pub videos: usize,
    /// Pairs that were planned, but of which a cell is not ok.
    pub left_out: usize,
    /// Whether any number of these pairs comes from random weights.
    pub dummy_weights: bool,
    /// Ratios of figures, value over base, under the names of [`Metric`], and `tokens_out` and `weights_bytes`.
    pub ratios: BTreeMap<String, Ratio>,
    /// Differences of scores, value less base, under the names they have in `quality`.
    pub differences: BTreeMap<String, ScoreDifference>,
    /// How much of the saving in time shorter outputs explain, as a share of its logarithm: 1 where all time goes with the
    /// tokens. None unless the faster of the two values says less by more than a tenth.
    pub explained_by_length: Option<f64>,
    /// The part of the time that moved by the most seconds; none where no time is known.
    pub most_moved: Option<Moved>,
}

/// A part of the time, and how far it moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// Its metric: `stages.decode`.
    pub metric: Metric,
    /// Seconds more than with the base value, the mean over the pairs; negative where it got faster.
    pub seconds: f64,
}

impl KnobEffect {
    /// The ratio of a metric.
    pub fn ratio(&self, metric: Metric) -> Option<&Ratio> {
        self.ratios.get(metric.as_str())
    }

    fn new(group: &Group<'_>, knob: String, contrast: &Contrast<'_>, figures: &mut Figures<'_>) -> Self {
        let pairs = OkPairs::of(&contrast.pairs);
        let ratios = pairs.ratios(figures);
        Self {
            kind: group.kind,
            model: group.model.cloned(),
            knob,
            base: contrast.base.clone(),
            value: contrast.value.clone(),
            pairs: pairs.count(),
            videos: pairs.videos(),
            left_out: contrast.pairs.len() - pairs.count(),
            dummy_weights: pairs.have_dummy_weights(),
            explained_by_length: explained_by_length(&ratios),
            ratios,
            differences: pairs.differences(),
            most_moved: pairs.most_moved(),
        }
    }
}

fn explained_by_length(ratios: &BTreeMap<String, Ratio>) -> Option<f64> {
    let time = ratios.get(Metric::WallS.as_str()).filter(|time| time.is_shown())?.ratio;
    let tokens = ratios.get(TOKENS_OUT)?.ratio;
    let is_less = if time < 1.0 { tokens < AS_MUCH } else { tokens.recip() < AS_MUCH };
    is_less.then(|| tokens.ln() / time.ln())
}

/// The effect of every value of every knob that some pair was planned for: by kind and model in the order of the plan,
/// then by name, then by value.
pub(crate) fn effects(run: &Run, cells: &[CellSummary]) -> Vec<KnobEffect> {
    let mut figures = Figures::of(&run.cells);
    let mut effects = Vec::new();
    for group in Group::all(cells) {
        for knob in group.knobs() {
            let contrasts = group.contrasts(&knob);
            let planned = contrasts.iter().filter(|contrast| !contrast.pairs.is_empty());
            effects
                .extend(planned.map(|contrast| KnobEffect::new(&group, knob.name(), contrast, &mut figures)));
        }
    }
    effects
}
