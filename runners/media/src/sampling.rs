//! The frames of every scene that are shown to a captioner, in one forward pass over the film.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use image::RgbImage;
use reelbench_protocol::{Scene, SceneList};

use crate::MediaError;
use crate::picture::UprightConverter;
use crate::resize::pil_bicubic;
use crate::video::{VideoFile, VideoFrame};

/// The frames of one scene.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneFrames {
    /// The scene, counted from 0.
    pub scene: u32,
    /// Presentation time in seconds and picture, in order of time.
    pub frames: Vec<(f64, RgbImage)>,
}

/// Which frames of a scene are shown, as numbers of the film's frames: for 1 the middle one, for `count` ≥ 2 evenly
/// spaced ones from the start (so 2 = start and middle).
///
/// All lie inside the scene. A scene with fewer than `count` frames shows some of them more than once; an empty scene
/// or a `count` of 0 shows none.
pub fn sampled_frames(scene: &Scene, count: u32) -> Vec<u32> {
    let length = u64::from(scene.end_frame.saturating_sub(scene.start_frame));
    if length == 0 {
        return Vec::new();
    }
    if count == 1 {
        return vec![scene.start_frame + (length / 2) as u32];
    }
    (0..u64::from(count)).map(|i| scene.start_frame + (i * length / u64::from(count)) as u32).collect()
}

/// Size of a picture whose shorter side becomes `shorter` pixels; the other keeps the aspect, rounded to the nearest
/// pixel, halves up. 0 leaves the size as it is.
pub fn fitted_size(width: u32, height: u32, shorter: u32) -> (u32, u32) {
    let side = u64::from(width.min(height));
    if shorter == 0 || side == 0 {
        return (width, height);
    }
    let scaled = |length: u32| ((2 * u64::from(length) * u64::from(shorter) + side) / (2 * side)) as u32;
    (scaled(width), scaled(height))
}

/// Walks through a film once and gives the sampled frames of scene after scene.
///
/// Only frames that are asked for are turned into RGB, rotated as the film's metadata says, and resized as Pillow's
/// BICUBIC does. Between two wanted frames, whole groups of pictures are skipped, and in the others the frames that no
/// other frame needs. One scene's pictures are held at a time.
pub struct FrameSampler {
    path: PathBuf,
    film: VideoFile,
    converter: UprightConverter,
    wanted: VecDeque<WantedScene>,
    frame_size: u32,
    /// The frame the decoder stands at.
    at: Option<VideoFrame>,
    pass: Pass,
}

/// How the film is walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Groups of pictures in which nothing is wanted are skipped.
    Skipping,
    /// Every frame is decoded: the time stamps of this film do not allow to skip.
    Complete,
}

/// A scene and the time stamps of its frames, in order.
struct WantedScene {
    scene: u32,
    stamps: Vec<i64>,
}

impl FrameSampler {
    /// Prepares to sample `frames_per_scene` frames from each of `list`'s scenes, with the shorter side resized to
    /// `frame_size` pixels (0: as decoded).
    ///
    /// # Errors
    /// When the film cannot be opened or a scene lies outside the list's timeline.
    pub fn new(
        path: &Path,
        list: &SceneList,
        frames_per_scene: u32,
        frame_size: u32,
    ) -> Result<Self, MediaError> {
        let film = VideoFile::open(path)?;
        let mut wanted = VecDeque::with_capacity(list.scenes.len());
        for (scene, index) in list.scenes.iter().zip(0..) {
            let frames = sampled_frames(scene, frames_per_scene);
            let stamps: Option<Vec<i64>> = frames.iter().map(|&frame| list.timeline.pts(frame)).collect();
            let stamps = stamps
                .filter(|stamps| !stamps.is_empty() || frames_per_scene == 0)
                .ok_or_else(|| MediaError::NoSuchScene { path: path.to_owned(), scene: index })?;
            wanted.push_back(WantedScene { scene: index, stamps });
        }
        let (path, converter) = (path.to_owned(), UprightConverter::new(film.rotation()));
        Ok(Self { path, film, converter, wanted, frame_size, at: None, pass: Pass::Skipping })
    }

