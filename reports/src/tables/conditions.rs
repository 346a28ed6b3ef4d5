//! What else went on during each repeat, one row per repeat.

use polars::prelude::*;
use reelbench_protocol::{Conditions, Frequency};

use super::INDEX;
use crate::run::{Observed, Run};

/// A column of the table.
struct Read<T>(&'static str, fn(&Conditions) -> Option<T>);

const FLOATS: &[Read<f64>] = &[
    Read("elapsed_s", |seen| seen.elapsed_s),
    Read("runner_cpu_s", |seen| seen.runner_cpu_s),
    Read("others_cpu_s", |seen| seen.others_cpu_s),
    Read("stolen_cpu_s", |seen| seen.stolen_cpu_s),
    Read("cgroup_throttled_s", |seen| seen.cgroup_throttled_s),
    Read("stalled.cpu_s", |seen| Some(seen.stalled?.cpu_s)),
    Read("stalled.memory_s", |seen| Some(seen.stalled?.memory_s)),
    Read("stalled.io_s", |seen| Some(seen.stalled?.io_s)),
    Read("frequency_before.min_mhz", |seen| before(seen, |mhz| mhz.min_mhz)),
    Read("frequency_before.mean_mhz", |seen| before(seen, |mhz| mhz.mean_mhz)),
    Read("frequency_before.max_mhz", |seen| before(seen, |mhz| mhz.max_mhz)),
    Read("frequency_after.min_mhz", |seen| after(seen, |mhz| mhz.min_mhz)),
    Read("frequency_after.mean_mhz", |seen| after(seen, |mhz| mhz.mean_mhz)),
    Read("frequency_after.max_mhz", |seen| after(seen, |mhz| mhz.max_mhz)),
];

const INTEGERS: &[Read<u64>] = &[
    Read("processors", |seen| seen.processors.map(u64::from)),
    Read("runner_preemptions", |seen| seen.runner_preemptions),
    Read("runner_major_faults", |seen| seen.runner_major_faults),
    Read("thermal_throttles", |seen| seen.thermal_throttles),
    Read("cgroup_throttles", |seen| seen.cgroup_throttles),
    Read("swapped_pages", |seen| seen.swapped_pages),
    Read("available_memory_bytes", |seen| seen.available_memory_bytes),
    Read("clock_step_ns", |seen| seen.clock_step_ns),
];

fn before(seen: &Conditions, of: fn(Frequency) -> f64) -> Option<f64> {
    seen.frequency_before.map(of)
}

fn after(seen: &Conditions, of: fn(Frequency) -> f64) -> Option<f64> {
    seen.frequency_after.map(of)
}

/// One row per repeat, also where nothing was recorded.
pub(super) fn conditions(run: &Run) -> PolarsResult<DataFrame> {
    let rows: Vec<(IdxSize, &Observed)> = (0..)
        .zip(&run.cells)
        .flat_map(|(index, cell)| cell.observed.iter().map(move |row| (index, row)))
        .collect();
    let observed = || rows.iter().map(|(_, observed)| *observed);
    let mut columns = vec![
        Column::new(INDEX.into(), rows.iter().map(|(index, _)| *index).collect::<Vec<_>>()),
        Column::new("repeat".into(), observed().map(|row| row.repeat).collect::<Vec<_>>()),
        Column::new("pass".into(), observed().map(|row| row.pass.as_str()).collect::<Vec<_>>()),
        Column::new("turn".into(), observed().map(|row| row.turn as u64).collect::<Vec<_>>()),
    ];
    columns.extend(FLOATS.iter().map(|Read(name, read)| {
        let values: Vec<_> = observed().map(|row| row.conditions.as_ref().and_then(read)).collect();
        Column::new((*name).into(), values)
    }));
    columns.extend(INTEGERS.iter().map(|Read(name, read)| {
        let values: Vec<_> = observed().map(|row| row.conditions.as_ref().and_then(read)).collect();
        Column::new((*name).into(), values)
    }));
    columns.push(Column::new("gpus".into(), observed().map(gpus).collect::<Vec<_>>()));
    DataFrame::new_infer_height(columns)
}

/// The GPUs as in the journal, as JSON.
fn gpus(row: &Observed) -> Option<String> {
    let gpus = &row.conditions.as_ref()?.gpus;
    (!gpus.is_empty()).then(|| serde_json::to_string(gpus).ok())?
}
