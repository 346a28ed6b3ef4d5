//! Whether what a cell computed is what it should have: the same in every repeat, and the same as with other settings
//! that must not change it.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{
    CacheVerdict, CellId, CellSpec, FirstDifference, Output, RepeatResult, Stage, Work, value_text,
};

use super::found::{self, Differing};
use super::{Finding, Instability, Outcome, Place};
use crate::run::{CellRecord, tokens};

/// What differs between repeats of a cell.
pub(super) fn between_repeats(repeats: &[&RepeatResult]) -> Option<Finding> {
    let (first, others) = repeats.split_first()?;
    let Output::Stage1(output) = &first.output else {
        let differing = others.iter().flat_map(|other| differing_captions(first, other)).collect();
        return captions_finding(&differing, Instability::Repeats, "tokens differ between repeats");
    };
    let mut differing = Differing::new();
    for other in others {
        let Output::Stage1(other) = &other.output else { continue };
        for (stage, scenes) in found::differing(output, other) {
            differing.entry(stage).or_default().extend(scenes);
        }
    }
    stages_finding(&differing, Instability::Repeats, "results differ between repeats")
}

/// What a check of the cache found.
pub(super) fn with_and_without_cache(verdict: &CacheVerdict) -> Option<Finding> {
    let (reason, place) = match verdict {
        CacheVerdict::Same { .. } | CacheVerdict::NotOffered => return None,
        CacheVerdict::Differs(first) => {
            (format!("cache: tokens differ at {first}"), Place { stage: None, scene: Some(first.scene) })
        }
        CacheVerdict::Broke { use_cache, failure, .. } => {
            (format!("cache: with use_cache {use_cache} it broke: {failure}"), Place::from(failure))
        }
    };
    Some(Finding::new(Outcome::Unstable(Instability::Cache), reason).at(place))
}

/// Cells to compare others with: those that only settings set apart which must not change the output.
pub(super) struct Peers<'a> {
    by_id: BTreeMap<&'a CellId, &'a CellRecord>,
    /// By the id that a stage-1 cell has with its knobs at rest.
    at_rest: BTreeMap<CellId, &'a CellRecord>,
}

impl<'a> Peers<'a> {
    pub(super) fn new(cells: impl Iterator<Item = &'a CellRecord>) -> Self {
        let mut peers = Self { by_id: BTreeMap::new(), at_rest: BTreeMap::new() };
        for cell in cells {
            peers.by_id.insert(&cell.planned.id, cell);
            if let Some(id) = knobs_at_rest(cell.spec()).map(|spec| CellId::of(&spec)) {
                // The first of the plan stands in for a cell that the plan does not have.
                let is_at_rest = id == cell.planned.id;
                let reference = peers.at_rest.entry(id).or_insert(cell);
                if is_at_rest {
                    *reference = cell;
                }
            }
        }
        peers
    }

    pub(super) fn contains(&self, cell: &CellRecord) -> bool {
        self.by_id.contains_key(&cell.planned.id)
    }

    /// How a cell's output differs from that of its peer.
    pub(super) fn disagreement(&self, cell: &CellRecord) -> Option<Finding> {
        let spec = cell.spec();
        let uncached = without_cache(spec).and_then(|spec| self.by_id.get(&CellId::of(&spec)));
        let at_rest = knobs_at_rest(spec).and_then(|spec| self.at_rest.get(&CellId::of(&spec)));
        uncached
            .and_then(|reference| cache_changes_output(cell, reference))
            .or_else(|| knobs_change_output(cell, at_rest?))
    }
}

/// The same cell with the cache off, for a cell that has it on.
fn without_cache(spec: &CellSpec) -> Option<CellSpec> {
    let mut reference = spec.clone();
    match &mut reference.work {
        Work::Caption(caption) if caption.settings.use_cache => caption.settings.use_cache = false,
        _ => return None,
    }
    Some(reference)
}

