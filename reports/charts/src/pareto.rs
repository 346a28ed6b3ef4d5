//! What is worth choosing: two numbers of every candidate, and those that no other beats in both.

use std::cmp::Ordering;

use crate::label::Labels;
use crate::plot::{self, AxisWords, Plot};
use crate::scale::{Origin, Scale};
use crate::svg::{Anchor, Canvas, Place};
use crate::{Heading, WIDTH, text};

/// More candidates than this cannot be told apart; those that nobody beats are shown first.
const MOST: usize = 40;
/// Height of a line of the list below the plot.
const LINE: f64 = 19.0;
/// Where the names of that list begin.
const NAME: f64 = 42.0;
/// Of a dot.
const RADIUS: f64 = 4.5;

/// A chart with a dot for every candidate, and a line through the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Pareto {
    /// Its words.
    pub heading: Heading,
    /// From left to right.
    pub x: Measure,
    /// From bottom to top.
    pub y: Measure,
    /// In any order; they are numbered from left to right.
    pub candidates: Vec<Candidate>,
}

/// What an axis shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its name.
    pub title: String,
    /// Stands behind the numbers of the axis.
    pub unit: String,
    /// Which way to go.
    pub better: Better,
}

/// Which numbers are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// The smaller ones.
    Lower,
    /// The larger ones.
    Higher,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What it is called.
    pub name: String,
    /// From left to right.
    pub x: f64,
    /// From bottom to top.
    pub y: f64,
    /// Both numbers in words.
    pub words: String,
}

impl Better {
    /// The better one comes first.
    fn first(self, one: f64, other: f64) -> Ordering {
        match self {
            Self::Lower => one.total_cmp(&other),
            Self::Higher => other.total_cmp(&one),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
        }
    }
}

impl Measure {
    fn words(&self, scale: &Scale) -> String {
        format!("{}, {}{}", self.title, self.better.words(), scale.remark())
    }
}

/// A candidate, and whether no other beats it.
#[derive(Clone, Copy)]
struct Ranked<'a> {
    candidate: &'a Candidate,
    is_best: bool,
}

impl Ranked<'_> {
    fn class(self) -> &'static str {
        if self.is_best { "rb-fill rb-1" } else { "rb-hollow rb-0" }
    }
}

impl Pareto {
    /// Those that no other beats in one number without losing in the other, from the left to the right.
    pub fn frontier(&self) -> Vec<&Candidate> {
        self.ranked().iter().filter(|ranked| ranked.is_best).map(|ranked| ranked.candidate).collect()
    }

    /// Draws it; a candidate without finite numbers is left out.
    pub fn svg(&self) -> String {
        let ranked = self.ranked();
        let (best, others): (Vec<Ranked<'_>>, Vec<Ranked<'_>>) = ranked.iter().partition(|one| one.is_best);
        let mut shown: Vec<Ranked<'_>> = best.into_iter().chain(others).take(MOST).collect();
        shown.sort_by(|one, other| by_place(one.candidate, other.candidate));
        let axis = |of: fn(&Candidate) -> f64| shown.iter().map(move |one| of(one.candidate));
        let plot = Plot::new(
            |ends| Scale::of(axis(|candidate| candidate.x), Origin::Free, ends),
            |ends| Scale::of(axis(|candidate| candidate.y), Origin::Free, ends),
        );
        let left_out = ranked.len() - shown.len();
        let lines = shown.len() + usize::from(left_out > 0);
        let mut canvas = Canvas::new(WIDTH, plot::BOTTOM + lines as f64 * LINE + 8.0);
        self.heading.draw(&mut canvas);
        let (x_title, y_title) = (self.x.words(&plot.x), self.y.words(&plot.y));
        let x_words = AxisWords { title: &x_title, unit: &self.x.unit };
        plot.draw(&mut canvas, &x_words, &AxisWords { title: &y_title, unit: &self.y.unit });
        self.draw_frontier(&mut canvas, &plot, &shown);
        draw_candidates(&mut canvas, &plot, &shown);
        draw_list(&mut canvas, &shown);
        if left_out > 0 {
            let words = format!("{} of {} are shown.", shown.len(), ranked.len());
            canvas.text((0.0, plot::BOTTOM + lines as f64 * LINE), Anchor::Start, "rb-muted", &words);
        }
        canvas.finish(&self.heading)
    }

