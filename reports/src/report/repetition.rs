//! How many warm-ups and repeats it took where the matrix leaves that open, and why they stopped.

use reelbench_protocol::{AdaptiveRepeats, Pass, Repeats, Warmup};
use reelbench_stats::{Enough, ever_enough, warm_enough};

use crate::run::{CellRecord, Run};
use crate::units::{self, count};

/// One sentence each for warm-ups and repeats; none where their number was fixed, or nothing ran.
pub(super) fn sentences(run: &Run) -> Vec<String> {
    let warmups = match run.warmup {
        Warmup::Fixed(_) => None,
        Warmup::UntilWarm { at_most, within } => {
            let series = run.cells.iter().flat_map(warmups);
            let found: Vec<Found> = series.map(|took| (took.len(), warm_enough(run.warmup, &took))).collect();
            told("Warm-ups of a cell in a process", &found, |reason| match reason {
                Enough::Steady => {
                    format!("warm, as two in a row took the same within {}", units::percent(within))
                }
                Enough::AllTaken | Enough::MostTaken | Enough::BudgetSpent => {
                    format!("not warm after the most, {at_most}")
                }
            })
        }
    };
    let repeats = match run.repeats {
        Repeats::Fixed(_) => None,
        Repeats::Adaptive(AdaptiveRepeats { at_most, precision, budget_s, .. }) => {
            let series = run.cells.iter().map(measured).filter(|took| !took.is_empty());
            let found: Vec<Found> =
                series.map(|took| (took.len(), ever_enough(run.repeats, &took))).collect();
            told("Repeats of a cell", &found, |reason| match reason {
                Enough::Steady => {
                    format!("enough, as the interval reached no further than ± {}", units::percent(precision))
                }
                Enough::AllTaken | Enough::MostTaken => format!("stopped at the most, {at_most}"),
                Enough::BudgetSpent => format!("stopped as they took {} together", units::time(budget_s)),
            })
        }
    };
    warmups.into_iter().chain(repeats).collect()
}

/// How many there were, and why no more; without a reason where they were cut short.
type Found = (usize, Option<Enough>);

/// `Repeats of a cell: 5 to 30; 4 times enough, as the interval reached no further than ± 2.0 %; once stopped at the most, 30.`
fn told(what: &str, found: &[Found], words: impl Fn(Enough) -> String) -> Option<String> {
    let least = found.iter().map(|(taken, _)| *taken).min()?;
    let most = found.iter().map(|(taken, _)| *taken).max()?;
    let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let reasons = [Enough::AllTaken, Enough::Steady, Enough::MostTaken, Enough::BudgetSpent].map(Some);
    let reasons = reasons.into_iter().chain([None]).filter_map(|reason| {
        let times = found.iter().filter(|(_, known)| *known == reason).count();
        let words = reason.map_or_else(|| "cut short".to_owned(), &words);
        (times > 0).then(|| format!("{} {words}", count(times, "time")))
    });
    Some(format!("{what}: {range}; {}.", reasons.collect::<Vec<_>>().join("; ")))
}

/// The seconds of a cell's samples.
fn measured(cell: &CellRecord) -> Vec<f64> {
    cell.measured().iter().map(|repeat| repeat.wall_ns as f64 / 1e9).collect()
}

/// The seconds of a cell's warm-ups, process by process: each of them counts from 0 anew.
fn warmups(cell: &CellRecord) -> Vec<Vec<f64>> {
    let mut processes: Vec<Vec<f64>> = Vec::new();
    for repeat in cell.repeats.iter().filter(|repeat| repeat.pass == Pass::Warmup) {
        let seconds = repeat.wall_ns as f64 / 1e9;
        match processes.last_mut() {
            Some(process) if repeat.repeat > 0 => process.push(seconds),
            _ => processes.push(vec![seconds]),
        }
    }
    processes
}
