//! Speech of a film or of its scenes, by a model in this process or by a service.

use reelbench_asr::{AsrError, TemperatureFallback, TranscribeOptions, Transcription, Whisper};
use reelbench_kit::Stopwatch;
use reelbench_media::Audio;
use reelbench_protocol::{AsrModel, AsrSpec, Failure, SceneList, Stage, Transcript};
use reelbench_remote::{Concurrency, Piece, RemoteAsr};

use super::pieces::pieces;
use super::{Heard, percent};

/// Transcribes in this process; `concurrency` pieces are taken through the model together.
pub(super) fn local(
    audio: &Audio,
    spec: &AsrSpec,
    whisper: &Whisper,
    scenes: Option<&SceneList>,
    watch: &mut Stopwatch<'_>,
) -> Heard<Transcript> {
    let pieces = pieces(audio, scenes);
    let options = options(spec);
    let transcriptions = if spec.concurrency > 1 && pieces.len() > 1 {
        together(&pieces, spec.concurrency, whisper, &options, watch)
    } else {
        one_by_one(&pieces, whisper, &options, watch)
    };
    joined(&pieces, transcriptions.into_iter().map(|result| result.map_err(Failure::from)))
}

fn options(spec: &AsrSpec) -> TranscribeOptions {
    match &spec.model {
        AsrModel::Whisper(whisper) => TranscribeOptions {
            num_beams: whisper.num_beams,
            temperature_fallback: if whisper.temperature_fallback {
                TemperatureFallback::On
            } else {
                TemperatureFallback::Off
            },
            ..TranscribeOptions::default()
        },
        AsrModel::Azure(_) | AsrModel::Openai(_) => TranscribeOptions::default(),
    }
}

fn one_by_one(
    pieces: &[Piece<'_>],
    whisper: &Whisper,
    options: &TranscribeOptions,
    watch: &mut Stopwatch<'_>,
) -> Vec<Result<Transcript, AsrError>> {
    let share = 1.0 / pieces.len() as f64;
    let mut transcripts = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        let start_ns = watch.elapsed_ns();
        let transcription = whisper.transcribe(piece.samples, options, &mut |fraction| {
            watch.progress(Stage::Asr, percent((index as f64 + fraction) * share), 100);
        });
        watch.record_since(Stage::Asr, piece.scene, start_ns);
        transcripts.push(transcription.map(|transcription| in_film_time(transcription, piece)));
    }
    transcripts
}

fn together(
    pieces: &[Piece<'_>],
    concurrency: u32,
    whisper: &Whisper,
    options: &TranscribeOptions,
    watch: &mut Stopwatch<'_>,
) -> Vec<Result<Transcript, AsrError>> {
    let sounds: Vec<&[f32]> = pieces.iter().map(|piece| piece.samples).collect();
    let start_ns = watch.elapsed_ns();
    let transcriptions = whisper.transcribe_many(&sounds, options, concurrency as usize, &mut |fraction| {
        watch.progress(Stage::Asr, percent(fraction), 100);
    });
    watch.record_since(Stage::Asr, None, start_ns);
    let pieces = pieces.iter().zip(transcriptions);
    pieces.map(|(piece, transcription)| Ok(in_film_time(transcription?, piece))).collect()
}

fn in_film_time(transcription: Transcription, piece: &Piece<'_>) -> Transcript {
    let Transcription { text, mut segments, .. } = transcription;
    for segment in &mut segments {
        segment.start += piece.start_s;
        segment.end += piece.start_s;
    }
    Transcript { text, segments }
}

/// Has a service transcribe, `concurrency` requests at a time.
pub(super) fn remote(
    audio: &Audio,
    spec: &AsrSpec,
    service: &RemoteAsr,
    scenes: Option<&SceneList>,
    watch: &mut Stopwatch<'_>,
) -> Heard<Transcript> {
    let pieces = pieces(audio, scenes);
    let concurrency = match Concurrency::new(spec.concurrency) {
        Ok(concurrency) => concurrency,
        Err(error) => return Heard::failed(Failure::from(error)),
    };
    let clock = watch.clock();
    let total = pieces.len() as u32;
    let transcribed = service.transcribe(&pieces, concurrency, &|| clock.elapsed_ns(), &mut |done| {
        watch.progress(Stage::Asr, done as u32, total);
    });
    watch.record(transcribed.spans);
    joined(&pieces, transcribed.transcripts.into_iter().map(|result| result.map_err(Failure::from)))
}

/// The transcripts of all pieces as one. A piece that failed leaves a gap, and its failure.
fn joined(
    pieces: &[Piece<'_>],
    transcripts: impl Iterator<Item = Result<Transcript, Failure>>,
) -> Heard<Transcript> {
    let mut whole = Transcript { text: String::new(), segments: Vec::new() };
    let mut failures = Vec::new();
    for (piece, transcript) in pieces.iter().zip(transcripts) {
        match transcript {
            Ok(transcript) => {
                join_text(&mut whole.text, &transcript.text);
                whole.segments.extend(transcript.segments);
            }
            Err(failure) => failures.push(match piece.scene {
                Some(scene) => failure.in_scene(scene),
                None => failure,
            }),
        }
    }
    Heard { found: Some(whole), failures }
}

fn join_text(whole: &mut String, part: &str) {
    let part = part.trim();
    if !whole.is_empty() && !part.is_empty() {
        whole.push(' ');
    }
    whole.push_str(part);
}
