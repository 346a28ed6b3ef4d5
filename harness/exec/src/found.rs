//! What a stage-1 cell found, as far as captions need it.

use reelbench_protocol::{
    CaptionSpec, CellId, Failure, Placeholder, Question, QuestionError, SceneContext, SceneList, Stage,
    Stage1Output,
};

/// What a stage-1 cell found: its scenes, and of the rest what belongs to each of them. The output itself, with every
/// token and every box, stays in the journal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    scenes: Option<SceneList>,
    /// One for each scene; without scenes, one for the film.
    contexts: Vec<SceneContext>,
    failures: Vec<Failure>,
}

/// What one captioning cell takes from stage 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Feed {
    /// The scenes to caption; none where the film is one scene.
    pub(crate) scenes: Option<SceneList>,
    /// What is asked about each of them; empty where the cell's own question is asked about all.
    pub(crate) questions: Vec<String>,
}

/// Why a caption gets nothing from stage 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum FeedError {
    /// It was not found.
    #[error("needs the {what} of stage-1 cell {stage1}: {reason}")]
    Missing {
        /// Scenes, speech, …
        what: &'static str,
        /// The cell that should have found it.
        stage1: CellId,
        /// Why it did not.
        reason: String,
    },
    /// The journal of another version may have such a cell.
    #[error(transparent)]
    Question(#[from] QuestionError),
}

impl Found {
    /// What is kept of an output.
    pub(crate) fn of(output: &Stage1Output) -> Self {
        Self {
            scenes: output.scenes.clone(),
            contexts: output.contexts(output.scenes.as_ref().map(|list| list.scenes.as_slice())),
            failures: output.failures.clone(),
        }
    }

    /// What a caption takes of what the cell `stage1` found.
    ///
    /// # Errors
    /// When a stage that the caption needs failed.
    pub(crate) fn feed(&self, caption: &CaptionSpec, stage1: &CellId) -> Result<Feed, FeedError> {
        let missing =
            |what, stage| FeedError::Missing { what, stage1: stage1.clone(), reason: self.reason(stage) };
        let scenes = match &caption.scene {
            Some(_) => Some(self.scenes.clone().ok_or_else(|| missing("scenes", Stage::Scene))?),
            None => None,
        };
        let question: Question = caption.question.parse()?;
        for placeholder in question.placeholders() {
            let (what, stage) = source(placeholder);
            // A stage that failed in one scene left a gap there, which must not read as silence.
            let failed = self.failures.iter().any(|failure| failure.stage == Some(stage));
            if failed || !self.contexts.iter().all(|context| tells(context, placeholder)) {
                return Err(missing(what, stage));
            }
        }
        Ok(Feed { questions: questions(caption, &question, &self.contexts), scenes })
    }

    /// The failure of a stage, else of another one: without scenes the stages after it have nothing to work on.
    fn reason(&self, stage: Stage) -> String {
        let own = self.failures.iter().find(|failure| failure.stage == Some(stage));
        let failure = own.or_else(|| self.failures.first());
        failure.map_or_else(|| "it gave none and no reason".to_owned(), ToString::to_string)
    }
}

impl Feed {
    /// What a caption of a whole film takes of which nothing is told.
    ///
    /// # Errors
    /// When its question is no template.
    pub(crate) fn of_nothing(caption: &CaptionSpec) -> Result<Self, FeedError> {
        let question = caption.question.parse()?;
        Ok(Self { scenes: None, questions: questions(caption, &question, &[SceneContext::default()]) })
    }
}

impl FeedError {
    /// The cell `stage1` gave no result at all.
    pub(crate) fn no_result(caption: &CaptionSpec, stage1: &CellId, reason: String) -> Self {
        let what = if caption.scene.is_some() { "scenes" } else { "findings" };
        Self::Missing { what, stage1: stage1.clone(), reason }
    }
}

/// What a placeholder stands for, and the stage that finds it.
fn source(placeholder: Placeholder) -> (&'static str, Stage) {
    match placeholder {
        Placeholder::Transcript => ("speech", Stage::Asr),
        Placeholder::Sounds => ("sounds", Stage::Ast),
        Placeholder::Objects => ("objects", Stage::Yolo),
    }
}

fn tells(context: &SceneContext, placeholder: Placeholder) -> bool {
    match placeholder {
        Placeholder::Transcript => context.transcript.is_some(),
        Placeholder::Sounds => context.sounds.is_some(),
        Placeholder::Objects => context.objects.is_some(),
    }
}

