//! What was done when.

use crate::legend::{self, Key};
use crate::rows::{LEGEND_TOP, Name, Rows};
use crate::scale::{Origin, Scale};
use crate::svg::{Anchor, Canvas};
use crate::{Heading, text};

/// Half the height of a bar.
const HALF: f64 = 7.0;
/// More bars than this are drawn as groups of neighbours.
const MOST_BARS: usize = 1500;
/// The shortest bar that can be seen, in pixels.
const SHORTEST: f64 = 1.0;

/// A chart with a bar for everything that was done, in a row for each cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Its words.
    pub heading: Heading,
    /// Words below the axis.
    pub axis: String,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    /// Times at which the run went on after a pause.
    pub pauses: Vec<f64>,
    /// What stands at a pause.
    pub pause: String,
}

/// What was done for one cell, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// The row's name.
    pub name: Name,
    /// In the order of time.
    pub bars: Vec<Bar>,
}

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// When it began.
    pub start: f64,
    /// How long it took.
    pub length: f64,
    /// What it was.
    pub work: Work,
    /// All that in words.
    pub words: String,
}

/// What takes a runner's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Weights are loaded.
    Load,
    /// A repeat that does not count.
    Warmup,
    /// A repeat that counts.
    Sample,
}

impl Work {
    const ALL: [Self; 3] = [Self::Load, Self::Warmup, Self::Sample];

    fn class(self) -> &'static str {
        match self {
            Self::Load => "rb-fill rb-2",
            Self::Warmup => "rb-pale rb-1",
            Self::Sample => "rb-fill rb-1",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Load => "loading",
            Self::Warmup => "warm-up",
            Self::Sample => "sample",
        }
    }
}

/// Neighbours of one kind in one mark.
struct Mark<'a> {
    from: f64,
    to: f64,
    first: &'a Bar,
    count: usize,
}

impl Timeline {
    /// Draws it; a lane in which nothing was done is left out.
    pub fn svg(&self) -> String {
        let shown: Vec<&Lane> = self.lanes.iter().filter(|lane| lane.bars.iter().any(is_drawn)).collect();
        let names: Vec<&Name> = shown.iter().map(|lane| &lane.name).collect();
        let keys: Vec<Key<'_>> =
            Work::ALL.map(|work| (work.class().to_owned(), work.words())).into_iter().collect();
        let rows = Rows::new(names.iter().copied(), &[], legend::lines(&keys));
        let shown = &shown[..rows.len()];
        let bars = shown.iter().flat_map(|lane| &lane.bars).filter(|bar| is_drawn(bar));
        let scale = Scale::of(bars.map(|bar| bar.start + bar.length), Origin::Zero, rows.axis);
        let mut canvas = rows.canvas(&self.heading, &names, &scale, "");
        legend::draw(&mut canvas, LEGEND_TOP, &keys);
        self.draw_pauses(&mut canvas, &rows, &scale);
        for (marks, &y) in merged(shown, &scale).iter().zip(&rows.middles) {
            for mark in marks {
                let tooltip = match mark.count {
                    1 => mark.first.words.clone(),
                    count => format!("{}, and {} more up to here", mark.first.words, count - 1),
                };
                let (from, to) = ((mark.from, y - HALF), (mark.to, y + HALF));
                canvas.bar(from, to, mark.first.work.class(), &tooltip);
            }
        }
        rows.axis_title(&mut canvas, &self.axis);
        canvas.finish(&self.heading)
    }

    fn draw_pauses(&self, canvas: &mut Canvas, rows: &Rows, scale: &Scale) {
        let (top, bottom) = rows.span();
        // Words that would run into those of the pause before are left out.
        let mut free_from = 0.0;
        for &pause in self.pauses.iter().filter(|pause| pause.is_finite()) {
            let x = scale.place(pause);
            canvas.line((x, top), (x, bottom), "rb-limit");
            if x >= free_from {
                canvas.text((x, top - 4.0), Anchor::Middle, "rb-muted", &self.pause);
                free_from = x + text::width(&self.pause) + 8.0;
            }
        }
    }
}

fn is_drawn(bar: &Bar) -> bool {
    bar.start.is_finite() && bar.length.is_finite() && bar.length >= 0.0
}

/// The marks of every lane: neighbours of one kind become one where they could not be told apart, or where there would be
/// too many.
fn merged<'a>(lanes: &[&'a Lane], scale: &Scale) -> Vec<Vec<Mark<'a>>> {
    let mut gap = 0.5;
    loop {
        let marks: Vec<_> = lanes.iter().map(|lane| merged_within(lane, scale, gap)).collect();
        // With a gap wider than the chart, a lane has as many marks as its kind of work changes.
        if gap > crate::WIDTH || marks.iter().map(Vec::len).sum::<usize>() <= MOST_BARS {
            return marks;
        }
        gap *= 2.0;
    }
}

/// The same where neighbours are nearer than `gap` pixels.
fn merged_within<'a>(lane: &'a Lane, scale: &Scale, gap: f64) -> Vec<Mark<'a>> {
    let mut marks: Vec<Mark<'a>> = Vec::new();
    for bar in lane.bars.iter().filter(|bar| is_drawn(bar)) {
        let from = scale.place(bar.start);
        // A gap of one pixel tells neighbours apart.
        let to = (scale.place(bar.start + bar.length) - 1.0).max(from + SHORTEST);
        match marks.last_mut() {
            Some(last) if last.first.work == bar.work && from < last.to + gap => {
                last.to = to.max(last.to);
                last.count += 1;
            }
            _ => marks.push(Mark { from, to, first: bar, count: 1 }),
        }
    }
    marks
}
