//! What the process holds, and which part answers which command.

use std::collections::BTreeMap;

use candle_core::Device as CandleDevice;
use reelbench_asr::Whisper;
use reelbench_ast::SoundTagger;
use reelbench_kit::{Repeat, Runner, Stopwatch};
use reelbench_protocol::{
    AsrModel, AsrSupport, Capabilities, CellSpec, Detector, Device, Failure, FailureKind, Hello, LoadSpec,
    MemoryEstimate, Models, PROTOCOL_VERSION, Probe, RunSpec, RunnerInfo, SceneSupport, Stage1Spec,
    WeightsPart, Work,
};
use reelbench_remote::{RemoteAsr, Service};
use reelbench_vlm::Captioner;
use reelbench_yolo::Detector as ObjectDetector;

use crate::stage1::{Recognizer, Stage1Models};
use crate::{caption, probe, stage1};

/// The runner: at most one load group's models.
#[derive(Default)]
pub(crate) struct CandleRunner {
    loaded: Option<LoadedModels>,
    /// Services asked before. They outlive a repeat as models do, since their limits do.
    services: Vec<(AsrModel, RemoteAsr)>,
}

enum LoadedModels {
    Stage1(Stage1Models),
    Caption(Box<Captioner>),
}

impl Runner for CandleRunner {
    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            runner: RunnerInfo {
                name: "candle".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                libraries: BTreeMap::from([
                    ("candle".to_owned(), env!("CANDLE_VERSION").to_owned()),
                    ("ffmpeg".to_owned(), reelbench_media::ffmpeg_version()),
                ]),
                threads: Some(candle_core::utils::get_num_threads() as u32),
            },
            capabilities: Capabilities {
                scene: Some(SceneSupport { detectors: Detector::ALL.to_vec() }),
                asr: Some(asr_support()),
                ast: Some(reelbench_ast::ast_support()),
                yolo: Some(reelbench_yolo::yolo_support()),
                parallel: true,
                captioners: reelbench_vlm::captioner_support(),
                devices: vec!["cpu".to_owned()],
                estimates: true,
                slowdown: true,
            },
        }
    }

    fn estimate(&self, spec: &CellSpec) -> Result<MemoryEstimate, Failure> {
        match &spec.work {
            Work::Caption(spec) => Ok(reelbench_vlm::memory(spec)?),
            Work::Stage1(_) => Err(Failure::new(
                FailureKind::Unsupported,
                "only captioning cells have an estimate of memory",
            )),
        }
    }

    fn load(&mut self, load: &LoadSpec) -> Result<Vec<WeightsPart>, Failure> {
        // Drop the old weights first: two 7B models do not fit beside each other.
        self.loaded = None;
        let device = open_device(load.device)?;
        let (loaded, parts) = match &load.models {
            Models::Stage1 { asr, ast, yolo } => {
                let mut models = Stage1Models::default();
                if let Some(asr) = asr {
                    models.asr = Some(Box::new(Whisper::load(&asr.weights, asr.quantization, &device)?));
                }
                if let Some(ast) = ast {
                    models.ast = Some(Box::new(SoundTagger::load(&ast.weights, ast.quantization, &device)?));
                }
                if let Some(weights) = yolo {
                    models.yolo = Some(Box::new(ObjectDetector::load(weights, &device)?));
                }
                let parts = models.weights_parts();
                (LoadedModels::Stage1(models), parts)
            }
            Models::Caption { family, weights, quantization, dtype } => {
                let captioner = Captioner::load(*family, weights, *quantization, *dtype, &device)?;
                let parts = captioner.weights();
                (LoadedModels::Caption(Box::new(captioner)), parts)
            }
        };
        self.loaded = Some(loaded);
        Ok(parts)
    }

    fn run(&mut self, run: &RunSpec, watch: &mut Stopwatch<'_>) -> Result<Repeat, Failure> {
        match (&run.spec.work, &mut self.loaded) {
            (Work::Stage1(spec), Some(LoadedModels::Stage1(models))) => {
                let recognizer = recognizer(spec, models, &mut self.services);
                stage1::run(&run.spec.video.path, spec, models, recognizer, watch)
            }
            (Work::Caption(spec), Some(LoadedModels::Caption(captioner))) => {
                caption::run(run, spec, captioner, watch)
            }
            _ => Err(Failure::new(FailureKind::Internal, "this cell's models are not the ones loaded")),
        }
    }

    fn probe(&mut self, probe: &Probe) -> Result<serde_json::Value, Failure> {
        probe::run(probe)
    }
}

/// Speech in this process and by services.
fn asr_support() -> AsrSupport {
    let mut support = reelbench_asr::asr_support();
    support.engines.extend(reelbench_remote::remote_engines());
    support
}

/// Who transcribes for a cell. A service is set up at its first use, outside of what is timed.
fn recognizer<'a>(
    spec: &Stage1Spec,
    models: &'a Stage1Models,
    services: &'a mut Vec<(AsrModel, RemoteAsr)>,
) -> Option<Recognizer<'a>> {
    let model = &spec.asr.as_ref()?.model;
    let (service, remote) = match model {
        AsrModel::Whisper(_) => {
            let missing = || Recognizer::Missing(stage1::not_loaded("speech is"));
            return Some(models.asr.as_deref().map_or_else(missing, Recognizer::Local));
        }
        AsrModel::Azure(remote) => (Service::Azure, remote),
        AsrModel::Openai(remote) => (Service::Openai, remote),
    };
    let known = services.iter().position(|(known, _)| known == model);
    let index = match known {
        Some(index) => index,
        None => match RemoteAsr::new(service, remote) {
            Ok(asr) => {
                services.push((model.clone(), asr));
                services.len() - 1
            }
            Err(error) => return Some(Recognizer::Missing(Failure::from(error))),
        },
    };
    services.get(index).map(|(_, asr)| Recognizer::Remote(asr))
}

/// Resolves a device.
pub(crate) fn open_device(device: Device) -> Result<CandleDevice, Failure> {
    match device {
        Device::Auto | Device::Cpu => Ok(CandleDevice::Cpu),
        Device::Cuda(ordinal) => Err(Failure::new(
            FailureKind::Unsupported,
            format_args!("cuda:{ordinal} needs a runner built with CUDA, which this one is not; use cpu"),
        )),
    }
}
