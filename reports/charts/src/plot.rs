//! A plane with two axes.

use crate::WIDTH;
use crate::label::Area;
use crate::scale::Scale;
use crate::svg::{Anchor, Canvas};
use crate::text;

/// The upper end of the plane, below the heading and the title of the vertical axis.
const TOP: f64 = 66.0;
/// Its height.
const HEIGHT: f64 = 300.0;
/// Room for the numbers and the title of the horizontal axis.
const AXIS: f64 = 46.0;
/// Room for the numbers of the vertical axis.
const LEFT: f64 = 64.0;
/// Room at the right for half of the last number.
const RIGHT: f64 = 28.0;

/// Below the plane, its numbers and its title.
pub(crate) const BOTTOM: f64 = TOP + HEIGHT + AXIS;
/// The plane, with room at its right.
pub(crate) const AREA: Area = Area { from: (LEFT, TOP), to: (WIDTH, TOP + HEIGHT) };

/// What stands at an axis.
pub(crate) struct AxisWords<'a> {
    pub(crate) title: &'a str,
    /// Behind every number.
    pub(crate) unit: &'a str,
}

/// Where everything stands.
pub(crate) struct Plot {
    /// From left to right.
    pub(crate) x: Scale,
    /// From bottom to top.
    pub(crate) y: Scale,
}

impl Plot {
    /// A plane whose axes are made for the pixels of their ends.
    pub(crate) fn new(x: impl Fn((f64, f64)) -> Scale, y: impl Fn((f64, f64)) -> Scale) -> Self {
        Self { x: x((LEFT, WIDTH - RIGHT)), y: y((TOP + HEIGHT, TOP)) }
    }

    /// The grid, its numbers, and the titles: below, and above the upper left corner.
    pub(crate) fn draw(&self, canvas: &mut Canvas, x_words: &AxisWords<'_>, y_words: &AxisWords<'_>) {
        for tick in self.x.ticks() {
            let x = self.x.place(tick.value);
            canvas.line((x, TOP), (x, TOP + HEIGHT), "rb-grid");
            let label = format!("{}{}", tick.label, x_words.unit);
            canvas.text((x, TOP + HEIGHT + 16.0), Anchor::Middle, "rb-muted", &label);
        }
        for tick in self.y.ticks() {
            let y = self.y.place(tick.value);
            canvas.line((LEFT, y), (WIDTH - RIGHT, y), "rb-grid");
            let label = text::shorten(&format!("{}{}", tick.label, y_words.unit), LEFT - 6.0);
            canvas.text((LEFT - 6.0, y + 4.0), Anchor::End, "rb-muted", &label);
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        canvas.text((middle, TOP + HEIGHT + 34.0), Anchor::Middle, "rb-muted", x_words.title);
        canvas.text((0.0, TOP - 13.0), Anchor::Start, "rb-muted", y_words.title);
    }
}
