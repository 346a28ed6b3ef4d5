//! When every frame of a film is shown, and the film taken as one scene.

use std::path::Path;

use reelbench_protocol::{Scene, SceneList, Timeline};

use crate::clock::StampRepair;
use crate::container::{Container, Medium};
use crate::{MediaError, VideoFile, ffmpeg};

/// A timeline with where its last frame ends.
pub(crate) struct FilmTimeline {
    pub(crate) timeline: Timeline,
    pub(crate) end_s: f64,
    pub(crate) fps: f64,
}

impl FilmTimeline {
    /// The scenes between `cuts`, the first frames of all scenes but the first, in ascending order.
    pub(crate) fn into_scene_list(self, cuts: &[u32]) -> SceneList {
        let frames = self.timeline.len();
        let inner = cuts.iter().copied().filter(|&cut| 0 < cut && cut < frames);
        let mut starts: Vec<u32> = std::iter::once(0).chain(inner).collect();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([frames]);
        let time = |frame: u32| self.timeline.seconds(frame).unwrap_or(self.end_s);
        let scenes = starts
            .iter()
            .zip(ends)
            .map(|(&start_frame, end_frame)| Scene {
                start_frame,
                end_frame,
                start_s: time(start_frame),
                end_s: time(end_frame),
            })
            .collect();
        SceneList { fps: self.fps, timeline: self.timeline, scenes }
    }
}

/// Builds a [`FilmTimeline`] while a film is decoded.
pub(crate) struct TimelineBuilder(Timeline);

impl TimelineBuilder {
    pub(crate) fn new(film: &VideoFile) -> Self {
        Self(Timeline::new(film.time_base()))
    }

    pub(crate) fn push(&mut self, film: &VideoFile, pts: i64) -> Result<(), MediaError> {
        self.0.push(pts).map_err(|error| MediaError::damaged(film.path(), film.seconds(pts), &error))
    }

    pub(crate) fn finish(self, film: &VideoFile) -> FilmTimeline {
        let end_s = film.seconds(film.end_pts().unwrap_or(0));
        let fps = film.fps().unwrap_or_else(|| average_fps(&self.0, end_s));
        FilmTimeline { timeline: self.0, end_s, fps }
    }
}

fn average_fps(timeline: &Timeline, end_s: f64) -> f64 {
    let length = end_s - timeline.seconds(0).unwrap_or(0.0);
    if length > 0.0 { f64::from(timeline.len()) / length } else { 0.0 }
}

/// The time stamp of every frame, read from the packets without decoding them.
///
/// Frames before the first one that can be decoded (a recording that starts in the middle of a group of pictures)
/// are left out. A stream whose packets carry no presentation times is decoded instead.
///
/// # Errors
/// As [`VideoFile`], but damage inside a frame is not noticed.
pub fn scan_timeline(path: &Path) -> Result<Timeline, MediaError> {
    scan(path).map(|film| film.timeline)
}

/// The film taken as one scene, without decoding it.
///
/// # Errors
/// As [`scan_timeline`].
pub fn whole_film_scene_list(path: &Path) -> Result<SceneList, MediaError> {
    Ok(scan(path)?.into_scene_list(&[]))
}

/// Length of a file in seconds: of its pictures, or of its sound where it has none.
///
/// # Errors
/// When the file cannot be read, or neither says how long it is nor can be scanned.
pub fn duration_s(path: &Path) -> Result<f64, MediaError> {
    match Container::open(path, Medium::Video) {
        Ok(container) => match container.declared_end_s() {
            Some(end_s) => Ok(end_s - container.declared_start_s()),
            None => scan(path).map(|film| film.end_s - film.timeline.seconds(0).unwrap_or(0.0)),
        },
        Err(MediaError::NoVideo { .. }) => {
            let container = Container::open(path, Medium::Audio)?;
            container
                .declared_duration_s()
                .ok_or_else(|| MediaError::NothingDecoded { path: path.to_owned() })
        }
        Err(error) => Err(error),
    }
}

fn scan(path: &Path) -> Result<FilmTimeline, MediaError> {
    let mut film = VideoFile::open(path)?;
    let Some(first) = film.next_frame()?.map(|frame| frame.pts) else {
        return Err(MediaError::NothingDecoded { path: path.to_owned() });
    };
    let Some(stamps) = packet_stamps(path)? else {
        return decode_timeline(film, first);
    };
    let mut timeline = Timeline::new(film.time_base());
    let mut repair = StampRepair::default();
    for (pts, duration) in stamps.into_iter().filter(|&(pts, _)| pts >= first) {
        let pts = repair.stamp(Some(pts), duration);
        timeline.push(pts).map_err(|error| MediaError::damaged(path, film.seconds(pts), &error))?;
    }
    let end_s = repair.end(film.usual_duration()).map_or(0.0, |end| film.seconds(end));
    let fps = film.fps().unwrap_or_else(|| average_fps(&timeline, end_s));
    Ok(FilmTimeline { timeline, end_s, fps })
}

fn decode_timeline(mut film: VideoFile, first: i64) -> Result<FilmTimeline, MediaError> {
    let mut builder = TimelineBuilder::new(&film);
    builder.push(&film, first)?;
    while let Some(frame) = film.next_frame()? {
        builder.push(&film, frame.pts)?;
    }
    Ok(builder.finish(&film))
}

/// Time stamp and duration of every packet that is shown, in presentation order; `None` if one has no time stamp.
fn packet_stamps(path: &Path) -> Result<Option<Vec<(i64, i64)>>, MediaError> {
    let mut container = Container::open(path, Medium::Video)?;
    let clock = container.clock();
    let mut stamps = Vec::new();
    while let Some(packet) = container.next_packet() {
        if ffmpeg::is_hidden(&packet) {
            continue;
        }
        let Some(pts) = packet.pts() else { return Ok(None) };
        stamps.push((clock.film_ticks(pts), packet.duration()));
    }
    stamps.sort_by_key(|&(pts, _)| pts);
    let end = stamps.last().map_or(0, |&(pts, duration)| pts + duration);
    container.early_end(clock.seconds(end))?;
    Ok(Some(stamps))
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::TimeBase;

    use super::*;

    fn film(frames: u32) -> FilmTimeline {
        let mut timeline = Timeline::new(TimeBase { num: 1, den: 10 });
        for frame in 0..frames {
            timeline.push(i64::from(frame)).unwrap();
        }
        FilmTimeline { timeline, end_s: f64::from(frames) / 10.0, fps: 10.0 }
    }

    #[test]
    fn scenes_cover_the_film_without_gaps() {
        let list = film(100).into_scene_list(&[0, 30, 70, 100]);
        let bounds: Vec<_> = list.scenes.iter().map(|scene| (scene.start_frame, scene.end_frame)).collect();
        assert_eq!(bounds, [(0, 30), (30, 70), (70, 100)]);
        let times: Vec<_> = list.scenes.iter().map(|scene| (scene.start_s, scene.end_s)).collect();
        assert_eq!(times, [(0.0, 3.0), (3.0, 7.0), (7.0, 10.0)]);
    }

    #[test]
    fn a_film_without_cuts_is_one_scene() {
        assert_eq!(film(3).into_scene_list(&[]).scenes.len(), 1);
    }
}
