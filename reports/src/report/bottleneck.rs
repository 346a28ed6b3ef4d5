//! What takes the time, and what a change would save: by measurement where the matrix has the knob, by a bound where not.

use std::collections::BTreeMap;

use reelbench_protocol::{CellKind, Metric};
use reelbench_stats as stats;
use serde::Serialize;

use super::stages::{part_in_prose, share_of_time, spread};
use crate::knobs::KnobEffect;
use crate::summary::CellSummary;
use crate::units::{self, count};

/// Parts with at least this share are worth a sentence on what a change would save.
const WORTH_CHANGING: f64 = 0.1;
/// Parts with less are not named after the bottleneck.
const WORTH_NAMING: f64 = 0.01;

/// Where the time of one kind of cell goes, and what was, or could be, saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bottleneck {
    /// Base stages or captions.
    pub kind: CellKind,
    /// Whether any number of it comes from random weights.
    pub dummy_weights: bool,
    /// Every part, the largest share first; of equal ones the first of the pipeline.
    pub parts: Vec<PartShare>,
    /// What changes of knobs were measured to save, the largest saving first.
    pub savings: Vec<Saving>,
}

/// A part's share of the time of every measured cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartShare {
    /// The part: `stages.decode`.
    pub metric: Metric,
    /// Median over the cells.
    pub median: f64,
    /// Each cell's, in the order of the plan.
    pub shares: Vec<f64>,
    /// How many times faster the whole can become by this part alone, after Amdahl ("Validity of the single processor
    /// approach to achieving large scale computing capabilities", 1967): the whole over what is left of the median cell
    /// without it. None where nothing would be left.
    pub bound: Option<f64>,
}

/// What one change of a knob saved, as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Saving {
    /// The captioner; none in stage 1.
    pub model: Option<String>,
    /// The change: `quantization q4k instead of none`.
    pub change: String,
    /// The share of the whole time that it saved.
    pub saved: f64,
    /// How many times faster it made each part whose interval shows it.
    pub faster: BTreeMap<Metric, f64>,
    /// Pairs of cells that it was measured on.
    pub pairs: usize,
}

impl Bottleneck {
    /// None where no cell of the kind was measured.
    pub(super) fn of(kind: CellKind, cells: &[CellSummary], effects: &[KnobEffect]) -> Option<Self> {
        let measured = |cell: &&CellSummary| cell.kind == kind && cell.stages_s.is_some();
        let cells: Vec<&CellSummary> = cells.iter().filter(measured).collect();
        let mut parts: Vec<PartShare> =
            Metric::ALL.iter().filter_map(|&metric| PartShare::of(metric, &cells)).collect();
        // Stable: the first of the pipeline where two are equal.
        parts.sort_by(|a, b| b.median.total_cmp(&a.median));
        let of_kind = effects.iter().filter(|effect| effect.kind == kind);
        let mut savings: Vec<Saving> = of_kind.filter_map(Saving::of).collect();
        savings.sort_by(|a, b| b.saved.total_cmp(&a.saved));
        let dummy_weights = cells.iter().any(|cell| cell.dummy_weights);
        (!parts.is_empty()).then_some(Self { kind, dummy_weights, parts, savings })
    }

    /// What takes the time, what changes saved of it, and what making the other large parts faster could save at most.
    pub(super) fn sentences(&self) -> Vec<String> {
        let large = self.parts.iter().filter(|part| part.median >= WORTH_CHANGING);
        let large: Vec<&PartShare> = large.filter(|part| part.metric != Metric::Unattributed).collect();
        let measured = self.savings.iter().filter_map(|saving| saving.words(self.whole(), &large));
        let is_measured =
            |part: &PartShare| self.savings.iter().any(|saving| saving.faster.contains_key(&part.metric));
        let others: Vec<&PartShare> = large.iter().copied().filter(|part| !is_measured(part)).collect();
        self.shares().into_iter().chain(measured).chain(self.bounds(&others)).collect()
    }

