//! What was found and said: `outputs.jsonl` scene by scene, `stage1/<cell>.json` for all that stage 1 found in a film.

use reelbench_protocol::{
    CellId, Finish, Objects, Output, RepeatResult, Scene, SceneCaption, SceneContext, SceneList, Sounds,
    Stage1Output, Stage1Spec, Transcript, VideoId, Work,
};
use serde::Serialize;

use crate::error::ReportError;
use crate::run::{CellRecord, Run};

/// One line of `outputs.jsonl`: a scene's caption in a measured repeat.
#[derive(Debug, Serialize)]
struct CaptionLine<'a> {
    cell: &'a CellId,
    repeat: u32,
    video: &'a VideoId,
    scene: u32,
    frame_pts_s: &'a [f64],
    prompt: &'a str,
    tokens: &'a [u32],
    text: &'a str,
    finish: Option<Finish>,
    /// Why there is no caption; absent where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// One line of `outputs.jsonl`: what stage 1 heard and saw in a scene in a measured repeat. The whole film is scene 0 where
/// none were looked for.
#[derive(Debug, Serialize)]
struct ContextLine<'a> {
    cell: &'a CellId,
    repeat: u32,
    video: &'a VideoId,
    scene: u32,
    start_s: f64,
    end_s: f64,
    #[serde(flatten)]
    context: SceneContext,
    /// Which stages failed, and why; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// `stage1/<cell>.json`: what the first measured repeat found. Times in seconds from the start of the film.
#[derive(Debug, Serialize)]
struct Stage1File<'a> {
    cell: &'a CellId,
    video: &'a VideoId,
    scenes: Option<&'a SceneList>,
    transcript: Option<&'a Transcript>,
    sounds: Option<&'a Sounds>,
    objects: Option<&'a Objects>,
}

/// `outputs.jsonl`: one line per scene and measured repeat, in the order of the plan. A cell that only finds scenes has
/// nothing to say about them.
pub(crate) fn by_scene(run: &Run) -> Result<Vec<u8>, ReportError> {
    let mut lines = Vec::new();
    for cell in &run.cells {
        for repeat in cell.measured() {
            match &repeat.output {
                Output::Caption { scenes } => push_captions(&mut lines, cell, repeat, scenes)?,
                Output::Stage1(output) => push_contexts(&mut lines, cell, repeat, output)?,
            }
        }
    }
    Ok(lines)
}

fn push_captions(
    lines: &mut Vec<u8>,
    cell: &CellRecord,
    repeat: &RepeatResult,
    scenes: &[SceneCaption],
) -> Result<(), ReportError> {
    for scene in scenes {
        let line = CaptionLine {
            cell: &cell.planned.id,
            repeat: repeat.repeat,
            video: &cell.spec().video.id,
            scene: scene.scene,
            frame_pts_s: &scene.frame_pts_s,
            prompt: &scene.prompt,
            tokens: &scene.tokens,
            text: &scene.text,
            finish: scene.finish,
            error: scene.failure.as_ref().map(ToString::to_string),
        };
        push_line(lines, &line)?;
    }
    Ok(())
}

fn push_contexts(
    lines: &mut Vec<u8>,
    cell: &CellRecord,
    repeat: &RepeatResult,
    output: &Stage1Output,
) -> Result<(), ReportError> {
    if let Work::Stage1(Stage1Spec { asr: None, ast: None, yolo: None, .. }) = &cell.spec().work {
        return Ok(());
    }
    let scenes = output.scenes.as_ref().map(|list| list.scenes.as_slice());
    let failures: Vec<String> = output.failures.iter().map(ToString::to_string).collect();
    for (index, context) in output.contexts(scenes).into_iter().enumerate() {
        let place = |scene: &Scene| (scene.start_s, scene.end_s);
        let (start_s, end_s) =
            scenes.and_then(|scenes| scenes.get(index)).map_or((0.0, repeat.media_s), place);
        let line = ContextLine {
            cell: &cell.planned.id,
            repeat: repeat.repeat,
            video: &cell.spec().video.id,
            scene: index as u32,
            start_s,
            end_s,
            context,
            error: (!failures.is_empty()).then(|| failures.join("; ")),
        };
        push_line(lines, &line)?;
    }
    Ok(())
}

fn push_line(lines: &mut Vec<u8>, line: &impl Serialize) -> Result<(), ReportError> {
    serde_json::to_writer(&mut *lines, line)?;
    lines.push(b'\n');
    Ok(())
}

/// The file of every stage-1 cell that found something, with its name.
pub(crate) fn stage1(run: &Run) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files = Vec::new();
    for cell in &run.cells {
        let measured = cell.measured();
        let Some(Output::Stage1(output)) = measured.first().map(|repeat| &repeat.output) else { continue };
        let file = Stage1File {
            cell: &cell.planned.id,
            video: &cell.spec().video.id,
            scenes: output.scenes.as_ref(),
            transcript: output.transcript.as_ref(),
            sounds: output.sounds.as_ref(),
            objects: output.objects.as_ref(),
        };
        let mut json = serde_json::to_vec_pretty(&file)?;
        json.push(b'\n');
        files.push((format!("{}.json", cell.planned.id), json));
    }
    Ok(files)
}