    fn sample(&mut self, wanted: &WantedScene) -> Result<SceneFrames, MediaError> {
        let mut frames: Vec<(f64, RgbImage)> = Vec::with_capacity(wanted.stamps.len());
        let mut previous = None;
        for &pts in &wanted.stamps {
            if let (true, Some(last)) = (previous == Some(pts), frames.last()) {
                frames.push(last.clone());
                continue;
            }
            self.go_to(wanted.scene, pts)?;
            frames.push((self.film.seconds(pts), self.picture()?));
            previous = Some(pts);
        }
        Ok(SceneFrames { scene: wanted.scene, frames })
    }

    /// Moves on to the frame with exactly this time stamp.
    fn go_to(&mut self, scene: u32, pts: i64) -> Result<(), MediaError> {
        if self.advance(pts)? {
            return Ok(());
        }
        if self.pass == Pass::Skipping {
            // Time stamps that had to be repaired depend on the frames before them: walk all the way.
            self.pass = Pass::Complete;
            self.film = VideoFile::open(&self.path)?;
            self.at = None;
            if self.advance(pts)? {
                return Ok(());
            }
        }
        Err(MediaError::NoSuchFrame { path: self.path.clone(), scene, at_s: self.film.seconds(pts) })
    }

    /// Decodes up to the frame at `pts`; false if the film has none.
    fn advance(&mut self, pts: i64) -> Result<bool, MediaError> {
        if self.pass == Pass::Skipping && self.at.as_ref().is_none_or(|frame| frame.pts < pts) {
            self.film.skip_towards(pts);
        }
        while self.at.as_ref().is_none_or(|frame| frame.pts < pts) {
            match self.film.next_frame()? {
                Some(frame) => self.at = Some(frame),
                None => return Ok(false),
            }
        }
        Ok(self.at.as_ref().is_some_and(|frame| frame.pts == pts))
    }

    /// The frame the decoder stands at, ready to be shown.
    fn picture(&mut self) -> Result<RgbImage, MediaError> {
        let Some(frame) = &self.at else {
            return Err(MediaError::NothingDecoded { path: self.path.clone() });
        };
        let picture = self.converter.convert(&self.film, frame)?;
        let (width, height) = fitted_size(picture.width(), picture.height(), self.frame_size);
        if picture.dimensions() == (width, height) {
            return Ok(picture);
        }
        Ok(pil_bicubic(&picture, width, height))
    }
}

impl Iterator for FrameSampler {
    type Item = Result<SceneFrames, MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        let wanted = self.wanted.pop_front()?;
        Some(self.sample(&wanted))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.wanted.len(), Some(self.wanted.len()))
    }
}

impl ExactSizeIterator for FrameSampler {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scene(start_frame: u32, end_frame: u32) -> Scene {
        Scene { start_frame, end_frame, start_s: 0.0, end_s: 0.0 }
    }

    #[test]
    fn one_is_the_middle_and_two_are_start_and_middle() {
        assert_eq!(sampled_frames(&scene(100, 200), 1), [150]);
        assert_eq!(sampled_frames(&scene(100, 200), 2), [100, 150]);
        assert_eq!(sampled_frames(&scene(100, 200), 4), [100, 125, 150, 175]);
        assert_eq!(sampled_frames(&scene(7, 8), 3), [7, 7, 7]);
        assert!(sampled_frames(&scene(7, 7), 3).is_empty());
    }

    #[test]
    fn the_shorter_side_is_fitted() {
        assert_eq!(fitted_size(1280, 720, 336), (597, 336));
        assert_eq!(fitted_size(720, 1280, 336), (336, 597));
        assert_eq!(fitted_size(1280, 720, 0), (1280, 720));
        assert_eq!(fitted_size(3, 2, 1), (2, 1));
    }

    proptest! {
        #[test]
        fn sampled_frames_are_ordered_evenly_spaced_and_inside(
            start in 0..u32::MAX / 2, length in 1..100_000_u32, count in 1..64_u32,
        ) {
            let frames = sampled_frames(&scene(start, start + length), count);
            prop_assert_eq!(frames.len(), count as usize);
            prop_assert!(frames.iter().all(|frame| (start..start + length).contains(frame)));
            let gaps: Vec<u32> = frames.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (least, most) = (gaps.iter().min().copied().unwrap_or(0), gaps.iter().max().copied().unwrap_or(0));
            prop_assert!(most - least <= 1);
            if count > 1 {
                prop_assert_eq!(frames[0], start);
                prop_assert!(start + length - frames[frames.len() - 1] >= least);
            }
        }
    }
}
