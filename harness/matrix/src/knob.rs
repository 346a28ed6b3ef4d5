//! The settings of the base stages in one table: their names, what they may look like, and whom they mean something to.

use reelbench_protocol::{AsrEngine, Detector, Quantization, Tracker, Unit, words};

use crate::shape::{Key, Shape};

/// A stage before captioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum BaseStage {
    Scene,
    Asr,
    Ast,
    Yolo,
}
words!(BaseStage { Scene => "scene", Asr => "asr", Ast => "ast", Yolo => "yolo" });

pub(crate) const WEIGHTS: Shape = Shape::TEXT;
pub(crate) const QUANTIZATION: Shape = Shape::word::<Quantization>();
pub(crate) const NUM_BEAMS: Shape = Shape::up_to(64);
pub(crate) const DURATION: Shape = Shape::Text { pattern: None, such_as: Some("30m") };

const DETECTOR: Shape = Shape::word::<Detector>();
const THRESHOLD: Shape = Shape::Number { least: 0.0, most: 1000.0 };
const MIN_SCENE_LEN: Shape = Shape::up_to(1_000_000);
/// `local` says where Whisper is, as the names of the others do.
const ENGINE: Shape = Shape::Word {
    words: <AsrEngine as crate::words::Closed>::words,
    aliases: &[("local", "whisper")],
    unavailable: &[],
};
const ENDPOINT: Shape = Shape::pattern("^https?://[^/?#@\\s]+(/[^?#\\s]*)?$");
const API_VERSION: Shape = Shape::pattern("^[A-Za-z0-9.-]{1,40}$");
const REQUESTS_PER_MINUTE: Shape = Shape::up_to(1_000_000);
const PER: Shape = Shape::word::<Unit>();
const CONCURRENCY: Shape = Shape::up_to(1024);
const BATCH: Shape = Shape::up_to(256);
const EVERY_NTH_FRAME: Shape = Shape::up_to(100_000);
const TRACKER: Shape =
    Shape::Word { words: <Tracker as crate::words::Closed>::words, aliases: &[], unavailable: &["botsort"] };

/// Makes the enum and what can be looked up by it.
macro_rules! knobs {
    ($($stage:expr => { $($knob:ident $name:literal $key:expr;)+ })+) => {
        /// A setting of the base stages, in the order in which axes are multiplied: the first varies slowest.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Knob {
            $($($knob),+),+
        }

        impl Knob {
            pub(crate) const ALL: &'static [Self] = &[$($(Self::$knob),+),+];

            /// The key in an entry of `exclude` or `include` and in `--only`.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $($(Self::$knob => $name),+),+
                }
            }

            /// The stage it belongs to; none for how the stages are run.
            pub(crate) const fn stage(self) -> Option<BaseStage> {
                match self {
                    $($(Self::$knob)|+ => $stage),+
                }
            }

            /// The key in its part of `stage1`.
            pub(crate) const fn key(self) -> Key {
                match self {
                    $($(Self::$knob => $key),+),+
                }
            }
        }
    };
}

knobs! {
    Some(BaseStage::Scene) => {
        SceneDetector "scene.detector"
            Key::optional("detector", Shape::Axis(&DETECTOR), "Detector; default content.");
        SceneThreshold "scene.threshold"
            Key::optional("threshold", Shape::Axis(&THRESHOLD), "Default 27 for content, 3 for adaptive.");
        SceneMinSceneLen "scene.min_scene_len"
            Key::optional("min_scene_len", Shape::Axis(&MIN_SCENE_LEN), "Shortest scene in frames; default 15.");
    }
    Some(BaseStage::Asr) => {
        AsrEngine "asr.engine"
            Key::optional("engine", Shape::Axis(&ENGINE), "Who transcribes; default whisper, also called local.");
        AsrWeights "asr.weights"
            Key::optional("weights", Shape::Axis(&WEIGHTS), "The model of whisper: path, hf:owner/name or dummy:preset.");
        AsrQuantization "asr.quantization"
            Key::optional("quantization", Shape::Axis(&QUANTIZATION), "Storage of whisper's weights; default none.");
        AsrNumBeams "asr.num_beams"
            Key::optional("num_beams", Shape::Axis(&NUM_BEAMS), "Beams of whisper, 1 is greedy; default 1.");
        AsrTemperatureFallback "asr.temperature_fallback"
            Key::optional("temperature_fallback", Shape::Axis(&Shape::Flag), "Whisper decodes again where the result looks wrong; default true, false with dummy weights.");
        AsrEndpoint "asr.endpoint"
            Key::optional("endpoint", ENDPOINT, "Where a remote engine is, such as https://NAME.openai.azure.com; default https://api.openai.com/v1 for openai.");
        AsrModel "asr.model"
            Key::optional("model", Shape::TEXT, "The remote model, for azure the name of its deployment.");
        AsrRequestsPerMinute "asr.requests_per_minute"
            Key::optional("requests_per_minute", Shape::Axis(&REQUESTS_PER_MINUTE), "Most requests to a remote engine; default without limit.");
        AsrRequestTimeout "asr.request_timeout"
            Key::optional("request_timeout", DURATION, "Longest time of a request to a remote engine; default 60s.");
        AsrApiVersion "asr.api_version"
            Key::optional("api_version", API_VERSION, "Version of azure's interface.");
        AsrPer "asr.per"
            Key::optional("per", Shape::Axis(&PER), "What one request covers; default file.");
        AsrConcurrency "asr.concurrency"
            Key::optional("concurrency", Shape::Axis(&CONCURRENCY), "Requests at once; default 1.");
    }
    Some(BaseStage::Ast) => {
        AstWeights "ast.weights"
            Key::required("weights", Shape::Axis(&WEIGHTS), "The model: path, hf:owner/name or dummy:preset.");
        AstQuantization "ast.quantization"
            Key::optional("quantization", Shape::Axis(&QUANTIZATION), "Storage of the weights; default none.");
        AstPer "ast.per"
            Key::optional("per", Shape::Axis(&PER), "What is cut into windows; default file.");
        AstBatch "ast.batch"
            Key::optional("batch", Shape::Axis(&BATCH), "Windows taken through the model together; default 1.");
    }
    Some(BaseStage::Yolo) => {
        YoloWeights "yolo.weights"
            Key::required("weights", Shape::Axis(&WEIGHTS), "The model: path, hf:owner/name or dummy:preset.");
        YoloEveryNthFrame "yolo.every_nth_frame"
            Key::optional("every_nth_frame", Shape::Axis(&EVERY_NTH_FRAME), "Looks at frames 0, n, 2n and so on; default 5.");
        YoloTracker "yolo.tracker"
            Key::optional("tracker", Shape::Axis(&TRACKER), "What joins boxes into tracks; default bytetrack.");
    }
    None => {
        Parallel "parallel"
            Key::optional("parallel", Shape::Axis(&Shape::Flag), "Speech and sounds side by side; default false.");
    }
}

