//! Whether a cell says the same with its cache as without: what is asked, and what the answers come to.

use std::collections::HashSet;

use reelbench_protocol::{
    CacheVerdict, CellId, FirstDifference, Output, Pass, PlannedCell, RepeatResult, RunSpec, SceneCaption,
    Work,
};

use crate::found::Feed;
use crate::session::Ending;

/// New tokens of a check at most: a cache that is wrong shows within a few, and each one without it costs a whole context.
const MOST_TOKENS: u32 = 8;

/// The cell with its cache off, for a captioning cell that has it on.
pub(crate) fn without_cache(cell: &PlannedCell) -> Option<CellId> {
    let mut spec = cell.spec.clone();
    match &mut spec.work {
        Work::Caption(caption) if caption.settings.use_cache => caption.settings.use_cache = false,
        _ => return None,
    }
    Some(CellId::of(&spec))
}

/// The cells that nothing else holds against the cache off: where the plan has the same cell without it, their whole
/// outputs are compared.
pub(crate) fn unpaired(cells: &[PlannedCell]) -> HashSet<CellId> {
    let planned: HashSet<&CellId> = cells.iter().map(|cell| &cell.id).collect();
    let is_unpaired = |cell: &&PlannedCell| without_cache(cell).is_some_and(|twin| !planned.contains(&twin));
    cells.iter().filter(is_unpaired).map(|cell| cell.id.clone()).collect()
}

/// A check of one cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// With the cache, then without.
    pub(crate) requests: [RunSpec; 2],
    /// The scenes that are asked about, as the film counts them.
    pub(crate) scenes: Vec<u32>,
}

impl Check {
    /// A check on at most `most` scenes, evenly spread; `None` for what has no cache.
    pub(crate) fn new(cell: &PlannedCell, feed: &Feed, most: u32) -> Option<Self> {
        let Work::Caption(caption) = &cell.spec.work else { return None };
        let found = feed.scenes.as_ref().map_or(1, |list| list.scenes.len() as u32);
        let scenes = spread(caption.max_scenes.map_or(found, |limit| found.min(limit)), most);
        let list = feed.scenes.as_ref().map(|list| {
            let mut list = list.clone();
            list.scenes = picked(&list.scenes, &scenes);
            list
        });
        let questions = picked(&feed.questions, &scenes);
        let request = |use_cache: bool| {
            let mut spec = cell.spec.clone();
            if let Work::Caption(caption) = &mut spec.work {
                let settings = &mut caption.settings;
                settings.use_cache = use_cache;
                settings.max_new_tokens = settings.max_new_tokens.min(MOST_TOKENS);
                settings.min_new_tokens = settings.min_new_tokens.min(settings.max_new_tokens);
            }
            RunSpec {
                cell: CellId::of(&spec),
                repeat: 0,
                pass: Pass::Warmup,
                spec,
                scenes: list.clone(),
                questions: questions.clone(),
                save_frames: None,
            }
        };
        Some(Self { requests: [request(true), request(false)], scenes })
    }

    /// What the two answers come to.
    pub(crate) fn verdict(&self, cached: &RepeatResult, uncached: &RepeatResult) -> CacheVerdict {
        let (Output::Caption { scenes: cached }, Output::Caption { scenes: uncached }) =
            (&cached.output, &uncached.output)
        else {
            // Answers of another kind are not believed in the first place.
            return CacheVerdict::NotOffered;
        };
        let pairs = self.scenes.iter().zip(cached.iter().zip(uncached));
        let found =
            pairs.into_iter().find_map(|(&scene, (cached, uncached))| between(scene, cached, uncached));
        found.unwrap_or_else(|| CacheVerdict::Same { scenes: self.scenes.clone() })
    }
}

/// What differs between two captions of one scene. A scene that fails either way says nothing about the cache.
fn between(scene: u32, cached: &SceneCaption, uncached: &SceneCaption) -> Option<CacheVerdict> {
    let broke = |use_cache, caption: &SceneCaption| {
        let mut failure = caption.failure.clone()?;
        failure.scene = Some(scene);
        Some(CacheVerdict::Broke { use_cache, failure, log_tail: Vec::new() })
    };
    match (&cached.failure, &uncached.failure) {
        (Some(_), Some(_)) => None,
        (Some(_), None) => broke(true, cached),
        (None, Some(_)) => broke(false, uncached),
        (None, None) => {
            FirstDifference::between(scene, &cached.tokens, &uncached.tokens).map(CacheVerdict::Differs)
        }
    }
}

/// One of the two gave no answer at all.
pub(crate) fn broke(use_cache: bool, ending: Ending) -> CacheVerdict {
    CacheVerdict::Broke { use_cache, failure: ending.failure, log_tail: ending.log_tail }
}

/// At most `most` of `count` scenes, in the middles of equal parts of the film.
fn spread(count: u32, most: u32) -> Vec<u32> {
    let parts = most.min(count);
    let middle = |part: u32| (u64::from(2 * part + 1) * u64::from(count) / u64::from(2 * parts)) as u32;
    (0..parts).map(middle).collect()
}

fn picked<T: Clone>(all: &[T], indices: &[u32]) -> Vec<T> {
    indices.iter().filter_map(|&index| all.get(index as usize).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_spread_over_the_film() {
        assert_eq!(spread(9, 1), [4]);
        assert_eq!(spread(9, 3), [1, 4, 7]);
        assert_eq!(spread(2, 5), [0, 1]);
        assert_eq!(spread(0, 1), [0; 0]);
        assert_eq!(spread(5, 0), [0; 0]);
    }
}
