//! Judges every cell from the journal alone.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{
    CellEnd, CellId, CellSpec, Failure, Output, RepeatResult, SceneCaption, Settings, Stage, Stage1Output,
    Work, differences,
};
use serde::{Serialize, Serializer};

use crate::run::{CellRecord, Completion, EarlyEnd, Run};

/// How a cell came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Every repeat did what was asked, and the same.
    Ok,
    /// It ran, but its output cannot be relied on.
    Unstable(Instability),
    /// An error, a crash, or settings other than those asked for.
    Failed,
    /// It took longer than allowed.
    Timeout,
    /// It ran out of memory.
    Oom,
    /// It was not run.
    Skipped,
}

/// What an unstable cell's output differs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Instability {
    /// From itself, between repeats.
    Repeats,
    /// From the same cell without the KV cache.
    Cache,
}

impl Outcome {
    /// The word in `summary.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unstable(_) => "unstable",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Oom => "oom",
            Self::Skipped => "skipped",
        }
    }

    /// Whether the cell has numbers.
    pub fn is_measured(self) -> bool {
        matches!(self, Self::Ok | Self::Unstable(_))
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where a cell went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// In which stage.
    pub stage: Option<Stage>,
    /// In which scene, counted from 0.
    pub scene: Option<u32>,
}

impl From<&Failure> for Place {
    fn from(failure: &Failure) -> Self {
        Self { stage: failure.stage, scene: failure.scene }
    }
}

/// What became of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// How it came out.
    pub outcome: Outcome,
    /// Why, unless it is ok.
    pub reason: Option<String>,
    /// Where, if anywhere.
    pub place: Place,
    /// The settings in force, as far as a repeat has told.
    pub effective: Option<Settings>,
}

/// A verdict on one cell, before its settings are added.
struct Finding {
    outcome: Outcome,
    reason: String,
    place: Place,
}

impl Finding {
    fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), place: Place::default() }
    }

    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

/// One judgement per cell of the run, in its order.
pub fn judge(run: &Run) -> Vec<Judgement> {
    let index: BTreeMap<&CellId, &CellRecord> =
        run.cells.iter().map(|cell| (&cell.planned.id, cell)).collect();
    let mut judgements: Vec<_> = run.cells.iter().map(|cell| judge_alone(run, cell, &index)).collect();
    let ok: BTreeSet<&CellId> = run
        .cells
        .iter()
        .zip(&judgements)
        .filter(|(_, judgement)| judgement.outcome == Outcome::Ok)
        .map(|(cell, _)| &cell.planned.id)
        .collect();
    for (cell, judgement) in run.cells.iter().zip(&mut judgements) {
        if !ok.contains(&cell.planned.id) {
            continue;
        }
        let reference = without_cache(cell.spec()).map(|spec| CellId::of(&spec));
        let reference = reference.filter(|id| ok.contains(id)).and_then(|id| index.get(&id).copied());
        if let Some(finding) = reference.and_then(|reference| cache_changes_output(cell, reference)) {
            judgement.outcome = finding.outcome;
            judgement.reason = Some(finding.reason);
            judgement.place = finding.place;
        }
    }
    judgements
}

fn judge_alone(run: &Run, cell: &CellRecord, index: &BTreeMap<&CellId, &CellRecord>) -> Judgement {
    let repeats = cell.measured();
    let source = cell.planned.scenes_from.as_ref().and_then(|id| index.get(id).copied());
    let finding = left_out(cell)
        .or_else(|| cell.ended.as_ref().map(ended))
        .or_else(|| incomplete(run, repeats.len()))
        .or_else(|| failed_parts(cell.spec(), &repeats))
        .or_else(|| settings_differ(cell.spec(), &repeats, source))
        .or_else(|| impossible_times(&repeats))
        .or_else(|| repeats_differ(&repeats));
    let effective = repeats.first().map(|repeat| in_force(repeat, source));
    let (outcome, reason, place) = match finding {
        Some(finding) => (finding.outcome, Some(finding.reason), finding.place),
        None => (Outcome::Ok, None, Place::default()),
    };
    Judgement { outcome, reason, place, effective }
}

