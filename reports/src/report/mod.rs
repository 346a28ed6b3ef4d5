//! A report as data: what `report.md` shows, in its order, and what `bench report --json` prints.
//!
//! Texts are plain; templates mark them up. Numbers in prose are computed here, never typed.

mod agreement;
mod bottleneck;
mod cache_check;
mod captioning;
mod end_to_end;
mod knobs;
mod noise;
mod provenance;
mod quality;
mod repetition;
mod section;
mod stage1;
mod stages;
mod status;
mod table;
mod trade_offs;
mod verdict;
mod weights;

use reelbench_protocol::CellKind;
use serde::Serialize;

use crate::charts::Charts;
use crate::knobs::{KnobEffect, effects};
use crate::quality::Quality;
use crate::run::Run;
use crate::summary::{CellSummary, Summary};

pub use bottleneck::{Bottleneck, PartShare, Saving};
pub use provenance::{FailedCell, Provenance, Setup};
pub use section::Section;
pub(crate) use section::{CellNames, SettingColumns};
pub(crate) use stages::title as stage_title;
pub use table::{Align, Cell, Column, Emphasis, Table};
pub use verdict::{Counts, Verdict};

/// Everything a report says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The matrix's name.
    pub name: String,
    /// The first line.
    pub verdict: Verdict,
    /// What ran where.
    pub setup: Setup,
    /// One row per captioning cell.
    pub end_to_end: Section,
    /// Where the time of stage 1 goes.
    pub stage1: Section,
    /// What a minute of film costs in stage 1.
    pub stage1_per_minute: Section,
    /// Where the time of captioning goes.
    pub captioning: Section,
    /// What each knob of stage 1 does; empty where no two cells differ in one alone.
    pub knobs_stage1: Section,
    /// What each knob of captioning does; empty where no two cells differ in one alone.
    pub knobs_captioning: Section,
    /// What the captioners' weights take up in memory; empty where no runner told of their parts.
    pub weights: Section,
    /// Scores of stage 1 against references; empty where there is none.
    pub quality_stage1: Section,
    /// Scores of captions against references; empty where there is none.
    pub quality_captions: Section,
    /// How far captions agree with those of the reference setting; empty where nothing can be compared.
    pub agreement: Section,
    /// What cells with a cache said without it; empty where none was checked.
    pub cache_check: Section,
    /// What may have disturbed the measurement; empty where nothing was measured.
    pub noise: Section,
    /// Every cell that did not end ok.
    pub failures: Vec<FailedCell>,
    /// What it takes to make the run again.
    pub provenance: Provenance,
    /// Pictures of its numbers.
    pub charts: Charts,
    /// What each knob does, as data.
    pub knob_effects: Vec<KnobEffect>,
    /// Where the time of each kind of cell goes, as data; of kinds that were measured.
    pub bottlenecks: Vec<Bottleneck>,
    /// Every cell as in `summary.json`.
    pub cells: Vec<CellSummary>,
}

/// A section with the name that templates know it by, and its heading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NamedSection<'a> {
    /// The field of [`Report`].
    pub name: &'static str,
    /// The heading.
    pub title: &'static str,
    /// The table and its notes.
    pub section: &'a Section,
}

impl Report {
    pub(crate) fn new(run: &Run, summary: &Summary, quality: &Quality) -> Self {
        let cells = &summary.cells;
        let knob_effects = effects(run, cells);
        let bottlenecks: Vec<Bottleneck> = [CellKind::Stage1, CellKind::Caption]
            .into_iter()
            .filter_map(|kind| Bottleneck::of(kind, cells, &knob_effects))
            .collect();
        let [stage1, captioning] = breakdowns(cells, &bottlenecks);
        let [knobs_stage1, knobs_captioning] = knob_sections(&knob_effects);
        let noise = noise::section(run, summary);
        Self {
            name: run.manifest.name.clone(),
            verdict: Verdict::new(Counts::of(cells), run.completion, noise.table.rows.len()),
            setup: Setup::new(run, cells),
            end_to_end: end_to_end::section(cells),
            stage1,
            stage1_per_minute: stage1::per_minute(cells),
            captioning,
            weights: weights::section(cells),
            knobs_stage1,
            knobs_captioning,
            quality_stage1: quality::section(run, cells, quality, CellKind::Stage1),
            quality_captions: quality::section(run, cells, quality, CellKind::Caption),
            agreement: agreement::section(cells, quality),
            cache_check: cache_check::section(cells),
            noise,
            failures: provenance::failures(run, cells),
            provenance: Provenance::new(&run.manifest),
            charts: Charts::new(run, summary),
            knob_effects,
            bottlenecks,
            cells: cells.clone(),
        }
    }

    /// Every table of the report in its order, under the name of its field.
    pub fn sections(&self) -> [NamedSection<'_>; 12] {
        let named = |name, title, section| NamedSection { name, title, section };
        [
            named("end_to_end", "End-to-End", &self.end_to_end),
            named("stage1", "Stage 1 breakdown", &self.stage1),
            named("stage1_per_minute", "Stage 1 per minute of film", &self.stage1_per_minute),
            named("captioning", "Captioning breakdown", &self.captioning),
            named("weights", "Weights in memory", &self.weights),
            named("knobs_stage1", "What each knob of stage 1 does", &self.knobs_stage1),
            named("knobs_captioning", "What each knob of captioning does", &self.knobs_captioning),
            named("quality_stage1", "Quality of stage 1", &self.quality_stage1),
            named("quality_captions", "Quality of captions", &self.quality_captions),
            named("agreement", "Agreement", &self.agreement),
            named("cache_check", "Cache check", &self.cache_check),
            named("noise", "Noise", &self.noise),
        ]
    }

    /// The table to show where there is room for one.
    pub(crate) fn main_table(&self) -> &Table {
        if self.end_to_end.table.rows.is_empty() { &self.stage1.table } else { &self.end_to_end.table }
    }
}

/// Where the time of stage 1 and of captioning goes. How to read both is said once, behind the last.
fn breakdowns(cells: &[CellSummary], bottlenecks: &[Bottleneck]) -> [Section; 2] {
    let bottleneck_of = |kind| bottlenecks.iter().find(|bottleneck| bottleneck.kind == kind);
    let mut breakdowns = [
        stage1::times(cells, bottleneck_of(CellKind::Stage1)),
        captioning::section(cells, bottleneck_of(CellKind::Caption)),
    ];
    if let Some(last) = breakdowns.iter_mut().rfind(|section| !section.table.rows.is_empty()) {
        last.notes.push(stages::HOW_TO_READ.to_owned());
    }
    breakdowns
}

/// What the knobs of stage 1 and of captioning do. What holds for both is said once.
fn knob_sections(effects: &[KnobEffect]) -> [Section; 2] {
    let stage1 = knobs::section(CellKind::Stage1, effects);
    let mut captioning = knobs::section(CellKind::Caption, effects);
    captioning.notes.retain(|note| !stage1.notes.contains(note));
    [stage1, captioning]
}
