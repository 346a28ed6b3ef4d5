//! Which stage-1 cell a caption takes its scenes and findings from.

use std::collections::{BTreeSet, HashMap, HashSet};

use reelbench_protocol::{
    AsrSpec, AstSpec, CellId, CellSpec, PlannedCell, SceneSpec, SkippedCell, VideoId, Work, YoloSpec,
};

use crate::expand::Draft;
use crate::knob::BaseStage;

/// The stages that a question tells of.
pub(crate) type Told = BTreeSet<BaseStage>;

/// A film, how its scenes are found, and how that is found which a question tells of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Findings(String);

impl Findings {
    fn new(
        video: &VideoId,
        scene: Option<&SceneSpec>,
        asr: Option<&AsrSpec>,
        ast: Option<&AstSpec>,
        yolo: Option<&YoloSpec>,
    ) -> Self {
        // Thresholds are numbers with a fraction, which have no hash of their own.
        let all = serde_json::to_string(&(video, scene, asr, ast, yolo));
        Self(all.unwrap_or_else(|error| error.to_string()))
    }

    /// What a caption needs of stage 1, if anything.
    pub(crate) fn wanted_by(spec: &CellSpec) -> Option<Self> {
        let Work::Caption(caption) = &spec.work else { return None };
        let (scene, asr) = (caption.scene.as_ref(), caption.asr.as_ref());
        let (ast, yolo) = (caption.ast.as_ref(), caption.yolo.as_ref());
        let anything = scene.is_some() || asr.is_some() || ast.is_some() || yolo.is_some();
        anything.then(|| Self::new(&spec.video.id, scene, asr, ast, yolo))
    }

    /// What a stage-1 cell finds for questions that tell of these stages.
    pub(crate) fn offered_by(spec: &CellSpec, told: &Told) -> Option<Self> {
        let Work::Stage1(stage1) = &spec.work else { return None };
        let asr = stage1.asr.as_ref().filter(|_| told.contains(&BaseStage::Asr));
        let ast = stage1.ast.as_ref().filter(|_| told.contains(&BaseStage::Ast));
        let yolo = stage1.yolo.as_ref().filter(|_| told.contains(&BaseStage::Yolo));
        Some(Self::new(&spec.video.id, stage1.scene.as_ref(), asr, ast, yolo))
    }
}

/// Gives cells their ids, merges equal ones and ties captions to the first cells that find what they need. `tellings`
/// are the sets of stages that any question tells of.
pub(crate) fn link(
    drafts: Vec<Draft<'_>>,
    tellings: &BTreeSet<&Told>,
) -> (Vec<PlannedCell>, Vec<SkippedCell>) {
    let mut finders: HashMap<Findings, CellId> = HashMap::new();
    let mut seen: HashSet<CellId> = HashSet::new();
    let (mut cells, mut skipped) = (Vec::with_capacity(drafts.len()), Vec::new());
    for Draft { spec, .. } in drafts {
        let id = CellId::of(&spec);
        if !seen.insert(id.clone()) {
            continue;
        }
        for findings in tellings.iter().filter_map(|told| Findings::offered_by(&spec, told)) {
            finders.entry(findings).or_insert_with(|| id.clone());
        }
        let wanted = Findings::wanted_by(&spec);
        let stage1_from = wanted.as_ref().and_then(|wanted| finders.get(wanted)).cloned();
        let orphan = wanted.is_some() && stage1_from.is_none();
        let cell = PlannedCell { id, spec, stage1_from };
        if orphan {
            let reason = format!("every stage-1 cell that finds {} is excluded", needs(&cell.spec));
            skipped.push(SkippedCell { cell, reason });
        } else {
            cells.push(cell);
        }
    }
    (cells, skipped)
}

fn needs(spec: &CellSpec) -> &'static str {
    match &spec.work {
        Work::Caption(caption)
            if caption.asr.is_some() || caption.ast.is_some() || caption.yolo.is_some() =>
        {
            "what its question tells of"
        }
        _ => "its scenes",
    }
}
