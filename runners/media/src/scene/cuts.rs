//! How cuts follow from content values.
//!
//! *Content*: a frame whose content value reaches the threshold is a candidate. Candidates closer together than the
//! shortest scene are merged: the first is kept, and of a run of further ones the last, once it has lasted and been
//! followed by calm for at least that long (the filter's mode `MERGE`).
//!
//! *Adaptive*: a frame is a cut if its content value is at least 15 and at least `threshold` times the mean of its two
//! neighbours on either side, and the last cut is at least the shortest scene ago.
//!
//! How far frames are apart is measured in time, as the nearest number of frames at the film's frame rate. In a film of
//! constant rate that is the number of frames between them.

use std::collections::VecDeque;

use reelbench_protocol::{Detector, SceneSpec};

/// Finds cuts while content values come in.
pub(crate) struct CutFinder {
    rule: Rule,
    threshold: f64,
    min_scene_len: u32,
    next: u32,
    fps: Option<f64>,
    cuts: Vec<u32>,
}

enum Rule {
    Content(Merge),
    Adaptive(Window),
}

/// A frame and when it is shown.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    frame: u32,
    /// Time from the start in usual lengths of a frame.
    time: f64,
}

impl Moment {
    /// Frames that usually last from `earlier` to here.
    fn since(self, earlier: Self) -> u32 {
        (self.time - earlier.time).round_ties_even() as u32
    }
}

/// What a content value says about its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    /// It reaches the threshold.
    Candidate,
    /// It does not.
    Calm,
}

/// State of the merging filter.
#[derive(Default)]
struct Merge {
    /// The last candidate, at first the first frame.
    last_candidate: Option<Moment>,
    /// Whether a cut was found yet; only then are candidates merged.
    found: bool,
    /// First of the candidates that are being merged.
    merging_since: Option<Moment>,
}

/// The values around the frame that is judged.
#[derive(Default)]
struct Window {
    values: VecDeque<(Moment, f64)>,
    /// At first the first frame.
    last_cut: Option<Moment>,
}

/// Neighbours on either side of a frame.
const REACH: usize = 2;
/// Content value below which a frame is no cut, however quiet its neighbours.
const LEAST_CONTENT: f64 = 15.0;
/// Largest ratio to the neighbourhood, also where that does not move at all.
const LARGEST_RATIO: f64 = 255.0;
/// A neighbourhood that does not move.
const STILL: f64 = 1e-5;

impl CutFinder {
    /// For a film of `fps` frames per second; where that is not known, frames are taken to last equally long.
    pub(crate) fn new(spec: &SceneSpec, fps: Option<f64>) -> Self {
        let rule = match spec.detector {
            Detector::Content => Rule::Content(Merge::default()),
            Detector::Adaptive => Rule::Adaptive(Window::default()),
        };
        let (threshold, min_scene_len) = (spec.threshold, spec.min_scene_len);
        Self { rule, threshold, min_scene_len, next: 0, fps, cuts: Vec::new() }
    }

    /// Takes the content value of the next frame, which is shown at `pts_s` seconds; that of the first is 0.
    pub(crate) fn push(&mut self, content: f64, pts_s: f64) {
        let frame = self.next;
        let moment = Moment { frame, time: self.fps.map_or_else(|| f64::from(frame), |fps| pts_s * fps) };
        let shortest = self.min_scene_len;
        let cut = match &mut self.rule {
            Rule::Content(merge) => {
                let judgement =
                    if content >= self.threshold { Judgement::Candidate } else { Judgement::Calm };
                merge.push(moment, judgement, shortest)
            }
            Rule::Adaptive(window) => window.push(moment, content, self.threshold, shortest),
        };
        self.next += 1;
        self.cuts.extend(cut.map(|cut| cut.frame));
    }

    /// The first frame of every scene but the first.
    pub(crate) fn finish(self) -> Vec<u32> {
        self.cuts
    }
}

impl Merge {
    fn push(&mut self, now: Moment, judgement: Judgement, shortest: u32) -> Option<Moment> {
        let is_candidate = judgement == Judgement::Candidate;
        if shortest == 0 {
            return is_candidate.then_some(now);
        }
        let previous = *self.last_candidate.get_or_insert(now);
        let long_enough = now.since(previous) >= shortest;
        if is_candidate {
            self.last_candidate = Some(now);
        }
        if let Some(since) = self.merging_since {
            let settled = long_enough && !is_candidate && previous.since(since) >= shortest;
            return settled.then(|| {
                self.merging_since = None;
                previous
            });
        }
        if is_candidate && long_enough {
            self.found = true;
            return Some(now);
        }
        if is_candidate && self.found {
            self.merging_since = Some(now);
        }
        None
    }
}

