//! `bench probe`: one stage on one input.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reelbench_exec::{RunnerError, RunnerLog, RunnerProcess};
use reelbench_matrix::Folders;
use reelbench_protocol::{
    CaptionProbe, Command, DetectProbe, Detector, Event, Probe, SceneProbe, SceneSpec, TagProbe,
    TranscribeProbe, Weights,
};

use crate::args::{CaptionArgs, DetectArgs, ProbeCommand, ScenesArgs, TagArgs, TranscribeArgs};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::{interrupt, print, runners};

/// A probe may take as long as it needs; this only keeps a forgotten one from staying for ever.
const PATIENCE: Duration = Duration::from_hours(24);

pub(crate) fn probe(command: ProbeCommand) -> Result<Exit, BenchError> {
    let (runner, probe) = match command {
        ProbeCommand::Scenes(args) => (args.runner.runner.clone(), scenes(&args)?),
        ProbeCommand::Transcribe(args) => (args.runner.runner.clone(), transcribe(args)?),
        ProbeCommand::Tag(args) => (args.runner.runner.clone(), tag(args)?),
        ProbeCommand::Detect(args) => (args.runner.runner.clone(), detect(args)?),
        ProbeCommand::Caption(args) => (args.runner.runner.clone(), caption(*args)?),
    };
    let runner = runners::find(&runner, None)?;
    let (mut process, _) = RunnerProcess::start(&runner, &RunnerLog::Inherited, &interrupt::stop_flag()?)?;
    process.send(&Command::Probe(Box::new(probe)))?;
    let deadline = Instant::now() + PATIENCE;
    let result = loop {
        match process.wait_event(deadline)? {
            Event::Progress(_) => {}
            Event::Probed { result } => break result,
            Event::Failed(failure) => return Err(BenchError::Probe(failure)),
            other => return Err(RunnerError::unexpected(&other, "probed").into()),
        }
    };
    process.shutdown(Duration::from_secs(5));
    print::json(&result)
}

fn scenes(args: &ScenesArgs) -> Result<Probe, BenchError> {
    let threshold = args.threshold.unwrap_or(match args.detector {
        Detector::Content => 27.0,
        Detector::Adaptive => 3.0,
    });
    let scene = SceneSpec { detector: args.detector, threshold, min_scene_len: args.min_scene_len };
    Ok(Probe::Scenes(SceneProbe { video: existing(&args.video)?, scene }))
}

fn transcribe(args: TranscribeArgs) -> Result<Probe, BenchError> {
    Ok(Probe::Transcribe(TranscribeProbe {
        media: existing(&args.media)?,
        weights: weights(args.weights)?,
        device: args.device,
        num_beams: args.num_beams,
        timestamps: args.timestamps,
        temperature_fallback: args.temperature_fallback,
    }))
}

fn tag(args: TagArgs) -> Result<Probe, BenchError> {
    Ok(Probe::Tag(TagProbe {
        media: existing(&args.media)?,
        weights: weights(args.weights)?,
        device: args.device,
        start_s: args.start,
        seconds: args.seconds,
    }))
}

fn detect(args: DetectArgs) -> Result<Probe, BenchError> {
    Ok(Probe::Detect(DetectProbe {
        media: existing(&args.media)?,
        weights: weights(args.weights)?,
        device: args.device,
        conf: args.conf,
        iou: args.iou,
        max_det: args.max_det,
    }))
}

fn caption(args: CaptionArgs) -> Result<Probe, BenchError> {
    Ok(Probe::Caption(Box::new(CaptionProbe {
        family: args.family,
        weights: weights(args.weights)?,
        device: args.device,
        frames: args.frames.iter().map(|frame| existing(frame)).collect::<Result<_, _>>()?,
        question: args.question,
        prompt: args.prompt,
        num_beams: args.num_beams,
        max_new_tokens: args.max_new_tokens,
        min_new_tokens: args.min_new_tokens,
        length_penalty: args.length_penalty,
        early_stopping: args.early_stopping,
        repetition_penalty: args.repetition_penalty,
        use_cache: args.use_cache,
        quantization: args.quantization,
        dtype: args.dtype,
        num_crops: args.num_crops,
        temperature: args.temperature,
        top_p: args.top_p,
        seed: args.seed,
    })))
}

/// A file's absolute path; the runner may be started elsewhere.
fn existing(path: &Path) -> Result<PathBuf, BenchError> {
    if path.is_file() {
        Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
    } else {
        Err(BenchError::NoSuchFile(path.to_owned()))
    }
}

fn weights(word: String) -> Result<Weights, BenchError> {
    let here = std::env::current_dir().unwrap_or_default();
    reelbench_matrix::resolve_weights(&word, &here, &Folders::from_env())
        .map_err(|source| BenchError::Weights { word, source: Box::new(source) })
}
