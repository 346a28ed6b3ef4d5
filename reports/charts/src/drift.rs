//! Samples in the order that they were taken in.

use crate::legend::{self, Key};
use crate::plot::{self, AxisWords, Plot};
use crate::scale::{Origin, Scale};
use crate::svg::{Anchor, Canvas};
use crate::{Heading, WIDTH};

/// More dots than this are drawn as groups of neighbours.
const MOST_DOTS: usize = 1000;
/// How many groups there are then.
const GROUPS: usize = 200;

/// A chart with a dot for every sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Its words.
    pub heading: Heading,
    /// Words below the horizontal axis.
    pub x: String,
    /// Words of the vertical axis, whose numbers are percentages.
    pub y: String,
    /// What counts.
    pub measured: Vec<Sample>,
    /// What came before; where it lies far off, it stands at the edge.
    pub warmups: Vec<Sample>,
    /// What both are called.
    pub names: [String; 2],
}

/// A value and when it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// How many came before it.
    pub turn: f64,
    /// In percent of what is usual.
    pub percent: f64,
    /// Both in words.
    pub words: String,
}

/// Neighbours in one mark.
struct Group {
    turn: f64,
    /// First quartile, median, third quartile.
    quartiles: [f64; 3],
}

impl Drift {
    /// Draws it. The axis is made for what counts, and no narrower than 5 % to either side.
    pub fn svg(&self) -> String {
        let measured = finite(&self.measured);
        let warmups = finite(&self.warmups);
        let groups = if measured.len() > MOST_DOTS { groups(&measured) } else { Vec::new() };
        let are_grouped = !groups.is_empty();
        let turns = measured.iter().chain(&warmups).map(|sample| sample.turn);
        let values: Vec<f64> = if are_grouped {
            groups.iter().flat_map(|group| group.quartiles).collect()
        } else {
            measured.iter().map(|sample| sample.percent).collect()
        };
        let values = values.into_iter().chain([95.0, 105.0]);
        let plot = Plot::new(
            |ends| Scale::of(turns.clone(), Origin::Zero, ends),
            |ends| Scale::of(values.clone(), Origin::Free, ends),
        );
        let keys = self.keys();
        let foot = plot::BOTTOM + 8.0 + if are_grouped { legend::LINE } else { 0.0 };
        let mut canvas = Canvas::new(WIDTH, foot + legend::lines(&keys) as f64 * legend::LINE);
        self.heading.draw(&mut canvas);
        let y_title = format!("{}{}", self.y, plot.y.remark());
        let y_words = AxisWords { title: &y_title, unit: " %" };
        plot.draw(&mut canvas, &AxisWords { title: &self.x, unit: "" }, &y_words);
        let usual = plot.y.place(100.0);
        canvas.line((plot::AREA.from.0, usual), (plot.x.place(f64::INFINITY), usual), "rb-limit");
        let warmups = if are_grouped { Vec::new() } else { warmups };
        for sample in warmups {
            draw(&mut canvas, &plot, sample, "rb-hollow rb-2");
        }
        if are_grouped {
            draw_groups(&mut canvas, &plot, &groups);
            let words = format!(
                "Each dot is the median of about {} neighbours, its line goes from quartile to quartile; warm-ups are left out.",
                measured.len() / groups.len()
            );
            canvas.text((0.0, plot::BOTTOM + 4.0), Anchor::Start, "rb-muted", &words);
        } else {
            for sample in &measured {
                draw(&mut canvas, &plot, sample, "rb-fill rb-1");
            }
        }
        legend::draw(&mut canvas, foot, &keys);
        canvas.finish(&self.heading)
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let [measured, warmup] = &self.names;
        let measured = ("rb-fill rb-1".to_owned(), measured.as_str());
        let warmup = ("rb-hollow rb-2".to_owned(), warmup.as_str());
        let is_shown = !self.warmups.is_empty() && self.measured.len() <= MOST_DOTS;
        [Some(measured), is_shown.then_some(warmup)].into_iter().flatten().collect()
    }
}

fn finite(samples: &[Sample]) -> Vec<&Sample> {
    samples.iter().filter(|sample| sample.turn.is_finite() && sample.percent.is_finite()).collect()
}

fn draw(canvas: &mut Canvas, plot: &Plot, sample: &Sample, class: &str) {
    let place = (plot.x.place(sample.turn), plot.y.place(sample.percent));
    canvas.dot(place, 3.0, class, &sample.words);
}

/// Neighbours in order, about equally many in each group.
fn groups(samples: &[&Sample]) -> Vec<Group> {
    let mut samples = samples.to_vec();
    samples.sort_by(|one, other| one.turn.total_cmp(&other.turn));
    let group = |neighbours: &[&Sample]| {
        let mut values: Vec<f64> = neighbours.iter().map(|sample| sample.percent).collect();
        values.sort_by(f64::total_cmp);
        let quantile = |quarters: usize| values.get((values.len() - 1) * quarters / 4).copied();
        let turn = neighbours.get(neighbours.len() / 2).map(|sample| sample.turn)?;
        Some(Group { turn, quartiles: [quantile(1)?, quantile(2)?, quantile(3)?] })
    };
    samples.chunks(samples.len().div_ceil(GROUPS)).filter_map(group).collect()
}

fn draw_groups(canvas: &mut Canvas, plot: &Plot, groups: &[Group]) {
    for Group { turn, quartiles: [first, median, third] } in groups {
        let x = plot.x.place(*turn);
        canvas.polyline(&[(x, plot.y.place(*first)), (x, plot.y.place(*third))], "rb-line rb-1");
        canvas.dot((x, plot.y.place(*median)), 2.0, "rb-fill rb-1", "");
    }
}
