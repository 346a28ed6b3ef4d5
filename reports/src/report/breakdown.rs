//! Where the time goes: a column per stage, and the stage that takes most.

use std::collections::BTreeMap;

use reelbench_protocol::{CellKind, Stage};

use super::end_to_end::real_time_factor;
use super::section::{Section, SettingColumns, with_dummy_mark};
use super::status::status;
use super::table::{Cell, Column, Table};
use crate::summary::CellSummary;
use crate::tables::UNATTRIBUTED;
use crate::units::{self, TimeUnit, count};

/// One row per stage-1 cell.
pub(crate) fn stage1(cells: &[CellSummary]) -> Section {
    let cells = of_kind(cells, CellKind::Stage1);
    if cells.is_empty() {
        return Section { notes: vec!["No cell of this run has stage 1.".to_owned()], ..Section::default() };
    }
    let settings = SettingColumns::of(&cells);
    let stages = Stages::of(&cells);
    let mut columns = vec![Column::left("Video").strong(), Column::right("Actual Length")];
    columns.extend(settings.columns());
    columns.push(Column::right("Stage 1 Total"));
    columns.extend(stages.columns());
    columns.extend([Column::right("Load (not included)"), Column::right("RTF"), Column::left("Status")]);
    let rows = cells.iter().map(|cell| {
        let video = with_dummy_mark(Cell::from(cell.video.to_string()), cell);
        let mut row = vec![video, Cell::optional(cell.media_s.map(units::film_length))];
        row.extend(settings.cells(cell));
        row.extend(stages.cells(cell));
        row.extend([load(cell), real_time_factor(cell), Cell::from(status(cell))]);
        row
    });
    let table = Table { columns, rows: rows.collect() };
    let notes = bottleneck("stage 1", &cells).into_iter().chain(settings.caption()).collect();
    Section { table, notes }
}

/// One row per captioning cell.
pub(crate) fn captioning(cells: &[CellSummary]) -> Section {
    let cells = of_kind(cells, CellKind::Caption);
    if cells.is_empty() {
        return Section::default();
    }
    let settings = SettingColumns::of(&cells);
    let stages = Stages::of(&cells);
    let mut columns = vec![Column::left("Model").strong(), Column::left("Video")];
    columns.extend(settings.columns());
    columns.push(Column::right("Total"));
    columns.extend(stages.columns());
    columns.extend(
        ["Load (not included)", "First Token", "Tokens/s", "Tokens Out", "Peak Memory"].map(Column::right),
    );
    let rows = cells.iter().map(|cell| {
        let model = with_dummy_mark(Cell::optional(cell.model.as_ref().map(ToString::to_string)), cell);
        let mut row = vec![model, Cell::from(cell.video.to_string())];
        row.extend(settings.cells(cell));
        row.extend(stages.cells(cell));
        row.extend([
            load(cell),
            Cell::optional(cell.ttft_s.map(units::time)),
            Cell::optional(cell.tokens_per_s.map(units::rate)),
            Cell::optional(cell.tokens_out.map(|tokens| tokens.to_string())),
            Cell::optional(cell.peak_rss_bytes.map(units::bytes)),
        ]);
        row
    });
    let table = Table { columns, rows: rows.collect() };
    let mut notes: Vec<_> = bottleneck("captioning", &cells).into_iter().collect();
    notes.push(
        "First Token is the median over the scenes, from a scene's first frame asked for. Tokens/s counts the tokens \
         after a scene's first, per second of decoding. Peak Memory is the process's resident memory."
            .to_owned(),
    );
    Section { table, notes }
}

fn of_kind(cells: &[CellSummary], kind: CellKind) -> Vec<&CellSummary> {
    cells.iter().filter(|cell| cell.kind == kind).collect()
}

fn load(cell: &CellSummary) -> Cell {
    Cell::optional(cell.load_s.map(units::time))
}

/// The stages that any of a table's rows has, `unattributed` last.
struct Stages(Vec<&'static str>);

impl Stages {
    fn of(cells: &[&CellSummary]) -> Self {
        let all = Stage::ALL.iter().map(|stage| stage.as_str()).chain([UNATTRIBUTED]);
        Self(all.filter(|stage| cells.iter().any(|cell| cell.stage_s(stage).is_some())).collect())
    }

    fn columns(&self) -> impl Iterator<Item = Column> {
        self.0.iter().map(|stage| Column::right(title(stage)))
    }

    /// The total and each stage, in one unit.
    fn cells(&self, cell: &CellSummary) -> Vec<Cell> {
        let total = cell.wall_s.as_ref().map(|wall| wall.median);
        let unit = TimeUnit::of(total.unwrap_or_default());
        let stages = self.0.iter().map(|stage| cell.stage_s(stage));
        let times = std::iter::once(total).chain(stages);
        times.map(|seconds| Cell::optional(seconds.map(|seconds| unit.show(seconds)))).collect()
    }
}

fn title(stage: &str) -> &'static str {
    let stage = Stage::ALL.iter().find(|known| known.as_str() == stage);
    match stage {
        Some(Stage::Scene) => "Scene Detection",
        Some(Stage::Asr) => "ASR",
        Some(Stage::Ast) => "AST",
        Some(Stage::Yolo) => "YOLO",
        Some(Stage::Frames) => "Frames",
        Some(Stage::Preprocess) => "Preprocess",
        Some(Stage::Vision) => "Vision",
        Some(Stage::Prefill) => "Prefill",
        Some(Stage::Decode) => "Decode",
        None => "Unattributed",
    }
}

/// `The bottleneck of stage 1 is asr: 87.4 % of its time (24.9 min of 28.5 min in 2 cells).`
fn bottleneck(what: &str, cells: &[&CellSummary]) -> Option<String> {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    let times = cells.iter().filter_map(|cell| cell.stages_s.as_ref());
    for (stage, seconds) in times.clone().flat_map(|times| &times.0) {
        *sums.entry(stage).or_default() += seconds;
    }
    let total: f64 = sums.values().sum();
    let (stage, longest) = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if total <= 0.0 {
        return None;
    }
    let unit = TimeUnit::of(total);
    let dummy =
        cells.iter().any(|cell| cell.dummy_weights && cell.stages_s.is_some()).then_some(", dummy weights");
    Some(format!(
        "The bottleneck of {what} is {stage}: {} of its time ({} of {} in {}{}).",
        units::percent(longest / total),
        unit.show(longest),
        unit.show(total),
        count(times.count(), "cell"),
        dummy.unwrap_or_default()
    ))
}
