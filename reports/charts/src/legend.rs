//! What colours mean.

use crate::svg::{Anchor, Canvas};
use crate::theme::INKS;
use crate::{WIDTH, text};

/// Height of a line of the legend.
pub(crate) const LINE: f64 = 22.0;
/// Side of a sample of a colour.
const SAMPLE: f64 = 10.0;

/// A colour's class and its meaning.
pub(crate) type Key<'a> = (String, &'a str);

/// The class of the nth series, counted from 0; they repeat after the last colour.
pub(crate) fn ink(series: usize) -> usize {
    series % INKS + 1
}

/// Where each key stands: its left end and its line.
fn places(keys: &[Key<'_>]) -> Vec<(f64, usize)> {
    let (mut x, mut line) = (0.0, 0);
    let place = |(_, words): &Key<'_>| {
        let width = SAMPLE + 6.0 + text::width(words) + 18.0;
        if x > 0.0 && x + width > WIDTH {
            (x, line) = (0.0, line + 1);
        }
        let at = (x, line);
        x += width;
        at
    };
    keys.iter().map(place).collect()
}

/// How many lines they take.
pub(crate) fn lines(keys: &[Key<'_>]) -> usize {
    places(keys).last().map_or(0, |(_, line)| line + 1)
}

/// Draws them from `top` on.
pub(crate) fn draw(canvas: &mut Canvas, top: f64, keys: &[Key<'_>]) {
    for ((class, words), (x, line)) in keys.iter().zip(places(keys)) {
        let y = top + line as f64 * LINE;
        canvas.bar((x + 1.0, y), (x + 1.0 + SAMPLE, y + SAMPLE), class, "");
        let words = text::shorten(words, WIDTH - SAMPLE - 6.0);
        canvas.text((x + SAMPLE + 7.0, y + SAMPLE - 1.0), Anchor::Start, "", &words);
    }
}
