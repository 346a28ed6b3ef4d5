//! What the models said: `outputs.jsonl` for captions, `stage1/<cell>.json` for scenes and speech.

use reelbench_protocol::{CellId, Finish, Output, RepeatResult, SceneList, Transcript, VideoId};
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

/// `stage1/<cell>.json`: what the first measured repeat found. Times in seconds from the start of the film.
#[derive(Debug, Serialize)]
struct Stage1File<'a> {
    cell: &'a CellId,
    video: &'a VideoId,
    scenes: Option<&'a SceneList>,
    transcript: Option<&'a Transcript>,
}

/// `outputs.jsonl`: one line per scene and measured repeat, in the order of the plan.
pub(crate) fn captions(run: &Run) -> Result<Vec<u8>, ReportError> {
    let mut lines = Vec::new();
    for cell in &run.cells {
        for repeat in cell.measured() {
            push_captions(&mut lines, cell, repeat)?;
        }
    }
    Ok(lines)
}

fn push_captions(lines: &mut Vec<u8>, cell: &CellRecord, repeat: &RepeatResult) -> Result<(), ReportError> {
    let Output::Caption { scenes } = &repeat.output else { return Ok(()) };
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
        serde_json::to_writer(&mut *lines, &line)?;
        lines.push(b'\n');
    }
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
        };
        let mut json = serde_json::to_vec_pretty(&file)?;
        json.push(b'\n');
        files.push((format!("{}.json", cell.planned.id), json));
    }
    Ok(files)
}
