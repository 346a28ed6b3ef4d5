//! The one crate on both sides of the process boundary: units, ids, cell specifications, the
//! commands that `bench` sends to a runner, the events a runner answers with, and the journal
//! that keeps them.
//!
//! Every line on the wire is one JSON object. `PROTOCOL.md` beside this crate shows a whole
//! conversation; a runner in any language can take part.

mod capabilities;
mod cell;
mod command;
mod conditions;
mod context;
mod event;
mod failure;
mod findings;
mod id;
mod journal;
mod manifest;
mod metric;
mod probe;
mod question;
mod repetition;
mod requested;
mod scenes;
mod settings;
mod stage1;
mod weights;
mod words;

pub use capabilities::{
    AsrSupport, AstSupport, Capabilities, CaptionerSupport, Refusal, SLOWDOWN_VARIABLE, SceneSupport,
    YoloSupport,
};
pub use cell::{CaptionSpec, CellKind, CellSpec, Detector, SceneSpec, Stage1Spec, VideoSpec, Work};
pub use command::{Command, Device, LoadSpec, Models, Pass, RunSpec, StoredModel, frame_file};
pub use conditions::{Conditions, Frequency, GpuConditions, GpuProcess, Stalls};
pub use context::{SceneContext, SceneObject};
pub use event::{
    Activity, Event, Finish, Hello, Loaded, MemoryEstimate, Output, Progress, RepeatResult, RunnerInfo,
    SceneCaption, Span, Stage, Stage1Output, WeightsPart,
};
pub use failure::{Failure, FailureKind};
pub use findings::{FrameObjects, ObjectBox, Objects, SoundWindow, Sounds, Tag};
pub use id::{CellId, IdError, ModelId, VideoId};
pub use journal::{
    CacheVerdict, CellEnd, FirstDifference, JournalEvent, JournalLine, PlannedCell, SkippedCell,
};
pub use manifest::{
    Arm, Change, Environment, FileHash, FormatError, GitRevision, Manifest, ManifestError, Session,
    WeightsSource, check_format,
};
pub use metric::{Better, Metric};
pub use probe::{CaptionProbe, DetectProbe, Probe, SceneProbe, TagProbe, TranscribeProbe};
pub use question::{Placeholder, Question, QuestionError};
pub use repetition::{AdaptiveRepeats, Repeats, Warmup};
pub use requested::{Difference, Settings, differences, value_text, varying};
pub use scenes::{Scene, SceneList, Segment, TicksRun, TimeBase, Timeline, TimelineError, Transcript};
pub use settings::{CaptionSettings, Choice, Dtype, EarlyStopping, Family, Quantization};
pub use stage1::{AsrEngine, AsrModel, AsrSpec, AstSpec, RemoteSpec, Tracker, Unit, WhisperSpec, YoloSpec};
pub use weights::Weights;
pub use words::nearest;

/// Version of the runner protocol. A runner that says another one in its `hello` is refused.
pub const PROTOCOL_VERSION: u32 = 1;

/// Version of the run directory's files: manifest, journal, summary.
pub const RUN_FORMAT_VERSION: u32 = 1;
