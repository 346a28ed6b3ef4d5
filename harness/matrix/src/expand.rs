//! From a matrix to its cells.

use std::collections::{HashMap, HashSet};

use reelbench_protocol::{
    AsrSpec, Capabilities, CaptionSettings, CaptionSpec, CellId, CellSpec, PlannedCell, SceneSpec,
    SkippedCell, Stage1Spec, Work,
};

use crate::combination::{Adds, Combination};
use crate::matrix::{AsrAxes, Matrix, Model, SceneAxes, Video};
use crate::problem::{MatrixError, Problem};
use crate::setting::SettingName;
use crate::support;

/// Most cells a matrix may have before `exclude`.
const MAX_CELLS: u128 = 100_000;

/// The cells of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    /// What will be done: stage-1 cells, then captions, each in the order of the matrix.
    pub cells: Vec<PlannedCell>,
    /// Cells that cannot be done, with the reason.
    pub skipped: Vec<SkippedCell>,
    /// What has no effect.
    pub warnings: Vec<Problem>,
}

/// A cell on its way into the plan.
pub(crate) struct Draft<'m> {
    pub(crate) spec: CellSpec,
    /// The captioner, of a caption.
    pub(crate) model: Option<&'m Model>,
    /// The entry of `include` that added it.
    pub(crate) added_by: Option<&'m Combination>,
}

impl Matrix {
    /// Every cell of the matrix, in its order.
    ///
    /// - Stage 1: every film × every combination of the axes of `stage1`.
    /// - Captions: every film × model × combination of its settings × distinct scene detection.
    ///   The scenes come from the first stage-1 cell of the film with that detection; without
    ///   `stage1.scene` a film is one scene.
    /// - An entry of `exclude` leaves out the cells that have all its values. Models and settings
    ///   are values of captions, `asr.` keys of stage-1 cells, `scene.` keys of both.
    /// - Entries of `include` come after that and add cells: a stage-1 cell when all that an entry
    ///   names beside the film is of stage 1, else a caption. A film or model that it leaves out
    ///   means every one; any other key means the first value of its axis. The stage-1 cell that a
    ///   caption needs is added with it.
    /// - A cell that arises twice is one cell.
    ///
    /// # Errors
    /// Everything asked for that the runner does not offer, and settings that contradict each
    /// other, at their lines.
    pub fn expand(&self, capabilities: &Capabilities) -> Result<Expansion, MatrixError> {
        self.check_size()?;
        let mut excluded = Excluded::new(&self.exclude);
        let drafts = self.drafts(&mut excluded);
        let problems = support::problems(self, &drafts, capabilities);
        if !problems.is_empty() {
            return Err(MatrixError::new(&self.file, &self.text, problems));
        }
        let (cells, skipped) = link(drafts);
        let mut warnings = self.warnings.clone();
        warnings.extend(excluded.idle());
        Ok(Expansion { cells, skipped, warnings })
    }

    fn check_size(&self) -> Result<(), MatrixError> {
        let scenes = self.scene.as_ref().map_or(1, SceneAxes::count);
        let speech = self.asr.as_ref().map_or(u128::from(self.scene.is_some()), AsrAxes::count);
        let settings = self.models.iter().map(Model::count).fold(0, u128::saturating_add);
        let cells =
            scenes.saturating_mul(settings.saturating_add(speech)).saturating_mul(self.videos.len() as u128);
        if cells <= MAX_CELLS {
            return Ok(());
        }
        let problem = Problem::error(format!("the axes multiply to {cells} cells, more than {MAX_CELLS}"))
            .help("shorten an axis, or split the matrix");
        Err(MatrixError::new(&self.file, &self.text, vec![problem]))
    }

    /// Every cell that `exclude` leaves, then those that `include` adds; stage 1 first.
    fn drafts<'m>(&'m self, excluded: &mut Excluded<'m>) -> Vec<Draft<'m>> {
        let detections = self.detections();
        let mut stage1 = self.stage1_drafts(&detections);
        stage1.retain(|draft| excluded.keeps(&draft.spec));
        let mut captions = Vec::new();
        for video in &self.videos {
            for model in &self.models {
                for settings in combinations(model) {
                    for scene in &detections {
                        let spec = self.caption(video, model, settings.clone(), *scene);
                        captions.push(Draft { spec, model: Some(model), added_by: None });
                    }
                }
            }
        }
        captions.retain(|draft| excluded.keeps(&draft.spec));
        let mut found: HashSet<SceneKey> =
            stage1.iter().filter_map(|draft| SceneKey::found_by(&draft.spec)).collect();
        for entry in &self.include {
            let mut finders = self.added_stage1(entry);
            if entry.adds() == Adds::Caption {
                let added = self.added_captions(entry);
                let wanted: HashSet<SceneKey> =
                    added.iter().filter_map(|draft| SceneKey::wanted_by(&draft.spec)).collect();
                finders.retain(|draft| {
                    SceneKey::found_by(&draft.spec)
                        .is_some_and(|key| wanted.contains(&key) && !found.contains(&key))
                });
                captions.extend(added);
            }
            found.extend(finders.iter().filter_map(|draft| SceneKey::found_by(&draft.spec)));
            stage1.extend(finders);
        }
        stage1.extend(captions);
        stage1
    }