/// A question for each context; none where all would be the cell's own.
fn questions(caption: &CaptionSpec, question: &Question, contexts: &[SceneContext]) -> Vec<String> {
    let is_plain =
        question.placeholders().is_empty() && question.about(&SceneContext::default()) == caption.question;
    if is_plain { Vec::new() } else { contexts.iter().map(|context| question.about(context)).collect() }
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{
        CaptionSettings, FailureKind, Family, Scene, SceneSpec, Segment, Sounds, TimeBase, Timeline,
        Transcript, Weights,
    };

    use super::*;

    fn caption(question: &str, scene: Option<SceneSpec>) -> CaptionSpec {
        CaptionSpec {
            model: "model".parse().unwrap(),
            family: Family::LlavaNext,
            weights: Weights::Dummy { preset: "ok".to_owned(), seed: 0 },
            question: question.to_owned(),
            prompt: None,
            seed: None,
            settings: CaptionSettings::default(),
            scene,
            asr: None,
            ast: None,
            yolo: None,
            max_scenes: None,
        }
    }

    fn output() -> Stage1Output {
        let scene = |start_frame, end_frame, start_s, end_s| Scene { start_frame, end_frame, start_s, end_s };
        let segment =
            |start, end, text: &str| Segment { start, end, text: text.to_owned(), tokens: vec![7; 100] };
        Stage1Output {
            scenes: Some(SceneList {
                fps: 10.0,
                timeline: Timeline::new(TimeBase { num: 1, den: 10 }),
                scenes: vec![scene(0, 50, 0.0, 5.0), scene(50, 100, 5.0, 10.0)],
            }),
            transcript: Some(Transcript {
                text: "one two".to_owned(),
                segments: vec![segment(0.0, 1.0, " one"), segment(6.0, 7.0, " {two}")],
            }),
            sounds: Some(Sounds::default()),
            ..Stage1Output::default()
        }
    }

    fn feed(output: &Stage1Output, question: &str) -> Result<Feed, FeedError> {
        let stage1 = "stage1".parse().unwrap();
        Found::of(output).feed(&caption(question, Some(SceneSpec::default())), &stage1)
    }

    #[test]
    fn a_question_is_asked_about_each_scene_with_what_was_found_in_it() {
        let told = feed(&output(), "Said: {transcript}. Heard: {sounds}. {{}}").unwrap();
        assert_eq!(told.questions, ["Said: one. Heard: none. {}", "Said: {two}. Heard: none. {}"]);
        assert_eq!(told.scenes, output().scenes);
        let whole = Found::of(&Stage1Output { scenes: None, ..output() });
        let asked = whole.feed(&caption("{transcript}", None), &"stage1".parse().unwrap()).unwrap();
        assert_eq!(asked, Feed { scenes: None, questions: vec!["one {two}".to_owned()] });
    }

    #[test]
    fn a_plain_question_is_the_cells_own_and_braces_are_rendered() {
        assert_eq!(feed(&output(), "What?").unwrap().questions, Vec::<String>::new());
        assert_eq!(feed(&output(), "{{What}}?").unwrap().questions, ["{What}?", "{What}?"]);
        let nothing = |question: &str| Feed::of_nothing(&caption(question, None)).unwrap().questions;
        assert_eq!(nothing("What?"), Vec::<String>::new());
        assert_eq!(nothing("{{What}}?"), ["{What}?"]);
    }

    #[test]
    fn what_is_missing_is_told_with_its_reason() {
        let failed = |stage| Failure::new(FailureKind::Input, "no sound track").in_stage(stage);
        let mut output = Stage1Output { transcript: None, ..output() };
        output.failures = vec![failed(Stage::Yolo), failed(Stage::Asr)];
        let said = |output: &Stage1Output, question: &str| feed(output, question).unwrap_err().to_string();
        assert_eq!(
            said(&output, "{transcript}"),
            "needs the speech of stage-1 cell stage1: asr: no sound track"
        );
        assert!(feed(&output, "{sounds}").is_ok(), "another stage's failure is no matter");
        output.failures.clear();
        assert_eq!(
            said(&output, "{objects}"),
            "needs the objects of stage-1 cell stage1: it gave none and no reason"
        );
        let gap = Stage1Output { failures: vec![failed(Stage::Ast).in_scene(1)], ..self::output() };
        assert_eq!(
            said(&gap, "{sounds}"),
            "needs the sounds of stage-1 cell stage1: ast, scene 1: no sound track"
        );
        let nothing = Stage1Output { failures: vec![failed(Stage::Scene)], ..Stage1Output::default() };
        assert_eq!(
            said(&nothing, "{sounds}"),
            "needs the scenes of stage-1 cell stage1: scene: no sound track"
        );
    }
}
