//! A history for a terminal.

use std::fmt::Write as _;

use super::{CellHistory, History, HistoryRun, Point, PointChange};
use crate::comparable::{Difference, Severity};
use crate::comparison::Change;
use crate::markdown::{self, Reader};
use crate::outcome::Outcome;
use crate::report::{Cell, Column, Table};
use crate::units;

/// From nothing to the highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where nothing was measured.
const GAP: char = '·';

impl History {
    /// The runs, then every cell with its real-time factor in each.
    pub fn terminal_text(&self) -> String {
        let mut text = format!("{}, the oldest first:\n\n", units::count(self.runs.len(), "run"));
        text.push_str(&markdown::table(&self.runs_table(), Reader::Terminal));
        for (number, run) in (1..).zip(&self.runs) {
            for difference in run.differences.iter().filter(|difference| difference.blocks()) {
                // Writing to a string cannot fail.
                let before = number - 1;
                let _ =
                    writeln!(text, "#{number} (head) is not comparable with #{before} (base): {difference}");
            }
        }
        for cell in &self.cells {
            let dummy = if cell.dummy_weights { " (dummy weights)" } else { "" };
            let _ = writeln!(text, "\n{}{dummy}  {}\n", cell.name, trend(cell));
            text.push_str(&markdown::table(&cell_table(cell), Reader::Terminal));
        }
        text.push_str(
            "\nRTF is the median of a run's repeats; ± is the wider side of its 95 % interval. A change is the ratio to the \
             last run in which the cell was ok, with its 95 % interval (Welch, of the logarithms): faster or slower where \
             that lies on one side of 1. Each interval holds by itself.\n",
        );
        text
    }

    fn runs_table(&self) -> Table {
        let columns = ["#", "Run", "Started", "Bench", "Revision", "Differs from the run before in"];
        let rows = (1..).zip(&self.runs).map(|(number, run)| run_row(number, run));
        Table { columns: columns.map(Column::left).into(), rows: rows.collect() }
    }
}

fn run_row(number: usize, run: &HistoryRun) -> Vec<Cell> {
    let revision = run.git.as_ref().map(|git| {
        let short: String = git.commit.chars().take(12).collect();
        if git.dirty { short + "+" } else { short }
    });
    vec![
        Cell::from(number.to_string()),
        Cell::from(&run.run_id),
        Cell::from(&run.started),
        Cell::from(&run.bench_version),
        Cell::optional(revision),
        Cell::optional(aspects(&run.differences)),
    ]
}

/// `cpu, cores; on purpose: bench`.
fn aspects(differences: &[Difference]) -> Option<String> {
    let named = |is_meant: fn(Severity) -> bool| {
        let meant = differences.iter().filter(|difference| is_meant(difference.severity));
        meant.map(|difference| difference.aspect.to_string()).collect::<Vec<_>>().join(", ")
    };
    let parts = [
        named(|severity| severity != Severity::OnPurpose),
        named(|severity| severity == Severity::OnPurpose),
    ];
    let words: Vec<String> = parts.into_iter().filter(|words| !words.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn cell_table(cell: &CellHistory) -> Table {
    let columns =
        vec![Column::right("#"), Column::right("RTF"), Column::left("Outcome"), Column::left("Change")];
    let row = |point: &Point| {
        let rtf = point.rtf.as_ref().map_or_else(Cell::none, |rtf| {
            let (text, note) = units::rtf(rtf.median, rtf.ci95);
            Cell { text, note, value: Some(rtf.median) }
        });
        vec![
            Cell::from((point.run + 1).to_string()),
            rtf,
            Cell::from(point.outcome.as_str()),
            Cell::optional(point.change.as_ref().map(change_words)),
        ]
    };
    Table { columns, rows: cell.points.iter().map(row).collect() }
}

/// `1.280 [1.250, 1.311] of #2: slower`.
fn change_words(change: &PointChange) -> String {
    match change {
        PointChange::Compared { since, ratio, interval, change } => {
            let interval = interval.map(|of| format!(" [{:.3}, {:.3}]", of.lo, of.hi)).unwrap_or_default();
            let verdict = match change {
                Change::Worse => ": slower",
                Change::Better => ": faster",
                Change::NotShown => "",
            };
            format!("{ratio:.3}{interval} of #{}{verdict}", since + 1)
        }
        PointChange::NotComparable { since, differences } => {
            let aspects: Vec<String> =
                differences.iter().map(|difference| difference.aspect.to_string()).collect();
            format!("not comparable with #{}: {}", since + 1, aspects.join(", "))
        }
    }
}

/// One bar for each run that planned the cell, as high as its real-time factor beside the highest.
fn trend(cell: &CellHistory) -> String {
    let measured =
        |point: &Point| point.rtf.as_ref().map(|rtf| rtf.median).filter(|_| point.outcome == Outcome::Ok);
    let highest = cell.points.iter().filter_map(measured).fold(0.0, f64::max);
    let bar = |point: &Point| {
        let share = measured(point).map(|rtf| rtf / highest);
        let level = share.map(|share| (share * BARS.len() as f64).ceil() as usize);
        level.and_then(|level| BARS.get(level.clamp(1, BARS.len()) - 1).copied()).unwrap_or(GAP)
    };
    cell.points.iter().map(bar).collect()
}
