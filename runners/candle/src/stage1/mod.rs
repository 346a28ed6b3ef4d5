//! The base stages: scenes, objects, speech and sounds.

mod effective;
mod pictures;
mod pieces;
mod sounds;
mod speech;

use std::path::Path;
use std::thread;

use reelbench_asr::Whisper;
use reelbench_ast::SoundTagger;
use reelbench_kit::{Repeat, Stopwatch};
use reelbench_media::{Audio, MediaError};
use reelbench_protocol::{
    AsrSpec, AstSpec, Failure, FailureKind, Output, SceneList, Sounds, Stage, Stage1Output, Stage1Spec,
    Transcript, Unit, WeightsPart,
};
use reelbench_remote::RemoteAsr;
use reelbench_yolo::Detector;

pub(crate) use effective::{report_asr, report_ast, report_scene, report_yolo};
pub(crate) use pictures::{boxes, options, tracker};

/// What the base stages compute with.
#[derive(Default)]
pub(crate) struct Stage1Models {
    pub(crate) asr: Option<Box<Whisper>>,
    pub(crate) ast: Option<Box<SoundTagger>>,
    pub(crate) yolo: Option<Box<Detector>>,
}

impl Stage1Models {
    /// Bytes that the weights of each stage take up.
    pub(crate) fn weights_parts(&self) -> Vec<WeightsPart> {
        let parts = [
            (Stage::Asr, self.asr.as_ref().map(|whisper| whisper.weights_bytes())),
            (Stage::Ast, self.ast.as_ref().map(|tagger| tagger.weights_bytes())),
            (Stage::Yolo, self.yolo.as_ref().map(|detector| detector.weights_bytes())),
        ];
        parts
            .into_iter()
            .filter_map(|(stage, bytes)| Some(WeightsPart::new(stage.as_str(), bytes?)))
            .collect()
    }
}

/// Who transcribes.
pub(crate) enum Recognizer<'a> {
    /// A model in this process.
    Local(&'a Whisper),
    /// A service.
    Remote(&'a RemoteAsr),
    /// A service that cannot be asked.
    Missing(Failure),
}

/// Runs the stages of `spec`: what looks at the film, then what listens to it. One that fails does not keep the others
/// from running.
pub(crate) fn run(
    video: &Path,
    spec: &Stage1Spec,
    models: &Stage1Models,
    recognizer: Option<Recognizer<'_>>,
    watch: &mut Stopwatch<'_>,
) -> Result<Repeat, Failure> {
    let mut output = Stage1Output::default();
    watch.start();
    pictures::watch_film(video, spec, models.yolo.as_deref(), watch, &mut output);
    if spec.asr.is_some() || spec.ast.is_some() {
        listen(video, spec, models, recognizer, watch, &mut output);
    }
    watch.stop();
    let media_s = match &output.scenes {
        Some(scenes) => film_seconds(scenes),
        None => reelbench_media::duration_s(video)?,
    };
    let effective = effective::of(spec);
    Ok(Repeat { media_s, output: Output::Stage1(output), effective, peak_vram_bytes: None })
}

/// Length of a film by its scenes, which cover it without gaps.
pub(crate) fn film_seconds(scenes: &SceneList) -> f64 {
    match (scenes.scenes.first(), scenes.scenes.last()) {
        (Some(first), Some(last)) => last.end_s - first.start_s,
        _ => 0.0,
    }
}

/// Speech and sounds, from sound that is decoded once.
fn listen(
    video: &Path,
    spec: &Stage1Spec,
    models: &Stage1Models,
    recognizer: Option<Recognizer<'_>>,
    watch: &mut Stopwatch<'_>,
    output: &mut Stage1Output,
) {
    let decoded_for = if spec.asr.is_some() { Stage::Asr } else { Stage::Ast };
    let audio = match watch.time(decoded_for, None, || decode_audio(video)) {
        Ok(audio) => audio,
        Err(failure) => {
            let stages = [(Stage::Asr, spec.asr.is_some()), (Stage::Ast, spec.ast.is_some())];
            let wanted = stages.into_iter().filter(|(_, wanted)| *wanted);
            output.failures.extend(wanted.map(|(stage, _)| failure.clone().in_stage(stage)));
            return;
        }
    };
    let scenes = output.scenes.as_ref();
    let speech = spec.asr.as_ref().zip(recognizer);
    let hear_speech = |watch: &mut Stopwatch<'_>| {
        speech.map(|(asr, recognizer)| {
            hear_speech(&audio, asr, recognizer, units(spec, asr.per, scenes), watch)
        })
    };
    let sounds = spec.ast.as_ref();
    let hear_sounds = |watch: &mut Stopwatch<'_>| {
        sounds.map(|ast| hear_sounds(&audio, ast, models.ast.as_deref(), units(spec, ast.per, scenes), watch))
    };
    let (speech, sounds) = if spec.parallel {
        side_by_side(hear_speech, hear_sounds, watch)
    } else {
        (hear_speech(watch), hear_sounds(watch))
    };
    if let Some(speech) = speech {
        output.transcript = speech.found;
        output.failures.extend(speech.failures);
    }
    if let Some(sounds) = sounds {
        output.sounds = sounds.found;
        output.failures.extend(sounds.failures);
    }
}