fn left_out(cell: &CellRecord) -> Option<Finding> {
    cell.left_out.as_ref().map(|reason| Finding::new(Outcome::Skipped, reason))
}

fn ended(end: &EarlyEnd) -> Finding {
    let outcome = match end.end {
        CellEnd::Failed => Outcome::Failed,
        CellEnd::Timeout => Outcome::Timeout,
        CellEnd::Oom => Outcome::Oom,
        CellEnd::Skipped => Outcome::Skipped,
    };
    Finding::new(outcome, placed(&end.failure)).at(Place::from(&end.failure))
}

fn incomplete(run: &Run, done: usize) -> Option<Finding> {
    let planned = run.repeats as usize;
    if done >= planned.max(1) {
        return None;
    }
    let repeats = format!("{done} of {planned} repeats");
    Some(match (run.completion, done) {
        (Completion::Finished, _) => {
            Finding::new(Outcome::Failed, format!("the run finished with {repeats} of this cell"))
        }
        (Completion::Unfinished, 0) => Finding::new(Outcome::Skipped, "not run: the run was interrupted"),
        (Completion::Unfinished, _) => {
            Finding::new(Outcome::Skipped, format!("not run: the run was interrupted after {repeats}"))
        }
    })
}

/// Scenes without a caption, and stages of stage 1 without a result.
fn failed_parts(spec: &CellSpec, repeats: &[&RepeatResult]) -> Option<Finding> {
    repeats.iter().find_map(|repeat| match (&spec.work, &repeat.output) {
        (Work::Stage1(stage1), Output::Stage1(output)) => failed_stages(stage1, output),
        (Work::Caption(_), Output::Caption { scenes }) => failed_scenes(scenes),
        (Work::Stage1(_), Output::Caption { .. }) => {
            Some(Finding::new(Outcome::Failed, "the runner answered a stage-1 cell with captions"))
        }
        (Work::Caption(_), Output::Stage1(_)) => {
            Some(Finding::new(Outcome::Failed, "the runner answered a captioning cell with stage-1 output"))
        }
    })
}

fn failed_stages(spec: &reelbench_protocol::Stage1Spec, output: &Stage1Output) -> Option<Finding> {
    if let Some(first) = output.failures.first() {
        let reasons: Vec<_> = output.failures.iter().map(placed).collect();
        return Some(Finding::new(Outcome::Failed, reasons.join("; ")).at(Place::from(first)));
    }
    let missing = match (&spec.scene, &output.scenes, &spec.asr, &output.transcript) {
        (Some(_), None, _, _) => Stage::Scene,
        (_, _, Some(_), None) => Stage::Asr,
        _ => return None,
    };
    let place = Place { stage: Some(missing), scene: None };
    Some(Finding::new(Outcome::Failed, format!("{missing}: the runner gave no result")).at(place))
}

fn failed_scenes(scenes: &[SceneCaption]) -> Option<Finding> {
    if scenes.is_empty() {
        return Some(Finding::new(Outcome::Failed, "the runner captioned no scene"));
    }
    let failed = || scenes.iter().filter_map(|scene| Some((scene, scene.failure.as_ref()?)));
    let (first, failure) = failed().next()?;
    let stage = failure.stage.map(|stage| format!("{stage}: ")).unwrap_or_default();
    let reason = format!(
        "{} of {} scenes failed: scene {}: {stage}{}",
        failed().count(),
        scenes.len(),
        first.scene,
        failure.message
    );
    let place = Place { stage: failure.stage, scene: Some(first.scene) };
    Some(Finding::new(Outcome::Failed, reason).at(place))
}

fn settings_differ(
    spec: &CellSpec,
    repeats: &[&RepeatResult],
    scenes_from: Option<&CellRecord>,
) -> Option<Finding> {
    let requested = spec.requested();
    repeats.iter().find_map(|repeat| {
        let found = differences(&requested, &in_force(repeat, scenes_from));
        let words: Vec<_> = found.iter().map(ToString::to_string).collect();
        (!words.is_empty()).then(|| {
            Finding::new(Outcome::Failed, format!("effective settings differ: {}", words.join("; ")))
        })
    })
}

