//! From a matrix to its cells.

use std::collections::{BTreeSet, HashSet};

use reelbench_protocol::{
    Capabilities, CaptionSettings, CaptionSpec, CellSpec, Choice, PlannedCell, SkippedCell, Stage1Spec, Work,
};

use crate::axes::Pick;
use crate::combination::{Adds, Combination};
use crate::exclude::Excluded;
use crate::link::{Findings, Told, link};
use crate::matrix::{Matrix, Model, Video};
use crate::point::Point;
use crate::problem::{MatrixError, Place, Problem};
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
    ///   A key that means nothing to an engine does not multiply for it.
    /// - Captions: every film × model × combination of its settings × distinct scene detection × distinct
    ///   way of finding what the question tells of, where keys that only decide how fast it is found have
    ///   their first value. Scenes and findings come from the first stage-1 cell of the film that finds
    ///   them in that way; without `stage1.scene` a film is one scene.
    /// - An entry of `exclude` leaves out the cells that have all its values. Models and settings
    ///   are values of captions, `scene.` keys of both kinds, the other keys of stage-1 cells and of
    ///   captions whose question tells of that stage.
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
        let (cells, skipped) = link(drafts, &self.tellings());
        let mut warnings = self.warnings.clone();
        if cells.is_empty() && skipped.is_empty() {
            warnings.push(nothing_left(self.exclude.first().map(|entry| entry.place)));
        }
        warnings.extend(excluded.idle());
        Ok(Expansion { cells, skipped, warnings })
    }

    fn check_size(&self) -> Result<(), MatrixError> {
        let stage1 = if self.stage1.is_empty() { 0 } else { self.stage1.count(|_| Pick::Every) };
        let captions =
            |model: &Model| model.count().saturating_mul(self.stage1.count(|knob| model.pick(knob)));
        let each_film = self.models.iter().map(captions).fold(stage1, u128::saturating_add);
        let cells = each_film.saturating_mul(self.videos.len() as u128);
        if cells <= MAX_CELLS {
            return Ok(());
        }
        let problem = Problem::error(format!("the axes multiply to {cells} cells, more than {MAX_CELLS}"))
            .help("shorten an axis, or split the matrix");
        Err(MatrixError::new(&self.file, &self.text, vec![problem]))
    }

    /// Every cell that `exclude` leaves, then those that `include` adds; stage 1 first.
    fn drafts<'m>(&'m self, excluded: &mut Excluded<'m>) -> Vec<Draft<'m>> {
        let mut stage1 = self.stage1_drafts();
        stage1.retain(|draft| excluded.keeps(&draft.spec));
        let mut captions = self.caption_drafts();
        captions.retain(|draft| excluded.keeps(&draft.spec));
        let tellings = self.tellings();
        let offers = |draft: &Draft<'_>| -> Vec<Findings> {
            tellings.iter().filter_map(|told| Findings::offered_by(&draft.spec, told)).collect()
        };
        let mut found: HashSet<Findings> = stage1.iter().flat_map(offers).collect();
        for entry in &self.include {
            let mut finders = self.added_stage1(entry);
            if entry.adds() == Adds::Caption {
                let added = self.added_captions(entry);
                let wanted: HashSet<Findings> =
                    added.iter().filter_map(|draft| Findings::wanted_by(&draft.spec)).collect();
                let is_missing = |findings: &Findings| wanted.contains(findings) && !found.contains(findings);
                finders.retain(|draft| offers(draft).iter().any(is_missing));
                captions.extend(added);
            }
            found.extend(finders.iter().flat_map(offers));
            stage1.extend(finders);
        }
        stage1.extend(captions);
        stage1
    }

    /// The sets of stages that any question tells of.
    fn tellings(&self) -> BTreeSet<&Told> {
        self.models.iter().map(|model| &model.told).collect()
    }

    fn stage1_drafts(&self) -> Vec<Draft<'_>> {
        if self.stage1.is_empty() {
            return Vec::new();
        }
        let points = self.stage1.points(|_| Pick::Every);
        let specs: Vec<Stage1Spec> = points.iter().map(Point::stage1).collect();
        let of_film = |video| specs.iter().map(move |spec| stage1(video, spec.clone(), None));
        self.videos.iter().flat_map(of_film).collect()
    }

    fn caption_drafts(&self) -> Vec<Draft<'_>> {
        let mut of_models = Vec::with_capacity(self.models.len());
        for model in &self.models {
            let points = self.stage1.points(|knob| model.pick(knob));
            of_models.push((model, points.iter().map(Point::stage1).collect::<Vec<_>>()));
        }
        let mut drafts = Vec::new();
        for video in &self.videos {
            for (model, findings) in &of_models {
                for settings in combinations(model) {
                    for found in findings {
                        let spec = self.caption(video, model, settings.clone(), found.clone());
                        drafts.push(Draft { spec, model: Some(*model), added_by: None });
                    }
                }
            }
        }
        drafts
    }

    /// A caption of the scenes of `found` that tells of the rest of it.
    fn caption(
        &self,
        video: &Video,
        model: &Model,
        settings: CaptionSettings,
        found: Stage1Spec,
    ) -> CellSpec {
        let work = Work::Caption(CaptionSpec {
            model: model.id.clone(),
            family: model.family.value,
            weights: model.weights.value.clone(),
            question: model.question.clone(),
            prompt: model.prompt.clone(),
            seed: (settings.choice() == Choice::Sampled).then_some(self.run.seed),
            settings,
            scene: found.scene,
            asr: found.asr,
            ast: found.ast,
            yolo: found.yolo,
            max_scenes: self.run.max_scenes,
        });
        CellSpec { video: video.spec.clone(), work }
    }

    fn added_stage1<'m>(&'m self, entry: &'m Combination) -> Vec<Draft<'m>> {
        let spec = self.stage1.added(entry).stage1();
        self.videos_of(entry).map(|video| stage1(video, spec.clone(), Some(entry))).collect()
    }

    fn added_captions<'m>(&'m self, entry: &'m Combination) -> Vec<Draft<'m>> {
        let mut drafts = Vec::new();
        for video in self.videos_of(entry) {
            for model in self.models.iter().filter(|model| entry.is_for(model)) {
                let settings = added_settings(model, entry);
                let found = self.stage1.added(entry).only(|knob| model.pick(knob) != Pick::Nothing).stage1();
                let spec = self.caption(video, model, settings, found);
                drafts.push(Draft { spec, model: Some(model), added_by: Some(entry) });
            }
        }
        drafts
    }

    fn videos_of<'m>(&'m self, entry: &'m Combination) -> impl Iterator<Item = &'m Video> {
        self.videos.iter().filter(|video| entry.video.as_ref().is_none_or(|id| *id == video.spec.id))
    }
}

fn stage1<'m>(video: &Video, spec: Stage1Spec, added_by: Option<&'m Combination>) -> Draft<'m> {
    let spec = CellSpec { video: video.spec.clone(), work: Work::Stage1(spec) };
    Draft { spec, model: None, added_by }
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
    for name in SettingName::ALL {
        let first = || model.axis(name)?.first();
        if let Some(value) = entry.setting(name).or_else(first) {
            value.value.apply(&mut settings);
        }
    }
    settings
}

impl Draft<'_> {
    /// Where the value of a setting of this caption stands: in the entry that added it, in the
    /// model's axis, or else where the model names its family.
    pub(crate) fn place_of(&self, name: SettingName) -> Option<Place> {
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

/// What is left where everything is left out.
fn nothing_left(exclude: Option<Place>) -> Problem {
    Problem::warning("`exclude` leaves out every cell: nothing will run")
        .at(exclude)
        .help("remove an entry, or add cells by `include`")
}
