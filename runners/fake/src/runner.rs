//! The runner itself: made-up results, and what the script has in store.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use reelbench_kit::{Repeat, Runner, Stopwatch};
use reelbench_protocol::{
    AsrEngine, AsrSupport, AstSupport, Capabilities, CaptionSpec, CaptionerSupport, CellSpec, Detector,
    Dtype, Failure, FailureKind, Family, Hello, LoadSpec, MemoryEstimate, Models, Output, PROTOCOL_VERSION,
    Probe, Quantization, RunSpec, RunnerInfo, SceneCaption, SceneSupport, Settings, Stage, Tracker, Unit,
    Weights, WeightsPart, Work, YoloSupport,
};
use serde_json::{Value, json};

use crate::script::{Behaviour, Greeting, Script};
use crate::{made_up, misbehave, stage1};

/// Bytes that a model of the base stages claims.
const WEIGHTS_BYTES: u64 = 1_000_000;

/// Parts of a captioner and the bytes they claim.
const CAPTIONER_PARTS: [(&str, u64); 3] = [("vision", 300_000), ("projector", 20_000), ("language", 680_000)];

/// Bytes that a captioner claims to need beside its weights, for each beam.
const WORKING_BYTES: u64 = 5_000_000;

/// Bytes that one claims which no machine has.
const TOO_MANY_BYTES: u64 = 61_000_000_000_000;

/// Presets besides the behaviours, as real runners have them.
const GOOD_PRESETS: [&str; 6] =
    ["whisper-tiny.en", "ast-tiny", "yolov8n", "llava-next-tiny", "instructblip-tiny", "phi-3.5-vision-tiny"];

/// The runner.
#[derive(Debug)]
pub(crate) struct FakeRunner {
    script: Script,
}

impl FakeRunner {
    /// A runner that follows a script.
    pub(crate) fn new(script: Script) -> Self {
        Self { script }
    }
}

impl Runner for FakeRunner {
    fn hello(&self) -> Hello {
        let old = self.script.hello == Greeting::OldProtocol;
        Hello {
            protocol: if old { PROTOCOL_VERSION - 1 } else { PROTOCOL_VERSION },
            runner: RunnerInfo {
                name: "fake".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                libraries: BTreeMap::new(),
                threads: Some(1),
            },
            capabilities: Capabilities {
                estimates: self.script.estimates,
                slowdown: self.script.slowdown,
                ..capabilities()
            },
        }
    }

    fn estimate(&self, spec: &CellSpec) -> Result<MemoryEstimate, Failure> {
        let Work::Caption(caption) = &spec.work else {
            return Err(Failure::new(FailureKind::Unsupported, "only captions are estimated"));
        };
        let _ = writeln!(io::stderr(), "estimating {}", caption.weights);
        let behaviour = Behaviour::of([&caption.weights]);
        if behaviour == Behaviour::WrongFamily {
            let message = format!("{}: config.json is of `blip`, not {}", caption.weights, caption.family);
            return Err(Failure::new(FailureKind::Weights, message));
        }
        let parts = captioner_parts();
        let needed = WORKING_BYTES * u64::from(caption.settings.num_beams);
        Ok(MemoryEstimate {
            weights_bytes: parts.iter().map(|part| part.bytes).sum(),
            working_bytes: if behaviour == Behaviour::TooLarge { TOO_MANY_BYTES } else { needed },
            parts,
        })
    }

    fn load(&mut self, load: &LoadSpec) -> Result<Vec<WeightsPart>, Failure> {
        match &load.models {
            Models::Stage1 { asr, ast, yolo } => {
                let asr = asr.as_ref().map(|asr| &asr.weights);
                let ast = ast.as_ref().map(|ast| &ast.weights);
                let stages = [(Stage::Asr, asr), (Stage::Ast, ast), (Stage::Yolo, yolo.as_ref())];
                let wanted = stages.into_iter().filter_map(|(stage, weights)| Some((stage, weights?)));
                let part = |(stage, weights): (Stage, _)| {
                    load_one(weights).map(|()| WeightsPart::new(stage.as_str(), WEIGHTS_BYTES))
                };
                wanted.map(part).collect()
            }
            Models::Caption { weights, .. } => load_one(weights).map(|()| captioner_parts()),
        }
    }

