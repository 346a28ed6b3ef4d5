//! Scenes and objects, from one pass over the film.

use std::path::Path;

use reelbench_kit::Stopwatch;
use reelbench_media::{FilmFrame, FilmPass, MediaError};
use reelbench_protocol::{
    Failure, FrameObjects, ObjectBox, Objects, Stage, Stage1Output, Stage1Spec, Tracker, YoloSpec,
};
use reelbench_yolo::track::{ByteTrack, ByteTrackConfig};
use reelbench_yolo::{DetectOptions, Detection, Detector};

use super::{not_loaded, percent};

/// Finds scenes and objects. Decoding counts for scene detection where that is asked for.
pub(super) fn watch_film(
    video: &Path,
    spec: &Stage1Spec,
    detector: Option<&Detector>,
    watch: &mut Stopwatch<'_>,
    output: &mut Stage1Output,
) {
    let mut looking = spec.yolo.as_ref().and_then(|yolo| Looking::new(yolo, detector, output));
    if spec.scene.is_none() && looking.is_none() {
        return;
    }
    let decoding = if spec.scene.is_some() { Stage::Scene } else { Stage::Yolo };
    let pass = watch.time(decoding, None, || FilmPass::open(video, spec.scene.as_ref()));
    let detection = pass.and_then(|mut pass| {
        if let Some(looking) = &mut looking {
            looking.follow(&mut pass, decoding, watch)?;
        }
        finish(pass, decoding, watch)
    });
    let broken = detection.as_ref().err().cloned();
    if let (Ok(detection), Some(_)) = (detection, &spec.scene) {
        output.scenes = Some(detection.list);
    }
    if let (Some(error), Some(_)) = (&broken, &spec.scene) {
        output.failures.push(Failure::from(error.clone()).in_stage(Stage::Scene));
    }
    if let Some(looking) = looking {
        looking.conclude(broken, output);
    }
}

/// Decodes the rest of the film.
fn finish(
    pass: FilmPass,
    decoding: Stage,
    watch: &mut Stopwatch<'_>,
) -> Result<reelbench_media::Detection, MediaError> {
    let start_ns = watch.elapsed_ns();
    let detection = pass.finish(&mut |fraction| watch.progress(decoding, percent(fraction), 100));
    watch.record_since(decoding, None, start_ns);
    detection
}

/// Looks at frames until one cannot be looked at.
struct Looking<'a> {
    detector: &'a Detector,
    spec: &'a YoloSpec,
    options: DetectOptions,
    /// Made when the film's frame rate is known.
    tracker: Option<ByteTrack>,
    frames: Vec<FrameObjects>,
    failure: Option<Failure>,
}

impl<'a> Looking<'a> {
    fn new(spec: &'a YoloSpec, detector: Option<&'a Detector>, output: &mut Stage1Output) -> Option<Self> {
        let Some(detector) = detector else {
            output.failures.push(not_loaded("objects are").in_stage(Stage::Yolo));
            return None;
        };
        let options = options(spec.tracker);
        Some(Self { detector, spec, options, tracker: None, frames: Vec::new(), failure: None })
    }

    /// Looks at every nth frame of the film. Its decoding, and scene detection, are timed as `decoding`.
    fn follow(
        &mut self,
        pass: &mut FilmPass,
        decoding: Stage,
        watch: &mut Stopwatch<'_>,
    ) -> Result<(), MediaError> {
        self.tracker = tracker(self.spec.tracker, pass, self.spec.every_nth_frame);
        loop {
            if let Some(done) = pass.progress() {
                watch.progress(Stage::Yolo, percent(done), 100);
            }
            let frame = watch.time(decoding, None, || pass.next_frame(self.spec.every_nth_frame));
            let Some(mut frame) = frame? else { return Ok(()) };
            match watch.time(Stage::Yolo, None, || self.look(&mut frame)) {
                Ok(objects) => self.frames.push(objects),
                Err(failure) => {
                    self.failure = Some(failure);
                    return Ok(());
                }
            }
        }
    }

    fn look(&mut self, frame: &mut FilmFrame<'_>) -> Result<FrameObjects, Failure> {
        let (number, pts_s) = (frame.number, frame.pts_s);
        let picture = frame.rgb()?;
        let detections = self.detector.detect(&picture, &self.options)?;
        let boxes = boxes(&detections, self.tracker.as_mut(), self.detector.labels());
        Ok(FrameObjects { frame: number, pts_s, boxes })
    }

    /// What was found; a film that broke off is no whole answer.
    fn conclude(self, broken: Option<MediaError>, output: &mut Stage1Output) {
        match self.failure.or(broken.map(Failure::from)) {
            Some(failure) => output.failures.push(failure.in_stage(Stage::Yolo)),
            None => output.objects = Some(Objects { tracker: self.spec.tracker, frames: self.frames }),
        }
    }
}

/// Frames per second of a film that does not tell, as the tracker's published settings assume.
const USUAL_FPS: f64 = 30.0;

/// A tracker for every `every_nth` frame of a film.
pub(crate) fn tracker(tracker: Tracker, film: &FilmPass, every_nth: u32) -> Option<ByteTrack> {
    let fps = film.fps().unwrap_or(USUAL_FPS) / f64::from(every_nth.max(1));
    match tracker {
        Tracker::None => None,
        Tracker::Bytetrack => Some(ByteTrack::new(ByteTrackConfig::default(), fps)),
    }
}

/// Which boxes are kept: a tracker takes doubtful ones too, to follow what it knows already.
pub(crate) fn options(tracker: Tracker) -> DetectOptions {
    match tracker {
        Tracker::None => DetectOptions::default(),
        Tracker::Bytetrack => {
            DetectOptions { conf: ByteTrackConfig::default().track_low_thresh, ..DetectOptions::default() }
        }
    }
}

/// The boxes of a frame, each with its track where there is a tracker.
pub(crate) fn boxes(
    detections: &[Detection],
    tracker: Option<&mut ByteTrack>,
    labels: &[String],
) -> Vec<ObjectBox> {
    let tracks = match tracker {
        Some(tracker) => tracker.update(detections),
        None => vec![None; detections.len()],
    };
    let object = |(detection, track): (&Detection, Option<u32>)| ObjectBox {
        xyxy: detection.xyxy,
        score: detection.score,
        class: detection.class,
        label: labels.get(detection.class as usize).cloned().unwrap_or_default(),
        track,
    };
    detections.iter().zip(tracks).map(object).collect()
}
