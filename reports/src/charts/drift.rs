//! Every repeat against the median of its cell, in the order that they ran in.

use reelbench_charts::{Drift, Heading, Sample};
use reelbench_protocol::Pass;

use super::{Cells, Chart};
use crate::units::{percent, time};

/// A cell with fewer samples says nothing about the others around its median.
const FEWEST_SAMPLES: usize = 3;

/// `None` where no cell has enough samples.
pub(super) fn chart(cells: &Cells<'_>) -> Option<Chart> {
    let (mut measured, mut warmups) = (Vec::new(), Vec::new());
    for (record, cell) in &cells.all {
        let Some(wall) = cell.wall_s.as_ref().filter(|wall| wall.samples.len() >= FEWEST_SAMPLES) else {
            continue;
        };
        let name = cells.name(record, cell).full();
        for (observed, repeat) in record.observed.iter().zip(&record.repeats) {
            let seconds = repeat.wall_ns as f64 / 1e9;
            let share = seconds / wall.median;
            let pass = match observed.pass {
                Pass::Warmup => "warm-up",
                Pass::Measured => "sample",
            };
            let words = format!("{name}, {pass} {}: {}, {}", observed.repeat, percent(share), time(seconds));
            let sample = Sample { turn: observed.turn as f64, percent: share * 100.0, words };
            match observed.pass {
                Pass::Warmup => warmups.push(sample),
                Pass::Measured => measured.push(sample),
            }
        }
    }
    if measured.is_empty() {
        return None;
    }
    let heading = Heading {
        name: "drift".to_owned(),
        title: "Drift".to_owned(),
        subtitle: "Every repeat's wall time against the median of its cell: on a steady machine they scatter evenly."
            .to_owned(),
        description: "The wall time of every repeat, divided by the median of its cell, in the order that they ran in."
            .to_owned(),
    };
    let chart = Drift {
        heading: heading.clone(),
        x: "Repeats of any cell before it".to_owned(),
        y: "Wall time as share of the cell's median".to_owned(),
        measured,
        warmups,
        names: ["sample".to_owned(), "warm-up; at the edge where beyond it".to_owned()],
    };
    Some(Chart::new("noise", heading, chart.svg()))
}
