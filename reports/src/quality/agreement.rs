//! How far captions agree with those of the reference setting: the cache on, no quantization, and of these the most exact
//! type and the fewest scenes at once that the matrix has.

use std::collections::BTreeMap;

use reelbench_protocol::{CaptionSettings, CellId, CellSpec, Dtype, FirstDifference, Quantization, Work};

use crate::run::CellRecord;

/// How far a cell agrees with its reference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agreement {
    /// Place of the reference in the run.
    pub(crate) reference: usize,
    /// Scenes of the reference.
    pub(crate) scenes: usize,
    pub(crate) equal_scenes: usize,
    /// Places at which both have the same token.
    pub(crate) equal_tokens: usize,
    /// Places at which either has a token.
    pub(crate) places: usize,
    pub(crate) tokens: usize,
    pub(crate) reference_tokens: usize,
    /// Where the captions of a scene part first, over the scenes the earliest token.
    pub(crate) first: Option<FirstDifference>,
}

impl Agreement {
    /// Share of the places at which both have the same token; none where both say nothing.
    pub(crate) fn token_share(&self) -> Option<f64> {
        (self.places > 0).then(|| self.equal_tokens as f64 / self.places as f64)
    }

    /// Share of scenes with the same tokens.
    pub(crate) fn scene_share(&self) -> Option<f64> {
        (self.scenes > 0).then(|| self.equal_scenes as f64 / self.scenes as f64)
    }

    fn between(cell: &CellRecord, reference: &CellRecord, place: usize) -> Self {
        let (tokens, expected) = (cell.tokens(), reference.tokens());
        let mut agreement = Self {
            reference: place,
            scenes: expected.len(),
            equal_scenes: 0,
            equal_tokens: 0,
            places: 0,
            tokens: tokens.values().map(|tokens| tokens.len()).sum(),
            reference_tokens: expected.values().map(|tokens| tokens.len()).sum(),
            first: None,
        };
        for (&scene, expected) in &expected {
            let tokens = tokens.get(&scene).copied().unwrap_or_default();
            agreement.equal_scenes += usize::from(tokens == *expected);
            agreement.equal_tokens += tokens.iter().zip(*expected).filter(|(a, b)| a == b).count();
            agreement.places += tokens.len().max(expected.len());
            if let Some(parts) = FirstDifference::between(scene, tokens, expected)
                && agreement.first.is_none_or(|first| parts.position < first.position)
            {
                agreement.first = Some(parts);
            }
        }
        agreement
    }
}

/// For every cell of the run how far it agrees with its reference, which agrees with itself. None for cells that are not
/// measured, that do not caption, or that have no reference.
pub(super) fn agreements(
    cells: &[CellRecord],
    is_measured: impl Fn(usize) -> bool,
) -> Vec<Option<Agreement>> {
    let mut groups: BTreeMap<CellId, Vec<usize>> = BTreeMap::new();
    for (place, cell) in cells.iter().enumerate().filter(|(place, _)| is_measured(*place)) {
        if let Some(group) = group(cell.spec()) {
            groups.entry(group).or_default().push(place);
        }
    }
    let mut agreements = vec![None; cells.len()];
    for group in groups.values() {
        let members = || group.iter().filter_map(|&place| Some((place, cells.get(place)?)));
        let Some((reference, expected)) = members()
            .filter_map(|(place, cell)| Some((rank(settings(cell.spec())?)?, (place, cell))))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, member)| member)
        else {
            continue;
        };
        for (place, cell) in members() {
            if let Some(agreement) = agreements.get_mut(place) {
                *agreement = Some(Agreement::between(cell, expected, reference));
            }
        }
    }
    agreements
}

fn settings(spec: &CellSpec) -> Option<&CaptionSettings> {
    match &spec.work {
        Work::Caption(caption) => Some(&caption.settings),
        Work::Stage1(_) => None,
    }
}

/// The id that cells share which differ in nothing but how they compute.
fn group(spec: &CellSpec) -> Option<CellId> {
    let mut spec = spec.clone();
    let Work::Caption(caption) = &mut spec.work else { return None };
    let CaptionSettings { use_cache, quantization, dtype, batch_scenes, .. } = CaptionSettings::default();
    caption.settings =
        CaptionSettings { use_cache, quantization, dtype, batch_scenes, ..caption.settings.clone() };
    Some(CellId::of(&spec))
}

/// How fit a setting is to be the reference, the lowest the fittest; none where it cannot be.
fn rank(settings: &CaptionSettings) -> Option<(u8, u32)> {
    let exactness = match settings.dtype {
        Dtype::F32 => 0,
        Dtype::Auto => 1,
        Dtype::F16 => 2,
        Dtype::Bf16 => 3,
    };
    let may_be = settings.use_cache && settings.quantization == Quantization::None;
    may_be.then_some((exactness, settings.batch_scenes))
}
