//! `gate.md`: what stands below a pull request and in a job's summary.

use minijinja::context;
use minijinja::value::{Serde, Value};
use reelbench_protocol::Metric;

use super::{Check, CheckVerdict, Gate};
use crate::comparison::{
    Change, ComparedCell, ComparedMetric, Figure, Overview, OverviewRow, Presence, StageChange,
    detectable_words, figure, ratio_words,
};
use crate::error::ReportError;
use crate::markdown::{self, Reader};
use crate::render::render_page;
use crate::report::{Cell, Column, Table};

/// Cells whose figures are unfolded, so that the page fits a comment: GitHub takes 65,536 characters.
const MOST_DETAILS: usize = 10;
/// Rows of the table of checks, for the same reason.
const MOST_ROWS: usize = 100;
/// Checks that stand below the headline.
const MOST_NAMED: usize = 5;

impl Gate {
    /// The figures by what became of them.
    pub fn overview(&self) -> Overview {
        let titles = [
            (Became::Regressed, "❌ Regressions"),
            (Became::Improved, "✅ Improvements"),
            (Became::WithinLimit, "▫️ Within the limit"),
            (Became::Inconclusive, "❔ Inconclusive"),
            (Became::Missing, "⛔ Missing"),
        ];
        let rows = titles.map(|(became, title)| {
            let checks = self.checks.iter().filter(|check| self.became(check) == became);
            let figures: Vec<Figure> = checks.map(|check| self.figure(check)).collect();
            OverviewRow::of(title, &figures)
        });
        Overview { rows: rows.into() }
    }

    fn became(&self, check: &Check) -> Became {
        match check.verdict {
            CheckVerdict::Fail => Became::Regressed,
            CheckVerdict::Inconclusive => Became::Inconclusive,
            CheckVerdict::Missing => Became::Missing,
            CheckVerdict::Pass => {
                let is_better =
                    check.compared.as_ref().is_some_and(|compared| compared.change() == Change::Better);
                // Faster by saying less is no improvement.
                let says_less = self.cell(check).is_some_and(ComparedCell::says_less);
                if is_better && !says_less { Became::Improved } else { Became::WithinLimit }
            }
        }
    }

    fn figure(&self, check: &Check) -> Figure {
        let metric = match self.runs.criteria.limits.as_slice() {
            [_] => String::new(),
            _ => format!("{} of ", check.metric),
        };
        let stage = check.stage.as_ref().map(|stage| format!(" ({})", stage.stage())).unwrap_or_default();
        Figure {
            name: format!("{metric}{}{stage}", check.name),
            ratio: check.compared.as_ref().and_then(ComparedMetric::worse_ratio),
        }
    }

    /// The table of checks for a terminal.
    pub fn terminal_table(&self) -> String {
        markdown::table(&self.table(usize::MAX), Reader::Terminal)
    }

