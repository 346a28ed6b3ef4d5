//! Compared figures in words, and in tables.

use reelbench_protocol::Metric;
use reelbench_stats::Interval;

use super::{ComparedCell, ComparedMetric, ComparedRuns, Pairing, StageChange};
use crate::comparable::Severity;
use crate::report::{Cell, Column, Table};
use crate::units;

/// A figure in its unit: `12.6x`, `340.1 ms`, `1.9 GiB`.
pub(crate) fn figure(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Rtf => units::rtf(value, None).0,
        Metric::TokensPerS => format!("{} tok/s", units::rate(value)),
        Metric::PeakRssBytes | Metric::PeakVramBytes => units::bytes(value as u64),
        _ if metric.quality().is_some() => format!("{value:.4}"),
        _ => units::time(value),
    }
}

/// `1.280 [1.250, 1.311]`.
pub(crate) fn ratio_words(compared: &ComparedMetric) -> String {
    let Some(ratio) = compared.ratio else { return Cell::NONE.to_owned() };
    match compared.interval {
        Some(Interval { lo, hi }) => format!("{} [{}, {}]", decimals(ratio), decimals(lo), decimals(hi)),
        None => decimals(ratio),
    }
}

fn decimals(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.3}") } else { "∞".to_owned() }
}

/// `3.4 %`.
pub(crate) fn detectable_words(compared: &ComparedMetric) -> Option<String> {
    compared.detectable_regression().map(units::percent)
}

impl StageChange {
    /// `decode: +2.80 s of +2.81 s (ratio 1.350)`.
    pub(crate) fn words(&self) -> String {
        let signed = |seconds: f64| units::signed(seconds, units::time);
        let ratio = self.ratio.map(|ratio| format!(" (ratio {ratio:.3})")).unwrap_or_default();
        format!("{}: {} of {}{ratio}", self.stage(), signed(self.difference_s), signed(self.of_s))
    }
}

impl ComparedCell {
    /// `said less (tokens 512 → 430), other captions (2 of 5 scenes)`; none where nothing is to be said.
    pub(crate) fn flag_words(&self) -> Option<String> {
        let words: Vec<String> = self.flags.iter().map(super::Flag::words).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Its name, marked where its weights are random.
    pub(crate) fn marked_name(&self) -> Cell {
        let name = Cell::from(&self.name);
        if self.dummy_weights { name.with_note("(dummy weights)") } else { name }
    }

    /// Every metric of it.
    pub(crate) fn metrics_table(&self) -> Table {
        let columns = vec![
            Column::left("Metric"),
            Column::right("Base"),
            Column::right("Head"),
            Column::right("Ratio [interval]").strong(),
            Column::right("Detectable"),
            Column::right("n"),
        ];
        let row = |compared: &ComparedMetric| {
            vec![
                Cell::from(compared.metric.as_str()),
                Cell::from(figure(compared.metric, compared.base)),
                Cell::from(figure(compared.metric, compared.head)),
                Cell::from(ratio_words(compared)),
                Cell::optional(detectable_words(compared)),
                Cell::from(compared.rounds.to_string()),
            ]
        };
        Table { columns, rows: self.metrics.iter().map(row).collect() }
    }
}

impl ComparedRuns {
    /// How the figures came about, in plain text.
    pub(crate) fn method(&self) -> Vec<String> {
        let rounds = match self.pairing {
            Pairing::Paired => {
                "Both runners ran in turns in one session; repeat n of one is paired with repeat n of the other."
            }
            Pairing::Unpaired => {
                "The runs were made one after the other: what made all of one slower than the other counts as a difference."
            }
        };
        let confidence = units::percent(self.criteria.confidence);
        let hold = match self.intervals {
            1 => format!("The interval of the figure to be judged holds with {confidence} confidence"),
            more => format!(
                "The {more} intervals of the figures to be judged hold together with {confidence} confidence"
            ),
        };
        let intervals = format!("Ratios are head over base. {hold}; others are shown at the same level.");
        let detectable =
            "Detectable is the regression that this many rounds would show nine times out of ten.";
        let mut notes = vec![rounds.to_owned(), intervals, detectable.to_owned()];
        if self.cells.iter().any(|cell| cell.dummy_weights) {
            notes.push("Dummy weights are random: their times are those of the architecture, their texts mean nothing.".to_owned());
        }
        notes
    }

    /// What the runs differ in, as far as it may explain a difference.
    pub(crate) fn difference_words(&self) -> Vec<String> {
        let told = self.differences.iter().filter(|difference| difference.severity != Severity::OnPurpose);
        told.map(ToString::to_string).collect()
    }
}
