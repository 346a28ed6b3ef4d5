//! The base stages: scenes and speech.

use std::path::Path;

use reelbench_asr::{TranscribeOptions, Whisper};
use reelbench_kit::{Repeat, Stopwatch};
use reelbench_media::Audio;
use reelbench_protocol::{
    AsrSpec, AsrUnit, Device, Failure, FailureKind, Output, Scene, SceneList, SceneSpec, Settings, Stage,
    Stage1Output, Stage1Spec, Transcript,
};
use serde_json::json;

/// Runs the stages of `spec` one after the other. One that fails does not keep the next from running.
pub(crate) fn run(
    video: &Path,
    spec: &Stage1Spec,
    whisper: Option<&Whisper>,
    watch: &mut Stopwatch<'_>,
) -> Result<Repeat, Failure> {
    let mut output = Stage1Output::default();
    let mut effective = Settings::from([("device".to_owned(), json!(Device::Cpu))]);
    watch.start();
    if let Some(scene) = &spec.scene {
        match detect(video, scene, watch) {
            Ok(scenes) => output.scenes = Some(scenes),
            Err(failure) => output.failures.push(failure.in_stage(Stage::Scene)),
        }
        report_scene(scene, &mut effective);
    }
    if let Some(asr) = &spec.asr {
        let speech = requests(spec, asr, output.scenes.as_ref())
            .and_then(|scenes| transcribe(video, asr, whisper, scenes, watch));
        match speech {
            Ok(transcript) => output.transcript = Some(transcript),
            Err(failure) => output.failures.push(failure.in_stage(Stage::Asr)),
        }
        report_asr(asr, &mut effective);
    }
    watch.stop();
    let media_s = match &output.scenes {
        Some(scenes) => film_seconds(scenes),
        None => reelbench_media::duration_s(video)?,
    };
    Ok(Repeat { media_s, output: Output::Stage1(output), effective, peak_vram_bytes: None })
}

/// Length of a film by its scenes, which cover it without gaps.
pub(crate) fn film_seconds(scenes: &SceneList) -> f64 {
    match (scenes.scenes.first(), scenes.scenes.last()) {
        (Some(first), Some(last)) => last.end_s - first.start_s,
        _ => 0.0,
    }
}

fn detect(video: &Path, spec: &SceneSpec, watch: &mut Stopwatch<'_>) -> Result<SceneList, Failure> {
    let start_ns = watch.elapsed_ns();
    let detection = reelbench_media::detect_scenes(video, spec, &mut |fraction| {
        watch.progress(Stage::Scene, percent(fraction), 100);
    });
    watch.record_since(Stage::Scene, None, start_ns);
    Ok(detection?.list)
}

/// The scenes that are transcribed one by one; `None` to take the film as a whole, which is also what `per: scene`
/// comes to without scene detection.
fn requests<'a>(
    spec: &Stage1Spec,
    asr: &AsrSpec,
    found: Option<&'a SceneList>,
) -> Result<Option<&'a SceneList>, Failure> {
    match (asr.per, found, &spec.scene) {
        (AsrUnit::File, _, _) | (AsrUnit::Scene, None, None) => Ok(None),
        (AsrUnit::Scene, Some(scenes), _) => Ok(Some(scenes)),
        (AsrUnit::Scene, None, Some(_)) => {
            Err(Failure::new(FailureKind::Input, "there are no scenes to transcribe: their detection failed"))
        }
    }
}