    /// The page.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub fn markdown(&self) -> Result<String, ReportError> {
        let overview = self.overview();
        let named = self.checks.iter().filter(|check| check.verdict != CheckVerdict::Pass);
        let named: Vec<&Check> = named.collect();
        let context = context! {
            headline => self.headline.clone(),
            counts => self.counts.to_string(),
            overview => markdown::safe_table(&overview.table()),
            named => named.iter().take(MOST_NAMED).map(|check| context! {
                name => check.name.clone(), metric => check.metric.as_str(), verdict => check.verdict.words(),
                reason => check.reason.clone(),
            }).collect::<Vec<_>>(),
            more_named => named.len().saturating_sub(MOST_NAMED),
            less => self.cells_that_say_less(),
            checks => markdown::safe_table(&self.table(MOST_ROWS)),
            more_checks => self.checks.len().saturating_sub(MOST_ROWS),
            details => self.details(),
            base => Value::from(Serde(&self.runs.base)),
            head => Value::from(Serde(&self.runs.head)),
            not_in_base => self.not_in_base(),
            differences => self.runs.difference_words(),
            method => self.runs.method(),
        };
        render_page("gate.md.j2", include_str!("../../../templates/gate.md.j2"), context)
    }

    fn cells_that_say_less(&self) -> Vec<Value> {
        let less = self.runs.cells.iter().filter(|cell| cell.says_less());
        less.map(|cell| context! { name => cell.name.clone(), flags => cell.flag_words() }).collect()
    }

    /// Cells of which nothing could be judged, since base has no figures of them.
    fn not_in_base(&self) -> Vec<Value> {
        let cells = self
            .runs
            .cells
            .iter()
            .filter(|cell| matches!(cell.presence, Presence::NotInBase | Presence::OnlyInHead));
        cells
            .take(MOST_DETAILS)
            .map(|cell| context! { name => cell.name.clone(), reason => cell.reason.clone() })
            .collect()
    }

    /// The figures of the cells that are worth looking at, those that fail first.
    fn details(&self) -> Vec<Value> {
        let rank = |cell: &ComparedCell| {
            let verdicts = self.checks.iter().filter(|check| check.cell == cell.id);
            verdicts.map(|check| u8::from(check.verdict != CheckVerdict::Fail)).min().unwrap_or(2)
        };
        let mut cells: Vec<&ComparedCell> =
            self.runs.cells.iter().filter(|cell| !cell.metrics.is_empty()).collect();
        cells.sort_by_key(|cell| rank(cell));
        let of_cell = |cell: &ComparedCell| {
            let rtf = cell.metric(Metric::Rtf).map(|rtf| format!("RTF ratio {}", ratio_words(rtf)));
            let words = [Some(cell.name.clone()), rtf, cell.flag_words()];
            context! {
                summary => markdown::safe_html(&words.into_iter().flatten().collect::<Vec<_>>().join(", ")),
                stage => cell.stage.as_ref().map(StageChange::words),
                table => markdown::safe_table(&cell.metrics_table()),
            }
        };
        cells.into_iter().take(MOST_DETAILS).map(of_cell).collect()
    }

    /// One row per check, the worst first.
    fn table(&self, most: usize) -> Table {
        let columns = vec![
            Column::left("Cell"),
            Column::left("Metric"),
            Column::right("Base"),
            Column::right("Head"),
            Column::right("Ratio [interval]").strong(),
            Column::right("Allowed"),
            Column::right("Detectable"),
            Column::right("n"),
            Column::left("Verdict"),
            Column::left("Stage"),
            Column::left("Notes"),
        ];
        let mut checks: Vec<&Check> = self.checks.iter().collect();
        checks.sort_by_key(|check| match check.verdict {
            CheckVerdict::Fail => 0,
            CheckVerdict::Missing => 1,
            CheckVerdict::Inconclusive => 2,
            CheckVerdict::Pass => 3,
        });
        let rows = checks.into_iter().take(most).map(|check| self.row(check)).collect();
        Table { columns, rows }
    }

    fn row(&self, check: &Check) -> Vec<Cell> {
        let compared = check.compared.as_ref();
        let cell = self.cell(check);
        let notes = cell.and_then(ComparedCell::flag_words);
        let missing = (check.verdict == CheckVerdict::Missing).then(|| check.reason.clone());
        vec![
            cell.map_or_else(Cell::none, ComparedCell::marked_name),
            Cell::from(check.metric.as_str()),
            Cell::optional(compared.map(|compared| figure(compared.metric, compared.base))),
            Cell::optional(compared.map(|compared| figure(compared.metric, compared.head))),
            Cell::optional(compared.map(ratio_words)),
            Cell::from(format!("{:.1} %", check.max_regression * 100.0)),
            Cell::optional(compared.and_then(detectable_words)),
            Cell::optional(compared.map(|compared| compared.rounds.to_string())),
            Cell::from(check.verdict.words()),
            Cell::optional(check.stage.as_ref().map(|stage| stage.stage().to_owned())),
            Cell::optional(notes.or(missing)),
        ]
    }
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Regressed,
    Improved,
    WithinLimit,
    Inconclusive,
    Missing,
}
