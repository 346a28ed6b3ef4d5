//! Scene detection as `PySceneDetect` 0.7.2 defines it, with its default settings.
//!
//! Facts from its source (BSD-3-Clause): `scenedetect/scene_manager.py`, `detector.py` and
//! `detectors/{content,adaptive}_detector.py`. Every frame is turned into BGR as OpenCV does it, rotated as the metadata
//! says, shrunk so that its longer side is about 256 pixels, and turned into hue, saturation and value. The *content value* of a frame is the mean
//! change of the three from the frame before. [`cuts`] says how cuts follow from it.

mod cuts;
mod hsv;
mod shrink;
mod yuv;

use reelbench_protocol::{SceneList, SceneSpec};

use crate::MediaError;
use crate::video::{VideoFile, VideoFrame};
use cuts::CutFinder;
use hsv::{Bgr, HsvPlanes};
use shrink::Shrinker;

/// The scenes of a film and what they were found by.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The scenes, with the film's timeline. Without scene detection the film is one scene.
    pub list: SceneList,
    /// The content value of every frame; the first has nothing to be compared with. Empty without scene detection.
    pub content_val: Vec<Option<f64>>,
}

/// Finds scenes while a film is decoded.
pub(crate) struct SceneDetector {
    shrinker: Shrinker,
    comparison: Comparison,
    finder: CutFinder,
    content_val: Vec<Option<f64>>,
}

impl SceneDetector {
    pub(crate) fn new(spec: &SceneSpec, film: &VideoFile) -> Self {
        Self {
            shrinker: Shrinker::new(film.rotation()),
            comparison: Comparison::default(),
            finder: CutFinder::new(spec, film.fps()),
            content_val: Vec::new(),
        }
    }

    /// Takes the next frame of the film.
    pub(crate) fn push(&mut self, film: &VideoFile, frame: &VideoFrame) -> Result<(), MediaError> {
        let small = self.shrinker.shrink(&frame.picture);
        let small = small.map_err(|reason| MediaError::not_convertible(film, frame.pts, &reason))?;
        let change = self.comparison.next(small);
        self.finder.push(change.unwrap_or(0.0), film.seconds(frame.pts));
        self.content_val.push(change);
        Ok(())
    }

    /// The first frame of every scene but the first, and every frame's content value.
    pub(crate) fn finish(self) -> (Vec<u32>, Vec<Option<f64>>) {
        (self.finder.finish(), self.content_val)
    }
}

/// Compares each frame with the one before.
#[derive(Default)]
struct Comparison {
    current: HsvPlanes,
    previous: HsvPlanes,
}

impl Comparison {
    /// The content value of a frame; `None` for the first. All are of one size, and of one pixel at least.
    fn next(&mut self, bgr: &Bgr) -> Option<f64> {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.read_bgr(bgr);
        (self.previous.len() > 0).then(|| self.current.mean_change(&self.previous))
    }
}
