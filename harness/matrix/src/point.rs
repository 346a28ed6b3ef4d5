//! One value of every knob, and the stages they make.

use reelbench_protocol::{
    AsrEngine, AsrModel, AsrSpec, AstSpec, Detector, RemoteSpec, SceneSpec, Stage1Spec, Weights, WhisperSpec,
    YoloSpec,
};

use crate::knob::Knob;
use crate::value::Value;
use crate::words::Closed;

/// Where `openai` is unless the matrix says otherwise.
const OPENAI_ENDPOINT: &str = "https://api.openai.com/v1";

/// One value of every knob of the stages that are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point<'m>(Vec<(Knob, &'m Value)>);

impl<'m> FromIterator<(Knob, &'m Value)> for Point<'m> {
    fn from_iter<I: IntoIterator<Item = (Knob, &'m Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<'m> Point<'m> {
    /// The same with one value more.
    pub(crate) fn with(&self, knob: Knob, value: &'m Value) -> Self {
        Self(self.0.iter().copied().chain([(knob, value)]).collect())
    }

    /// The values of some knobs only.
    pub(crate) fn only(mut self, wanted: impl Fn(Knob) -> bool) -> Self {
        self.0.retain(|(knob, _)| wanted(*knob));
        self
    }

    /// Who transcribes; none where speech is not wanted.
    pub(crate) fn engine(&self) -> Option<AsrEngine> {
        self.word(Knob::AsrEngine)
    }

    /// The stages whose every setting has a value.
    pub(crate) fn stage1(&self) -> Stage1Spec {
        Stage1Spec {
            scene: self.scene(),
            asr: self.asr(),
            ast: self.ast(),
            yolo: self.yolo(),
            parallel: self.flag(Knob::Parallel).unwrap_or(false),
        }
    }

    fn scene(&self) -> Option<SceneSpec> {
        let detector = self.word(Knob::SceneDetector)?;
        let threshold = self.number(Knob::SceneThreshold).unwrap_or(match detector {
            Detector::Content => 27.0,
            Detector::Adaptive => 3.0,
        });
        Some(SceneSpec { detector, threshold, min_scene_len: self.count(Knob::SceneMinSceneLen)? })
    }

    /// `None` also where the engine lacks a setting that it needs.
    pub(crate) fn asr(&self) -> Option<AsrSpec> {
        let model = match self.engine()? {
            AsrEngine::Whisper => AsrModel::Whisper(self.whisper()?),
            AsrEngine::Azure => {
                let api_version = self.text(Knob::AsrApiVersion).map(str::to_owned);
                AsrModel::Azure(RemoteSpec { api_version, ..self.remote(self.text(Knob::AsrEndpoint)?)? })
            }
            AsrEngine::Openai => {
                AsrModel::Openai(self.remote(self.text(Knob::AsrEndpoint).unwrap_or(OPENAI_ENDPOINT))?)
            }
        };
        let (per, concurrency) = (self.word(Knob::AsrPer)?, self.count(Knob::AsrConcurrency)?);
        Some(AsrSpec { model, per, concurrency })
    }

    fn whisper(&self) -> Option<WhisperSpec> {
        let weights = self.weights(Knob::AsrWeights)?;
        // What random weights say always looks wrong.
        let temperature_fallback = self.flag(Knob::AsrTemperatureFallback).unwrap_or(!weights.is_dummy());
        Some(WhisperSpec {
            quantization: self.word(Knob::AsrQuantization)?,
            num_beams: self.count(Knob::AsrNumBeams)?,
            temperature_fallback,
            weights,
        })
    }

    fn remote(&self, endpoint: &str) -> Option<RemoteSpec> {
        Some(RemoteSpec {
            endpoint: endpoint.to_owned(),
            model: self.text(Knob::AsrModel)?.to_owned(),
            requests_per_minute: self.count(Knob::AsrRequestsPerMinute),
            request_timeout_s: match self.get(Knob::AsrRequestTimeout)? {
                Value::Seconds(seconds) => *seconds,
                _ => return None,
            },
            api_version: None,
        })
    }

    fn ast(&self) -> Option<AstSpec> {
        Some(AstSpec {
            weights: self.weights(Knob::AstWeights)?,
            quantization: self.word(Knob::AstQuantization)?,
            per: self.word(Knob::AstPer)?,
            batch: self.count(Knob::AstBatch)?,
        })
    }

    fn yolo(&self) -> Option<YoloSpec> {
        Some(YoloSpec {
            weights: self.weights(Knob::YoloWeights)?,
            every_nth_frame: self.count(Knob::YoloEveryNthFrame)?,
            tracker: self.word(Knob::YoloTracker)?,
        })
    }

    fn get(&self, knob: Knob) -> Option<&'m Value> {
        self.0.iter().find(|(name, _)| *name == knob).map(|(_, value)| *value)
    }

    fn flag(&self, knob: Knob) -> Option<bool> {
        match self.get(knob)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    fn word<T: Closed>(&self, knob: Knob) -> Option<T> {
        match self.get(knob)? {
            Value::Word(word) => T::from_word(word),
            _ => None,
        }
    }

    fn count(&self, knob: Knob) -> Option<u32> {
        match self.get(knob)? {
            Value::Count(count) => Some(*count),
            _ => None,
        }
    }

    fn number(&self, knob: Knob) -> Option<f64> {
        match self.get(knob)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, knob: Knob) -> Option<&'m str> {
        match self.get(knob)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn weights(&self, knob: Knob) -> Option<Weights> {
        match self.get(knob)? {
            Value::Weights(weights) => Some(weights.clone()),
            _ => None,
        }
    }
}
