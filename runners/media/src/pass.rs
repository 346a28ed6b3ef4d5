//! One pass over a film for everything that wants its frames: scene detection, and whoever looks at every nth frame.

use std::path::Path;

use image::RgbImage;
use reelbench_protocol::SceneSpec;

use crate::MediaError;
use crate::picture::UprightConverter;
use crate::scene::{Detection, SceneDetector};
use crate::timeline::TimelineBuilder;
use crate::video::{VideoFile, VideoFrame};

/// A film that is decoded once, from start to end, while its scenes are found and some of its frames are looked at.
///
/// The caller pulls the frames, and so can time apart what [`FilmPass::next_frame`] does (decoding and scene detection)
/// and what it does with a frame itself, which includes the conversion in [`FilmFrame::rgb`]. It may stop looking at any
/// time: [`FilmPass::finish`] decodes what is left.
///
/// ```no_run
/// # use reelbench_media::{FilmPass, MediaError};
/// # fn look(film: &std::path::Path, spec: &reelbench_protocol::SceneSpec) -> Result<(), MediaError> {
/// let mut pass = FilmPass::open(film, Some(spec))?;
/// while let Some(mut frame) = pass.next_frame(5)? {
///     let picture = frame.rgb()?;
///     // Look at `picture`, frame `frame.number`, shown at `frame.pts_s`.
/// }
/// let detection = pass.finish(&mut |_| {})?;
/// # Ok(())
/// # }
/// ```
pub struct FilmPass {
    film: VideoFile,
    converter: UprightConverter,
    detector: Option<SceneDetector>,
    timeline: TimelineBuilder,
    /// Frames decoded so far.
    frames: u32,
    /// What ended the pass early.
    broken: Option<MediaError>,
}

/// A frame that a [`FilmPass`] has come to.
pub struct FilmFrame<'a> {
    /// Number of the frame, counted from 0.
    pub number: u32,
    /// Presentation time in seconds of film time.
    pub pts_s: f64,
    frame: VideoFrame,
    film: &'a VideoFile,
    converter: &'a mut UprightConverter,
}

impl FilmPass {
    /// Opens the film. With `scene`, its scenes will be found; without, the film is taken as one scene.
    ///
    /// # Errors
    /// As [`VideoFile::open`].
    pub fn open(path: &Path, scene: Option<&SceneSpec>) -> Result<Self, MediaError> {
        let film = VideoFile::open(path)?;
        Ok(Self {
            converter: UprightConverter::new(film.rotation()),
            detector: scene.map(|spec| SceneDetector::new(spec, &film)),
            timeline: TimelineBuilder::new(&film),
            film,
            frames: 0,
            broken: None,
        })
    }

    /// Decodes up to the next frame whose number is a multiple of `every_nth` (0 counts as 1): at first frame 0. `None`
    /// at the end of the film.
    ///
    /// # Errors
    /// When the film cannot be decoded any further (see [`VideoFile`]), or has frames that cannot be turned into RGB.
    /// The frames before that were given out; this call and [`Self::finish`] return the error from then on.
    pub fn next_frame(&mut self, every_nth: u32) -> Result<Option<FilmFrame<'_>>, MediaError> {
        loop {
            let number = self.frames;
            let Some(frame) = self.step()? else { return Ok(None) };
            if number.is_multiple_of(every_nth.max(1)) {
                let pts_s = self.film.seconds(frame.pts);
                let (film, converter) = (&self.film, &mut self.converter);
                return Ok(Some(FilmFrame { number, pts_s, frame, film, converter }));
            }
        }
    }

    /// Average frames per second, where the container tells.
    pub fn fps(&self) -> Option<f64> {
        self.film.fps()
    }

    /// Which part of the film is done, from 0 to 1; `None` where its container does not say how long it is.
    pub fn progress(&self) -> Option<f64> {
        let end_s = self.film.declared_end_s().filter(|end_s| *end_s > 0.0)?;
        let done_s = self.film.seconds(self.film.end_pts().unwrap_or(0));
        Some((done_s / end_s).clamp(0.0, 1.0))
    }

    /// Decodes what is left, calling `progress` with the part of the film that is done now and then, and gives the
    /// scenes.
    ///
    /// # Errors
    /// As [`Self::next_frame`].
    pub fn finish(mut self, progress: &mut dyn FnMut(f64)) -> Result<Detection, MediaError> {
        while self.step()?.is_some() {
            if self.frames.is_multiple_of(FRAMES_PER_REPORT) {
                self.progress().into_iter().for_each(&mut *progress);
            }
        }
        progress(1.0);
        let (cuts, content_val) = self.detector.map(SceneDetector::finish).unwrap_or_default();
        Ok(Detection { list: self.timeline.finish(&self.film).into_scene_list(&cuts), content_val })
    }

    /// Decodes one frame and takes it into account.
    fn step(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let step = self.decode();
        self.broken = step.as_ref().err().cloned();
        step
    }

    fn decode(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        let Some(frame) = self.film.next_frame()? else { return Ok(None) };
        self.timeline.push(&self.film, frame.pts)?;
        if let Some(detector) = &mut self.detector {
            detector.push(&self.film, &frame)?;
        }
        self.frames += 1;
        Ok(Some(frame))
    }
}

/// How often progress is reported.
const FRAMES_PER_REPORT: u32 = 64;

impl FilmFrame<'_> {
    /// The frame as [`FrameSampler`](crate::FrameSampler) gives it at its own size: in the stream's own colours and
    /// rotated as the film's metadata says.
    ///
    /// # Errors
    /// When the pixels cannot be converted.
    pub fn rgb(&mut self) -> Result<RgbImage, MediaError> {
        self.converter.convert(self.film, &self.frame)
    }
}

/// Finds the scenes of a film, decoding it once, and calls `progress` with the part of the film that is done now and
/// then.
///
/// # Errors
/// As [`FilmPass::next_frame`].
pub fn detect_scenes(
    path: &Path,
    spec: &SceneSpec,
    progress: &mut dyn FnMut(f64),
) -> Result<Detection, MediaError> {
    FilmPass::open(path, Some(spec))?.finish(progress)
}
