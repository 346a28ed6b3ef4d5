//! What the journal says of one cell by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use reelbench_protocol::{
    CellEnd, CellId, CellSpec, Failure, Output, RepeatResult, SceneCaption, Settings, Stage, Stage1Output,
    Stage1Spec, Work, differences,
};
use reelbench_stats::ever_enough;

use super::agreement::{between_repeats, with_and_without_cache};
use super::{Finding, Judgement, Outcome, Place};
use crate::run::{CellRecord, Completion, EarlyEnd, Run};

/// Judges a cell without looking at its peers.
pub(super) fn judge_alone(run: &Run, cell: &CellRecord, index: &BTreeMap<&CellId, &CellRecord>) -> Judgement {
    let repeats = cell.measured();
    let stage1 = cell.planned.stage1_from.as_ref().and_then(|id| index.get(id).copied());
    let finding = left_out(cell)
        .or_else(|| cell.ended.as_ref().map(ended))
        .or_else(|| incomplete(run, &repeats))
        .or_else(|| failed_parts(cell.spec(), &repeats))
        .or_else(|| settings_differ(cell.spec(), &repeats, stage1))
        .or_else(|| unsorted_sounds(&repeats))
        .or_else(|| between_repeats(&repeats))
        .or_else(|| cell.cache_check.as_ref().and_then(with_and_without_cache));
    let effective = repeats.first().map(|repeat| in_force(cell.spec(), repeat, stage1));
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

fn incomplete(run: &Run, repeats: &[&RepeatResult]) -> Option<Finding> {
    let seconds: Vec<f64> =
        repeats.iter().map(|repeat| Duration::from_nanos(repeat.wall_ns).as_secs_f64()).collect();
    if !repeats.is_empty() && ever_enough(run.repeats, &seconds).is_some() {
        return None;
    }
    let repeats = format!("{} of {} repeats", seconds.len(), run.repeats);
    let why = match run.completion {
        Completion::Finished => {
            let reason = format!("the run finished with {repeats} of this cell");
            return Some(Finding::new(Outcome::Failed, reason));
        }
        Completion::Unfinished => "the run was interrupted",
        Completion::OutOfTime => "the run's time was up",
    };
    let after = if seconds.is_empty() { String::new() } else { format!(" after {repeats}") };
    Some(Finding::new(Outcome::Skipped, format!("not run: {why}{after}")))
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

fn failed_stages(spec: &Stage1Spec, output: &Stage1Output) -> Option<Finding> {
    if let Some(first) = output.failures.first() {
        let reasons: Vec<_> = output.failures.iter().map(placed).collect();
        return Some(Finding::new(Outcome::Failed, reasons.join("; ")).at(Place::from(first)));
    }
    let stages = [
        (Stage::Scene, spec.scene.is_some(), output.scenes.is_some()),
        (Stage::Asr, spec.asr.is_some(), output.transcript.is_some()),
        (Stage::Ast, spec.ast.is_some(), output.sounds.is_some()),
        (Stage::Yolo, spec.yolo.is_some(), output.objects.is_some()),
    ];
    let (missing, ..) = stages.into_iter().find(|(_, is_asked, is_given)| *is_asked && !is_given)?;
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
    stage1: Option<&CellRecord>,
) -> Option<Finding> {
    let requested = spec.requested();
    repeats.iter().find_map(|repeat| {
        let found = differences(&requested, &in_force(spec, repeat, stage1));
        let words: Vec<_> = found.iter().map(ToString::to_string).collect();
        (!words.is_empty()).then(|| {
            Finding::new(Outcome::Failed, format!("effective settings differ: {}", words.join("; ")))
        })
    })
}

/// The settings in force in a repeat. How the base stages worked whose findings it uses, a captioning cell knows from the
/// cell that found them.
fn in_force(spec: &CellSpec, repeat: &RepeatResult, stage1: Option<&CellRecord>) -> Settings {
    let mut settings = repeat.effective.clone();
    let found = stage1.and_then(|cell| cell.measured().first().map(|repeat| &repeat.effective));
    let requested = spec.requested();
    let is_of_stage1 = |key: &str| key.contains('.') && requested.contains_key(key);
    for (key, value) in found.into_iter().flatten().filter(|(key, _)| is_of_stage1(key)) {
        settings.entry(key.clone()).or_insert_with(|| value.clone());
    }
    settings
}

/// Labels that do not begin with the best: whoever reads the first takes the wrong one.
fn unsorted_sounds(repeats: &[&RepeatResult]) -> Option<Finding> {
    repeats.iter().find_map(|repeat| {
        let Output::Stage1(Stage1Output { sounds: Some(sounds), .. }) = &repeat.output else { return None };
        let unsorted =
            sounds.windows.iter().find(|window| !window.tags.is_sorted_by(|a, b| a.score >= b.score))?;
        let reason =
            format!("ast: the labels of the window at {} s do not begin with the best", unsorted.start_s);
        let place = Place { stage: Some(Stage::Ast), scene: None };
        Some(Finding::new(Outcome::Failed, reason).at(place))
    })
}

/// A failure's words with its stage and scene in front.
fn placed(failure: &Failure) -> String {
    match (failure.stage, failure.scene) {
        (None, Some(scene)) => format!("scene {scene}: {}", failure.message),
        _ => failure.to_string(),
    }
}