impl Knob {
    /// The knobs of a stage.
    pub(crate) fn of_stage(stage: BaseStage) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |knob| knob.stage() == Some(stage))
    }

    /// What one value looks like.
    pub(crate) const fn shape(self) -> Shape {
        match self.key().shape {
            Shape::Axis(one) => *one,
            one => one,
        }
    }

    /// Whether it means anything to an engine.
    pub(crate) fn is_for(self, engine: AsrEngine) -> bool {
        match self {
            Self::AsrWeights | Self::AsrQuantization | Self::AsrNumBeams | Self::AsrTemperatureFallback => {
                engine == AsrEngine::Whisper
            }
            Self::AsrEndpoint | Self::AsrModel | Self::AsrRequestsPerMinute | Self::AsrRequestTimeout => {
                engine != AsrEngine::Whisper
            }
            Self::AsrApiVersion => engine == AsrEngine::Azure,
            _ => true,
        }
    }

    /// Whether another value can find something else, and not only take another time.
    pub(crate) fn changes_output(self) -> bool {
        !matches!(self, Self::AsrConcurrency | Self::AsrRequestsPerMinute | Self::AstBatch | Self::Parallel)
    }
}

/// The keys of a stage's part of `stage1`.
pub(crate) const fn keys_of<const N: usize>(stage: BaseStage) -> [Key; N] {
    let mut keys = [Knob::Parallel.key(); N];
    let (mut from, mut to) = (0, 0);
    while from < Knob::ALL.len() {
        if let Some(of) = Knob::ALL[from].stage()
            && of as u8 == stage as u8
        {
            keys[to] = Knob::ALL[from].key();
            to += 1;
        }
        from += 1;
    }
    assert!(to == N, "N is the number of the stage's knobs");
    keys
}

/// The keys of an entry of `exclude` or `include`: those of `before`, then every knob.
pub(crate) const fn entry_keys<const N: usize>(before: &[Key]) -> [Key; N] {
    let mut keys = [Knob::Parallel.key(); N];
    let mut at = 0;
    while at < N {
        keys[at] = if at < before.len() { before[at] } else { entry_key(Knob::ALL[at - before.len()]) };
        at += 1;
    }
    assert!(N == before.len() + Knob::ALL.len(), "N is the number of all of them");
    keys
}

const fn entry_key(knob: Knob) -> Key {
    let about = match knob.stage() {
        Some(BaseStage::Scene) => "As in `stage1.scene`.",
        Some(BaseStage::Asr) => "As in `stage1.asr`.",
        Some(BaseStage::Ast) => "As in `stage1.ast`.",
        Some(BaseStage::Yolo) => "As in `stage1.yolo`.",
        None => "As in `stage1`.",
    };
    Key::optional(knob.name(), knob.shape(), about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knob_is_called_by_its_stage_and_its_key() {
        for knob in Knob::ALL {
            let key = knob.key().name;
            let name = knob.stage().map_or_else(|| key.to_owned(), |stage| format!("{stage}.{key}"));
            assert_eq!(knob.name(), name);
        }
    }
}
