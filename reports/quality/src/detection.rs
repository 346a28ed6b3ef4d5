//! Average precision of boxes: COCO's, as pycocotools 2.0 computes it (`cocoeval.py`) for boxes of every size and at most 100 per
//! picture and class.

use std::collections::{BTreeMap, BTreeSet};

use crate::boxes::{Rect, Score};

/// Detections that count per picture and class, those with the highest scores.
const MOST_PER_PICTURE: usize = 100;
/// Thresholds of the intersection over union, from 0.5 in steps of 0.05.
const THRESHOLDS: usize = 10;
/// Recalls at which precision is read, from 0 in steps of 0.01.
const RECALLS: usize = 101;
/// The smallest number by which 1 can grow, which keeps a precision of nothing from being 0/0.
const SPACING: f64 = f64::EPSILON;

/// What a labelled box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One object.
    One,
    /// Many objects that nobody told apart: what is found in there is neither right nor wrong.
    Crowd,
}

/// A labelled object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// The picture or frame, by any number.
    pub picture: u64,
    /// The class, by any number.
    pub class: u32,
    /// Where it is.
    pub rect: Rect,
    /// Whether it is one object.
    pub extent: Extent,
}

/// An object that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detected {
    /// The picture or frame, by any number.
    pub picture: u64,
    /// The class, by any number.
    pub class: u32,
    /// Where it is.
    pub rect: Rect,
    /// How sure the detector is.
    pub score: Score,
}

/// Average precisions, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AveragePrecision {
    /// Over the thresholds from 0.50 to 0.95, COCO's main figure.
    pub ap: f64,
    /// At an intersection over union of 0.5.
    pub ap50: f64,
}

/// Average precisions of the classes that have labelled objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The mean over the classes.
    pub mean: AveragePrecision,
    /// Each class.
    pub classes: BTreeMap<u32, AveragePrecision>,
}

/// Scores detections against labels; `None` without a labelled object. Classes that have none are left out, so wrong
/// detections of theirs cost nothing. Among equal scores the earlier picture comes first, then the order given.
pub fn average_precision(labelled: &[Labelled], detected: &[Detected]) -> Option<Detection> {
    let one = labelled.iter().filter(|label| label.extent == Extent::One);
    let classes: BTreeSet<u32> = one.map(|label| label.class).collect();
    let classes: BTreeMap<_, _> =
        classes.into_iter().map(|class| (class, of_class(class, labelled, detected))).collect();
    if classes.is_empty() {
        return None;
    }
    let mean = |figure: fn(&AveragePrecision) -> f64| {
        classes.values().map(figure).sum::<f64>() / classes.len() as f64
    };
    Some(Detection {
        mean: AveragePrecision { ap: mean(|class| class.ap), ap50: mean(|class| class.ap50) },
        classes,
    })
}

fn of_class(class: u32, labelled: &[Labelled], detected: &[Detected]) -> AveragePrecision {
    let mut pictures: BTreeMap<u64, Picture> = BTreeMap::new();
    for label in labelled.iter().filter(|label| label.class == class) {
        pictures.entry(label.picture).or_default().labels.push(*label);
    }
    for found in detected.iter().filter(|found| found.class == class) {
        pictures.entry(found.picture).or_default().found.push(*found);
    }
    let mut objects = 0;
    for picture in pictures.values_mut() {
        picture.labels.sort_by_key(|label| label.extent == Extent::Crowd);
        picture.found.sort_by(|a, b| a.score.descending(b.score));
        picture.found.truncate(MOST_PER_PICTURE);
        objects += picture.labels.iter().filter(|label| label.extent == Extent::One).count();
    }
    let step = (0.95 - 0.5) / (THRESHOLDS - 1) as f64;
    let at = |threshold: usize| {
        let iou = if threshold == THRESHOLDS - 1 { 0.95 } else { 0.5 + threshold as f64 * step };
        let mut judged: Vec<_> = pictures.values().flat_map(|picture| picture.judge(iou)).collect();
        judged.sort_by(|a, b| a.0.descending(b.0));
        interpolated(judged.iter().map(|(_, right)| *right), objects)
    };
    let all: Vec<f64> = (0..THRESHOLDS).map(at).collect();
    AveragePrecision {
        ap: all.iter().sum::<f64>() / THRESHOLDS as f64,
        ap50: all.first().copied().unwrap_or_default(),
    }
}

/// One class in one picture.
#[derive(Default)]
struct Picture {
    /// Crowds last.
    labels: Vec<Labelled>,
    /// Highest score first.
    found: Vec<Detected>,
}

impl Picture {
    /// Each detection, the best first, takes the free object that it covers most. Those in crowds are left out.
    fn judge(&self, threshold: f64) -> Vec<(Score, bool)> {
        let mut taken = vec![false; self.labels.len()];
        let mut judged = Vec::with_capacity(self.found.len());
        for found in &self.found {
            let (mut best, mut least) = (None, threshold.min(1.0 - 1e-10));
            for (place, label) in self.labels.iter().enumerate() {
                let is_crowd = label.extent == Extent::Crowd;
                if is_crowd && best.is_some_and(|(_, extent)| extent == Extent::One) {
                    break;
                }
                let overlap = found.overlap(label);
                if (is_crowd || !taken[place]) && overlap >= least {
                    (best, least) = (Some((place, label.extent)), overlap);
                }
            }
            match best {
                None => judged.push((found.score, false)),
                Some((place, Extent::One)) => {
                    taken[place] = true;
                    judged.push((found.score, true));
                }
                Some((_, Extent::Crowd)) => {}
            }
        }
        judged
    }
}

impl Detected {
    /// Intersection over union; of a crowd, over the detection's own area.
    fn overlap(&self, label: &Labelled) -> f64 {
        match label.extent {
            Extent::One => self.rect.iou(label.rect),
            Extent::Crowd => {
                let intersection = self.rect.intersection(label.rect);
                if intersection > 0.0 { intersection / self.rect.area() } else { 0.0 }
            }
        }
    }
}

/// The mean of the precision, made to fall only, at the recalls 0, 0.01, …, 1.
fn interpolated(judged: impl Iterator<Item = bool>, objects: usize) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    let mut points: Vec<(f64, f64)> = judged
        .map(|is_right| {
            all += 1.0;
            right += if is_right { 1.0 } else { 0.0 };
            (right / objects as f64, right / (all + SPACING))
        })
        .collect();
    let mut best = 0.0_f64;
    for (_, precision) in points.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    let precision_at = |place: usize| {
        let recall = if place == RECALLS - 1 { 1.0 } else { place as f64 * 0.01 };
        let first = points.partition_point(|(reached, _)| *reached < recall);
        points.get(first).map_or(0.0, |(_, precision)| *precision)
    };
    (0..RECALLS).map(precision_at).sum::<f64>() / RECALLS as f64
}