    /// All that have numbers, from left to right.
    fn ranked(&self) -> Vec<Ranked<'_>> {
        let finite = self.candidates.iter().filter(|one| one.x.is_finite() && one.y.is_finite());
        let mut sorted: Vec<&Candidate> = finite.collect();
        sorted.sort_by(|one, other| {
            self.x.better.first(one.x, other.x).then(self.y.better.first(one.y, other.y))
        });
        let mut ranked = Vec::new();
        let mut best_so_far: Option<f64> = None;
        // Among equals in x the best in y come first, and count where they beat all that are better in x.
        for equals in sorted.chunk_by(|one, other| one.x.total_cmp(&other.x).is_eq()) {
            let best = equals.first().map(|first| first.y);
            let is_new =
                best.zip(best_so_far).is_none_or(|(best, so_far)| self.y.better.first(best, so_far).is_lt());
            let is_best = |one: &Candidate| is_new && best.is_some_and(|best| best.total_cmp(&one.y).is_eq());
            ranked.extend(equals.iter().map(|&candidate| Ranked { candidate, is_best: is_best(candidate) }));
            best_so_far = if is_new { best } else { best_so_far };
        }
        ranked.sort_by(|one, other| by_place(one.candidate, other.candidate));
        ranked
    }

    /// The best `y` that can be had for each `x`: it stays the same until the next candidate.
    fn draw_frontier(&self, canvas: &mut Canvas, plot: &Plot, shown: &[Ranked<'_>]) {
        let mut best: Vec<Place> =
            shown.iter().filter(|one| one.is_best).map(|one| place(plot, one.candidate)).collect();
        if self.x.better == Better::Higher {
            best.reverse();
        }
        let mut places: Vec<Place> = Vec::new();
        for (x, y) in best {
            if let Some(&(_, before)) = places.last() {
                places.push((x, before));
            }
            places.push((x, y));
        }
        canvas.polyline(&places, "rb-line rb-1");
    }
}

fn place(plot: &Plot, candidate: &Candidate) -> Place {
    (plot.x.place(candidate.x), plot.y.place(candidate.y))
}

fn draw_candidates(canvas: &mut Canvas, plot: &Plot, shown: &[Ranked<'_>]) {
    let places: Vec<Place> = shown.iter().map(|one| place(plot, one.candidate)).collect();
    let mut labels = Labels::new(plot::AREA, &places);
    for ((number, one), &place) in (1..).zip(shown).zip(&places) {
        let tooltip = format!("{}: {}", one.candidate.name, one.candidate.words);
        canvas.dot(place, RADIUS, one.class(), &tooltip);
        labels.draw(canvas, place, &format!("{number}"));
    }
}

/// What the numbers mean.
fn draw_list(canvas: &mut Canvas, shown: &[Ranked<'_>]) {
    for (number, one) in (1..).zip(shown) {
        let Candidate { name, words, .. } = one.candidate;
        let y = plot::BOTTOM + f64::from(number) * LINE;
        let weight = if one.is_best { "rb-strong" } else { "" };
        let room = WIDTH - NAME - text::width(words) - 12.0;
        canvas.dot((RADIUS + 1.5, y - 4.0), RADIUS, one.class(), "");
        canvas.text((NAME - 8.0, y), Anchor::End, weight, &number.to_string());
        canvas.text((NAME, y), Anchor::Start, weight, &text::shorten(name, room));
        canvas.text((WIDTH, y), Anchor::End, "", words);
    }
}

/// From left to right, and from top to bottom.
fn by_place(one: &Candidate, other: &Candidate) -> Ordering {
    one.x.total_cmp(&other.x).then(other.y.total_cmp(&one.y)).then_with(|| one.name.cmp(&other.name))
}
