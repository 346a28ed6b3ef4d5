//! The parts of a whole for every cell, one behind the other.

use crate::Heading;
use crate::legend::{self, Key, ink};
use crate::rows::{LEGEND_TOP, Name, Rows};
use crate::scale::{Origin, Scale};
use crate::svg::Canvas;

/// Half the height of a bar.
const HALF: f64 = 7.0;
/// Wholes that lie further apart than this are drawn as shares: a shorter one would be a stroke.
const FAR: f64 = 20.0;

/// A chart with a bar of parts for every row.
#[derive(Debug, Clone, PartialEq)]
pub struct Stacks {
    /// Its words.
    pub heading: Heading,
    /// Words below the axis where it shows the numbers themselves.
    pub axis: String,
    /// Words below the axis where it shows shares, because the wholes lie too far apart.
    pub share_axis: String,
    /// Names of the parts, in the order of their colours.
    pub parts: Vec<String>,
    /// The name of the last part, which stands for the rest; it is drawn in no colour.
    pub rest: String,
    /// From top to bottom.
    pub rows: Vec<Stack>,
}

/// The parts of one whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// The row's name.
    pub name: Name,
    /// A number of 0 or more, and its words, for every part and then the rest.
    pub parts: Vec<(f64, String)>,
    /// The whole in words.
    pub words: String,
}

impl Stack {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.parts.iter().map(|(value, _)| if value.is_finite() { value.clamp(0.0, 1e150) } else { 0.0 })
    }

    fn whole(&self) -> f64 {
        self.values().sum()
    }
}

impl Stacks {
    /// Draws it; a row without any length is left out.
    pub fn svg(&self) -> String {
        let shown: Vec<&Stack> = self.rows.iter().filter(|row| row.whole() > 0.0).collect();
        let names: Vec<&Name> = shown.iter().map(|row| &row.name).collect();
        let words: Vec<&str> = shown.iter().map(|row| row.words.as_str()).collect();
        let keys = self.keys();
        let rows = Rows::new(names.iter().copied(), &words, legend::lines(&keys));
        let shown = &shown[..rows.len()];
        let wholes: Vec<f64> = shown.iter().map(|row| row.whole()).collect();
        let longest = wholes.iter().copied().fold(0.0, f64::max);
        let shortest = wholes.iter().copied().fold(f64::INFINITY, f64::min);
        let are_shares = longest > shortest * FAR;
        let (scale, unit, axis) = if are_shares {
            (Scale::of([0.0, 100.0], Origin::Zero, rows.axis), " %", &self.share_axis)
        } else {
            (Scale::of(wholes.iter().copied(), Origin::Zero, rows.axis), "", &self.axis)
        };
        let mut canvas = rows.canvas(&self.heading, &names, &scale, unit);
        legend::draw(&mut canvas, LEGEND_TOP, &keys);
        for (index, ((row, whole), &y)) in shown.iter().zip(wholes).zip(&rows.middles).enumerate() {
            self.draw(&mut canvas, row, y, |value| {
                scale.place(if are_shares { value / whole * 100.0 } else { value })
            });
            rows.value(&mut canvas, index, &row.words);
        }
        rows.axis_title(&mut canvas, axis);
        canvas.finish(&self.heading)
    }

    /// Names and classes of all parts.
    fn parts(&self) -> impl Iterator<Item = Key<'_>> {
        let coloured = self.parts.iter().enumerate();
        let coloured = coloured.map(|(part, name)| (format!("rb-fill rb-{}", ink(part)), name.as_str()));
        coloured.chain([("rb-rest".to_owned(), self.rest.as_str())])
    }

    fn keys(&self) -> Vec<Key<'_>> {
        self.parts().collect()
    }

    fn draw(&self, canvas: &mut Canvas, row: &Stack, y: f64, place: impl Fn(f64) -> f64) {
        let mut sum = 0.0;
        for (((class, part), (_, words)), value) in self.parts().zip(&row.parts).zip(row.values()) {
            let (from, to) = (place(sum), place(sum + value));
            sum += value;
            // A gap of one pixel tells neighbours apart without colours; what is shorter has no room for it.
            let to = if to - from > 3.0 { to - 1.0 } else { to };
            let tooltip = format!("{}, {part}: {words}", row.name.full());
            if to > from {
                canvas.bar((from, y - HALF), (to, y + HALF), &class, &tooltip);
            }
        }
    }
}
