//! Boxes as tracks compute with them.

/// An upright box in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    pub(super) fn from_xyxy(xyxy: [f32; 4]) -> Self {
        let [left, top, right, bottom] = xyxy.map(f64::from);
        Self { left, top, right, bottom }
    }

    pub(super) fn to_xyxy(self) -> [f32; 4] {
        [self.left, self.top, self.right, self.bottom].map(|edge| edge as f32)
    }

    /// From its centre, ratio of width to height, and height.
    pub(super) fn from_xyah([x, y, aspect, height]: [f64; 4]) -> Self {
        let (half_width, half_height) = (aspect * height / 2.0, height / 2.0);
        Self { left: x - half_width, top: y - half_height, right: x + half_width, bottom: y + half_height }
    }

    /// Intersection over union, 0 to 1; 0 where a box is turned inside out.
    pub(super) fn iou(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let intersection = width * height;
        intersection / (self.area() + other.area() - intersection)
    }

    fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_measured_without_a_pixel_more() {
        let square = Rect::from_xyxy([0.0, 0.0, 10.0, 10.0]);
        let cases = [
            ([0.0, 0.0, 10.0, 10.0], 1.0),
            ([5.0, 0.0, 15.0, 10.0], 1.0 / 3.0),
            ([2.0, 2.0, 4.0, 7.0], 0.1),
            ([10.0, 0.0, 20.0, 10.0], 0.0),
            ([20.0, 20.0, 30.0, 30.0], 0.0),
        ];
        for (other, expected) in cases {
            assert!((square.iou(&Rect::from_xyxy(other)) - expected).abs() < 1e-15, "{other:?}");
        }
    }

    #[test]
    fn a_box_turned_inside_out_overlaps_nothing() {
        let shrunk_past_nothing = Rect::from_xyah([5.0, 5.0, 1.0, -10.0]);
        assert!(shrunk_past_nothing.iou(&Rect::from_xyxy([0.0, 0.0, 10.0, 10.0])).abs() < f64::EPSILON);
        assert!(shrunk_past_nothing.iou(&shrunk_past_nothing).abs() < f64::EPSILON);
    }

    #[test]
    fn edges_lie_half_a_side_from_the_centre() {
        assert_eq!(Rect::from_xyah([10.0, 20.0, 0.5, 8.0]), Rect::from_xyxy([8.0, 16.0, 12.0, 24.0]));
    }
}
