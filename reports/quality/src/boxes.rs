//! Boxes and scores whose numbers can be compared.

use thiserror::Error;

/// Why a box or a score is none.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum BadNumber {
    /// A score that is NaN or infinite.
    #[error("the score {0} is not a finite number")]
    Score(f64),
    /// A box with a coordinate that is NaN or infinite, or a negative size.
    #[error("the box {0:?} (x, y, width, height) needs finite numbers and no negative size")]
    Box([f64; 4]),
}

/// A finite score.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Score(f64);

impl Score {
    /// Refuses NaN and infinities.
    pub fn new(score: f64) -> Result<Self, BadNumber> {
        // Negative zero is zero, so that the total order of bits is the order of numbers.
        if score.is_finite() { Ok(Self(score + 0.0)) } else { Err(BadNumber::Score(score)) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Highest first.
    pub(crate) fn descending(self, other: Self) -> std::cmp::Ordering {
        other.0.total_cmp(&self.0)
    }
}

/// A box in a picture: left, top, width, height in pixels, as COCO writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Rect {
    /// From left, top, width and height. Refuses numbers that are not finite, and negative sizes.
    pub fn new([x, y, width, height]: [f64; 4]) -> Result<Self, BadNumber> {
        let finite =
            [x, y, width, height, x + width, y + height, width * height].into_iter().all(f64::is_finite);
        if finite && width >= 0.0 && height >= 0.0 {
            Ok(Self { x, y, width, height })
        } else {
            Err(BadNumber::Box([x, y, width, height]))
        }
    }

    /// From the corners `[x1, y1, x2, y2]`, as detectors write boxes.
    pub fn from_corners([x1, y1, x2, y2]: [f64; 4]) -> Result<Self, BadNumber> {
        Self::new([x1, y1, x2 - x1, y2 - y1])
    }

    pub(crate) fn area(self) -> f64 {
        self.width * self.height
    }

    pub(crate) fn intersection(self, other: Self) -> f64 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        if width > 0.0 && height > 0.0 { width * height } else { 0.0 }
    }

    /// Intersection over union, from 0 to 1; 0 for two boxes without area.
    pub fn iou(self, other: Self) -> f64 {
        let intersection = self.intersection(other);
        if intersection > 0.0 { intersection / (self.area() + other.area() - intersection) } else { 0.0 }
    }
}
