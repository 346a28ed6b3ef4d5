//! The five rows that say it all.

use serde::Serialize;

use crate::report::{Cell, Column, Table};

/// Figures by what became of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Always five.
    pub rows: Vec<OverviewRow>,
}

/// Figures of which the same became.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverviewRow {
    /// What became of them.
    pub title: String,
    /// How many.
    pub count: usize,
    /// The one that changed most, for better where they got better: its ratio such that more than 1 is worse.
    pub most: Option<f64>,
    /// Their geometric mean.
    pub mean: Option<f64>,
    /// The name of the one that changed most.
    pub name: Option<String>,
}

/// A figure with its ratio such that more than 1 is worse; none where it has none.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ratio: Option<f64>,
}

impl OverviewRow {
    pub(crate) fn of(title: &str, figures: &[Figure]) -> Self {
        let known = figures.iter().filter_map(|figure| Some((figure, figure.ratio?)));
        let known: Vec<(&Figure, f64)> =
            known.filter(|(_, ratio)| *ratio > 0.0 && ratio.is_finite()).collect();
        let far = |ratio: f64| ratio.ln().abs();
        let most = known.iter().max_by(|(_, a), (_, b)| far(*a).total_cmp(&far(*b)));
        let logs: f64 = known.iter().map(|(_, ratio)| ratio.ln()).sum();
        // Of figures that are missing there is no worst; the first stands for them.
        let name = most.map(|(figure, _)| *figure).or(figures.first());
        Self {
            title: title.to_owned(),
            count: figures.len(),
            most: most.map(|(_, ratio)| *ratio),
            mean: (!known.is_empty()).then(|| (logs / known.len() as f64).exp()),
            name: name.map(|figure| figure.name.clone()),
        }
    }
}

impl Overview {
    pub(crate) fn table(&self) -> Table {
        let columns = vec![
            Column::left("Result").strong(),
            Column::right("Count"),
            Column::right("Most"),
            Column::right("Mean"),
            Column::left("Which"),
        ];
        let row = |row: &OverviewRow| {
            vec![
                Cell::from(&row.title),
                Cell::from(row.count.to_string()),
                Cell::optional(row.most.map(percent_change)),
                Cell::optional(row.mean.map(percent_change)),
                Cell::optional(row.name.clone()),
            ]
        };
        Table { columns, rows: self.rows.iter().map(row).collect() }
    }
}

/// `+25.1 %` for a ratio of 1.251.
fn percent_change(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}
