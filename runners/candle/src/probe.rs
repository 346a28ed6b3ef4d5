//! One stage on one input; the result's keys are fixed by the command line's contract.

use std::time::Instant;

use reelbench_asr::{TemperatureFallback, Timestamps, TranscribeOptions, Whisper};
use reelbench_ast::SoundTagger;
use reelbench_media::{Audio, FilmPass};
use reelbench_nn::StageObserver;
use reelbench_protocol::{
    CaptionProbe, CaptionerSupport, DetectProbe, Failure, FailureKind, ObjectBox, Probe, Quantization,
    SceneProbe, Stage, TagProbe, Tracker, TranscribeProbe,
};
use reelbench_vlm::{CaptionRequest, Captioner, SceneInput};
use reelbench_yolo::{DetectOptions, Detector};
use serde_json::{Map, Value, json};

use crate::runner::open_device;
use crate::stage1;

pub(crate) fn run(probe: &Probe) -> Result<Value, Failure> {
    match probe {
        Probe::Scenes(probe) => scenes(probe),
        Probe::Transcribe(probe) => transcribe(probe),
        Probe::Tag(probe) => tag(probe),
        Probe::Detect(probe) => detect(probe),
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
    let whisper = Whisper::load(&probe.weights, Quantization::None, &open_device(probe.device)?)?;
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

fn tag(probe: &TagProbe) -> Result<Value, Failure> {
    let audio = reelbench_media::decode_audio(&probe.media)?;
    let tagger = SoundTagger::load(&probe.weights, Quantization::None, &open_device(probe.device)?)?;
    let samples = stretch(&audio, probe)?;
    let scores = tagger.clip_scores(samples.get(..tagger.window_samples()).unwrap_or(samples))?;
    let labels = tagger.labels().iter().zip(scores).zip(0..);
    let scores: Vec<Value> = labels
        .map(|((label, score), index): (_, u32)| json!({"label": label, "index": index, "score": score}))
        .collect();
    Ok(json!({ "scores": scores }))
}

/// The part of the sound that is asked for.
fn stretch<'a>(audio: &'a Audio, probe: &TagProbe) -> Result<&'a [f32], Failure> {
    let sample = |seconds: f64| (seconds * f64::from(Audio::SAMPLE_RATE)).round() as usize;
    let from = audio.samples.get(sample(probe.start_s)..).ok_or_else(|| {
        let message = format!(
            "{}: its sound ends at {:.2} s, before --start {}",
            probe.media.display(),
            audio.duration_s(),
            probe.start_s
        );
        Failure::new(FailureKind::Input, message)
    })?;
    Ok(probe.seconds.and_then(|seconds| from.get(..sample(seconds))).unwrap_or(from))
}

fn detect(probe: &DetectProbe) -> Result<Value, Failure> {
    let detector = Detector::load(&probe.weights, &open_device(probe.device)?)?;
    let options = |tracker| {
        let conf = probe.conf.unwrap_or(stage1::options(tracker).conf);
        DetectOptions { conf, iou: probe.iou, max_det: probe.max_det }
    };
    let mut frames = Vec::new();
    if reelbench_media::is_still_image(&probe.media)? {
        let picture = reelbench_media::load_image(&probe.media)?;
        let found = detector.detect(&picture, &options(Tracker::None))?;
        frames.push(frame(0, &stage1::boxes(&found, None, detector.labels())));
    } else {
        let mut film = FilmPass::open(&probe.media, None)?;
        let mut tracker = stage1::tracker(Tracker::Bytetrack, &film, 1);
        while let Some(mut shown) = film.next_frame(1)? {
            let found = detector.detect(&shown.rgb()?, &options(Tracker::Bytetrack))?;
            frames.push(frame(shown.number, &stage1::boxes(&found, tracker.as_mut(), detector.labels())));
        }
    }
    Ok(json!({ "frames": frames }))
}

fn frame(index: u32, boxes: &[ObjectBox]) -> Value {
    let boxes: Vec<Value> = boxes
        .iter()
        .map(|found| {
            json!({"xyxy": found.xyxy, "score": found.score, "class": found.class, "track": found.track})
        })
        .collect();
    json!({"index": index, "boxes": boxes})
}

fn caption(probe: &CaptionProbe) -> Result<Value, Failure> {
    refuse_unsupported(probe)?;
    let frames =
        probe.frames.iter().map(|path| reelbench_media::load_image(path)).collect::<Result<Vec<_>, _>>()?;
    let device = open_device(probe.device)?;
    let captioner = Captioner::load(probe.family, &probe.weights, probe.quantization, probe.dtype, &device)?;
    let request = CaptionRequest::from(probe);
    let effective = captioner.effective(&request);
    let mut stages = StageTimes::default();
    let scene = SceneInput { frames: &frames, question: &probe.question };
    let mut captions = captioner.caption(&[scene], &request, &mut stages);
    let caption = captions.pop().ok_or_else(|| Failure::new(FailureKind::Internal, "no caption"))??;
    Ok(json!({
        "prompt_tokens": caption.prompt_tokens,
        "tokens": caption.tokens,
        "text": caption.text,
        "finish": caption.finish,
        "stages_ms": stages.milliseconds,
        "effective": effective,
    }))
}

/// Crops or drawn tokens asked of a family that has none would be ignored in silence.
fn refuse_unsupported(probe: &CaptionProbe) -> Result<(), Failure> {
    let supports = reelbench_vlm::captioner_support();
    let offers = |offered: fn(&CaptionerSupport) -> bool| {
        supports.iter().any(|support| support.family == probe.family && offered(support))
    };
    let option = if probe.num_crops.is_some() && !offers(|support| support.num_crops) {
        "--num-crops"
    } else if probe.temperature.is_some() && !offers(|support| support.sampling) {
        "--temperature"
    } else {
        return Ok(());
    };
    let message = format!("{option} means nothing to {}; leave it out", probe.family);
    Err(Failure::new(FailureKind::Unsupported, message))
}

/// Milliseconds by stage.
#[derive(Default)]
struct StageTimes {
    began: Option<Instant>,
    milliseconds: Map<String, Value>,
}

impl StageObserver for StageTimes {
    fn begin(&mut self, _: Stage, _: Option<usize>) {
        self.began = Some(Instant::now());
    }

    fn end(&mut self, stage: Stage, _: Option<usize>) {
        let elapsed = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64() * 1e3);
        let before = self.milliseconds.get(stage.as_str()).and_then(Value::as_f64).unwrap_or_default();
        self.milliseconds.insert(stage.as_str().to_owned(), json!(before + elapsed));
    }
}
