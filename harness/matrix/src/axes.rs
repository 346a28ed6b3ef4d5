//! The axes of `stage1`.

use std::collections::BTreeMap;

use reelbench_protocol::AsrEngine;

use crate::combination::Combination;
use crate::knob::{BaseStage, Knob};
use crate::matrix::Axis;
use crate::point::Point;
use crate::problem::{Located, Place};
use crate::value::Value;
use crate::words::Closed;

/// The axes of the stages that are asked for, defaults filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stage1Axes {
    /// Where each stage is asked for.
    pub(crate) stages: BTreeMap<BaseStage, Place>,
    /// None of them empty.
    pub(crate) axes: BTreeMap<Knob, Axis<Value>>,
}

/// How much of an axis is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    Every,
    First,
    Nothing,
}

impl Stage1Axes {
    /// Whether nothing is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether a stage is asked for.
    pub(crate) fn has(&self, stage: BaseStage) -> bool {
        self.stages.contains_key(&stage)
    }

    /// Every combination of what is picked; the first knob varies slowest. A knob multiplies only for the engines that
    /// it means something to.
    pub(crate) fn points(&self, pick: impl Fn(Knob) -> Pick) -> Vec<Point<'_>> {
        let mut points = vec![Point::default()];
        for (knob, values) in self.picked(&pick) {
            let mut longer = Vec::with_capacity(points.len() * values.len());
            for point in points {
                if point.engine().is_none_or(|engine| knob.is_for(engine)) {
                    longer.extend(values.iter().map(|value| point.with(knob, &value.value)));
                } else {
                    longer.push(point);
                }
            }
            points = longer;
        }
        points
    }

    /// How many combinations that would be, or the most that can be told.
    pub(crate) fn count(&self, pick: impl Fn(Knob) -> Pick) -> u128 {
        let product = |engine: Option<AsrEngine>| {
            let lengths = self.picked(&pick).filter(|(knob, _)| {
                engine.is_none_or(|engine| *knob != Knob::AsrEngine && knob.is_for(engine))
            });
            lengths.fold(1_u128, |product, (_, values)| product.saturating_mul(values.len() as u128))
        };
        let engines = self.picked(&pick).find(|(knob, _)| *knob == Knob::AsrEngine);
        let Some((_, engines)) = engines else { return product(None) };
        engines.iter().map(|engine| product(engine_of(&engine.value))).fold(0, u128::saturating_add)
    }

    fn picked(&self, pick: impl Fn(Knob) -> Pick) -> impl Iterator<Item = (Knob, &[Located<Value>])> {
        self.axes.iter().filter_map(move |(knob, axis)| match pick(*knob) {
            Pick::Every => Some((*knob, axis.as_slice())),
            Pick::First => Some((*knob, axis.get(..1)?)),
            Pick::Nothing => None,
        })
    }

    /// What an entry of `include` means: its own values, else the first of each axis.
    pub(crate) fn added<'m>(&'m self, entry: &'m Combination) -> Point<'m> {
        let wanted =
            |knob: &Knob| knob.stage().map_or_else(|| self.axes.contains_key(knob), |stage| self.has(stage));
        let value = |knob: Knob| {
            let first = || self.axes.get(&knob)?.first();
            Some((knob, &entry.knob(knob).or_else(first)?.value))
        };
        Knob::ALL.iter().copied().filter(wanted).filter_map(value).collect()
    }

    /// Where a value of an axis stands, else where its stage is asked for.
    pub(crate) fn place_of(&self, knob: Knob, value: &Value) -> Option<Place> {
        let in_axis = || self.axes.get(&knob)?.iter().find(|located| located.value == *value)?.place;
        in_axis().or_else(|| self.stages.get(&knob.stage()?).copied())
    }

    /// The engines that speech is asked of.
    pub(crate) fn engines(&self) -> Vec<AsrEngine> {
        let axis = self.axes.get(&Knob::AsrEngine).map(Vec::as_slice).unwrap_or_default();
        axis.iter().filter_map(|engine| engine_of(&engine.value)).collect()
    }
}

fn engine_of(value: &Value) -> Option<AsrEngine> {
    match value {
        Value::Word(word) => AsrEngine::from_word(word),
        _ => None,
    }
}
