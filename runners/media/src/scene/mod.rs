//! Scene detection as `PySceneDetect` 0.7.2 defines it, with its default settings.
//!
//! Facts from its source (BSD-3-Clause): `scenedetect/scene_manager.py`, `detector.py` and
//! `detectors/{content,adaptive}_detector.py`. Every frame is turned into BGR as OpenCV does it, shrunk so that its longer
//! side is about 256 pixels, and turned into hue, saturation and value. The *content value* of a frame is the mean
//! change of the three from the frame before. [`cuts`] says how cuts follow from it.
//!
//! Frames are compared as decoded, before rotation: the mean does not depend on it.

mod cuts;
mod hsv;
mod shrink;
mod yuv;

use std::path::Path;

use reelbench_protocol::{SceneList, SceneSpec};

use crate::MediaError;
use crate::timeline::TimelineBuilder;
use crate::video::VideoFile;
use cuts::CutFinder;
use hsv::{Bgr, HsvPlanes};
use shrink::Shrinker;

/// The scenes of a film and what they were found by.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The scenes, with the film's timeline.
    pub list: SceneList,
    /// The content value of every frame; the first has nothing to be compared with.
    pub content_val: Vec<Option<f64>>,
}

/// Finds the scenes of a film, decoding it once, and calls `progress` with the fraction done now and then.
///
/// # Errors
/// When the film cannot be decoded to its end (see [`VideoFile`]), or has frames that cannot be turned into RGB.
pub fn detect_scenes(
    path: &Path,
    spec: &SceneSpec,
    progress: &mut dyn FnMut(f64),
) -> Result<Detection, MediaError> {
    let mut film = VideoFile::open(path)?;
    let declared_end_s = film.declared_end_s().filter(|end_s| *end_s > 0.0);
    let mut timeline = TimelineBuilder::new(&film);
    let mut shrinker = Shrinker::default();
    let mut comparison = Comparison::default();
    let mut finder = CutFinder::new(spec);
    let mut content_val = Vec::new();
    while let Some(frame) = film.next_frame()? {
        timeline.push(&film, frame.pts)?;
        let small = shrinker.shrink(&frame.picture).map_err(|reason| MediaError::Convert {
            path: path.to_owned(),
            at_s: film.seconds(frame.pts),
            reason: reason.to_string(),
        })?;
        let change = comparison.next(small);
        finder.push(change.unwrap_or(0.0));
        content_val.push(change);
        if let (Some(end_s), true) = (declared_end_s, content_val.len().is_multiple_of(FRAMES_PER_REPORT)) {
            progress((film.seconds(frame.pts) / end_s).clamp(0.0, 1.0));
        }
    }
    progress(1.0);
    let list = timeline.finish(&film).into_scene_list(&finder.finish());
    Ok(Detection { list, content_val })
}

/// How often progress is reported.
const FRAMES_PER_REPORT: usize = 64;

/// Compares each frame with the one before.
#[derive(Default)]
struct Comparison {
    current: HsvPlanes,
    previous: HsvPlanes,
    seen: bool,
}

impl Comparison {
    /// The content value of a frame; `None` for the first, or where the size of the picture changes.
    fn next(&mut self, bgr: &Bgr) -> Option<f64> {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.read_bgr(bgr);
        let comparable = self.seen && self.current.len() == self.previous.len() && self.current.len() > 0;
        self.seen = true;
        comparable.then(|| self.current.mean_change(&self.previous))
    }
}
