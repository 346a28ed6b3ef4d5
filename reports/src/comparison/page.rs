//! What `bench compare` says about two runs: what got slower, what faster.

use minijinja::context;
use minijinja::value::{Serde, Value};
use reelbench_protocol::Metric;
use serde::Serialize;

use super::overview::{Figure, Overview, OverviewRow};
use super::words::{detectable_words, figure, ratio_words};
use super::{Change, ComparedCell, ComparedMetric, ComparedRuns, Presence, StageChange};
use crate::error::ReportError;
use crate::markdown::{self, Reader};
use crate::render::render_page;
use crate::report::{Cell, Column, Table};
use crate::units::count;

/// Version of what `bench compare --json` prints.
pub const COMPARISON_FORMAT_VERSION: u32 = 1;

/// Two runs compared by their real-time factors, in both directions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparing {
    /// Version of this format.
    pub format: u32,
    /// The result in one line.
    pub headline: String,
    /// Cells by what became of them.
    pub overview: Overview,
    /// The runs and their cells.
    #[serde(flatten)]
    pub runs: ComparedRuns,
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Slower,
    Faster,
    FasterBySayingLess,
    NotShown,
    NotCompared,
}

impl Became {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Slower, "❌ Slower"),
        (Self::Faster, "✅ Faster"),
        (Self::FasterBySayingLess, "⚠️ Faster, but said less"),
        (Self::NotShown, "▫️ No difference shown"),
        (Self::NotCompared, "⛔ Not compared"),
    ];

    fn of(cell: &ComparedCell) -> Self {
        match cell.metric(Metric::Rtf).map(ComparedMetric::change) {
            Some(Change::Worse) => Self::Slower,
            Some(Change::Better) if cell.says_less() => Self::FasterBySayingLess,
            Some(Change::Better) => Self::Faster,
            Some(Change::NotShown) => Self::NotShown,
            None => Self::NotCompared,
        }
    }

    fn title(self) -> &'static str {
        Self::ALL.iter().find(|(became, _)| *became == self).map_or("", |(_, title)| title)
    }
}

impl Comparing {
    /// Sums up two runs.
    pub fn new(runs: ComparedRuns) -> Self {
        let figures = |became: Became| -> Vec<Figure> {
            let cells = runs.cells.iter().filter(|cell| Became::of(cell) == became);
            let ratio = |cell: &ComparedCell| cell.metric(Metric::Rtf)?.worse_ratio();
            cells.map(|cell| Figure { name: cell.name.clone(), ratio: ratio(cell) }).collect()
        };
        let rows = Became::ALL.map(|(became, title)| OverviewRow::of(title, &figures(became)));
        let overview = Overview { rows: rows.into() };
        Self { format: COMPARISON_FORMAT_VERSION, headline: headline(&runs), overview, runs }
    }

    /// The table of cells for a terminal.
    pub fn terminal_table(&self) -> String {
        markdown::table(&cells_table(&self.runs), Reader::Terminal)
    }

    /// The page that `compare.md` is.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub fn markdown(&self) -> Result<String, ReportError> {
        let details = self.runs.cells.iter().filter(|cell| cell.presence == Presence::Both);
        let details = details.map(|cell| {
            context! { summary => markdown::safe_html(&cell.name), table => markdown::safe_table(&cell.metrics_table()) }
        });
        let context = context! {
            headline => self.headline.clone(),
            overview => markdown::safe_table(&self.overview.table()),
            cells => markdown::safe_table(&cells_table(&self.runs)),
            details => details.collect::<Vec<_>>(),
            base => Value::from(Serde(&self.runs.base)),
            head => Value::from(Serde(&self.runs.head)),
            differences => self.runs.difference_words(),
            method => self.runs.method(),
        };
        render_page("compare.md.j2", include_str!("../../../templates/compare.md.j2"), context)
    }
}

fn headline(runs: &ComparedRuns) -> String {
    let number = |became| runs.cells.iter().filter(|cell| Became::of(cell) == became).count();
    let blocking: Vec<String> =
        runs.differences.iter().filter(|difference| difference.blocks()).map(ToString::to_string).collect();
    let stamp = if blocking.is_empty() {
        String::new()
    } else {
        format!("NOT COMPARABLE ({}): ", blocking.join("; "))
    };
    let (slower, faster) = (number(Became::Slower), number(Became::Faster));
    let sign = match (slower, faster) {
        (1.., _) => "❌",
        (0, 1..) => "✅",
        (0, 0) => "▫️",
    };
    let cells = count(runs.cells.len(), "cell");
    format!("{sign} {stamp}{slower} slower, {faster} faster of {cells}")
}

/// One row per cell: its real-time factor, and what else is to be known.
fn cells_table(runs: &ComparedRuns) -> Table {
    let columns = vec![
        Column::left("Cell"),
        Column::right("Base RTF"),
        Column::right("Head RTF"),
        Column::right("Ratio [interval]").strong(),
        Column::right("Detectable"),
        Column::right("n"),
        Column::left("Result"),
        Column::left("Stage"),
        Column::left("Notes"),
    ];
    let row = |cell: &ComparedCell| {
        let rtf = cell.metric(Metric::Rtf);
        let side = |value: fn(&ComparedMetric) -> f64| {
            Cell::optional(rtf.map(|rtf| figure(Metric::Rtf, value(rtf))))
        };
        vec![
            cell.marked_name(),
            side(|rtf| rtf.base),
            side(|rtf| rtf.head),
            Cell::optional(rtf.map(ratio_words)),
            Cell::optional(rtf.and_then(detectable_words)),
            Cell::optional(rtf.map(|rtf| rtf.rounds.to_string())),
            Cell::from(Became::of(cell).title()),
            Cell::optional(cell.stage.as_ref().map(StageChange::words)),
            Cell::optional(cell.flag_words().or_else(|| cell.reason.clone())),
        ]
    };
    Table { columns, rows: runs.cells.iter().map(row).collect() }
}
