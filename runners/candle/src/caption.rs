//! A caption for every scene of a film, batch by batch.

use std::path::Path;

use reelbench_kit::{Repeat, Stopwatch};
use reelbench_media::{FrameSampler, MediaError, RgbImage, SceneFrames};
use reelbench_nn::StageObserver;
use reelbench_protocol::{
    CaptionSpec, Device, Failure, FailureKind, Output, RunSpec, SceneCaption, SceneList, Settings, Stage,
    frame_file,
};
use reelbench_vlm::{Caption, CaptionRequest, Captioner, SceneInput};
use serde_json::json;

use crate::stage1::{film_seconds, report_asr, report_ast, report_scene, report_yolo};

/// Captions the scenes of a film, as many together as the cell says. A scene that fails does not keep the next from
/// its caption.
pub(crate) fn run(
    run: &RunSpec,
    spec: &CaptionSpec,
    captioner: &Captioner,
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
    let request = CaptionRequest::from(spec);
    let mut captions = Vec::with_capacity(film.scenes.len());
    watch.start();
    let mut frames = OpenFilm::new(video, &film, spec, watch);
    let total = film.scenes.len() as u32;
    let scenes: Vec<u32> = (0..total).collect();
    for scenes in scenes.chunks(spec.settings.batch_scenes.max(1) as usize) {
        let mut batch = Batch::sample(scenes, total, &mut frames, watch);
        batch.caption(captioner, &request, |scene| question(run, spec, scene), watch);
        captions.extend(batch.captions);
    }
    watch.stop();
    if let Some(folder) = &run.save_frames {
        save_frames(folder, video, &film, spec)?;
    }
    let effective = effective(spec, captioner, &request);
    let output = Output::Caption { scenes: captions };
    Ok(Repeat { media_s, output, effective, peak_vram_bytes: None })
}

/// What is asked about a scene.
fn question<'a>(run: &'a RunSpec, spec: &'a CaptionSpec, scene: u32) -> &'a str {
    run.questions.get(scene as usize).unwrap_or(&spec.question)
}

/// The settings in force: the captioner tells its own, the others are carried out here.
fn effective(spec: &CaptionSpec, captioner: &Captioner, request: &CaptionRequest) -> Settings {
    let mut effective = captioner.effective(request);
    effective.insert("device".to_owned(), json!(Device::Cpu));
    effective.insert("frames_per_scene".to_owned(), json!(spec.settings.frames_per_scene));
    effective.insert("frame_size".to_owned(), json!(spec.settings.frame_size));
    effective.insert("batch_scenes".to_owned(), json!(spec.settings.batch_scenes));
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

/// Scenes that are captioned together.
struct Batch {
    total: u32,
    shown: Vec<Shown>,
    /// What became of each of its scenes, in their order.
    captions: Vec<SceneCaption>,
}

/// A scene whose frames there are.
struct Shown {
    /// Its place in the batch.
    place: usize,
    scene: u32,
    /// When its frames were asked for.
    asked_ns: u64,
    pictures: Vec<RgbImage>,
}

impl Batch {
    /// Gets the frames of every scene.
    fn sample(scenes: &[u32], total: u32, film: &mut OpenFilm, watch: &mut Stopwatch<'_>) -> Self {
        let mut batch = Self { total, shown: Vec::new(), captions: Vec::new() };
        for (place, &scene) in scenes.iter().enumerate() {
            watch.progress(Stage::Frames, scene, total);
            let asked_ns = watch.elapsed_ns();
            let caption = match watch.time(Stage::Frames, Some(scene), || film.next()) {
                Ok(frames) => {
                    let (frame_pts_s, pictures) = frames.frames.into_iter().unzip();
                    batch.shown.push(Shown { place, scene, asked_ns, pictures });
                    SceneCaption { scene, frame_pts_s, ..SceneCaption::default() }
                }
                Err(failure) => {
                    failed(SceneCaption { scene, ..SceneCaption::default() }, failure.in_stage(Stage::Frames))
                }
            };
            batch.captions.push(caption);
        }
        batch
    }

    fn caption<'a>(
        &mut self,
        captioner: &Captioner,
        request: &CaptionRequest,
        question: impl Fn(u32) -> &'a str,
        watch: &mut Stopwatch<'_>,
    ) {
        let inputs: Vec<SceneInput<'_>> = self
            .shown
            .iter()
            .map(|shown| SceneInput { frames: &shown.pictures, question: question(shown.scene) })
            .collect();
        let mut timer = BatchTimer {
            watch,
            scenes: self.shown.iter().map(|shown| shown.scene).collect(),
            total: self.total,
            began_ns: 0,
            reached: vec![Stage::Preprocess; self.shown.len()],
            first_token_ns: vec![None; self.shown.len()],
        };
        let answers = captioner.caption(&inputs, request, &mut timer);
        let reached = timer.reached.into_iter().zip(timer.first_token_ns);
        for ((shown, answer), (stage, first_token_ns)) in self.shown.iter().zip(answers).zip(reached) {
            let Some(caption) = self.captions.get_mut(shown.place) else { continue };
            let empty = std::mem::take(caption);
            *caption = match answer {
                Ok(answer) => {
                    let ttft_ns = first_token_ns.map(|first_token_ns| first_token_ns - shown.asked_ns);
                    captioned(empty, answer, ttft_ns)
                }
                Err(error) => failed(empty, Failure::from(error).in_stage(stage)),
            };
        }
    }
}

