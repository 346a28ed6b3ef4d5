//! What speech and sounds side by side save.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use reelbench_protocol::{CellKind, Settings, VideoId};
use serde_json::Value;

use super::section::{Section, SettingColumns, with_dummy_mark};
use super::table::{Cell, Column, Table};
use crate::outcome::Outcome;
use crate::summary::CellSummary;
use crate::units::{self, TimeUnit, count};
use reelbench_stats::{self as stats, Interval};

/// The setting that the cells of a pair differ in.
const PARALLEL: &str = "parallel";

/// One row per pair of stage-1 cells that differ in nothing else. Empty where no pair was planned.
pub(super) fn section(cells: &[CellSummary]) -> Section {
    let planned = pairs(cells);
    let measured: Vec<Pair<'_>> =
        planned.iter().filter_map(|&(apart, beside)| Pair::new(apart, beside)).collect();
    let settings = SettingColumns::of(&measured.iter().map(|pair| pair.apart).collect::<Vec<_>>());
    let mut columns = vec![Column::left("Video").strong()];
    columns.extend(settings.columns());
    columns.extend(["One After the Other", "Side by Side", "Saved", "Ratio"].map(Column::right));
    let table = Table { columns, rows: measured.iter().map(|pair| pair.row(&settings)).collect() };
    let mut notes: Vec<String> = saved(&measured).into_iter().collect();
    if let left_out @ 1.. = planned.len() - measured.len() {
        notes.push(format!("Left out: {} of which a cell is not ok.", count(left_out, "pair")));
    }
    Section { table, notes }
}

/// The planned pairs: one after the other, side by side.
fn pairs(cells: &[CellSummary]) -> Vec<(&CellSummary, &CellSummary)> {
    let mut pairs: BTreeMap<(&VideoId, String), [Option<&CellSummary>; 2]> = BTreeMap::new();
    let mut order = Vec::new();
    for cell in cells.iter().filter(|cell| cell.kind == CellKind::Stage1) {
        let Some(is_parallel) = cell.requested.get(PARALLEL).and_then(Value::as_bool) else { continue };
        let mut others: Settings = cell.requested.clone();
        others.remove(PARALLEL);
        let key = (&cell.video, format!("{others:?}"));
        order.push(key.clone());
        pairs.entry(key).or_default()[usize::from(is_parallel)] = Some(cell);
    }
    // In the order of the plan: a pair comes where the first of its cells does.
    let whole = order.into_iter().filter_map(|key| match pairs.remove(&key)? {
        [Some(apart), Some(beside)] => Some((apart, beside)),
        _ => None,
    });
    whole.collect()
}

/// Two cells that differ in nothing but whether speech and sounds go on side by side, both ok.
struct Pair<'a> {
    apart: &'a CellSummary,
    apart_s: f64,
    beside_s: f64,
    /// Median of the ratios of the rounds, side by side to one after the other.
    ratio: f64,
    interval: Option<Interval>,
}

impl<'a> Pair<'a> {
    fn new(apart: &'a CellSummary, beside: &CellSummary) -> Option<Self> {
        if (apart.outcome, beside.outcome) != (Outcome::Ok, Outcome::Ok) {
            return None;
        }
        let (apart_s, beside_s) = (apart.wall_s.as_ref()?, beside.wall_s.as_ref()?);
        // Repeats of one round lie next to each other in time, so what slows the machine down slows both.
        let rounds = beside_s.samples.iter().zip(&apart_s.samples);
        let ratios: Vec<f64> = rounds.map(|(beside, apart)| beside / apart).collect();
        let (ratio, interval) = (stats::median(&ratios)?, stats::median_interval(&ratios));
        Some(Self { apart, apart_s: apart_s.median, beside_s: beside_s.median, ratio, interval })
    }

    fn row(&self, settings: &SettingColumns) -> Vec<Cell> {
        let unit = TimeUnit::of(self.apart_s.max(self.beside_s));
        let (ratio, spread) = units::rtf(self.ratio, self.interval);
        let mut row = vec![with_dummy_mark(Cell::from(self.apart.video.to_string()), self.apart)];
        row.extend(settings.cells(self.apart));
        row.extend(
            [self.apart_s, self.beside_s, self.apart_s - self.beside_s]
                .map(|s| Cell::number(Some(s), |s| unit.show(s))),
        );
        row.push(Cell { text: ratio, note: spread, value: Some(self.ratio) });
        row
    }

    /// Whether side by side is faster (`Less`) or slower, as far as the repeats can tell; `None` with one of them.
    fn verdict(&self) -> Option<Ordering> {
        let Interval { lo, hi } = self.interval?;
        Some(if hi < 1.0 {
            Ordering::Less
        } else if lo > 1.0 {
            Ordering::Greater
        } else {
            Ordering::Equal
        })
    }
}

/// What all pairs come to, whichever way: `In 2 pairs of cells that differ in nothing else, speech and sounds side by side
/// saved 3.20 s of 11.00 s. The median pair took 0.709x the time of one after the other: 2 faster.`
fn saved(pairs: &[Pair<'_>]) -> Option<String> {
    let ratios: Vec<f64> = pairs.iter().map(|pair| pair.ratio).collect();
    let median = stats::median(&ratios)?;
    let apart_s: f64 = pairs.iter().map(|pair| pair.apart_s).sum();
    let saved_s = apart_s - pairs.iter().map(|pair| pair.beside_s).sum::<f64>();
    let unit = TimeUnit::of(apart_s);
    let what = if saved_s >= 0.0 { "saved" } else { "cost" };
    let of_verdict = |wanted| pairs.iter().filter(|pair| pair.verdict() == wanted).count();
    let verdicts = [
        (of_verdict(Some(Ordering::Less)), "faster"),
        (of_verdict(Some(Ordering::Greater)), "slower"),
        (of_verdict(Some(Ordering::Equal)), "no different within the spread of its repeats"),
        (of_verdict(None), "with one repeat, which tells no spread"),
    ];
    let verdicts: Vec<String> = verdicts
        .iter()
        .filter(|(pairs, _)| *pairs > 0)
        .map(|(pairs, words)| format!("{pairs} {words}"))
        .collect();
    Some(format!(
        "In {} of cells that differ in nothing else, speech and sounds side by side {what} {} of {}. {} {} the time of one \
         after the other: {}.",
        count(pairs.len(), "pair"),
        unit.show(saved_s.abs()),
        unit.show(apart_s),
        if pairs.len() == 1 { "It took" } else { "The median pair took" },
        units::rtf(median, None).0,
        verdicts.join(", ")
    ))
}
