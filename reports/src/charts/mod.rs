//! A run's charts: which there are, and their numbers and words. How they are drawn, `reelbench-charts` knows.

mod drift;
mod pareto;
mod rtf;
mod stages;
mod timeline;

use reelbench_charts::{Heading, Name};
use reelbench_protocol::CellKind;
use serde::Serialize;

use crate::outcome::Outcome;
use crate::report::CellNames;
use crate::run::{CellRecord, Run};
use crate::summary::{CellSummary, Summary};

/// Folder of the charts in a run directory.
pub const CHARTS_FOLDER: &str = "charts";

/// A chart of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// Its name, and that of its file without the ending.
    pub name: String,
    /// The section of the report that shows it.
    pub section: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// What it shows, for those who cannot see it.
    pub alt: String,
    /// Its file in the run directory.
    pub file: String,
    /// The picture: an SVG document that also stands inside of an HTML page.
    #[serde(skip)]
    pub svg: String,
}

/// The charts that say something about a run, in the report's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Charts(Vec<Chart>);

impl Charts {
    pub(crate) fn new(run: &Run, summary: &Summary) -> Self {
        let cells = Cells::new(run, summary);
        let mut charts = Vec::new();
        charts.extend(rtf::chart(&cells));
        charts.extend(
            [CellKind::Stage1, CellKind::Caption]
                .map(|kind| stages::chart(&cells, kind))
                .into_iter()
                .flatten(),
        );
        charts.extend(pareto::charts(&cells));
        charts.extend(drift::chart(&cells));
        charts.extend(timeline::chart(run, &cells));
        Self(charts)
    }

    /// Every chart.
    pub fn iter(&self) -> std::slice::Iter<'_, Chart> {
        self.0.iter()
    }

    /// The chart of that name.
    pub fn get(&self, name: &str) -> Option<&Chart> {
        self.0.iter().find(|chart| chart.name == name)
    }
}

impl<'a> IntoIterator for &'a Charts {
    type Item = &'a Chart;
    type IntoIter = std::slice::Iter<'a, Chart>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Chart {
    fn new(section: &'static str, heading: Heading, svg: String) -> Self {
        let Heading { name, title, description: alt, .. } = heading;
        let file = format!("{CHARTS_FOLDER}/{name}.svg");
        Self { name, section, title, alt, file, svg }
    }
}

/// The cells of a run with their names.
struct Cells<'a> {
    names: CellNames,
    all: Vec<(&'a CellRecord, &'a CellSummary)>,
}

impl<'a> Cells<'a> {
    fn new(run: &'a Run, summary: &'a Summary) -> Self {
        Self { names: CellNames::of(&summary.cells), all: run.cells.iter().zip(&summary.cells).collect() }
    }

    /// The name of a cell's row: its film and model, and the settings that vary.
    fn name(&self, record: &CellRecord, cell: &CellSummary) -> Name {
        let unstable = matches!(cell.outcome, Outcome::Unstable(_)).then(|| "unstable".to_owned());
        let own = [self.names.settings(cell), unstable].into_iter().flatten().collect::<Vec<_>>().join(", ");
        Name { group: format!("{}{}", record.spec(), dummy_mark(cell)), own }
    }

    /// The same without the film.
    fn setting(&self, cell: &CellSummary) -> String {
        let model = cell.model.as_ref().map_or_else(|| "stage 1".to_owned(), ToString::to_string);
        let group = format!("{model}{}", dummy_mark(cell));
        Name { group, own: self.names.settings(cell).unwrap_or_default() }.full()
    }
}

/// What is added to a name whose numbers come from random weights.
fn dummy_mark(cell: &CellSummary) -> &'static str {
    if cell.dummy_weights { " (dummy weights)" } else { "" }
}
