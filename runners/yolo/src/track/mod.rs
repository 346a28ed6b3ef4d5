//! Tracking: which boxes of successive frames show the same object.
//!
//! Source: ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection
//! Box", 2022) with the separate threshold for new tracks and the score in every association of high
//! boxes that later implementations added.
//!
//! ```
//! use reelbench_yolo::Detection;
//! use reelbench_yolo::track::{ByteTrack, ByteTrackConfig};
//!
//! let mut tracker = ByteTrack::new(ByteTrackConfig::default(), 25.0);
//! let cat = Detection { xyxy: [10.0, 20.0, 60.0, 80.0], score: 0.9, class: 15 };
//! assert_eq!(tracker.update(&[cat]), [Some(1)]);
//! ```

mod assignment;
mod kalman;
mod rect;
#[cfg(test)]
mod tests;
mod tracklet;

use std::mem;

use assignment::Candidate;
use rect::Rect;
use tracklet::{Observation, State, Tracklet};

use crate::Detection;

/// A track unmatched with the high boxes takes a low box when `1 - IoU` is below this.
const LOW_LIMIT: f64 = 0.5;
/// A track seen only once takes a high box when their distance is below this.
const UNCONFIRMED_LIMIT: f64 = 0.7;
/// A tracked and a lost track show one object when their `1 - IoU` is below this.
const DUPLICATE_LIMIT: f64 = 0.15;
/// The frame rate for which [`ByteTrackConfig::track_buffer`] is written.
const BUFFER_FRAME_RATE: f64 = 30.0;

/// An object in the latest frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackedBox {
    /// Number of the track, from 1.
    pub id: u32,
    /// Left, top, right and bottom edge in pixels, as the track's motion smooths them.
    pub xyxy: [f32; 4],
    /// Score of the detection.
    pub score: f32,
    /// Class of the detection.
    pub class: u32,
    /// Place of the detection among those of the frame.
    pub detection: usize,
}

/// When boxes become, continue and end tracks. Named as in the `bytetrack.yaml` that people share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByteTrackConfig {
    /// Boxes of at least this score are associated first and may begin tracks.
    pub track_high_thresh: f32,
    /// Boxes between this score and the high one can only continue what is tracked.
    pub track_low_thresh: f32,
    /// Least score of a box that begins a track.
    pub new_track_thresh: f32,
    /// How long a lost track may be found again, in frames of a film of 30 frames per second.
    pub track_buffer: u32,
    /// A track takes a high box when their distance is below this.
    pub match_thresh: f64,
    /// The distance between tracks and high boxes.
    pub distance: Distance,
}

impl Default for ByteTrackConfig {
    fn default() -> Self {
        Self {
            track_high_thresh: 0.25,
            track_low_thresh: 0.1,
            new_track_thresh: 0.25,
            track_buffer: 30,
            match_thresh: 0.8,
            distance: Distance::FusedWithScore,
        }
    }
}

/// How far a box lies from where a track is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// `1 - IoU`.
    Iou,
    /// `1 - IoU * score`, so that of two boxes the surer wins (`fuse_score`).
    FusedWithScore,
}

/// The tracker of one film: give it the boxes of every frame in order.
#[derive(Debug, Clone)]
pub struct ByteTrack {
    config: ByteTrackConfig,
    /// Frames without a box after which a lost track expires.
    patience: u64,
    /// Frames so far.
    frame: u64,
    last_id: u32,
    /// Tracks with a box in the latest frame, confirmed or seen for the first time.
    tracked: Vec<Tracklet>,
    /// Confirmed tracks without a box in the latest frame.
    lost: Vec<Tracklet>,
}

impl ByteTrack {
    /// A tracker without tracks for frames that come at `frame_rate` per second: that of the frames it
    /// is given, which is not the film's when only every nth is.
    pub fn new(config: ByteTrackConfig, frame_rate: f64) -> Self {
        let patience = (frame_rate / BUFFER_FRAME_RATE * f64::from(config.track_buffer)) as u64;
        Self { config, patience, frame: 0, last_id: 0, tracked: Vec::new(), lost: Vec::new() }
    }

    /// Takes in the boxes of the next frame and says, for each, the track it belongs to.
    ///
    /// Boxes of the first frame are tracks at once; later, an object has an id from its second box on.
    /// Boxes that score too low, have no area or are not finite belong to none. Classes do not matter:
    /// a track may change its class.
    pub fn update(&mut self, detections: &[Detection]) -> Vec<Option<u32>> {
        self.frame += 1;
        let begun = self.associate_all(detections);
        self.sort_out(begun);
        remove_duplicates(&mut self.tracked, &mut self.lost);

        let mut ids = vec![None; detections.len()];
        for tracked in self.tracks() {
            ids[tracked.detection] = Some(tracked.id);
        }
        ids
    }

