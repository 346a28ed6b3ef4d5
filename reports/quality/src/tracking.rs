//! Tracks against labelled ones: MOTA (Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT
//! metrics", 2008) and IDF1 (Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", 2016), as
//! py-motmetrics 1.4 computes them. Boxes match from an intersection over union of 0.5 on.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::ops::Add;

use thiserror::Error;

use crate::assignment::cheapest;
use crate::boxes::Rect;

/// Distances (1 − intersection over union) up to this match.
const FARTHEST: f64 = 0.5;

/// A box of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracked {
    /// The track, by any number.
    pub track: u64,
    /// Where it is.
    pub rect: Rect,
}

/// What is in one frame. Frames come in the film's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackedFrame {
    /// Labelled tracks.
    pub wanted: Vec<Tracked>,
    /// Tracks that were found.
    pub found: Vec<Tracked>,
}

/// A track that is in one frame twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "track {track} has two boxes in frame {frame} of those compared: give every object a number of its own"
)]
pub struct TwiceInFrame {
    /// Counts from 0 over the frames given.
    pub frame: usize,
    /// The track's number.
    pub track: u64,
}

/// What became of the boxes of all frames. Counts of several films add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackCounts {
    /// Labelled boxes.
    pub wanted: usize,
    /// Boxes found.
    pub found: usize,
    /// Labelled boxes with a found one, switches included.
    pub detected: usize,
    /// Times that a labelled track went on under another found one.
    pub switches: usize,
    /// Boxes that agree when every labelled track has one found track for good, at best.
    pub identified: usize,
}

impl TrackCounts {
    /// Compares tracks over the frames of one film.
    pub fn of(frames: &[TrackedFrame]) -> Result<Self, TwiceInFrame> {
        let mut matcher = Matcher::default();
        for (place, frame) in frames.iter().enumerate() {
            for side in [&frame.wanted, &frame.found] {
                let mut seen = BTreeSet::new();
                if let Some(twice) = side.iter().find(|tracked| !seen.insert(tracked.track)) {
                    return Err(TwiceInFrame { frame: place, track: twice.track });
                }
            }
            matcher.add(frame);
        }
        Ok(Self { identified: matcher.identified(), ..matcher.counts })
    }

    /// Labelled boxes without a found one.
    pub fn misses(self) -> usize {
        self.wanted - self.detected
    }

    /// Found boxes without a labelled one.
    pub fn false_positives(self) -> usize {
        self.found - self.detected
    }

    /// Multiple object tracking accuracy: 1 at best, below 0 with more mistakes than objects. `None` without labelled boxes.
    pub fn mota(self) -> Option<f64> {
        let mistakes = self.misses() + self.switches + self.false_positives();
        share(mistakes, self.wanted).map(|share| 1.0 - share)
    }

    /// F1 of the identities, from 0 to 1; `None` without boxes.
    pub fn idf1(self) -> Option<f64> {
        share(2 * self.identified, self.wanted + self.found)
    }

    /// Share of found boxes that match; `None` where none was found.
    pub fn precision(self) -> Option<f64> {
        share(self.detected, self.found)
    }

    /// Share of labelled boxes that match; `None` where there are none.
    pub fn recall(self) -> Option<f64> {
        share(self.detected, self.wanted)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Add for TrackCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            wanted: self.wanted + other.wanted,
            found: self.found + other.found,
            detected: self.detected + other.detected,
            switches: self.switches + other.switches,
            identified: self.identified + other.identified,
        }
    }
}

impl Sum for TrackCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

#[derive(Default)]
struct Matcher {
    counts: TrackCounts,
    /// The found track that a labelled one was last matched with.
    partners: BTreeMap<u64, u64>,
    /// In how many frames a labelled and a found track cover each other.
    together: BTreeMap<(u64, u64), usize>,
}

impl Matcher {
    fn add(&mut self, frame: &TrackedFrame) {
        self.counts.wanted += frame.wanted.len();
        self.counts.found += frame.found.len();
        let distance = |wanted: &Tracked, found: &Tracked| {
            Some(1.0 - wanted.rect.iou(found.rect)).filter(|distance| *distance <= FARTHEST)
        };
        for wanted in &frame.wanted {
            for found in frame.found.iter().filter(|found| distance(wanted, found).is_some()) {
                *self.together.entry((wanted.track, found.track)).or_default() += 1;
            }
        }
        let mut found: Vec<&Tracked> = frame.found.iter().collect();
        // Those that were together stay together.
        let is_new = |wanted: &&Tracked| {
            let partner = self.partners.get(&wanted.track);
            let place = found
                .iter()
                .position(|found| Some(&found.track) == partner && distance(wanted, found).is_some());
            place.map(|place| found.remove(place)).is_none()
        };
        let wanted: Vec<&Tracked> = frame.wanted.iter().filter(is_new).collect();
        self.counts.detected += frame.wanted.len() - wanted.len();
        // A pair that does not match costs more than all that do, so that the most match.
        let unmatched = (wanted.len().min(found.len()) + 1) as f64;
        let cost = |row: usize, column: usize| distance(wanted[row], found[column]).unwrap_or(unmatched);
        for (wanted, column) in wanted.iter().zip(cheapest(wanted.len(), found.len(), cost)) {
            let Some(found) =
                column.map(|column| found[column]).filter(|found| distance(wanted, found).is_some())
            else {
                continue;
            };
            self.counts.detected += 1;
            let before = self.partners.insert(wanted.track, found.track);
            self.counts.switches += usize::from(before.is_some_and(|before| before != found.track));
        }
    }

    /// Boxes that agree under the best pairing of whole tracks.
    fn identified(&self) -> usize {
        let distinct = |track: fn(&(u64, u64)) -> u64| {
            self.together.keys().map(track).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        let (wanted, found) = (distinct(|pair| pair.0), distinct(|pair| pair.1));
        let frames = |row: usize, column: usize| {
            self.together.get(&(wanted[row], found[column])).copied().unwrap_or_default()
        };
        let paired = cheapest(wanted.len(), found.len(), |row, column| -(frames(row, column) as f64));
        paired.into_iter().enumerate().filter_map(|(row, column)| Some(frames(row, column?))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracked(track: u64, x: f64) -> Tracked {
        Tracked { track, rect: Rect::new([x, 0.0, 10.0, 10.0]).expect("a box") }
    }

    #[test]
    fn a_changed_number_is_a_switch() {
        let frame =
            |found: u64| TrackedFrame { wanted: vec![tracked(1, 0.0)], found: vec![tracked(found, 1.0)] };
        let counts = TrackCounts::of(&[frame(7), frame(7), frame(8)]).expect("tracks");
        assert_eq!((counts.detected, counts.switches, counts.identified), (3, 1, 2));
        assert_eq!(counts.mota(), Some(1.0 - 1.0 / 3.0));
        assert_eq!(counts.idf1(), Some(4.0 / 6.0));
    }

    #[test]
    fn odd_films_are_no_trouble() {
        assert_eq!(TrackCounts::of(&[]).map(TrackCounts::mota), Ok(None));
        let empty = TrackCounts::of(&[TrackedFrame::default()]).expect("no tracks");
        assert_eq!((empty.idf1(), empty.precision(), empty.recall()), (None, None, None));
        let twice = TrackedFrame { wanted: Vec::new(), found: vec![tracked(3, 0.0), tracked(3, 50.0)] };
        assert_eq!(
            TrackCounts::of(&[TrackedFrame::default(), twice]),
            Err(TwiceInFrame { frame: 1, track: 3 })
        );
    }
}
