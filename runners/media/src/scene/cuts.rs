//! How cuts follow from content values.
//!
//! *Content*: a frame whose content value reaches the threshold is a candidate. Candidates closer together than the
//! shortest scene are merged: the first is kept, and of a run of further ones the last, once it has lasted and been
//! followed by calm for at least that long (the filter's mode `MERGE`).
//!
//! *Adaptive*: a frame is a cut if its content value is at least 15 and at least `threshold` times the mean of its two
//! neighbours on either side, and the last cut is at least the shortest scene ago.

use std::collections::VecDeque;

use reelbench_protocol::{Detector, SceneSpec};

/// Finds cuts while content values come in.
pub(crate) struct CutFinder {
    rule: Rule,
    threshold: f64,
    min_scene_len: u32,
    next: u32,
    cuts: Vec<u32>,
}

enum Rule {
    Content(Merge),
    Adaptive(Window),
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
    last_candidate: u32,
    /// Whether a cut was found yet; only then are candidates merged.
    found: bool,
    /// First of the candidates that are being merged.
    merging_since: Option<u32>,
}

/// The values around the frame that is judged.
#[derive(Default)]
struct Window {
    values: VecDeque<f64>,
    last_cut: u32,
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
    pub(crate) fn new(spec: &SceneSpec) -> Self {
        let rule = match spec.detector {
            Detector::Content => Rule::Content(Merge::default()),
            Detector::Adaptive => Rule::Adaptive(Window::default()),
        };
        Self { rule, threshold: spec.threshold, min_scene_len: spec.min_scene_len, next: 0, cuts: Vec::new() }
    }

    /// Takes the content value of the next frame; that of the first is 0.
    pub(crate) fn push(&mut self, content: f64) {
        let (frame, shortest) = (self.next, self.min_scene_len);
        let cut = match &mut self.rule {
            Rule::Content(merge) => {
                let judgement =
                    if content >= self.threshold { Judgement::Candidate } else { Judgement::Calm };
                merge.push(frame, judgement, shortest)
            }
            Rule::Adaptive(window) => window.push(frame, content, self.threshold, shortest),
        };
        self.next += 1;
        self.cuts.extend(cut);
    }

    /// The first frame of every scene but the first.
    pub(crate) fn finish(self) -> Vec<u32> {
        self.cuts
    }
}

impl Merge {
    fn push(&mut self, frame: u32, judgement: Judgement, shortest: u32) -> Option<u32> {
        let is_candidate = judgement == Judgement::Candidate;
        if shortest == 0 {
            return is_candidate.then_some(frame);
        }
        let long_enough = frame - self.last_candidate >= shortest;
        if is_candidate {
            self.last_candidate = frame;
        }
        if let Some(since) = self.merging_since {
            let settled = long_enough && !is_candidate && self.last_candidate - since >= shortest;
            return settled.then(|| {
                self.merging_since = None;
                self.last_candidate
            });
        }
        if is_candidate && long_enough {
            self.found = true;
            return Some(frame);
        }
        if is_candidate && self.found {
            self.merging_since = Some(frame);
        }
        None
    }
}

impl Window {
    fn push(&mut self, frame: u32, content: f64, threshold: f64, shortest: u32) -> Option<u32> {
        self.values.push_back(content);
        if self.values.len() <= 2 * REACH {
            return None;
        }
        let judged = self.values[REACH];
        let neighbours = self.values.iter().enumerate().filter(|&(index, _)| index != REACH);
        let mean = neighbours.map(|(_, value)| value).sum::<f64>() / (2 * REACH) as f64;
        self.values.pop_front();
        let ratio = match mean.abs() < STILL {
            false => (judged / mean).min(LARGEST_RATIO),
            true if judged >= LEAST_CONTENT => LARGEST_RATIO,
            true => 0.0,
        };
        let cut = frame - REACH as u32;
        let is_cut = ratio >= threshold && judged >= LEAST_CONTENT && cut - self.last_cut >= shortest;
        is_cut.then(|| {
            self.last_cut = cut;
            cut
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(detector: Detector, threshold: f64, min_scene_len: u32, loud: &[u32], frames: u32) -> Vec<u32> {
        let mut finder = CutFinder::new(&SceneSpec { detector, threshold, min_scene_len });
        for frame in 0..frames {
            finder.push(if loud.contains(&frame) { 60.0 } else { 1.0 });
        }
        finder.finish()
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
