//! What the process holds, and which part answers which command.

use std::collections::BTreeMap;

use candle_core::Device as CandleDevice;
use reelbench_asr::Whisper;
use reelbench_kit::{Repeat, Runner, Stopwatch};
use reelbench_protocol::{
    Capabilities, Detector, Device, Failure, FailureKind, Hello, LoadSpec, Models, PROTOCOL_VERSION, Probe,
    RunSpec, RunnerInfo, SceneSupport, Work,
};
use reelbench_vlm::Captioner;

use crate::{caption, probe, stage1};

/// The runner: at most one load group's models.
#[derive(Default)]
pub(crate) struct CandleRunner {
    loaded: Option<LoadedModels>,
}

enum LoadedModels {
    Stage1(Option<Box<Whisper>>),
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
                asr: Some(reelbench_asr::asr_support()),
                captioners: reelbench_vlm::captioner_support(),
                devices: vec!["cpu".to_owned()],
            },
        }
    }

    fn load(&mut self, load: &LoadSpec) -> Result<u64, Failure> {
        // Drop the old weights first: two 7B models do not fit beside each other.
        self.loaded = None;
        let device = open_device(load.device)?;
        let (loaded, bytes) = match &load.models {
            Models::Stage1 { asr: None } => (LoadedModels::Stage1(None), 0),
            Models::Stage1 { asr: Some(weights) } => {
                let whisper = Whisper::load(weights, &device)?;
                let bytes = whisper.weights_bytes();
                (LoadedModels::Stage1(Some(Box::new(whisper))), bytes)
            }
            Models::Caption { family, weights, quantization, dtype } => {
                let captioner = Captioner::load(*family, weights, *quantization, *dtype, &device)?;
                let bytes = captioner.weights_bytes();
                (LoadedModels::Caption(Box::new(captioner)), bytes)
            }
        };
        self.loaded = Some(loaded);
        Ok(bytes)
    }

    fn run(&mut self, run: &RunSpec, watch: &mut Stopwatch<'_>) -> Result<Repeat, Failure> {
        match (&run.spec.work, &mut self.loaded) {
            (Work::Stage1(spec), Some(LoadedModels::Stage1(whisper))) => {
                stage1::run(&run.spec.video.path, spec, whisper.as_deref(), watch)
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