/// What a stage found, and what it failed at.
struct Heard<T> {
    found: Option<T>,
    failures: Vec<Failure>,
}

impl<T> Heard<T> {
    fn failed(failure: Failure) -> Self {
        Self { found: None, failures: vec![failure] }
    }
}

/// The sound of a film; one that has none is silent for its whole length, in which there is nothing to be heard.
fn decode_audio(video: &Path) -> Result<Audio, Failure> {
    match reelbench_media::decode_audio(video) {
        Err(MediaError::NoAudio { .. }) => Ok(Audio { samples: Vec::new() }),
        audio => audio.map_err(Failure::from),
    }
}

/// The scenes that are heard one by one; `None` to take the film as a whole, which is also what `per: scene` comes to
/// without scene detection.
fn units<'a>(
    spec: &Stage1Spec,
    per: Unit,
    found: Option<&'a SceneList>,
) -> Result<Option<&'a SceneList>, Failure> {
    match (per, found, &spec.scene) {
        (Unit::File, _, _) | (Unit::Scene, None, None) => Ok(None),
        (Unit::Scene, Some(scenes), _) => Ok(Some(scenes)),
        (Unit::Scene, None, Some(_)) => {
            Err(Failure::new(FailureKind::Input, "there are no scenes to listen to: their detection failed"))
        }
    }
}

fn hear_speech(
    audio: &Audio,
    asr: &AsrSpec,
    recognizer: Recognizer<'_>,
    scenes: Result<Option<&SceneList>, Failure>,
    watch: &mut Stopwatch<'_>,
) -> Heard<Transcript> {
    let heard = match (scenes, recognizer) {
        (Err(failure), _) | (_, Recognizer::Missing(failure)) => Heard::failed(failure),
        (Ok(scenes), Recognizer::Local(whisper)) => speech::local(audio, asr, whisper, scenes, watch),
        (Ok(scenes), Recognizer::Remote(service)) => speech::remote(audio, asr, service, scenes, watch),
    };
    in_stage(heard, Stage::Asr)
}

fn hear_sounds(
    audio: &Audio,
    ast: &AstSpec,
    tagger: Option<&SoundTagger>,
    scenes: Result<Option<&SceneList>, Failure>,
    watch: &mut Stopwatch<'_>,
) -> Heard<Sounds> {
    let heard = match (scenes, tagger) {
        (Err(failure), _) => Heard::failed(failure),
        (Ok(_), None) => Heard::failed(not_loaded("sounds are")),
        (Ok(scenes), Some(tagger)) => sounds::tag(audio, ast, tagger, scenes, watch),
    };
    in_stage(heard, Stage::Ast)
}

fn in_stage<T>(heard: Heard<T>, stage: Stage) -> Heard<T> {
    let failures = heard.failures.into_iter().map(|failure| failure.in_stage(stage)).collect();
    Heard { failures, ..heard }
}

/// Runs `a` on this thread and `b` beside it.
fn side_by_side<A, B: Send>(
    a: impl FnOnce(&mut Stopwatch<'_>) -> A,
    b: impl FnOnce(&mut Stopwatch<'_>) -> B + Send,
    watch: &mut Stopwatch<'_>,
) -> (A, B) {
    let mut beside = watch.beside();
    thread::scope(|scope| {
        let b = scope.spawn(move || (b(&mut beside), beside));
        let a = a(watch);
        let (b, beside) = b.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        watch.join(beside);
        (a, b)
    })
}

/// A command whose models are not the ones loaded.
pub(crate) fn not_loaded(what: &str) -> Failure {
    Failure::new(FailureKind::Internal, format_args!("{what} asked for and no model is loaded"))
}

fn percent(fraction: f64) -> u32 {
    (fraction.clamp(0.0, 1.0) * 100.0) as u32
}
