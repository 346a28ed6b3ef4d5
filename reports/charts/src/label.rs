//! Short labels beside dots that hide neither a dot nor each other.

use std::f64::consts::TAU;

use crate::svg::{Anchor, Canvas, Place};
use crate::text;

/// Distances from a dot at which a label is tried, in pixels.
const RINGS: [f64; 6] = [11.0, 18.0, 26.0, 36.0, 48.0, 62.0];
/// Directions in which it is tried, beginning at the upper right.
const DIRECTIONS: u32 = 16;
/// From further away than this a thin line leads to the dot.
const NEAR: f64 = 20.0;
/// Half the room that a dot takes.
const DOT: f64 = 5.5;

/// A box between its left upper and right lower corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

impl Area {
    fn around((x, y): Place, half_width: f64, half_height: f64) -> Self {
        Self { from: (x - half_width, y - half_height), to: (x + half_width, y + half_height) }
    }

    fn touches(&self, other: &Self) -> bool {
        self.from.0 < other.to.0
            && other.from.0 < self.to.0
            && self.from.1 < other.to.1
            && other.from.1 < self.to.1
    }

    fn holds(&self, other: &Self) -> bool {
        self.from.0 <= other.from.0
            && other.to.0 <= self.to.0
            && self.from.1 <= other.from.1
            && other.to.1 <= self.to.1
    }
}

/// The room that is left for labels.
pub(crate) struct Labels {
    area: Area,
    taken: Vec<Area>,
}

impl Labels {
    /// Labels within an area, beside these dots.
    pub(crate) fn new(area: Area, dots: &[Place]) -> Self {
        Self { area, taken: dots.iter().map(|&dot| Area::around(dot, DOT, DOT)).collect() }
    }

    /// Draws a label where there is room for it; where there is none, the list below has to do.
    pub(crate) fn draw(&mut self, canvas: &mut Canvas, dot: Place, label: &str) {
        let Some((centre, distance)) = self.find(dot, label) else { return };
        if distance > NEAR {
            canvas.line(dot, centre_towards(centre, dot), "rb-leader");
        }
        canvas.text((centre.0, centre.1 + 4.0), Anchor::Middle, "", label);
    }

    /// The nearest free place, and how far it is from the dot.
    fn find(&mut self, dot: Place, label: &str) -> Option<(Place, f64)> {
        let half_width = text::width(label) / 2.0 + 1.0;
        let places = RINGS.iter().flat_map(|&ring| {
            (0..DIRECTIONS).map(move |direction| {
                let angle = TAU * (f64::from(direction) / f64::from(DIRECTIONS) - 0.125);
                ((dot.0 + (ring + half_width - 6.0) * angle.cos(), dot.1 + ring * angle.sin()), ring)
            })
        });
        let box_of = |centre| Area::around(centre, half_width, text::FONT_SIZE / 2.0);
        let is_free = |centre| {
            let wanted = box_of(centre);
            self.area.holds(&wanted) && !self.taken.iter().any(|taken| taken.touches(&wanted))
        };
        let found = places.into_iter().find(|&(centre, _)| is_free(centre))?;
        self.taken.push(box_of(found.0));
        Some(found)
    }
}

/// The end of a line to a label: just before its letters.
fn centre_towards(centre: Place, dot: Place) -> Place {
    let (dx, dy) = (dot.0 - centre.0, dot.1 - centre.1);
    let length = dx.hypot(dy).max(1.0);
    (centre.0 + dx / length * 8.0, centre.1 + dy / length * 8.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hide_neither_dots_nor_each_other() {
        let area = Area { from: (0.0, 0.0), to: (400.0, 300.0) };
        let dots: Vec<Place> =
            (0..30).map(|n| (200.0 + f64::from(n % 6) * 9.0, 150.0 + f64::from(n / 6) * 7.0)).collect();
        let mut labels = Labels::new(area, &dots);
        for (number, &dot) in (1..).zip(&dots) {
            assert!(labels.find(dot, &format!("{number}")).is_some(), "no room for {number}");
        }
        let (dots, boxes) = labels.taken.split_at(dots.len());
        for (index, one) in boxes.iter().enumerate() {
            assert!(area.holds(one));
            let others = dots.iter().chain(boxes.iter().skip(index + 1));
            assert!(others.into_iter().all(|other| !one.touches(other)), "{index}");
        }
    }
}