/// The settings in force in a repeat. How its scenes were found, a captioning cell knows from the cell that found them.
fn in_force(repeat: &RepeatResult, scenes_from: Option<&CellRecord>) -> Settings {
    let mut settings = repeat.effective.clone();
    let found = scenes_from.and_then(|cell| cell.measured().first().map(|repeat| &repeat.effective));
    for (key, value) in found.into_iter().flatten().filter(|(key, _)| key.starts_with("scene.")) {
        settings.entry(key.clone()).or_insert_with(|| value.clone());
    }
    settings
}

/// Times that no clock can have measured.
fn impossible_times(repeats: &[&RepeatResult]) -> Option<Finding> {
    repeats.iter().find_map(|repeat| {
        let covered: u128 = repeat.spans.iter().map(|span| u128::from(span.duration_ns)).sum();
        if !(repeat.media_s.is_finite() && repeat.media_s > 0.0) {
            let length = repeat.media_s;
            Some(Finding::new(
                Outcome::Failed,
                format!("the film's length is {length} s: no real-time factor"),
            ))
        } else if covered > u128::from(repeat.wall_ns) {
            let reason = format!(
                "the spans of repeat {} sum to {covered} ns, but it took {} ns",
                repeat.repeat, repeat.wall_ns
            );
            Some(Finding::new(Outcome::Failed, reason))
        } else {
            None
        }
    })
}

fn repeats_differ(repeats: &[&RepeatResult]) -> Option<Finding> {
    let (first, others) = repeats.split_first()?;
    match &first.output {
        Output::Caption { .. } => {
            let differing: BTreeSet<u32> =
                others.iter().flat_map(|other| differing_scenes(first, other)).collect();
            scenes_finding(&differing, Instability::Repeats, "tokens differ between repeats")
        }
        Output::Stage1(first) => others.iter().find_map(|other| match &other.output {
            Output::Stage1(other) if first.scenes != other.scenes => Some(unstable_stage(Stage::Scene)),
            Output::Stage1(other) if first.transcript != other.transcript => Some(unstable_stage(Stage::Asr)),
            _ => None,
        }),
    }
}

fn unstable_stage(stage: Stage) -> Finding {
    let place = Place { stage: Some(stage), scene: None };
    Finding::new(Outcome::Unstable(Instability::Repeats), format!("{stage}: results differ between repeats"))
        .at(place)
}

/// The scenes whose tokens differ, those that only one of the two has included.
fn differing_scenes(a: &RepeatResult, b: &RepeatResult) -> BTreeSet<u32> {
    fn tokens(repeat: &RepeatResult) -> BTreeMap<u32, &[u32]> {
        match &repeat.output {
            Output::Caption { scenes } => scenes.iter().map(|s| (s.scene, s.tokens.as_slice())).collect(),
            Output::Stage1(_) => BTreeMap::new(),
        }
    }
    let (a, b) = (tokens(a), tokens(b));
    a.keys().chain(b.keys()).filter(|scene| a.get(scene) != b.get(scene)).copied().collect()
}

fn scenes_finding(scenes: &BTreeSet<u32>, instability: Instability, what: &str) -> Option<Finding> {
    let place = Place { stage: None, scene: Some(*scenes.first()?) };
    Some(Finding::new(Outcome::Unstable(instability), format!("{what} in {}", scene_words(scenes))).at(place))
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

/// The same cell with the cache off, for a cell that has it on.
fn without_cache(spec: &CellSpec) -> Option<CellSpec> {
    let mut reference = spec.clone();
    match &mut reference.work {
        Work::Caption(caption) if caption.settings.use_cache => caption.settings.use_cache = false,
        _ => return None,
    }
    Some(reference)
}

fn cache_changes_output(cell: &CellRecord, reference: &CellRecord) -> Option<Finding> {
    let (cell, reference) = (cell.measured(), reference.measured());
    let differing = differing_scenes(cell.first()?, reference.first()?);
    scenes_finding(&differing, Instability::Cache, "cache: tokens differ from those with use_cache false")
}

/// A failure's words with its stage and scene in front.
fn placed(failure: &Failure) -> String {
    match (failure.stage, failure.scene) {
        (None, Some(scene)) => format!("scene {scene}: {}", failure.message),
        _ => failure.to_string(),
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
