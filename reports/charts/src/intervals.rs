//! A value with its interval for every cell, and a limit that all are held against.

use crate::Heading;
use crate::rows::{Name, Rows};
use crate::scale::{Origin, Scale};
use crate::svg::Anchor;

/// A chart with a dot and its interval for every row.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// Its words.
    pub heading: Heading,
    /// Of every value; stands behind the numbers of the axis.
    pub unit: String,
    /// Words below the axis.
    pub axis: String,
    /// The value that all are held against, and its name.
    pub limit: (f64, String),
    /// From top to bottom.
    pub rows: Vec<Estimate>,
}

/// A value and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The row's name.
    pub name: Name,
    /// The value.
    pub value: f64,
    /// Both ends of its interval, where it has one.
    pub interval: Option<(f64, f64)>,
    /// The value in words.
    pub words: String,
}

impl Estimate {
    fn finite_interval(&self) -> Option<(f64, f64)> {
        self.interval.filter(|(lo, hi)| lo.is_finite() && hi.is_finite())
    }
}

impl Intervals {
    /// Draws it; a row whose value is no finite number is left out, and so is such an interval. The axis is logarithmic where values lie far apart.
    pub fn svg(&self) -> String {
        let shown: Vec<&Estimate> = self.rows.iter().filter(|row| row.value.is_finite()).collect();
        let names: Vec<&Name> = shown.iter().map(|row| &row.name).collect();
        let words: Vec<&str> = shown.iter().map(|row| row.words.as_str()).collect();
        let rows = Rows::new(names.iter().copied(), &words, 0);
        let shown = &shown[..rows.len()];
        let values = shown.iter().flat_map(|row| {
            let (lo, hi) = row.finite_interval().unwrap_or((row.value, row.value));
            [lo, row.value, hi]
        });
        let values: Vec<f64> = values.chain([self.limit.0]).collect();
        // From nothing, unless that would press all but the largest values together.
        let free = Scale::of(values.iter().copied(), Origin::Free, rows.axis);
        let scale = if free.is_log() { free } else { Scale::of(values, Origin::Zero, rows.axis) };
        let mut canvas = rows.canvas(&self.heading, &names, &scale, &self.unit);
        let (top, bottom) = rows.span();
        let limit = scale.place(self.limit.0);
        canvas.line((limit, top - 4.0), (limit, bottom), "rb-limit");
        canvas.text((limit, top - 8.0), Anchor::Middle, "rb-muted", &self.limit.1);
        for (index, (row, &y)) in shown.iter().zip(&rows.middles).enumerate() {
            let x = scale.place(row.value);
            canvas.group(&format!("{}: {}", row.name.full(), row.words), |canvas| {
                if let Some((lo, hi)) = row.finite_interval() {
                    let (lo, hi) = (scale.place(lo), scale.place(hi));
                    canvas.polyline(&[(lo, y), (hi, y)], "rb-line rb-1");
                    for end in [lo, hi] {
                        canvas.polyline(&[(end, y - 4.0), (end, y + 4.0)], "rb-line rb-1");
                    }
                }
                canvas.dot((x, y), 4.5, "rb-fill rb-1", "");
            });
            rows.value(&mut canvas, index, &row.words);
        }
        rows.axis_title(&mut canvas, &format!("{}{}", self.axis, scale.remark()));
        canvas.finish(&self.heading)
    }
}