/// The same stage-1 cell with one request and one window at a time, and nothing side by side.
fn knobs_at_rest(spec: &CellSpec) -> Option<CellSpec> {
    let mut reference = spec.clone();
    let Work::Stage1(stage1) = &mut reference.work else { return None };
    if let Some(asr) = &mut stage1.asr {
        asr.concurrency = 1;
    }
    if let Some(ast) = &mut stage1.ast {
        ast.batch = 1;
    }
    stage1.parallel = false;
    Some(reference)
}

fn cache_changes_output(cell: &CellRecord, reference: &CellRecord) -> Option<Finding> {
    let (cell, reference) = (cell.measured(), reference.measured());
    let differing = differing_captions(cell.first()?, reference.first()?);
    let what = "cache: tokens differ from those with use_cache false";
    let finding = captions_finding(&differing, Instability::Cache, what)?;
    let first = first_difference(cell.first()?, reference.first()?);
    let place = first.map(|first| format!("; first at {first}")).unwrap_or_default();
    Some(Finding { reason: finding.reason + &place, ..finding })
}

/// Where the tokens of two repeats part first.
fn first_difference(cached: &RepeatResult, uncached: &RepeatResult) -> Option<FirstDifference> {
    let (cached, uncached) = (tokens(cached), tokens(uncached));
    let of_scene =
        |(&scene, with): (&u32, &&[u32])| FirstDifference::between(scene, with, uncached.get(&scene)?);
    cached.iter().find_map(of_scene)
}

fn knobs_change_output(cell: &CellRecord, reference: &CellRecord) -> Option<Finding> {
    let (requested, expected) = (cell.spec().requested(), reference.spec().requested());
    let other = expected.iter().filter(|(key, value)| requested.get(*key) != Some(*value));
    let knobs: Vec<_> = other.map(|(key, value)| format!("{key} {}", value_text(value))).collect();
    let (measured, expected) = (cell.measured(), reference.measured());
    let (Output::Stage1(output), Output::Stage1(expected)) =
        (&measured.first()?.output, &expected.first()?.output)
    else {
        return None;
    };
    let what = format!("results differ from those with {}", knobs.join(", "));
    stages_finding(&found::differing(output, expected), Instability::Knobs, &what)
}

/// The scenes whose tokens differ, those that only one of the two has included.
fn differing_captions(a: &RepeatResult, b: &RepeatResult) -> BTreeSet<u32> {
    let (a, b) = (tokens(a), tokens(b));
    a.keys().chain(b.keys()).filter(|scene| a.get(scene) != b.get(scene)).copied().collect()
}

fn captions_finding(scenes: &BTreeSet<u32>, instability: Instability, what: &str) -> Option<Finding> {
    let place = Place { stage: None, scene: Some(*scenes.first()?) };
    Some(Finding::new(Outcome::Unstable(instability), format!("{what} in {}", scene_words(scenes))).at(place))
}

fn stages_finding(differing: &Differing, instability: Instability, what: &str) -> Option<Finding> {
    let (&stage, scenes) = differing.first_key_value()?;
    let place = Place { stage: Some(stage), scene: scenes.first().copied() };
    let words = |(stage, scenes): (&Stage, &BTreeSet<u32>)| {
        let place = if scenes.is_empty() { String::new() } else { format!(" in {}", scene_words(scenes)) };
        format!("{stage}: {what}{place}")
    };
    let reason = differing.iter().map(words).collect::<Vec<_>>().join("; ");
    Some(Finding::new(Outcome::Unstable(instability), reason).at(place))
}

/// `scene 3`, or `scenes 1, 2, 5`, the first ten.
fn scene_words(scenes: &BTreeSet<u32>) -> String {
    const MOST: usize = 10;
    let named: Vec<_> = scenes.iter().take(MOST).map(ToString::to_string).collect();
    let noun = if scenes.len() == 1 { "scene" } else { "scenes" };
    match scenes.len().checked_sub(MOST) {
        None | Some(0) => format!("{noun} {}", named.join(", ")),
        Some(more) => format!("{noun} {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_scenes_are_named() {
        assert_eq!(scene_words(&BTreeSet::from([3])), "scene 3");
        assert_eq!(scene_words(&(0..10).collect()), "scenes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
        assert_eq!(scene_words(&(0..12).collect()), "scenes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    }
}
