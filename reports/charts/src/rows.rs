//! What charts with a row for every cell share: names on the left, an axis below, values on the right.

use crate::scale::Scale;
use crate::svg::{Anchor, Canvas};
use crate::{Heading, WIDTH, legend, text};

/// More rows than this cannot be taken in; the tables have them all.
pub const MOST_ROWS: usize = 60;

/// Height of a row, in pixels.
const ROW: f64 = 22.0;
/// Space above a group's name.
const GROUP_GAP: f64 = 4.0;
/// The most room that names take, of the whole width.
const NAMES: f64 = 0.46;
/// Space between the names, the axis and the values.
const GAP: f64 = 12.0;
/// From the top to where the rows of a chart without legend begin.
const HEAD: f64 = 50.0;
/// From the top to where a legend begins.
pub(crate) const LEGEND_TOP: f64 = 44.0;
/// Height of the axis below the rows.
const AXIS: f64 = 40.0;

/// Names a row. Rows that follow each other with the same group stand together under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What the rows nearby share: a film and a model.
    pub group: String,
    /// What sets the row apart; empty where nothing does.
    pub own: String,
}

impl Name {
    /// Both in one.
    pub fn full(&self) -> String {
        if self.own.is_empty() { self.group.clone() } else { format!("{}, {}", self.group, self.own) }
    }
}

/// Where everything stands in a chart of rows.
pub(crate) struct Rows {
    /// The line that each row is drawn around.
    pub(crate) middles: Vec<f64>,
    /// Lines with the name of a group, and with its first row's index.
    headings: Vec<(f64, usize)>,
    names: Vec<String>,
    /// Ends of the axis, in pixels.
    pub(crate) axis: (f64, f64),
    top: f64,
    bottom: f64,
    left_out: usize,
}

impl Rows {
    /// Finds room for at most [`MOST_ROWS`] of these rows, for values at the right, and for a legend of so many lines.
    pub(crate) fn new<'a>(
        names: impl IntoIterator<Item = &'a Name>,
        values: &[&str],
        legend_lines: usize,
    ) -> Self {
        let names: Vec<&Name> = names.into_iter().collect();
        let left_out = names.len().saturating_sub(MOST_ROWS);
        let shown = &names[..names.len() - left_out];
        let top = HEAD + legend_lines as f64 * legend::LINE;
        let (mut y, mut middles, mut headings, mut words) = (top, Vec::new(), Vec::new(), Vec::new());
        for group in shown.chunk_by(|one, other| one.group == other.group) {
            if let [alone] = group {
                words.push(alone.full());
            } else {
                y += GROUP_GAP;
                headings.push((y + ROW / 2.0, words.len()));
                y += ROW;
                words.extend(group.iter().map(|name| name.own.clone()));
            }
            for _ in group {
                middles.push(y + ROW / 2.0);
                y += ROW;
            }
        }
        let widest = |words: &mut dyn Iterator<Item = &str>| words.map(text::width).fold(0.0, f64::max);
        let groups = headings.iter().filter_map(|&(_, index)| Some(shown.get(index)?.group.as_str()));
        let left = widest(&mut words.iter().map(String::as_str).chain(groups)).min(WIDTH * NAMES) + GAP;
        let right = WIDTH - widest(&mut values.iter().copied()).min(WIDTH / 4.0) - 2.0 * GAP;
        Self { middles, headings, names: words, axis: (left, right), top, bottom: y, left_out }
    }

    /// How many rows there is room for.
    pub(crate) fn len(&self) -> usize {
        self.middles.len()
    }

    /// The picture with its heading, the grid of its axis, and the names of rows.
    pub(crate) fn canvas(&self, heading: &Heading, names: &[&Name], scale: &Scale, unit: &str) -> Canvas {
        let foot = if self.left_out > 0 { ROW } else { 0.0 };
        let mut canvas = Canvas::new(WIDTH, self.bottom + AXIS + foot);
        heading.draw(&mut canvas);
        for tick in scale.ticks() {
            let x = scale.place(tick.value);
            canvas.line((x, self.top), (x, self.bottom), "rb-grid");
            let label = format!("{}{unit}", tick.label);
            canvas.text((x, self.bottom + 16.0), Anchor::Middle, "rb-muted", &label);
        }
        for &(y, index) in &self.headings {
            let group = names.get(index).map(|name| name.group.as_str()).unwrap_or_default();
            canvas.text((0.0, y + 4.0), Anchor::Start, "rb-strong", &text::shorten(group, WIDTH));
        }
        for (y, name) in self.middles.iter().zip(&self.names) {
            let short = text::shorten(name, self.axis.0 - GAP);
            canvas.group(if short == *name { "" } else { name }, |canvas| {
                canvas.text((0.0, y + 4.0), Anchor::Start, "", &short);
            });
        }
        if self.left_out > 0 {
            let (shown, all) = (self.len(), self.len() + self.left_out);
            let words = format!("The first {shown} of {all}; the tables have them all.");
            canvas.text((0.0, self.bottom + AXIS + 4.0), Anchor::Start, "rb-muted", &words);
        }
        canvas
    }

    /// Words below the axis.
    pub(crate) fn axis_title(&self, canvas: &mut Canvas, words: &str) {
        let middle = f64::midpoint(self.axis.0, self.axis.1);
        canvas.text((middle, self.bottom + 33.0), Anchor::Middle, "rb-muted", words);
    }

    /// A value at the right end of a row.
    pub(crate) fn value(&self, canvas: &mut Canvas, row: usize, words: &str) {
        if let Some(y) = self.middles.get(row) {
            canvas.text((WIDTH, y + 4.0), Anchor::End, "", words);
        }
    }

    /// The upper and lower end of the rows.
    pub(crate) fn span(&self) -> (f64, f64) {
        (self.top, self.bottom)
    }
}
