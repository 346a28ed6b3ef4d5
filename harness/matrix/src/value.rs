//! The value of a setting of the base stages.

use std::fmt;

use reelbench_protocol::{
    AsrEngine, AsrModel, AsrSpec, AstSpec, CellSpec, Quantization, RemoteSpec, SceneSpec, Tracker, Unit,
    Weights, WhisperSpec, Work, YoloSpec,
};

use crate::knob::Knob;
use crate::node::Node;
use crate::setting::FromNode;
use crate::shape::Shape;
use crate::words::Closed;

/// The value of a setting of the base stages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Flag(bool),
    Count(u32),
    Number(f64),
    Seconds(u32),
    /// One of a closed list.
    Word(&'static str),
    Text(String),
    Weights(Weights),
}

impl Value {
    /// The word of a closed choice.
    pub(crate) fn word(choice: impl Closed) -> Self {
        Self::Word(choice.word())
    }

    /// The value of a node, if it is of the shape; [`crate::check`] has said what is wrong if not.
    pub(crate) fn read(shape: &Shape, node: &Node) -> Option<Self> {
        match shape {
            Shape::Flag => FromNode::from_node(node).map(Self::Flag),
            Shape::Count { .. } => FromNode::from_node(node).map(Self::Count),
            Shape::Number { .. } => FromNode::from_node(node).map(Self::Number),
            Shape::Word { .. } => shape.word_of(node.text()?).map(Self::Word),
            Shape::Text { .. } => Some(Self::Text(node.text()?.to_owned())),
            Shape::FlagOr(_)
            | Shape::CountOr { .. }
            | Shape::OrNull(_)
            | Shape::Axis(_)
            | Shape::List { .. }
            | Shape::Map(_) => None,
        }
    }
}

impl fmt::Display for Value {
    /// As it would be written in a matrix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Seconds(seconds) => write!(f, "{seconds}s"),
            Self::Word(word) => f.write_str(word),
            Self::Text(text) => f.write_str(text),
            Self::Weights(weights) => write!(f, "{weights}"),
        }
    }
}

impl Knob {
    /// The value that a cell has, if it has one. A caption has those that decide what its scenes are and what its
    /// question tells; how fast that was found is no value of it.
    pub(crate) fn of(self, spec: &CellSpec) -> Option<Value> {
        match &spec.work {
            Work::Stage1(stage1) => match self {
                Self::Parallel => {
                    (stage1.asr.is_some() && stage1.ast.is_some()).then_some(Value::Flag(stage1.parallel))
                }
                _ => self
                    .of_scene(stage1.scene.as_ref())
                    .or_else(|| self.of_asr(stage1.asr.as_ref()))
                    .or_else(|| self.of_ast(stage1.ast.as_ref()))
                    .or_else(|| self.of_yolo(stage1.yolo.as_ref())),
            },
            Work::Caption(_) if !self.changes_output() => None,
            Work::Caption(caption) => self
                .of_scene(caption.scene.as_ref())
                .or_else(|| self.of_asr(caption.asr.as_ref()))
                .or_else(|| self.of_ast(caption.ast.as_ref()))
                .or_else(|| self.of_yolo(caption.yolo.as_ref())),
        }
    }

    fn of_scene(self, scene: Option<&SceneSpec>) -> Option<Value> {
        let scene = scene?;
        Some(match self {
            Self::SceneDetector => Value::word(scene.detector),
            Self::SceneThreshold => Value::Number(scene.threshold),
            Self::SceneMinSceneLen => Value::Count(scene.min_scene_len),
            _ => return None,
        })
    }

    fn of_asr(self, asr: Option<&AsrSpec>) -> Option<Value> {
        let asr = asr?;
        match (self, &asr.model) {
            (Self::AsrEngine, model) => Some(Value::word(model.engine())),
            (Self::AsrPer, _) => Some(Value::word(asr.per)),
            (Self::AsrConcurrency, _) => Some(Value::Count(asr.concurrency)),
            (_, AsrModel::Whisper(whisper)) => self.of_whisper(whisper),
            (_, AsrModel::Azure(remote) | AsrModel::Openai(remote)) => self.of_remote(remote),
        }
    }

    fn of_whisper(self, whisper: &WhisperSpec) -> Option<Value> {
        Some(match self {
            Self::AsrWeights => Value::Weights(whisper.weights.clone()),
            Self::AsrQuantization => Value::word(whisper.quantization),
            Self::AsrNumBeams => Value::Count(whisper.num_beams),
            Self::AsrTemperatureFallback => Value::Flag(whisper.temperature_fallback),
            _ => return None,
        })
    }

    fn of_remote(self, remote: &RemoteSpec) -> Option<Value> {
        Some(match self {
            Self::AsrEndpoint => Value::Text(remote.endpoint.clone()),
            Self::AsrModel => Value::Text(remote.model.clone()),
            Self::AsrRequestsPerMinute => Value::Count(remote.requests_per_minute?),
            Self::AsrRequestTimeout => Value::Seconds(remote.request_timeout_s),
            Self::AsrApiVersion => Value::Text(remote.api_version.clone()?),
            _ => return None,
        })
    }

    fn of_ast(self, ast: Option<&AstSpec>) -> Option<Value> {
        let ast = ast?;
        Some(match self {
            Self::AstWeights => Value::Weights(ast.weights.clone()),
            Self::AstQuantization => Value::word(ast.quantization),
            Self::AstPer => Value::word(ast.per),
            Self::AstBatch => Value::Count(ast.batch),
            _ => return None,
        })
    }

    fn of_yolo(self, yolo: Option<&YoloSpec>) -> Option<Value> {
        let yolo = yolo?;
        Some(match self {
            Self::YoloWeights => Value::Weights(yolo.weights.clone()),
            Self::YoloEveryNthFrame => Value::Count(yolo.every_nth_frame),
            Self::YoloTracker => Value::word(yolo.tracker),
            _ => return None,
        })
    }

    /// Its value where the matrix gives none; `None` where that depends on others, or nothing will do.
    pub(crate) fn default_value(self) -> Option<Value> {
        Some(match self {
            Self::SceneDetector => Value::word(SceneSpec::default().detector),
            Self::SceneMinSceneLen => Value::Count(SceneSpec::default().min_scene_len),
            Self::AsrEngine => Value::word(AsrEngine::Whisper),
            Self::AsrQuantization | Self::AstQuantization => Value::word(Quantization::None),
            Self::AsrRequestTimeout => Value::Seconds(60),
            Self::AsrPer | Self::AstPer => Value::word(Unit::File),
            Self::AsrNumBeams | Self::AsrConcurrency | Self::AstBatch => Value::Count(1),
            Self::YoloEveryNthFrame => Value::Count(5),
            Self::YoloTracker => Value::word(Tracker::Bytetrack),
            Self::Parallel => Value::Flag(false),
            Self::SceneThreshold
            | Self::AsrWeights
            | Self::AsrTemperatureFallback
            | Self::AsrEndpoint
            | Self::AsrModel
            | Self::AsrRequestsPerMinute
            | Self::AsrApiVersion
            | Self::AstWeights
            | Self::YoloWeights => return None,
        })
    }
}
