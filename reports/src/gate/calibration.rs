//! What a gate can see on a machine: a runner compared with itself.

use reelbench_protocol::{CellId, Metric};
use reelbench_stats::{Level, compare_paired};
use serde::Serialize;

use super::VERDICT_FORMAT_VERSION;
use crate::comparison::{ComparedRuns, Presence, figure};
use crate::markdown::{self, Reader};
use crate::report::{Cell, Column, Table};
use crate::units;

/// The noise of every cell, from a session with one runner on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Version of this format.
    pub format: u32,
    /// One row per cell and metric to be judged.
    pub cells: Vec<CellNoise>,
    /// Cells that were not ok on both sides, with the reason.
    pub not_measured: Vec<(String, String)>,
}

/// The noise of one figure of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellNoise {
    /// The cell.
    pub cell: CellId,
    /// Its name for people.
    pub name: String,
    /// The figure.
    pub metric: Metric,
    /// Median of both sides' medians.
    pub median: f64,
    /// Rounds that were measured.
    pub rounds: usize,
    /// Standard deviation of the logarithms of the rounds' ratios: 0.01 is about 1 % from round to round.
    pub noise: Option<f64>,
    /// The smallest regression beyond the one allowed that this many rounds show nine times out of ten, as a fraction.
    pub detectable: Option<f64>,
    /// What is allowed, as a fraction.
    pub max_regression: f64,
    /// Rounds after which a regression of twice what is allowed fails, and an unchanged cell passes, nine times out of
    /// ten; none where nothing is allowed, or where 1,000 rounds would not do.
    pub rounds_needed: Option<u32>,
}

impl Calibration {
    /// Reads the noise off a session in which both sides are the same.
    pub fn new(runs: &ComparedRuns) -> Self {
        let level = Level::new(runs.criteria.confidence).unwrap_or_default().for_family(runs.intervals);
        let measured = runs.cells.iter().filter(|cell| cell.presence == Presence::Both);
        let cells = measured.flat_map(|cell| {
            runs.criteria.limits.iter().filter_map(|limit| {
                let compared = cell.metric(limit.metric)?;
                Some(CellNoise {
                    cell: cell.id.clone(),
                    name: cell.name.clone(),
                    metric: limit.metric,
                    median: f64::midpoint(compared.base, compared.head),
                    rounds: compared.rounds,
                    noise: compared.noise,
                    detectable: compared.detectable_regression(),
                    max_regression: limit.max_regression,
                    rounds_needed: compared
                        .noise
                        .and_then(|noise| rounds_needed(noise, limit.max_regression, level)),
                })
            })
        });
        let not_measured =
            runs.cells.iter().filter_map(|cell| Some((cell.name.clone(), cell.reason.clone()?)));
        Self { format: VERDICT_FORMAT_VERSION, cells: cells.collect(), not_measured: not_measured.collect() }
    }

    /// One row per figure, for a terminal.
    pub fn terminal_table(&self) -> String {
        let columns = vec![
            Column::left("Cell"),
            Column::left("Metric"),
            Column::right("Median"),
            Column::right("Noise"),
            Column::right("Detectable"),
            Column::right("Allowed"),
            Column::right("n"),
            Column::right("Needed"),
        ];
        let row = |cell: &CellNoise| {
            vec![
                Cell::from(&cell.name),
                Cell::from(cell.metric.as_str()),
                Cell::from(figure(cell.metric, cell.median)),
                Cell::optional(cell.noise.map(|noise| format!("± {}", units::percent(noise)))),
                Cell::optional(cell.detectable.map(units::percent)),
                Cell::from(units::percent(cell.max_regression)),
                Cell::from(cell.rounds.to_string()),
                Cell::optional(cell.rounds_needed.map(|rounds| rounds.to_string())),
            ]
        };
        markdown::table(&Table { columns, rows: self.cells.iter().map(row).collect() }, Reader::Terminal)
    }
}

/// Most rounds that are thought about.
const MOST_ROUNDS: u32 = 1_000;

/// The fewest rounds of this noise whose detectable regression is no more than twice what is allowed.
fn rounds_needed(noise: f64, allowed: f64, level: Level) -> Option<u32> {
    let wanted = (1.0 + allowed).powi(2);
    let is_enough = |rounds: u32| {
        let compared =
            compare_paired(&vec![1.0; rounds as usize], &alternating(rounds, noise), level, allowed);
        compared.and_then(|compared| compared.detectable).is_some_and(|detectable| detectable <= wanted)
    };
    if allowed <= 0.0 || !is_enough(MOST_ROUNDS) {
        return None;
    }
    let (mut too_few, mut enough) = (1, MOST_ROUNDS);
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        if is_enough(middle) { enough = middle } else { too_few = middle }
    }
    Some(enough)
}

/// Ratios whose logarithms have this standard deviation.
fn alternating(rounds: u32, noise: f64) -> Vec<f64> {
    let paired = f64::from(rounds - rounds % 2);
    let size = noise * (f64::from(rounds - 1) / paired).sqrt();
    let log = |round: u32| match (round + 1 == rounds && rounds % 2 == 1, round % 2) {
        (true, _) => 0.0,
        (false, 0) => size,
        (false, _) => -size,
    };
    (0..rounds).map(|round| log(round).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_noise_needs_more_rounds() {
        let level = Level::default();
        let needed = |noise| rounds_needed(noise, 0.05, level);
        assert_eq!(needed(0.0), Some(2));
        let (quiet, loud) = (needed(0.01).unwrap(), needed(0.04).unwrap());
        assert!(quiet < 8 && loud > 2 * quiet, "{quiet} and {loud}");
        assert_eq!(needed(5.0), None);
        assert_eq!(rounds_needed(0.01, 0.0, level), None);
    }

    #[test]
    fn made_up_ratios_have_the_noise_that_was_asked_for() {
        for rounds in [2, 3, 10, 11] {
            let logs: Vec<f64> = alternating(rounds, 0.03).into_iter().map(f64::ln).collect();
            let squares: f64 = logs.iter().map(|log| log * log).sum();
            assert!(((squares / f64::from(rounds - 1)).sqrt() - 0.03).abs() < 1e-12);
        }
    }
}
