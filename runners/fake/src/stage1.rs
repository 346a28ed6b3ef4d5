//! The base stages: what they find is made up, how they go on side by side is real.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use reelbench_kit::{Clock, Stopwatch};
use reelbench_protocol::{
    Activity, AsrModel, AsrSpec, AstSpec, Failure, FailureKind, Objects, RemoteSpec, RunSpec, SceneList,
    Sounds, Span, Stage, Stage1Output, Stage1Spec, Transcript, Unit, YoloSpec,
};

use crate::runner::take_time;
use crate::script::Behaviour;
use crate::{made_up, misbehave};

/// How long a made-up request is under way, and how long it waits before where requests are limited.
const REQUEST: Duration = Duration::from_millis(2);

/// Runs the base stages of a repeat.
pub(crate) fn run(
    run: &RunSpec,
    spec: &Stage1Spec,
    behaviour: Behaviour,
    watch: &mut Stopwatch<'_>,
) -> Stage1Output {
    let repeat = Repeat { run, spec, behaviour };
    let mut output = Stage1Output::default();
    if spec.scene.is_some() {
        keep(repeat.scenes(watch), &mut output.scenes, &mut output.failures);
    }
    repeat.listen(&mut output, watch);
    if let Some(yolo) = &spec.yolo {
        output.objects = Some(repeat.objects(yolo, watch));
    }
    misbehave::in_repeat(behaviour, run);
    output
}

/// A stage's result to its place, or its failure to the others.
fn keep<T>(result: Result<T, Failure>, place: &mut Option<T>, failures: &mut Vec<Failure>) {
    match result {
        Ok(found) => *place = Some(found),
        Err(failure) => failures.push(failure),
    }
}

#[derive(Clone, Copy)]
struct Repeat<'a> {
    run: &'a RunSpec,
    spec: &'a Stage1Spec,
    behaviour: Behaviour,
}

