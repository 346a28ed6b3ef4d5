//! What stage 1 finds: the film's timeline, its scenes and its speech.

use serde::{Deserialize, Serialize};

/// Seconds per tick, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBase {
    /// Numerator.
    pub num: u32,
    /// Denominator, never 0.
    pub den: u32,
}

impl TimeBase {
    /// Ticks in seconds.
    pub fn seconds(self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.num) / f64::from(self.den)
    }
}

/// Frames at equal distances: `start, start + step, …`, `count` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicksRun {
    /// First presentation time stamp, in ticks.
    pub start: i64,
    /// Distance to the next, in ticks.
    pub step: i64,
    /// How many frames, at least 1.
    pub count: u32,
}

/// The presentation time stamp of every frame of a film, in presentation order.
///
/// Kept as runs of equal steps. A film with a constant frame rate is one run, however long, where its ticks divide the
/// distance between frames. Where they do not (24 frames per second in milliseconds) the steps alternate and a run is
/// only a few frames: just as exact, only longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Unit of the ticks: the video stream's own.
    pub time_base: TimeBase,
    /// The frames.
    pub runs: Vec<TicksRun>,
}

/// A time stamp that does not come after the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame {index} has time stamp {pts}, not after {previous} of the frame before it")]
pub struct TimelineError {
    /// The frame.
    pub index: u32,
    /// Its time stamp, in ticks.
    pub pts: i64,
    /// The time stamp before it.
    pub previous: i64,
}

impl Timeline {
    /// A film without frames yet.
    pub fn new(time_base: TimeBase) -> Self {
        Self { time_base, runs: Vec::new() }
    }

    /// Adds the next frame in presentation order.
    ///
    /// # Errors
    /// When `pts` does not come after the last frame's.
    pub fn push(&mut self, pts: i64) -> Result<(), TimelineError> {
        let Some(run) = self.runs.last_mut() else {
            self.runs.push(TicksRun { start: pts, step: 0, count: 1 });
            return Ok(());
        };
        let previous = run.start + run.step * i64::from(run.count - 1);
        let step = pts - previous;
        if step <= 0 {
            return Err(TimelineError { index: self.len(), pts, previous });
        }
        if run.count == 1 {
            run.step = step;
        }
        if step == run.step {
            run.count += 1;
        } else {
            self.runs.push(TicksRun { start: pts, step: 0, count: 1 });
        }
        Ok(())
    }

    /// Number of frames.
    pub fn len(&self) -> u32 {
        self.runs.iter().fold(0, |frames, run| frames.saturating_add(run.count))
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The presentation time stamp of frame `index` in ticks; `None` past the end.
    pub fn pts(&self, index: u32) -> Option<i64> {
        let mut first: u32 = 0;
        for run in &self.runs {
            let next = first.saturating_add(run.count);
            if index < next {
                return run.step.checked_mul(i64::from(index - first))?.checked_add(run.start);
            }
            first = next;
        }
        None
    }

    /// The presentation time of frame `index` in seconds; `None` past the end.
    pub fn seconds(&self, index: u32) -> Option<f64> {
        self.pts(index).map(|pts| self.time_base.seconds(pts))
    }
}

/// A stretch of film between two cuts. Times are presentation times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// First frame.
    pub start_frame: u32,
    /// One past the last frame.
    pub end_frame: u32,
    /// Time of the first frame.
    pub start_s: f64,
    /// Time at which the next scene starts, or at which the film ends.
    pub end_s: f64,
}

/// The scenes of a film, with what is needed to find their frames again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneList {
    /// Average frames per second.
    pub fps: f64,
    /// Every frame's time stamp.
    pub timeline: Timeline,
    /// In order, without gaps.
    pub scenes: Vec<Scene>,
}

/// A stretch of speech. Times in seconds from the start of the film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Start.
    pub start: f64,
    /// End.
    pub end: f64,
    /// What was said.
    pub text: String,
    /// The tokens, time stamps included.
    pub tokens: Vec<u32>,
}

/// The speech of a film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// All of it.
    pub text: String,
    /// In order of time.
    pub segments: Vec<Segment>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME_BASE: TimeBase = TimeBase { num: 1, den: 12_288 };

    #[test]
    fn a_constant_rate_is_one_run() {
        let mut timeline = Timeline::new(TIME_BASE);
        for index in 0..1_000 {
            timeline.push(index * 512).unwrap();
        }
        assert_eq!(timeline.runs, [TicksRun { start: 0, step: 512, count: 1_000 }]);
        assert_eq!(timeline.seconds(24), Some(1.0));
        assert_eq!(timeline.seconds(1_000), None);
    }

    #[test]
    fn time_that_stands_still_is_refused() {
        let mut timeline = Timeline::new(TIME_BASE);
        timeline.push(10).unwrap();
        assert_eq!(timeline.push(10), Err(TimelineError { index: 1, pts: 10, previous: 10 }));
    }

    #[test]
    fn steps_that_alternate_are_kept() {
        const FRAMES: u32 = 100_000;
        let mut timeline = Timeline::new(TimeBase { num: 1, den: 1_000 });
        let milliseconds = |frame: u32| i64::from(frame) * 1_000 / 24;
        for frame in 0..FRAMES {
            timeline.push(milliseconds(frame)).unwrap();
        }
        assert!(timeline.runs.len() > FRAMES as usize / 4, "{}", timeline.runs.len());
        let previous = milliseconds(FRAMES - 1);
        assert_eq!(timeline.push(0), Err(TimelineError { index: FRAMES, pts: 0, previous }));
    }

    #[test]
    fn a_timeline_that_was_made_to_overflow_is_read_without_harm() {
        let run = TicksRun { start: i64::MAX, step: i64::MAX, count: u32::MAX };
        let timeline = Timeline { time_base: TimeBase { num: 1, den: 0 }, runs: vec![run, run] };
        assert_eq!(timeline.len(), u32::MAX);
        assert_eq!((timeline.pts(0), timeline.pts(1), timeline.pts(u32::MAX)), (Some(i64::MAX), None, None));
    }

    proptest! {
        #[test]
        fn every_time_stamp_comes_back(steps in prop::collection::vec(1_i64..4, 0..200), start in -100_i64..100) {
            let mut timeline = Timeline::new(TIME_BASE);
            let mut expected = vec![start];
            expected.extend(steps.iter().scan(start, |pts, step| { *pts += step; Some(*pts) }));
            for pts in &expected {
                timeline.push(*pts).unwrap();
            }
            prop_assert_eq!(timeline.len() as usize, expected.len());
            for (index, pts) in expected.iter().enumerate() {
                prop_assert_eq!(timeline.pts(index as u32), Some(*pts));
            }
        }
    }
}