impl Window {
    fn push(&mut self, now: Moment, content: f64, threshold: f64, shortest: u32) -> Option<Moment> {
        let last_cut = *self.last_cut.get_or_insert(now);
        self.values.push_back((now, content));
        if self.values.len() <= 2 * REACH {
            return None;
        }
        let (cut, judged) = self.values[REACH];
        let neighbours = self.values.iter().enumerate().filter(|&(index, _)| index != REACH);
        let mean = neighbours.map(|(_, (_, value))| value).sum::<f64>() / (2 * REACH) as f64;
        self.values.pop_front();
        let ratio = match mean.abs() < STILL {
            false => (judged / mean).min(LARGEST_RATIO),
            true if judged >= LEAST_CONTENT => LARGEST_RATIO,
            true => 0.0,
        };
        let is_cut = ratio >= threshold && judged >= LEAST_CONTENT && cut.since(last_cut) >= shortest;
        is_cut.then(|| {
            self.last_cut = Some(cut);
            cut
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(detector: Detector, threshold: f64, min_scene_len: u32, loud: &[u32], frames: u32) -> Vec<u32> {
        // At a rate whose frames do not last a whole number of anything.
        [Some(24_000.0 / 1001.0), None]
            .map(|fps| {
                let mut finder = CutFinder::new(&SceneSpec { detector, threshold, min_scene_len }, fps);
                for frame in 0..frames {
                    let content = if loud.contains(&frame) { 60.0 } else { 1.0 };
                    finder.push(content, f64::from(frame) * 1001.0 / 24_000.0);
                }
                finder.finish()
            })
            .into_iter()
            .reduce(|known, unknown| {
                assert_eq!(known, unknown);
                known
            })
            .unwrap()
    }

    #[test]
    fn lengths_are_measured_in_time() {
        for detector in [Detector::Content, Detector::Adaptive] {
            let cuts = |loud: u32, seconds_per_frame: f64| {
                let spec = SceneSpec { detector, threshold: 3.0, min_scene_len: 15 };
                let mut finder = CutFinder::new(&spec, Some(25.0));
                for frame in 0..40 {
                    let content = if frame == loud { 60.0 } else { 1.0 };
                    finder.push(content, f64::from(frame) * seconds_per_frame);
                }
                finder.finish()
            };
            assert_eq!(cuts(15, 0.04), [15]);
            assert_eq!(cuts(10, 0.06), [10], "as long as 15 frames");
            assert!(cuts(20, 0.02).is_empty(), "only as long as 10 frames");
        }
    }

    #[test]
    fn content_cuts_at_the_threshold() {
        assert_eq!(cuts(Detector::Content, 60.0, 15, &[20, 50], 100), [20, 50]);
        assert!(cuts(Detector::Content, 60.1, 15, &[20, 50], 100).is_empty());
    }

    #[test]
    fn a_cut_too_near_the_start_is_dropped() {
        assert_eq!(cuts(Detector::Content, 27.0, 15, &[14, 60], 100), [60]);
    }

    #[test]
    fn close_candidates_are_merged_into_the_first_and_the_last() {
        let flicker: Vec<u32> = (40..=60).collect();
        assert_eq!(cuts(Detector::Content, 27.0, 15, &flicker, 100), [40, 60]);
        // A short run after a cut leaves nothing.
        assert_eq!(cuts(Detector::Content, 27.0, 15, &[40, 42, 44], 100), [40]);
        assert_eq!(cuts(Detector::Content, 27.0, 0, &[40, 42, 44], 100), [40, 42, 44]);
    }

    #[test]
    fn adaptive_wants_a_frame_that_stands_out() {
        assert_eq!(cuts(Detector::Adaptive, 3.0, 15, &[40, 60], 100), [40, 60]);
        assert!(cuts(Detector::Adaptive, 3.0, 15, &[40, 41, 42], 100).is_empty());
        assert_eq!(cuts(Detector::Adaptive, 3.0, 30, &[40, 60], 100), [40]);
    }
}
