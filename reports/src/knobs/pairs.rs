//! Which settings vary, and which cells differ in one of them alone.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use reelbench_protocol::{CellKind, Dtype, ModelId, Quantization, value_text};
use serde_json::Value;

use crate::summary::CellSummary;

/// What a value reads that a cell does not have.
const NOT_SET: &str = "not set";

/// A cell with its place in the run.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) place: usize,
    pub(super) cell: &'a CellSummary,
}

/// Two cells that differ in one knob alone.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    /// The one with the base value.
    pub(super) base: Placed<'a>,
    /// The one with the other value.
    pub(super) head: Placed<'a>,
}

/// The cells of one kind and model, which differ in nothing but their video and their settings.
pub(super) struct Group<'a> {
    pub(super) kind: CellKind,
    pub(super) model: Option<&'a ModelId>,
    cells: Vec<Placed<'a>>,
}

/// A setting that varies, or several that change together in every cell, so that nobody can tell them apart.
pub(super) struct Knob<'a> {
    keys: Vec<&'a str>,
    /// Those that its values are told by.
    named: Vec<&'a str>,
}

/// A value of a knob beside the base value, with every pair of cells that differ in nothing else.
pub(super) struct Contrast<'a> {
    pub(super) base: String,
    pub(super) value: String,
    pub(super) pairs: Vec<Pair<'a>>,
}

impl<'a> Group<'a> {
    /// All groups, in the order of the plan.
    pub(super) fn all(cells: &'a [CellSummary]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (place, cell) in cells.iter().enumerate() {
            let model = cell.model.as_ref();
            let known = groups.iter().position(|group| (group.kind, group.model) == (cell.kind, model));
            match known.and_then(|index| groups.get_mut(index)) {
                Some(group) => group.cells.push(Placed { place, cell }),
                None => groups.push(Self { kind: cell.kind, model, cells: vec![Placed { place, cell }] }),
            }
        }
        groups
    }

    /// Its knobs, in the order of their names.
    pub(super) fn knobs(&self) -> Vec<Knob<'a>> {
        let keys: BTreeSet<&str> = self.settings().map(|(key, _)| key.as_str()).collect();
        let mut by_division: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
        for key in keys {
            let division = self.division(key);
            if division.iter().any(|&part| part > 0) {
                by_division.entry(division).or_default().push(key);
            }
        }
        let has_values = |key: &&str| {
            let values: BTreeSet<String> = self
                .settings()
                .filter(|(other, _)| other == key)
                .map(|(_, value)| value_text(value))
                .collect();
            values.len() > 1
        };
        let mut knobs: Vec<Knob<'_>> = by_division
            .into_values()
            .map(|keys| {
                let named: Vec<_> = keys.iter().copied().filter(has_values).collect();
                Knob { named: if named.is_empty() { keys.clone() } else { named }, keys }
            })
            .collect();
        knobs.sort_by(|a, b| a.keys.cmp(&b.keys));
        knobs
    }

    /// Every value of a knob but the base one, in ascending order, with its pairs in the order of the plan. The base value
    /// is the reference setting: the cache on, no quantization, the most exact type, of numbers the least, of switches off,
    /// else the first of the plan.
    pub(super) fn contrasts(&self, knob: &Knob<'a>) -> Vec<Contrast<'a>> {
        let mut values: Vec<(Vec<f64>, String)> = Vec::new();
        for Placed { cell, .. } in &self.cells {
            let value = knob.value(cell);
            if values.iter().all(|(_, known)| *known != value) {
                values.push((knob.rank(cell), value));
            }
        }
        values.sort_by(|(a, _), (b, _)| {
            a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).fold(Ordering::Equal, Ordering::then)
        });
        let Some(((_, base), others)) = values.split_first() else { return Vec::new() };
        let mut pairs = self.pairs(knob, base);
        let contrast = |(_, value): &(Vec<f64>, String)| Contrast {
            base: base.clone(),
            value: value.clone(),
            pairs: pairs.remove(value).unwrap_or_default(),
        };
        others.iter().map(contrast).collect()
    }

    /// The pairs of each value with the base value. One look at each cell: cells that share all else share a key.
    fn pairs(&self, knob: &Knob<'_>, base: &str) -> HashMap<String, Vec<Pair<'a>>> {
        let mut bases: HashMap<String, Placed<'a>> = HashMap::new();
        let mut others = Vec::new();
        for &placed in &self.cells {
            let (value, rest) = (knob.value(placed.cell), knob.all_else(placed.cell));
            if value == base {
                bases.entry(rest).or_insert(placed);
            } else {
                others.push((rest, value, placed));
            }
        }
        let mut pairs: HashMap<String, Vec<_>> = HashMap::new();
        for (rest, value, head) in others {
            if let Some(&base) = bases.get(&rest) {
                pairs.entry(value).or_default().push(Pair { base, head });
            }
        }
        pairs
    }

    fn settings(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.cells.iter().flat_map(|placed| &placed.cell.requested)
    }

    /// For each cell the number of its value of a setting, counted in the order in which they come.
    fn division(&self, key: &str) -> Vec<usize> {
        let mut numbers = HashMap::new();
        let number = |placed: &Placed<'a>| {
            let next = numbers.len();
            *numbers.entry(placed.cell.requested.get(key).map(value_text)).or_insert(next)
        };
        self.cells.iter().map(number).collect()
    }
}

impl Knob<'_> {
    /// `quantization`, `scene.detector + scene.threshold`.
    pub(super) fn name(&self) -> String {
        self.named.join(" + ")
    }

    fn value(&self, cell: &CellSummary) -> String {
        let value = |key: &&str| cell.requested.get(*key).map_or_else(|| NOT_SET.to_owned(), value_text);
        self.named.iter().map(value).collect::<Vec<_>>().join(" + ")
    }

    /// Where the value comes among the others: the least is the base.
    fn rank(&self, cell: &CellSummary) -> Vec<f64> {
        self.named.iter().map(|key| rank(key, cell.requested.get(*key))).collect()
    }

    /// A text that two cells share which differ in this knob alone.
    fn all_else(&self, cell: &CellSummary) -> String {
        let others = cell.requested.iter().filter(|(key, _)| !self.keys.contains(&key.as_str()));
        let others = others.map(|(key, value)| format!("\n{key} {}", value_text(value)));
        std::iter::once(cell.video.to_string()).chain(others).collect()
    }
}

fn rank(key: &str, value: Option<&Value>) -> f64 {
    const DTYPES: [Dtype; 4] = [Dtype::F32, Dtype::Auto, Dtype::F16, Dtype::Bf16];
    let first_if = |is_first: bool| f64::from(u8::from(!is_first));
    match value {
        None => f64::NEG_INFINITY,
        Some(Value::Bool(on)) => first_if(*on == (key == "use_cache")),
        Some(Value::Number(pixels)) if key == "frame_size" && pixels.as_u64() == Some(0) => f64::INFINITY,
        Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0),
        Some(Value::String(word)) if key == "dtype" => {
            DTYPES.iter().position(|dtype| dtype.as_str() == word).unwrap_or(DTYPES.len()) as f64
        }
        Some(Value::String(word)) => first_if(word == Quantization::None.as_str()),
        Some(_) => 0.0,
    }
}