    /// The objects in the latest frame, in the order in which their tracks began or were found again.
    pub fn tracks(&self) -> impl Iterator<Item = TrackedBox> + '_ {
        self.tracked.iter().filter(|track| track.state == State::Tracked).map(Tracklet::tracked_box)
    }

    /// Continues the tracks with the frame's boxes and returns the tracks that begin in it.
    fn associate_all(&mut self, detections: &[Detection]) -> Vec<Tracklet> {
        let frame = self.frame;
        let ByteTrackConfig { match_thresh, distance, .. } = self.config;
        let (high, low) = self.by_score(detections);

        let (unconfirmed, mut known): (Vec<_>, Vec<_>) =
            self.tracked.iter_mut().partition(|track| track.state == State::Unconfirmed);
        known.extend(&mut self.lost);
        for track in &mut known {
            track.predict();
        }
        let (mut unmatched, high) = associate(known, high, distance, match_thresh, frame);
        unmatched.retain(|track| track.state == State::Tracked);
        let (missed, _) = associate(unmatched, low, Distance::Iou, LOW_LIMIT, frame);
        for track in missed {
            track.state = State::Lost;
        }
        let (seen_once, high) = associate(unconfirmed, high, distance, UNCONFIRMED_LIMIT, frame);
        for track in seen_once {
            track.state = State::Removed;
        }
        self.begin(high)
    }

    /// The boxes that can be tracked, those with a high score apart from those with a low one.
    fn by_score(&self, detections: &[Detection]) -> (Vec<Observation>, Vec<Observation>) {
        let high = self.config.track_high_thresh;
        detections
            .iter()
            .enumerate()
            .filter_map(|(index, detection)| Observation::new(index, *detection))
            .filter(|seen| seen.score >= high || seen.score > self.config.track_low_thresh)
            .partition(|seen| seen.score >= high)
    }

    fn begin(&mut self, unmatched: Vec<Observation>) -> Vec<Tracklet> {
        // Nothing precedes the first frame that could confirm its boxes.
        let state = if self.frame == 1 { State::Tracked } else { State::Unconfirmed };
        let mut begun = Vec::new();
        for observation in unmatched {
            if observation.score >= self.config.new_track_thresh {
                self.last_id += 1;
                begun.push(Tracklet::begin(self.last_id, observation, state, self.frame));
            }
        }
        begun
    }

    /// Moves every track to the list that its state asks for.
    fn sort_out(&mut self, begun: Vec<Tracklet>) {
        let (missed, tracked): (Vec<_>, Vec<_>) = mem::take(&mut self.tracked)
            .into_iter()
            .filter(|track| track.state != State::Removed)
            .partition(|track| track.state == State::Lost);
        let (found, lost): (Vec<_>, Vec<_>) =
            mem::take(&mut self.lost).into_iter().partition(|track| track.state == State::Tracked);
        self.tracked = tracked.into_iter().chain(begun).chain(found).collect();

        // In the authors' tracker an expired track waits one frame more, and one found in that frame
        // is dropped as soon as it is lost again.
        self.lost = lost.into_iter().filter(|track| !track.expired).collect();
        for track in &mut self.lost {
            track.expired = self.frame - track.last_seen > self.patience;
        }
        self.lost.extend(missed.into_iter().filter(|track| !track.expired));
    }
}

/// Gives boxes to tracks at the least sum of distances; a pair at `limit` or further stays apart.
/// Returns the tracks and the boxes that are left, in their order.
fn associate(
    tracks: Vec<&mut Tracklet>,
    observations: Vec<Observation>,
    distance: Distance,
    limit: f64,
    frame: u64,
) -> (Vec<&mut Tracklet>, Vec<Observation>) {
    let near: Vec<Vec<Candidate>> =
        tracks.iter().map(|track| candidates(&track.rect(), &observations, distance, limit)).collect();
    let assigned = assignment::solve(&near, observations.len(), limit);

    let mut left = vec![true; observations.len()];
    let mut unmatched = Vec::new();
    for (track, assigned) in tracks.into_iter().zip(assigned) {
        match assigned {
            Some(column) => {
                track.observe(observations[column], frame);
                left[column] = false;
            }
            None => unmatched.push(track),
        }
    }
    let observations = observations.into_iter().zip(left).filter_map(|(kept, left)| left.then_some(kept));
    (unmatched, observations.collect())
}

/// The observations nearer to a track than `limit`.
fn candidates(track: &Rect, observations: &[Observation], distance: Distance, limit: f64) -> Vec<Candidate> {
    let cost = |observation: &Observation| match distance {
        Distance::Iou => 1.0 - track.iou(&observation.rect),
        Distance::FusedWithScore => 1.0 - track.iou(&observation.rect) * f64::from(observation.score),
    };
    let near = observations.iter().enumerate().map(|(column, seen)| Candidate { column, cost: cost(seen) });
    near.filter(|candidate| candidate.cost < limit).collect()
}

/// Of a tracked and a lost track in one place, keeps the one that has been followed for longer.
fn remove_duplicates(tracked: &mut Vec<Tracklet>, lost: &mut Vec<Tracklet>) {
    let mut keep_tracked = vec![true; tracked.len()];
    let mut keep_lost = vec![true; lost.len()];
    let lost_rects: Vec<Rect> = lost.iter().map(Tracklet::rect).collect();
    for (track, keep) in tracked.iter().zip(&mut keep_tracked) {
        let rect = track.rect();
        for (lost_index, lost_rect) in lost_rects.iter().enumerate() {
            if 1.0 - rect.iou(lost_rect) < DUPLICATE_LIMIT {
                if track.followed_for() > lost[lost_index].followed_for() {
                    keep_lost[lost_index] = false;
                } else {
                    *keep = false;
                }
            }
        }
    }
    retain_marked(tracked, &keep_tracked);
    retain_marked(lost, &keep_lost);
}

fn retain_marked(tracks: &mut Vec<Tracklet>, keep: &[bool]) {
    let mut keep = keep.iter();
    tracks.retain(|_| keep.next() == Some(&true));
}