impl Repeat<'_> {
    /// What should not, but does, change a result; empty where nothing does.
    fn salt(self, unstable: Behaviour) -> String {
        let Stage1Spec { asr, ast, parallel, .. } = self.spec;
        match self.behaviour {
            Behaviour::KnobBug => {
                let concurrency = asr.as_ref().map_or(0, |asr| asr.concurrency);
                let batch = ast.as_ref().map_or(0, |ast| ast.batch);
                format!(" {concurrency} {batch} {parallel}")
            }
            behaviour if behaviour == unstable => format!(" {} {}", self.run.pass, self.run.repeat),
            _ => String::new(),
        }
    }

    fn scenes(self, watch: &mut Stopwatch<'_>) -> Result<SceneList, Failure> {
        watch.time(Stage::Scene, None, || take_time(self.behaviour));
        if self.behaviour == Behaviour::SceneFailure {
            let message = format!("{}: the file breaks off at byte 1024", self.run.spec.video.path.display());
            return Err(Failure::new(FailureKind::Input, message).in_stage(Stage::Scene));
        }
        Ok(made_up::scenes())
    }

    /// Speech and sounds, one after the other or side by side.
    fn listen(self, output: &mut Stage1Output, watch: &mut Stopwatch<'_>) {
        let scenes = output.scenes.as_ref();
        let (speech, sounds) = match (&self.spec.asr, &self.spec.ast) {
            (Some(asr), Some(ast)) if self.spec.parallel => {
                let mut beside = watch.beside();
                thread::scope(|scope| {
                    let sounds = scope.spawn(move || (self.sounds(ast, scenes, &mut beside), beside));
                    let speech = self.speech(asr, scenes, watch);
                    let (sounds, beside) = sounds.join().unwrap_or_else(|panic| resume_unwind(panic));
                    watch.join(beside);
                    (Some(speech), Some(sounds))
                })
            }
            (asr, ast) => {
                let speech = asr.as_ref().map(|asr| self.speech(asr, scenes, watch));
                (speech, ast.as_ref().map(|ast| self.sounds(ast, scenes, watch)))
            }
        };
        if let Some(speech) = speech {
            keep(speech, &mut output.transcript, &mut output.failures);
        }
        output.sounds = sounds;
    }

    fn speech(
        self,
        asr: &AsrSpec,
        scenes: Option<&SceneList>,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Transcript, Failure> {
        if self.behaviour == Behaviour::SpeechFailure {
            let message = format!("{} has no sound", self.run.spec.video.path.display());
            return Err(Failure::new(FailureKind::Input, message).in_stage(Stage::Asr));
        }
        let stretches = made_up::stretches(asr.per, scenes);
        match &asr.model {
            AsrModel::Whisper(_) => {
                for (request, _) in (0..).zip(&stretches) {
                    watch.time(Stage::Asr, scene_of(asr.per, request), || take_time(self.behaviour));
                }
            }
            AsrModel::Azure(remote) | AsrModel::Openai(remote) => {
                watch.record(self.requests(asr, remote, stretches.len() as u32, watch.clock()));
            }
        }
        let salt = self.salt(Behaviour::UnstableTranscript);
        let segments = stretches.into_iter().map(|stretch| made_up::segment(self.run, stretch, &salt));
        Ok(made_up::transcript(segments.collect()))
    }

    /// Requests to a service that is not there, as many at once as asked.
    fn requests(self, asr: &AsrSpec, remote: &RemoteSpec, requests: u32, clock: Clock) -> Vec<Span> {
        let workers = requests.min(asr.concurrency).max(1);
        let of_worker = |first: u32| {
            let request = |request: u32| self.request(asr.per, remote, request, clock);
            (first..requests).step_by(workers as usize).flat_map(request).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|first| scope.spawn(move || of_worker(first))).collect();
            let ended = workers.into_iter().map(thread::ScopedJoinHandle::join);
            ended.flat_map(|spans| spans.unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    fn request(self, per: Unit, remote: &RemoteSpec, request: u32, clock: Clock) -> Vec<Span> {
        let timed = |activity, work: &dyn Fn()| {
            let start_ns = clock.elapsed_ns();
            work();
            let duration_ns = clock.elapsed_ns() - start_ns;
            Span { stage: Stage::Asr, scene: scene_of(per, request), activity, start_ns, duration_ns }
        };
        let mut spans = vec![timed(Activity::Compute, &|| take_time(self.behaviour))];
        if remote.requests_per_minute.is_some() {
            spans.push(timed(Activity::RateLimit, &|| thread::sleep(REQUEST)));
        }
        spans.push(timed(Activity::Network, &|| thread::sleep(REQUEST)));
        spans
    }

    fn sounds(self, ast: &AstSpec, scenes: Option<&SceneList>, watch: &mut Stopwatch<'_>) -> Sounds {
        watch.time(Stage::Ast, None, || take_time(self.behaviour));
        let mut sounds = made_up::sounds(self.run, ast, scenes, &self.salt(Behaviour::UnstableSounds));
        if self.behaviour == Behaviour::UnsortedTags {
            sounds.windows.iter_mut().for_each(|window| window.tags.reverse());
        }
        sounds
    }

    fn objects(self, yolo: &YoloSpec, watch: &mut Stopwatch<'_>) -> Objects {
        watch.time(Stage::Yolo, None, || take_time(self.behaviour));
        let mut objects = made_up::objects(yolo, &self.salt(Behaviour::UnstableObjects));
        let first = objects.frames.iter_mut().flat_map(|frame| &mut frame.boxes).next();
        if let (Behaviour::NanBox, Some(first)) = (self.behaviour, first) {
            first.xyxy[0] = f32::NAN;
        }
        objects
    }
}

/// The scene that a request is about.
fn scene_of(per: Unit, request: u32) -> Option<u32> {
    match per {
        Unit::Scene => Some(request),
        Unit::File => None,
    }
}
