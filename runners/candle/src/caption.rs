//! A caption for every scene of a film.

use std::path::Path;

use reelbench_kit::{Repeat, Stopwatch};
use reelbench_media::{FrameSampler, MediaError, RgbImage, SceneFrames};
use reelbench_nn::StageObserver;
use reelbench_protocol::{
    CaptionSpec, Device, Failure, FailureKind, Output, RunSpec, SceneCaption, SceneList, Settings, Stage,
};
use reelbench_vlm::{Caption, CaptionRequest, Captioner};
use serde_json::json;

use crate::stage1::{film_seconds, report_asr, report_ast, report_scene, report_yolo};

/// Captions the scenes of a film one after the other. A scene that fails does not keep the next from its caption.
pub(crate) fn run(
    run: &RunSpec,
    spec: &CaptionSpec,
    captioner: &mut Captioner,
    watch: &mut Stopwatch<'_>,
) -> Result<Repeat, Failure> {
    let video = &run.spec.video.path;
    let mut film = match &run.scenes {
        Some(scenes) => scenes.clone(),
        None => reelbench_media::whole_film_scene_list(video)?,
    };
    if let Some(most) = spec.max_scenes {
        film.scenes.truncate(most as usize);
    }
    // The length of what is captioned, so that a part of a film has the real-time factor of that part.
    let media_s = film_seconds(&film);
    let mut request = CaptionRequest::from(spec);
    let mut captions = Vec::with_capacity(film.scenes.len());
    watch.start();
    let mut frames = OpenFilm::new(video, &film, spec, watch);
    let total = film.scenes.len() as u32;
    for scene in 0..total {
        let at = Position { scene, total };
        if let Some(question) = run.questions.get(scene as usize) {
            request.question.clone_from(question);
        }
        captions.push(caption_scene(at, &mut frames, captioner, &request, watch));
    }
    watch.stop();
    if let Some(folder) = &run.save_frames {
        save_frames(folder, video, &film, spec)?;
    }
    let effective = effective(spec, captioner, &request);
    let output = Output::Caption { scenes: captions };
    Ok(Repeat { media_s, output, effective, peak_vram_bytes: None })
}

/// The settings in force: the captioner tells its own, the others are carried out here.
fn effective(spec: &CaptionSpec, captioner: &Captioner, request: &CaptionRequest) -> Settings {
    let mut effective = captioner.effective(request);
    effective.insert("device".to_owned(), json!(Device::Cpu));
    effective.insert("frames_per_scene".to_owned(), json!(spec.settings.frames_per_scene));
    effective.insert("frame_size".to_owned(), json!(spec.settings.frame_size));
    if let Some(most) = spec.max_scenes {
        effective.insert("max_scenes".to_owned(), json!(most));
    }
    spec.scene.iter().for_each(|scene| report_scene(scene, &mut effective));
    spec.asr.iter().for_each(|asr| report_asr(asr, &mut effective));
    spec.ast.iter().for_each(|ast| report_ast(ast, &mut effective));
    spec.yolo.iter().for_each(|yolo| report_yolo(yolo, &mut effective));
    effective
}

/// A film that frames are asked from until it fails; then every later scene fails alike.
enum OpenFilm {
    Frames(Box<FrameSampler>),
    Broken(Failure),
}

impl OpenFilm {
    /// Opening counts as getting frames.
    fn new(video: &Path, film: &SceneList, spec: &CaptionSpec, watch: &mut Stopwatch<'_>) -> Self {
        let settings = &spec.settings;
        let sampler = watch.time(Stage::Frames, None, || {
            FrameSampler::new(video, film, settings.frames_per_scene, settings.frame_size)
        });
        match sampler {
            Ok(sampler) => Self::Frames(Box::new(sampler)),
            Err(error) => Self::Broken(Failure::from(error)),
        }
    }

    fn next(&mut self) -> Result<SceneFrames, Failure> {
        let failure = match self {
            Self::Broken(failure) => return Err(failure.clone()),
            Self::Frames(sampler) => match sampler.next() {
                Some(Ok(frames)) => return Ok(frames),
                Some(Err(error)) => Failure::from(error),
                None => {
                    Failure::new(FailureKind::Internal, "the film has fewer scenes than were found in it")
                }
            },
        };
        *self = Self::Broken(failure.clone());
        Err(failure)
    }
}