    fn whole(&self) -> &'static str {
        match self.kind {
            CellKind::Stage1 => "stage 1",
            CellKind::Caption => "captioning",
        }
    }

    /// `The bottleneck is ASR: it takes 87.4 % of stage 1 (1 cell). After it come AST 11.2 %, YOLO 1.1 %.`
    fn shares(&self) -> Option<String> {
        let (first, others) = self.parts.split_first()?;
        let dummy = if self.dummy_weights { ", dummy weights" } else { "" };
        let named = others.iter().filter(|part| part.median >= WORTH_NAMING);
        let words =
            |part: &PartShare| format!("{} {}", part_in_prose(part.metric), units::percent(part.median));
        let others: Vec<String> = named.map(words).collect();
        let after =
            if others.is_empty() { String::new() } else { format!(" After it come {}.", others.join(", ")) };
        Some(format!(
            "The bottleneck is {}: it takes {} of {} ({}{dummy}).{after}",
            part_in_prose(first.metric),
            units::percent(first.median),
            self.whole(),
            spread(&first.shares)
        ))
    }

    /// `Bounds, not measured (Amdahl's law): even if ASR took no time, 12.6 % of stage 1 would be left, which is at most 7.94x
    /// as fast; if AST took none, at most 1.13x.`
    fn bounds(&self, parts: &[&PartShare]) -> Option<String> {
        let mut known =
            parts.iter().filter_map(|part| Some((part_in_prose(part.metric), part.median, part.bound?)));
        let (part, share, bound) = known.next()?;
        let left = units::percent(1.0 - share);
        let whole = self.whole();
        let first = format!(
            "even if {part} took no time, {left} of {whole} would be left, which is at most {} as fast",
            units::times(bound)
        );
        let others =
            known.map(|(part, _, bound)| format!("if {part} took none, at most {}", units::times(bound)));
        let all: Vec<String> = std::iter::once(first).chain(others).collect();
        Some(format!("Bounds, not measured (Amdahl's law): {}.", all.join("; ")))
    }
}

impl PartShare {
    fn of(metric: Metric, cells: &[&CellSummary]) -> Option<Self> {
        let part = metric.as_str().strip_prefix("stages.")?;
        if cells.iter().all(|cell| cell.stage_s(part).is_none()) {
            return None;
        }
        let shares = cells.iter().filter_map(|cell| share_of_time(cell, cell.stage_s(part)));
        let shares: Vec<f64> = shares.collect();
        let median = stats::median(&shares)?;
        let bound = (1.0 - median).recip();
        Some(Self { metric, median, shares, bound: bound.is_finite().then_some(bound) })
    }
}

impl Saving {
    /// What a knob's value saved; where it cost time, what its base value saves. None where the intervals do not show that.
    fn of(effect: &KnobEffect) -> Option<Self> {
        let whole = effect.ratio(Metric::Rtf).filter(|whole| whole.is_shown())?.ratio;
        let is_faster = whole < 1.0;
        let factor = |ratio: f64| if is_faster { ratio.recip() } else { ratio };
        let (to, from) =
            if is_faster { (&effect.value, &effect.base) } else { (&effect.base, &effect.value) };
        let parts = Metric::ALL.iter().filter(|metric| metric.stage().is_some());
        let shown = parts.filter_map(|&metric| {
            let ratio = effect.ratio(metric).filter(|part| part.is_shown())?.ratio;
            (factor(ratio) > 1.0).then(|| (metric, factor(ratio)))
        });
        Some(Self {
            model: effect.model.as_ref().map(ToString::to_string),
            change: format!("{} {to} instead of {from}", effect.knob),
            saved: 1.0 - factor(whole).recip(),
            faster: shown.collect(),
            pairs: effect.pairs,
        })
    }

    /// `Measured: quantization q4k instead of none saves 41.0 % of captioning (llava, 4 pairs), as it makes decoding 3.10x as
    /// fast.` None where it makes no large part faster.
    fn words(&self, whole: &str, large: &[&PartShare]) -> Option<String> {
        let parts = large
            .iter()
            .filter_map(|part| Some((part_in_prose(part.metric), self.faster.get(&part.metric)?)));
        let parts: Vec<String> =
            parts.map(|(part, faster)| format!("{part} {} as fast", units::times(*faster))).collect();
        let on: Vec<String> = self.model.iter().cloned().chain([count(self.pairs, "pair")]).collect();
        (!parts.is_empty()).then(|| {
            format!(
                "Measured: {} saves {} of {whole} ({}), as it makes {}.",
                self.change,
                units::percent(self.saved),
                on.join(", "),
                parts.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_amdahls() {
        let part = |metric, median: f64| PartShare {
            metric,
            median,
            shares: vec![median],
            bound: Some(1.0 / (1.0 - median)),
        };
        let of =
            |parts| Bottleneck { kind: CellKind::Stage1, dummy_weights: false, parts, savings: Vec::new() };
        assert_eq!(
            of(vec![part(Metric::Asr, 0.874), part(Metric::Ast, 0.112), part(Metric::Yolo, 0.011)])
                .sentences(),
            [
                "The bottleneck is ASR: it takes 87.4 % of stage 1 (1 cell). After it come AST 11.2 %, YOLO 1.1 %.",
                "Bounds, not measured (Amdahl's law): even if ASR took no time, 12.6 % of stage 1 would be left, which is at \
                 most 7.94x as fast; if AST took none, at most 1.13x."
            ]
        );
        let all = PartShare { bound: None, ..part(Metric::Asr, 1.0) };
        assert_eq!(
            of(vec![all]).sentences(),
            ["The bottleneck is ASR: it takes 100.0 % of stage 1 (1 cell)."]
        );
    }
}
