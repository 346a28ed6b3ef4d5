//! The real-time factor of every cell.

use reelbench_charts::{Estimate, Heading, Intervals};

use super::{Cells, Chart};
use crate::units;

/// `None` where no cell was measured.
pub(super) fn chart(cells: &Cells<'_>) -> Option<Chart> {
    let rows = cells.all.iter().filter_map(|(record, cell)| {
        let rtf = cell.rtf.as_ref()?;
        let (median, spread) = units::rtf(rtf.median, rtf.ci95);
        Some(Estimate {
            name: cells.name(record, cell),
            value: rtf.median,
            interval: rtf.ci95.map(|ci| (ci.lo, ci.hi)),
            words: [Some(median), spread].into_iter().flatten().collect::<Vec<_>>().join(" "),
        })
    });
    let rows: Vec<Estimate> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    let heading = Heading {
        name: "rtf".to_owned(),
        title: "Real-time factor".to_owned(),
        subtitle: "Seconds of processing per second of film: median and 95 % interval. Less is faster."
            .to_owned(),
        description: "The real-time factor of every cell with its 95 % interval, and the line of real time."
            .to_owned(),
    };
    let limit = (1.0, "real time".to_owned());
    let axis = "RTF".to_owned();
    let svg = Intervals { heading: heading.clone(), unit: "x".to_owned(), axis, limit, rows }.svg();
    Some(Chart::new("end_to_end", heading, svg))
}
