//! Where the time goes: the stages of every cell.

use reelbench_charts::{Heading, Stack, Stacks};
use reelbench_protocol::{CellKind, Stage};

use super::{Cells, Chart};
use crate::report::stage_title;
use crate::summary::CellSummary;
use crate::tables::UNATTRIBUTED;
use crate::units::{TimeUnit, percent};

/// The chart of one kind of cells; `None` where none was measured.
pub(super) fn chart(cells: &Cells<'_>, kind: CellKind) -> Option<Chart> {
    let measured = cells.all.iter().filter(|(_, cell)| cell.kind == kind && cell.wall_s.is_some());
    let measured: Vec<_> = measured.collect();
    let longest = measured.iter().map(|(_, cell)| wall(cell)).reduce(f64::max)?;
    let unit = TimeUnit::of(longest);
    let is_present = |stage: &&Stage| measured.iter().any(|(_, cell)| cell.stage_s(stage.as_str()).is_some());
    let stages: Vec<Stage> = Stage::ALL.iter().filter(is_present).copied().collect();
    let rows = measured.iter().map(|(record, cell)| {
        let part = |name: &str| {
            let seconds = cell.stage_s(name).unwrap_or(0.0);
            let share = percent(seconds / wall(cell));
            (unit.of_seconds(seconds), format!("{}, {share}", unit.show(seconds)))
        };
        let parts = stages.iter().map(|stage| stage.as_str()).chain([UNATTRIBUTED]).map(part);
        let words = unit.show(wall(cell));
        Stack { name: cells.name(record, cell), parts: parts.collect(), words }
    });
    let (section, name, what) = match kind {
        CellKind::Stage1 => ("stage1", "stages_stage1", "stage 1"),
        CellKind::Caption => ("captioning", "stages_captioning", "captioning"),
    };
    let heading = Heading {
        name: name.to_owned(),
        title: format!("Where the time of {what} goes"),
        subtitle: "Mean over the one or two repeats in the middle by wall time.".to_owned(),
        description: format!("The time of {what} in every cell, stage by stage."),
    };
    let chart = Stacks {
        heading: heading.clone(),
        axis: format!("Wall time, {}", unit.name()),
        share_axis: "Share of wall time, which stands at the right".to_owned(),
        parts: stages.iter().map(|stage| stage_title(*stage).to_owned()).collect(),
        rest: "Unattributed".to_owned(),
        rows: rows.collect(),
    };
    Some(Chart::new(section, heading, chart.svg()))
}

fn wall(cell: &CellSummary) -> f64 {
    cell.wall_s.as_ref().map_or(0.0, |wall| wall.median)
}