fn transcribe(
    video: &Path,
    spec: &AsrSpec,
    whisper: Option<&Whisper>,
    scenes: Option<&SceneList>,
    watch: &mut Stopwatch<'_>,
) -> Result<Transcript, Failure> {
    let whisper = whisper
        .ok_or_else(|| Failure::new(FailureKind::Internal, "speech is asked for and no model is loaded"))?;
    let options = TranscribeOptions { num_beams: spec.num_beams, ..TranscribeOptions::default() };
    let start_ns = watch.elapsed_ns();
    let audio = reelbench_media::decode_audio(video);
    watch.record_since(Stage::Asr, None, start_ns);
    let audio = audio?;
    let Some(scenes) = scenes else {
        let start_ns = watch.elapsed_ns();
        let transcription = whisper.transcribe(&audio.samples, &options, &mut |fraction| {
            watch.progress(Stage::Asr, percent(fraction), 100);
        });
        watch.record_since(Stage::Asr, None, start_ns);
        let transcription = transcription?;
        return Ok(Transcript { text: transcription.text, segments: transcription.segments });
    };
    transcribe_scenes(&audio, whisper, scenes, &options, watch)
}

/// One request per scene; times are moved to the film's.
fn transcribe_scenes(
    audio: &Audio,
    whisper: &Whisper,
    scenes: &SceneList,
    options: &TranscribeOptions,
    watch: &mut Stopwatch<'_>,
) -> Result<Transcript, Failure> {
    let mut transcript = Transcript { text: String::new(), segments: Vec::new() };
    for (scene, index) in scenes.scenes.iter().zip(0..) {
        let samples = scene_samples(audio, scene);
        if samples.is_empty() {
            continue;
        }
        let transcription = watch
            .time(Stage::Asr, Some(index), || whisper.transcribe(samples, options, &mut |_| {}))
            .map_err(|error| Failure::from(error).in_scene(index))?;
        transcript.segments.extend(transcription.segments.into_iter().map(|mut segment| {
            segment.start += scene.start_s;
            segment.end += scene.start_s;
            segment
        }));
        join_text(&mut transcript.text, &transcription.text);
        watch.progress(Stage::Asr, index + 1, scenes.scenes.len() as u32);
    }
    Ok(transcript)
}

/// The part of the sound that belongs to a scene; sound that ends before the film leaves less.
fn scene_samples<'a>(audio: &'a Audio, scene: &Scene) -> &'a [f32] {
    let index = |seconds: f64| {
        let sample = (seconds.max(0.0) * f64::from(Audio::SAMPLE_RATE)).round() as usize;
        sample.min(audio.samples.len())
    };
    audio.samples.get(index(scene.start_s)..index(scene.end_s)).unwrap_or_default()
}

fn join_text(whole: &mut String, part: &str) {
    let part = part.trim();
    if !whole.is_empty() && !part.is_empty() {
        whole.push(' ');
    }
    whole.push_str(part);
}

fn percent(fraction: f64) -> u32 {
    (fraction.clamp(0.0, 1.0) * 100.0) as u32
}

/// Tells the scene detection in force.
pub(crate) fn report_scene(spec: &SceneSpec, effective: &mut Settings) {
    effective.insert("scene.detector".to_owned(), json!(spec.detector));
    effective.insert("scene.threshold".to_owned(), json!(spec.threshold));
    effective.insert("scene.min_scene_len".to_owned(), json!(spec.min_scene_len));
}

fn report_asr(spec: &AsrSpec, effective: &mut Settings) {
    effective.insert("asr.engine".to_owned(), json!(spec.engine));
    effective.insert("asr.weights".to_owned(), json!(spec.weights.to_string()));
    effective.insert("asr.per".to_owned(), json!(spec.per));
    effective.insert("asr.concurrency".to_owned(), json!(spec.concurrency));
    effective.insert("asr.num_beams".to_owned(), json!(spec.num_beams));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_gets_its_part_of_the_sound() {
        let audio = Audio { samples: vec![0.0; 16_000] };
        let scene = |start_s, end_s| Scene { start_frame: 0, end_frame: 1, start_s, end_s };
        assert_eq!(scene_samples(&audio, &scene(0.25, 0.5)).len(), 4_000);
        assert_eq!(scene_samples(&audio, &scene(0.75, 2.0)).len(), 4_000, "the sound ends first");
        assert!(scene_samples(&audio, &scene(1.5, 2.0)).is_empty());
    }
}
