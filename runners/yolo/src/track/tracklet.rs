//! One object over the frames.

use super::TrackedBox;
use super::kalman::Motion;
use super::rect::Rect;
use crate::Detection;

/// A detection that can be tracked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation {
    pub(super) rect: Rect,
    pub(super) score: f32,
    class: u32,
    /// Place of the detection among those of the frame.
    detection: usize,
    /// Centre, ratio of width to height, and height. Worked out in `f32` as in the reference, then
    /// filtered in `f64`: to the last of its decimals that shows.
    xyah: [f32; 4],
}

impl Observation {
    /// `None` for a box that cannot be tracked: one that is not finite or has no area.
    pub(super) fn new(detection: usize, Detection { xyxy, score, class }: Detection) -> Option<Self> {
        let [left, top, right, bottom] = xyxy;
        let (width, height) = (right - left, bottom - top);
        let xyah = [left + width / 2.0, top + height / 2.0, width / height, height];
        let has_area = width > 0.0 && height > 0.0;
        let is_finite = score.is_finite() && xyah.iter().all(|value| value.is_finite());
        let rect = Rect::from_xyxy(xyxy);
        (has_area && is_finite).then_some(Self { rect, score, class, detection, xyah })
    }

    fn measured(&self) -> [f64; 4] {
        self.xyah.map(f64::from)
    }
}

/// How a track stands after the latest frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Seen once: not yet an object.
    Unconfirmed,
    /// Seen in the latest frame.
    Tracked,
    /// Not seen in the latest frame.
    Lost,
    /// Over.
    Removed,
}

#[derive(Debug, Clone)]
pub(super) struct Tracklet {
    id: u32,
    pub(super) state: State,
    /// Whether it once stayed lost for longer than the tracker's patience.
    pub(super) expired: bool,
    /// Frame of the latest observation.
    pub(super) last_seen: u64,
    first_seen: u64,
    observation: Observation,
    motion: Motion,
}

impl Tracklet {
    pub(super) fn begin(id: u32, observation: Observation, state: State, frame: u64) -> Self {
        let motion = Motion::at_rest(observation.measured());
        Self { id, state, expired: false, last_seen: frame, first_seen: frame, observation, motion }
    }

    /// Moves on by one frame.
    pub(super) fn predict(&mut self) {
        if self.state == State::Lost {
            self.motion.hold_height();
        }
        self.motion.predict();
    }

    /// Takes in the box that shows the object in `frame`.
    pub(super) fn observe(&mut self, observation: Observation, frame: u64) {
        self.motion.correct(observation.measured());
        self.observation = observation;
        self.state = State::Tracked;
        self.last_seen = frame;
    }

    /// Where the object is expected, after an observation: where it most likely is.
    pub(super) fn rect(&self) -> Rect {
        Rect::from_xyah(self.motion.xyah())
    }

    /// Frames from the first observation to the latest.
    pub(super) fn followed_for(&self) -> u64 {
        self.last_seen - self.first_seen
    }

    pub(super) fn tracked_box(&self) -> TrackedBox {
        let Observation { score, class, detection, .. } = self.observation;
        TrackedBox { id: self.id, xyxy: self.rect().to_xyxy(), score, class, detection }
    }
}