fn captioned(empty: SceneCaption, caption: Caption, ttft_ns: Option<u64>) -> SceneCaption {
    SceneCaption {
        prompt: caption.prompt,
        prompt_tokens: caption.prompt_tokens as u32,
        tokens: caption.tokens,
        text: caption.text,
        finish: Some(caption.finish),
        ttft_ns,
        ..empty
    }
}

fn failed(empty: SceneCaption, failure: Failure) -> SceneCaption {
    let scene = empty.scene;
    SceneCaption { failure: Some(failure.in_scene(scene)), ..empty }
}

/// Turns the stages of scenes that are captioned together into spans. What is done for all of them at
/// once belongs to no scene.
struct BatchTimer<'a, 'w> {
    watch: &'a mut Stopwatch<'w>,
    /// Each one's number in the film.
    scenes: Vec<u32>,
    total: u32,
    began_ns: u64,
    /// The stage that each one was in last.
    reached: Vec<Stage>,
    first_token_ns: Vec<Option<u64>>,
}

impl BatchTimer<'_, '_> {
    fn number(&self, scene: Option<usize>) -> Option<u32> {
        self.scenes.get(scene?).copied()
    }
}

impl StageObserver for BatchTimer<'_, '_> {
    fn begin(&mut self, stage: Stage, scene: Option<usize>) {
        let each = self.reached.iter_mut().zip(&self.first_token_ns).enumerate();
        for (index, (reached, first_token_ns)) in each {
            // What is done for all of them is done for those that got so far.
            if scene.map_or(first_token_ns.is_some(), |scene| scene == index) {
                *reached = stage;
            }
        }
        let number = self.number(scene).or_else(|| self.scenes.last().copied());
        self.watch.progress(stage, number.unwrap_or_default(), self.total);
        self.began_ns = self.watch.elapsed_ns();
    }

    fn end(&mut self, stage: Stage, scene: Option<usize>) {
        self.watch.record_since(stage, self.number(scene), self.began_ns);
        let first_token_ns = scene.and_then(|scene| self.first_token_ns.get_mut(scene));
        if let Some(first_token_ns) = first_token_ns.filter(|_| stage == Stage::Prefill) {
            *first_token_ns = Some(self.watch.elapsed_ns());
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
        reelbench_media::save_png(picture, &folder.join(frame_file(frames.scene, index)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_that_failed_early_stays_where_it_failed() {
        let mut watch = Stopwatch::new(&|_| ());
        let mut timer = BatchTimer {
            watch: &mut watch,
            scenes: vec![4, 5],
            total: 9,
            began_ns: 0,
            reached: vec![Stage::Preprocess; 2],
            first_token_ns: vec![None; 2],
        };
        for (stage, scene) in [
            (Stage::Preprocess, Some(0)),
            (Stage::Preprocess, Some(1)),
            (Stage::Vision, Some(1)),
            (Stage::Prefill, Some(1)),
            (Stage::Decode, None),
        ] {
            timer.begin(stage, scene);
            timer.end(stage, scene);
        }
        assert_eq!(timer.reached, [Stage::Preprocess, Stage::Decode]);
        assert_eq!(timer.first_token_ns.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    }
}