    fn run(&mut self, run: &RunSpec, watch: &mut Stopwatch<'_>) -> Result<Repeat, Failure> {
        let behaviour = self.script.behaviour(run);
        let _ = writeln!(io::stderr(), "{} {} {}", run.spec, run.pass, run.repeat);
        match behaviour {
            Behaviour::Fail => {
                let message = format!("{}: no frame can be decoded", run.spec.video.path.display());
                return Err(Failure::new(FailureKind::Input, message).in_stage(Stage::Frames).in_scene(1));
            }
            Behaviour::OutOfMemory => {
                let message = "13 GB for the keys and values do not fit; lower max_new_tokens";
                return Err(Failure::new(FailureKind::Memory, message).in_stage(Stage::Prefill).in_scene(2));
            }
            Behaviour::Panic => fall_over(),
            _ => {}
        }
        watch.start();
        let output = match &run.spec.work {
            Work::Stage1(spec) => Output::Stage1(stage1::run(run, spec, behaviour, watch)),
            Work::Caption(caption) => Output::Caption { scenes: run_caption(run, caption, behaviour, watch) },
        };
        watch.stop();
        match behaviour {
            Behaviour::LongSpan => watch.time(Stage::Decode, None, || ()),
            Behaviour::LongOverlap => watch.record_since(Stage::Yolo, None, 0),
            _ => {}
        }
        Ok(Repeat {
            media_s: media_s(behaviour),
            output,
            effective: effective(run, behaviour),
            peak_vram_bytes: None,
        })
    }

    fn probe(&mut self, probe: &Probe) -> Result<Value, Failure> {
        match probe {
            Probe::Scenes(_) => Ok(json!(made_up::scenes())),
            Probe::Tag(_) => Ok(made_up::tag_probe()),
            Probe::Detect(_) => Ok(made_up::detect_probe()),
            Probe::Transcribe(_) | Probe::Caption(_) => {
                let message = "the fake runner probes nothing but scenes, sounds and objects";
                Err(Failure::new(FailureKind::Unsupported, message))
            }
        }
    }
}

fn captioner_parts() -> Vec<WeightsPart> {
    CAPTIONER_PARTS.iter().map(|&(part, bytes)| WeightsPart::new(part, bytes)).collect()
}

fn load_one(weights: &Weights) -> Result<(), Failure> {
    let _ = writeln!(io::stderr(), "loading {weights}");
    match Behaviour::of([weights]) {
        Behaviour::LoadFailure => {
            let message =
                format!("{weights}: model.safetensors lacks the tensor `lm_head.weight`; fetch it again");
            Err(Failure::new(FailureKind::Weights, message))
        }
        Behaviour::LoadOutOfMemory => {
            let message = format!("{weights} needs 14 GB and 8 GB are free; choose a quantization");
            Err(Failure::new(FailureKind::Memory, message))
        }
        Behaviour::LoadCrash => std::process::abort(),
        Behaviour::LoadHang => misbehave::hang(),
        Behaviour::LoadEatMemory => {
            misbehave::eat_memory();
            Ok(())
        }
        _ => Ok(()),
    }
}

fn capabilities() -> Capabilities {
    let presets: Vec<String> =
        Behaviour::NAMES.iter().chain(&GOOD_PRESETS).map(|&name| name.to_owned()).collect();
    let captioner = |&family: &Family| CaptionerSupport {
        family,
        quantization: Quantization::ALL.to_vec(),
        dtype: Dtype::ALL.to_vec(),
        use_cache: vec![true, false],
        max_num_beams: 1,
        max_batch_scenes: 8,
        num_crops: family == Family::Phi3V,
        sampling: true,
        presets: presets.clone(),
    };
    Capabilities {
        scene: Some(SceneSupport { detectors: Detector::ALL.to_vec() }),
        asr: Some(AsrSupport {
            engines: AsrEngine::ALL.to_vec(),
            per: Unit::ALL.to_vec(),
            max_concurrency: 8,
            max_num_beams: 5,
            quantization: Quantization::ALL.to_vec(),
            presets: presets.clone(),
        }),
        ast: Some(AstSupport {
            per: Unit::ALL.to_vec(),
            max_batch: 64,
            quantization: Quantization::ALL.to_vec(),
            presets: presets.clone(),
        }),
        yolo: Some(YoloSupport { trackers: Tracker::ALL.to_vec(), presets: presets.clone() }),
        parallel: true,
        captioners: Family::ALL.iter().map(captioner).collect(),
        devices: vec!["cpu".to_owned()],
        estimates: true,
        slowdown: true,
    }
}