    /// The distinct scene detections; one `None` where a film is one scene.
    fn detections(&self) -> Vec<Option<SceneSpec>> {
        self.scene
            .as_ref()
            .map_or_else(|| vec![None], |axes| axes.combinations().into_iter().map(Some).collect())
    }

    fn stage1_drafts(&self, detections: &[Option<SceneSpec>]) -> Vec<Draft<'_>> {
        if self.scene.is_none() && self.asr.is_none() {
            return Vec::new();
        }
        let speech = self
            .asr
            .as_ref()
            .map_or_else(|| vec![None], |axes| axes.combinations().into_iter().map(Some).collect());
        let mut drafts = Vec::new();
        for video in &self.videos {
            for scene in detections {
                for asr in &speech {
                    drafts.push(stage1(video, *scene, asr.clone(), None));
                }
            }
        }
        drafts
    }

    fn caption(
        &self,
        video: &Video,
        model: &Model,
        settings: CaptionSettings,
        scene: Option<SceneSpec>,
    ) -> CellSpec {
        let work = Work::Caption(CaptionSpec {
            model: model.id.clone(),
            family: model.family.value,
            weights: model.weights.value.clone(),
            question: model.question.clone(),
            prompt: model.prompt.clone(),
            settings,
            scene,
            max_scenes: self.run.max_scenes,
        });
        CellSpec { video: video.spec.clone(), work }
    }

    fn added_stage1<'m>(&'m self, entry: &'m Combination) -> Vec<Draft<'m>> {
        let scene = self.added_detection(entry);
        let asr = self.asr.as_ref().and_then(|axes| added_speech(axes, entry));
        self.videos_of(entry).map(|video| stage1(video, scene, asr.clone(), Some(entry))).collect()
    }

    fn added_captions<'m>(&'m self, entry: &'m Combination) -> Vec<Draft<'m>> {
        let scene = self.added_detection(entry);
        let mut drafts = Vec::new();
        for video in self.videos_of(entry) {
            for model in &self.models {
                let named = entry.model.as_ref().is_none_or(|id| *id == model.id);
                let able = entry.settings.iter().all(|setting| model.axis(setting.value.name()).is_some());
                if named && able {
                    let settings = added_settings(model, entry);
                    let spec = self.caption(video, model, settings, scene);
                    drafts.push(Draft { spec, model: Some(model), added_by: Some(entry) });
                }
            }
        }
        drafts
    }

    fn videos_of<'m>(&'m self, entry: &'m Combination) -> impl Iterator<Item = &'m Video> {
        self.videos.iter().filter(|video| entry.video.as_ref().is_none_or(|id| *id == video.spec.id))
    }

    fn added_detection(&self, entry: &Combination) -> Option<SceneSpec> {
        let axes = self.scene.as_ref()?;
        let named = &entry.scene;
        let threshold = named.threshold.as_ref().or_else(|| axes.threshold.as_ref()?.first());
        Some(SceneAxes::spec(
            named.detector.as_ref().or_else(|| axes.detector.first())?.value,
            threshold.map(|threshold| threshold.value),
            named.min_scene_len.as_ref().or_else(|| axes.min_scene_len.first())?.value,
        ))
    }
}

fn stage1<'m>(
    video: &Video,
    scene: Option<SceneSpec>,
    asr: Option<AsrSpec>,
    added_by: Option<&'m Combination>,
) -> Draft<'m> {
    let work = Work::Stage1(Stage1Spec { scene, asr });
    Draft { spec: CellSpec { video: video.spec.clone(), work }, model: None, added_by }
}

/// Every combination of a model's settings; the first axis varies slowest.
fn combinations(model: &Model) -> Vec<CaptionSettings> {
    let mut all = vec![CaptionSettings::default()];
    for axis in &model.axes {
        let mut longer = Vec::with_capacity(all.len() * axis.len());
        for settings in all {
            for value in axis {
                let mut settings = settings.clone();
                value.value.apply(&mut settings);
                longer.push(settings);
            }
        }
        all = longer;
    }
    all
}

fn added_settings(model: &Model, entry: &Combination) -> CaptionSettings {
    let mut settings = CaptionSettings::default();
    for axis in &model.axes {
        let Some(first) = axis.first() else { continue };
        let value = entry.setting(first.value.name()).unwrap_or(first);
        value.value.apply(&mut settings);
    }
    settings
}

