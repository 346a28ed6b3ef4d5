//! What github-action-benchmark reads as `customSmallerIsBetter` or `customBiggerIsBetter` (`src/extract.ts` of its
//! version 1.22.0): a list of `{name, unit, value, range, extra}`. A workflow step reads one direction, so a file has
//! the figures of one.

use reelbench_protocol::Better;
use serde::Serialize;

use super::measures::{Measure, measures};
use crate::rebuild::Results;
use crate::run::CellRecord;
use crate::units;

/// One figure of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    /// Shown behind the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    /// Shown where the pointer rests on it.
    extra: String,
}

/// Every figure that gets better this way, of every cell that ended ok.
pub(super) fn entries(results: &Results, better: Better) -> Vec<Entry> {
    let entries = results.benchmarks().flat_map(|(benchmark, record, cell)| {
        let extra = extra(results, record);
        let wanted = measures(cell).into_iter().filter(move |measure| measure.better == Some(better));
        wanted.map(move |measure| entry(&benchmark, measure, &extra))
    });
    entries.collect()
}

fn entry(benchmark: &str, measure: Measure, extra: &str) -> Entry {
    let Measure { name, unit, value, interval, .. } = measure;
    let range = |lo: f64, hi: f64| format!("{} to {}", units::rate(lo), units::rate(hi));
    Entry {
        name: format!("{benchmark}: {name}"),
        unit,
        value,
        range: interval.map(|interval| range(interval.lo, interval.hi)),
        extra: extra.to_owned(),
    }
}

fn extra(results: &Results, record: &CellRecord) -> String {
    let manifest = &results.run.manifest;
    let mut lines = vec![
        format!("cell {}", record.planned.id),
        units::count(record.measured().len(), "repeat"),
        format!("run {}", manifest.run_id),
        format!("bench {}", manifest.bench_version),
    ];
    lines.extend(results.run.runner.as_ref().map(|runner| format!("{} {}", runner.name, runner.version)));
    lines.extend(manifest.git.as_ref().map(|git| {
        let dirty = if git.dirty { ", with uncommitted changes" } else { "" };
        format!("revision {}{dirty}", git.commit)
    }));
    lines.join("\n")
}
