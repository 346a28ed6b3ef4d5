//! Numbers to charts: pure functions that write SVG text.
//!
//! Each chart is a structure with its numbers and words, and a method `svg`. What a chart says in words comes from its caller, so that it agrees
//! with the tables; where the marks stand is decided here.
//!
//! A chart is shown in two ways, and readable in both: as an image file, where its colours follow the reader's light or dark
//! system, and inside of an HTML page, where an ancestor's `data-theme="light"` or `"dark"` decides instead. It has no
//! background and no script; what a mark says exactly, a pointer brings up. All classes begin with `rb-`, all variables with
//! `--rb-`, and all ids with `rb-` and the chart's name.
//!
//! The SVG is written by hand because the libraries at hand cannot do that: `plotters` writes fixed colours into
//! every mark, and knows neither classes nor titles; `charming` needs a JavaScript engine to draw.

mod drift;
mod intervals;
mod label;
mod legend;
mod pareto;
mod plot;
mod rows;
mod scale;
mod stacks;
mod svg;
mod text;
mod theme;
mod timeline;

pub use drift::{Drift, Sample};
pub use intervals::{Estimate, Intervals};
pub use pareto::{Better, Candidate, Measure, Pareto};
pub use rows::{MOST_ROWS, Name};
pub use stacks::{Stack, Stacks};
pub use timeline::{Bar, Lane, Timeline, Work};

use svg::{Anchor, Canvas};

/// Width of every chart, in pixels: that of the text of a page on GitHub.
const WIDTH: f64 = 840.0;

/// What a chart is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// A word of `a-z`, `0-9`, `_` and `-`; no other chart of the page may have the same.
    pub name: String,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it, in a line.
    pub subtitle: String,
    /// What it shows, for those who cannot see it.
    pub description: String,
}

impl Heading {
    fn draw(&self, canvas: &mut Canvas) {
        canvas.text((0.0, 14.0), Anchor::Start, "rb-strong", &text::shorten(&self.title, WIDTH));
        canvas.text((0.0, 31.0), Anchor::Start, "rb-muted", &text::shorten(&self.subtitle, WIDTH));
    }
}
