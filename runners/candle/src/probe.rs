//! One stage on one input; the result's keys are fixed by the command line's contract.

use std::time::Instant;

use reelbench_asr::{TemperatureFallback, Timestamps, TranscribeOptions, Whisper};
use reelbench_nn::StageObserver;
use reelbench_protocol::{CaptionProbe, Failure, FailureKind, Probe, SceneProbe, Stage, TranscribeProbe};
use reelbench_vlm::{CaptionRequest, Captioner};
use serde_json::{Map, Value, json};

use crate::runner::open_device;

pub(crate) fn run(probe: &Probe) -> Result<Value, Failure> {
    match probe {
        Probe::Scenes(probe) => scenes(probe),
        Probe::Transcribe(probe) => transcribe(probe),
        Probe::Caption(probe) => caption(probe),
    }
}

fn scenes(probe: &SceneProbe) -> Result<Value, Failure> {
    let detection = reelbench_media::detect_scenes(&probe.video, &probe.scene, &mut |_| {})?;
    let scenes: Vec<[u32; 2]> =
        detection.list.scenes.iter().map(|scene| [scene.start_frame, scene.end_frame]).collect();
    Ok(json!({
        "fps": detection.list.fps,
        "frames": detection.list.timeline.len(),
        "scenes": scenes,
        "content_val": detection.content_val,
    }))
}

fn transcribe(probe: &TranscribeProbe) -> Result<Value, Failure> {
    let audio = reelbench_media::decode_audio(&probe.media)?;
    let whisper = Whisper::load(&probe.weights, &open_device(probe.device)?)?;
    let options = TranscribeOptions {
        timestamps: if probe.timestamps { Timestamps::On } else { Timestamps::Off },
        num_beams: probe.num_beams,
        temperature_fallback: if probe.temperature_fallback {
            TemperatureFallback::On
        } else {
            TemperatureFallback::Off
        },
        ..TranscribeOptions::default()
    };
    let transcription = whisper.transcribe(&audio.samples, &options, &mut |_| {})?;
    Ok(json!({
        "duration_s": audio.duration_s(),
        "text": transcription.text,
        "segments": transcription.segments,
        "tokens": transcription.tokens,
    }))
}

fn caption(probe: &CaptionProbe) -> Result<Value, Failure> {
    refuse_crops(probe)?;
    let frames =
        probe.frames.iter().map(|path| reelbench_media::load_image(path)).collect::<Result<Vec<_>, _>>()?;
    let device = open_device(probe.device)?;
    let mut captioner =
        Captioner::load(probe.family, &probe.weights, probe.quantization, probe.dtype, &device)?;
    let request = CaptionRequest::from(probe);
    let mut effective = captioner.effective(&request);
    let generation = &request.generation;
    for (name, value) in [
        ("repetition_penalty", json!(generation.repetition_penalty)),
        ("length_penalty", json!(generation.length_penalty)),
        ("early_stopping", json!(generation.early_stopping)),
    ] {
        effective.insert(name.to_owned(), value);
    }
    let mut stages = StageTimes::default();
    let caption = captioner.caption(&frames, &request, &mut stages)?;
    Ok(json!({
        "prompt_tokens": caption.prompt_tokens,
        "tokens": caption.tokens,
        "text": caption.text,
        "finish": caption.finish,
        "stages_ms": stages.milliseconds,
        "effective": effective,
    }))
}

/// Crops asked of a family that has none would be ignored in silence.
fn refuse_crops(probe: &CaptionProbe) -> Result<(), Failure> {
    let supports = reelbench_vlm::captioner_support();
    let has_crops = supports.iter().any(|support| support.family == probe.family && support.num_crops);
    if probe.num_crops.is_none() || has_crops {
        return Ok(());
    }
    let message = format!("--num-crops means nothing to {}; leave it out", probe.family);
    Err(Failure::new(FailureKind::Unsupported, message))
}

/// Milliseconds by stage.
#[derive(Default)]
struct StageTimes {
    began: Option<Instant>,
    milliseconds: Map<String, Value>,
}

impl StageObserver for StageTimes {
    fn begin(&mut self, _: Stage) {
        self.began = Some(Instant::now());
    }

    fn end(&mut self, stage: Stage) {
        let elapsed = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64() * 1e3);
        let before = self.milliseconds.get(stage.as_str()).and_then(Value::as_f64).unwrap_or_default();
        self.milliseconds.insert(stage.as_str().to_owned(), json!(before + elapsed));
    }
}
