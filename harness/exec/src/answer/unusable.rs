//! Why a result cannot be believed.

use std::time::Duration;

use reelbench_protocol::{CellKind, Stage};

/// What makes a result unusable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// It answers something that was not asked.
    #[error("it answers {answered} where {asked} was asked")]
    OtherRepeat {
        /// What it names.
        answered: String,
        /// What it should name.
        asked: String,
    },
    /// It holds the wrong kind of output.
    #[error("its output is not of the cell's kind")]
    OtherKind,
    /// A number that cannot be.
    #[error("{name} is {value}, which cannot be")]
    Absurd {
        /// What.
        name: String,
        /// Its value.
        value: f64,
    },
    /// More time than passed between the question and its answer.
    #[error("{name} is {claimed:?}, and the answer came after {waited:?}")]
    LongerThanWaited {
        /// What.
        name: &'static str,
        /// How long it took, as the runner says.
        claimed: Duration,
        /// How long its answer was waited for.
        waited: Duration,
    },
    /// A span of a stage that the cell's kind does not have.
    #[error("it has a span of {stage}, which is no stage of a {kind} cell")]
    OtherStage {
        /// The stage.
        stage: Stage,
        /// The cell's kind.
        kind: CellKind,
    },
    /// A span of a scene that was not asked about.
    #[error("it has a span of scene {scene} where {asked} scenes were asked")]
    SpanOfNoScene {
        /// The scene, counted from 0.
        scene: u32,
        /// How many scenes were asked about.
        asked: usize,
    },
    /// A span that ends after the repeat.
    #[error("the span of {stage} at {start_ns} ns ends after the repeat's {wall_ns} ns")]
    SpanOutside {
        /// Its stage.
        stage: Stage,
        /// Its start.
        start_ns: u64,
        /// The repeat's length.
        wall_ns: u64,
    },
    /// Captions for other scenes than those asked.
    #[error("it captions {answered} scenes in order where {asked} were asked")]
    OtherScenes {
        /// How many of its captions stand at their place.
        answered: usize,
        /// How many there should be.
        asked: usize,
    },
    /// A caption that neither ended nor failed, or both.
    #[error("scene {scene} needs either a finish or a failure")]
    Unfinished {
        /// The scene.
        scene: u32,
    },
    /// Scenes that do not follow each other.
    #[error("scene {scene} does not start where the one before it ends, or is empty")]
    Gap {
        /// The scene.
        scene: usize,
    },
    /// A scene with frames that the film does not have.
    #[error("scene {scene} ends with frame {end_frame} of a film of {frames} frames")]
    BeyondEnd {
        /// The scene.
        scene: usize,
        /// The frame after its last.
        end_frame: u32,
        /// How many frames the film has.
        frames: u32,
    },
    /// A list of no scenes: a film without a cut is one scene.
    #[error("its list of scenes is empty")]
    NoScenes,
    /// Windows or frames that are not in the order of time.
    #[error("{what} {index} does not come after the one before it, or ends before it begins")]
    Disorder {
        /// Windows of sound or frames.
        what: &'static str,
        /// Counted from 0.
        index: usize,
    },
    /// More of something than can be.
    #[error("{what} has {count}, more than {most}")]
    TooMany {
        /// What has them.
        what: String,
        /// How many.
        count: usize,
        /// How many there can be.
        most: usize,
    },
    /// Parts of weights that are not the whole.
    #[error("the parts of its weights do not sum to their {whole} bytes")]
    OtherParts {
        /// Bytes in all.
        whole: u64,
    },
    /// A timeline without a unit, with an empty run, or in which time does not go on.
    #[error("its timeline cannot be read: {0}")]
    Timeline(&'static str),
    /// A film whose length changes from repeat to repeat.
    #[error("media_s is {now}, and was {before} before: a film has one length")]
    OtherLength {
        /// In an earlier repeat of the cell.
        before: f64,
        /// In this one.
        now: f64,
    },
}