/// Where in the film the work stands.
#[derive(Clone, Copy)]
struct Position {
    scene: u32,
    total: u32,
}

fn caption_scene(
    at: Position,
    film: &mut OpenFilm,
    captioner: &mut Captioner,
    request: &CaptionRequest,
    watch: &mut Stopwatch<'_>,
) -> SceneCaption {
    let Position { scene, total } = at;
    watch.progress(Stage::Frames, scene, total);
    let asked_ns = watch.elapsed_ns();
    let frames = match watch.time(Stage::Frames, Some(scene), || film.next()) {
        Ok(frames) => frames,
        Err(failure) => return failed(scene, Vec::new(), failure.in_stage(Stage::Frames)),
    };
    let (frame_pts_s, pictures): (Vec<f64>, Vec<RgbImage>) = frames.frames.into_iter().unzip();
    let mut timer = SceneTimer { watch, at, began_ns: 0, stage: None, first_token_ns: None };
    match captioner.caption(&pictures, request, &mut timer) {
        Ok(caption) => {
            let ttft_ns = timer.first_token_ns.map(|first_token_ns| first_token_ns - asked_ns);
            captioned(scene, frame_pts_s, caption, ttft_ns)
        }
        Err(error) => {
            let stage = timer.stage.unwrap_or(Stage::Preprocess);
            failed(scene, frame_pts_s, Failure::from(error).in_stage(stage))
        }
    }
}

fn captioned(scene: u32, frame_pts_s: Vec<f64>, caption: Caption, ttft_ns: Option<u64>) -> SceneCaption {
    SceneCaption {
        scene,
        frame_pts_s,
        prompt: caption.prompt,
        prompt_tokens: caption.prompt_tokens as u32,
        tokens: caption.tokens,
        text: caption.text,
        finish: Some(caption.finish),
        ttft_ns,
        failure: None,
    }
}

fn failed(scene: u32, frame_pts_s: Vec<f64>, failure: Failure) -> SceneCaption {
    SceneCaption {
        scene,
        frame_pts_s,
        prompt: String::new(),
        prompt_tokens: 0,
        tokens: Vec::new(),
        text: String::new(),
        finish: None,
        ttft_ns: None,
        failure: Some(failure.in_scene(scene)),
    }
}

/// Turns a captioner's stages into spans of one scene.
struct SceneTimer<'a, 'w> {
    watch: &'a mut Stopwatch<'w>,
    at: Position,
    began_ns: u64,
    /// The stage that began last.
    stage: Option<Stage>,
    first_token_ns: Option<u64>,
}

impl StageObserver for SceneTimer<'_, '_> {
    fn begin(&mut self, stage: Stage) {
        self.stage = Some(stage);
        self.watch.progress(stage, self.at.scene, self.at.total);
        self.began_ns = self.watch.elapsed_ns();
    }

    fn end(&mut self, stage: Stage) {
        self.watch.record_since(stage, Some(self.at.scene), self.began_ns);
        if stage == Stage::Prefill {
            self.first_token_ns = Some(self.watch.elapsed_ns());
        }
    }
}

/// Samples the film once more, outside the timed part, and keeps what the model was shown.
fn save_frames(folder: &Path, video: &Path, film: &SceneList, spec: &CaptionSpec) -> Result<(), Failure> {
    let write = |error: std::io::Error| {
        Failure::new(FailureKind::Internal, format_args!("{}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(write)?;
    let settings = &spec.settings;
    let sampler = FrameSampler::new(video, film, settings.frames_per_scene, settings.frame_size)?;
    for frames in sampler {
        // A film that breaks off was already reported, scene by scene.
        let Ok(frames) = frames else { break };
        save_scene(folder, &frames)?;
    }
    Ok(())
}

fn save_scene(folder: &Path, frames: &SceneFrames) -> Result<(), MediaError> {
    for (index, (_, picture)) in frames.frames.iter().enumerate() {
        let name = format!("scene_{:04}_frame_{index}.png", frames.scene);
        reelbench_media::save_png(picture, &folder.join(name))?;
    }
    Ok(())
}
