//! Non-maximum suppression.

use crate::head::Candidate;

/// Boxes of different classes are moved apart by more than any picture is wide, so that they do
/// not suppress each other. In `f32` this rounds the boxes of high classes, as in the reference.
const CLASS_OFFSET: f32 = 7680.0;

/// Keeps the best boxes: in the order of their scores, those that overlap no better box of their
/// class by more than `iou` (intersection over union), at most `max_det`.
pub(crate) fn suppress(mut candidates: Vec<Candidate>, iou: f32, max_det: usize) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::new();
    let mut kept_places: Vec<Place> = Vec::new();
    for candidate in candidates {
        if kept.len() == max_det {
            break;
        }
        let place = Place::of(&candidate);
        if kept_places.iter().all(|better| better.overlap(&place) <= iou) {
            kept.push(candidate);
            kept_places.push(place);
        }
    }
    kept
}

/// A box where its class has put it.
#[derive(Debug, Clone, Copy)]
struct Place {
    xyxy: [f32; 4],
    area: f32,
}

impl Place {
    fn of(candidate: &Candidate) -> Self {
        let offset = candidate.class as f32 * CLASS_OFFSET;
        let xyxy = candidate.xyxy.map(|place| place + offset);
        let [left, top, right, bottom] = xyxy;
        Self { xyxy, area: (right - left) * (bottom - top) }
    }

    /// Intersection over union; a box's sides count as far as they are apart, without one pixel more.
    fn overlap(&self, other: &Self) -> f32 {
        let [left, top, right, bottom] = self.xyxy;
        let width = (right.min(other.xyxy[2]) - left.max(other.xyxy[0])).max(0.0);
        let height = (bottom.min(other.xyxy[3]) - top.max(other.xyxy[1])).max(0.0);
        let intersection = width * height;
        if intersection > 0.0 { intersection / (self.area + other.area - intersection) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(left: f32, score: f32, class: u32) -> Candidate {
        Candidate { xyxy: [left, 0.0, left + 10.0, 10.0], score, class }
    }

    #[test]
    fn a_better_box_suppresses_its_neighbours_of_the_same_class() {
        // Moved by 2 of 10 pixels: 8 / 12 overlap.
        let boxes = vec![candidate(2.0, 0.5, 3), candidate(0.0, 0.9, 3), candidate(0.0, 0.7, 4)];
        let kept = |iou| suppress(boxes.clone(), iou, 10).iter().map(|kept| kept.score).collect::<Vec<_>>();
        assert_eq!(kept(0.6), [0.9, 0.7]);
        assert_eq!(kept(0.7), [0.9, 0.7, 0.5]);
    }

    #[test]
    fn a_suppressed_box_suppresses_nothing() {
        let boxes = vec![candidate(0.0, 0.9, 0), candidate(4.0, 0.8, 0), candidate(8.0, 0.7, 0)];
        let kept: Vec<f32> = suppress(boxes, 0.3, 10).iter().map(|kept| kept.xyxy[0]).collect();
        assert_eq!(kept, [0.0, 8.0]);
    }

    #[test]
    fn equal_scores_keep_their_order_and_max_det_cuts() {
        let boxes = (0..5).map(|index| candidate(20.0 * index as f32, 0.5, 0)).collect();
        let kept: Vec<f32> = suppress(boxes, 0.5, 3).iter().map(|kept| kept.xyxy[0]).collect();
        assert_eq!(kept, [0.0, 20.0, 40.0]);
        assert!(suppress(vec![candidate(0.0, 0.5, 0)], 0.5, 0).is_empty());
    }

    #[test]
    fn a_box_without_area_overlaps_nothing() {
        let point = Candidate { xyxy: [5.0; 4], score: 0.4, class: 0 };
        assert_eq!(suppress(vec![point, point], 0.0, 10).len(), 2);
    }
}