fn added_speech(axes: &AsrAxes, entry: &Combination) -> Option<AsrSpec> {
    let named = &entry.asr;
    Some(AsrSpec {
        engine: named.engine.as_ref().or_else(|| axes.engine.first())?.value,
        weights: named.weights.as_ref().or_else(|| axes.weights.first())?.value.clone(),
        per: named.per.as_ref().or_else(|| axes.per.first())?.value,
        concurrency: named.concurrency.as_ref().or_else(|| axes.concurrency.first())?.value,
        num_beams: named.num_beams.as_ref().or_else(|| axes.num_beams.first())?.value,
    })
}

/// `exclude`, and which of its entries had an effect.
struct Excluded<'m> {
    entries: Vec<(&'m Combination, bool)>,
}

impl<'m> Excluded<'m> {
    fn new(entries: &'m [Combination]) -> Self {
        Self { entries: entries.iter().map(|entry| (entry, false)).collect() }
    }

    /// Whether no entry leaves the cell out; every entry that does is marked.
    fn keeps(&mut self, spec: &CellSpec) -> bool {
        let mut keeps = true;
        for (entry, used) in &mut self.entries {
            if entry.matches(spec) {
                *used = true;
                keeps = false;
            }
        }
        keeps
    }

    /// A warning for each entry that left nothing out.
    fn idle(self) -> impl Iterator<Item = Problem> {
        self.entries.into_iter().filter(|(_, used)| !used).map(|(entry, _)| {
            Problem::warning("this entry of `exclude` matches no cell").at(entry.place).help(
                "models and settings are values of captions, `asr.` keys of stage-1 cells, `scene.` keys of both",
            )
        })
    }
}

/// A film and how its scenes are found.
#[derive(PartialEq, Eq, Hash)]
struct SceneKey {
    video: reelbench_protocol::VideoId,
    detector: reelbench_protocol::Detector,
    threshold_bits: u64,
    min_scene_len: u32,
}

impl SceneKey {
    fn new(spec: &CellSpec, scene: SceneSpec) -> Self {
        Self {
            video: spec.video.id.clone(),
            detector: scene.detector,
            threshold_bits: scene.threshold.to_bits(),
            min_scene_len: scene.min_scene_len,
        }
    }

    /// The scenes that a stage-1 cell finds.
    fn found_by(spec: &CellSpec) -> Option<Self> {
        match &spec.work {
            Work::Stage1(stage1) => stage1.scene.map(|scene| Self::new(spec, scene)),
            Work::Caption(_) => None,
        }
    }

    /// The scenes that a caption is about.
    fn wanted_by(spec: &CellSpec) -> Option<Self> {
        match &spec.work {
            Work::Stage1(_) => None,
            Work::Caption(caption) => caption.scene.map(|scene| Self::new(spec, scene)),
        }
    }
}

/// Gives cells their ids, merges equal ones and ties captions to the cells that find their scenes.
fn link(drafts: Vec<Draft<'_>>) -> (Vec<PlannedCell>, Vec<SkippedCell>) {
    let mut finders: HashMap<SceneKey, CellId> = HashMap::new();
    let mut seen: HashSet<CellId> = HashSet::new();
    let (mut cells, mut skipped) = (Vec::with_capacity(drafts.len()), Vec::new());
    for Draft { spec, .. } in drafts {
        let id = CellId::of(&spec);
        if !seen.insert(id.clone()) {
            continue;
        }
        if let Some(key) = SceneKey::found_by(&spec) {
            finders.entry(key).or_insert_with(|| id.clone());
        }
        let wanted = SceneKey::wanted_by(&spec);
        let scenes_from = wanted.as_ref().and_then(|key| finders.get(key)).cloned();
        let orphan = wanted.is_some() && scenes_from.is_none();
        let cell = PlannedCell { id, spec, scenes_from };
        if orphan {
            let reason = "every stage-1 cell that finds its scenes is excluded".to_owned();
            skipped.push(SkippedCell { cell, reason });
        } else {
            cells.push(cell);
        }
    }
    (cells, skipped)
}

impl Draft<'_> {
    /// Where the value of a setting of this caption stands: in the entry that added it, in the
    /// model's axis, or else where the model names its family.
    pub(crate) fn place_of(&self, name: SettingName) -> Option<crate::problem::Place> {
        let Work::Caption(caption) = &self.spec.work else { return None };
        let model = self.model?;
        let value = name.of(&caption.settings);
        let named = self.added_by.and_then(|entry| entry.setting(name)).and_then(|setting| setting.place);
        let in_axis = || {
            let axis = model.axis(name)?;
            axis.iter().find(|located| Some(located.value) == value)?.place
        };
        named.or_else(in_axis).or(model.family.place)
    }
}