fn run_caption(
    run: &RunSpec,
    caption: &CaptionSpec,
    behaviour: Behaviour,
    watch: &mut Stopwatch<'_>,
) -> Vec<SceneCaption> {
    let salt = match behaviour {
        Behaviour::Unstable => format!("{} {}", run.pass, run.repeat),
        Behaviour::CacheBug => caption.settings.use_cache.to_string(),
        _ => String::new(),
    };
    if behaviour == Behaviour::UncachedCrash && !caption.settings.use_cache {
        std::process::abort();
    }
    let middles = made_up::scene_middles(run, caption);
    let total = middles.len() as u32;
    let mut captions = Vec::new();
    for (scene, middle_s) in (0..).zip(middles) {
        for stage in [Stage::Frames, Stage::Preprocess, Stage::Vision, Stage::Prefill] {
            watch.time(stage, Some(scene), || ());
        }
        let ttft_ns = watch.elapsed_ns();
        watch.time(Stage::Decode, Some(scene), || take_time(behaviour));
        let said = made_up::caption(run, caption, scene, middle_s, &salt);
        captions.push(SceneCaption {
            ttft_ns: Some(ttft_ns),
            tokens: drifted(said.tokens, caption, behaviour),
            ..said
        });
        if scene == 0 {
            misbehave::progress(1, total);
            misbehave::in_repeat(behaviour, run);
        }
    }
    match (behaviour, captions.last_mut()) {
        (Behaviour::SceneFailure, Some(last)) => fail_scene(last),
        (Behaviour::MissingScene, Some(_)) => captions.truncate(captions.len() - 1),
        _ => {}
    }
    captions
}

/// The tokens, or others from where the script says the cache matters.
fn drifted(mut tokens: Vec<u32>, caption: &CaptionSpec, behaviour: Behaviour) -> Vec<u32> {
    if let (Behaviour::CacheDrift { token }, false) = (behaviour, caption.settings.use_cache) {
        tokens.iter_mut().skip(token as usize).for_each(|token| *token += 1);
    }
    tokens
}

fn fail_scene(caption: &mut SceneCaption) {
    let failure = Failure::new(FailureKind::Input, "no frame at its time").in_stage(Stage::Frames);
    caption.failure = Some(failure.in_scene(caption.scene));
    caption.finish = None;
    caption.tokens.clear();
    caption.text.clear();
}

/// As long as a piece of work takes: no time, unless the script says otherwise.
pub(crate) fn take_time(behaviour: Behaviour) {
    if let Behaviour::Slow { ms } = behaviour {
        thread::sleep(Duration::from_millis(ms));
    }
}

fn media_s(behaviour: Behaviour) -> f64 {
    match behaviour {
        Behaviour::NanTime => f64::NAN,
        Behaviour::NegativeTime => -made_up::media_s(),
        _ => made_up::media_s(),
    }
}

fn effective(run: &RunSpec, behaviour: Behaviour) -> Settings {
    let mut effective = made_up::effective(run);
    let last = run.spec.requested().pop_last().filter(|_| behaviour == Behaviour::Lie);
    effective.extend(last.map(|(name, value)| (name, other_than(&value))));
    effective
}

/// Another value of the same type.
fn other_than(value: &Value) -> Value {
    match value {
        Value::Bool(is_on) => json!(!is_on),
        Value::Number(number) => json!(number.as_f64().unwrap_or_default() + 1.0),
        _ => json!("another"),
    }
}

#[expect(clippy::panic, reason = "a runner that panics is one of the things a harness has to survive")]
fn fall_over() -> ! {
    panic!("index out of bounds")
}
