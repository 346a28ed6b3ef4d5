//! From a run directory to its summary, tables and report.
//!
//! The manifest, the journal and the copied references are all that is read, and nothing here looks at a clock or the environment: the same
//! run gives the same bytes every time. The way is one line: [`Run::load`] replays the journal, [`judge`] decides what
//! each cell is worth, its outputs are scored, polars adds up the raw rows, and [`Summary`], [`Tables`] and [`Report`] show the result.

mod charts;
mod comparable;
mod comparison;
mod course;
mod error;
mod export;
mod files;
mod gate;
mod history;
mod html;
mod knobs;
mod load;
mod lookups;
mod markdown;
mod noise;
mod outcome;
mod outputs;
mod quality;
mod rebuild;
mod references;
mod render;
mod report;
mod run;
mod samples;
mod settings;
mod shares;
mod splice;
mod summary;
mod tables;
mod trace;
mod units;

pub use charts::{CHARTS_FOLDER, Chart, Charts};
pub use comparable::{Aspect, Difference, Severity, differences};
pub use comparison::{
    COMPARISON_FORMAT_VERSION, Change, ComparedCell, ComparedMetric, ComparedRuns, Comparing, Criteria, Flag,
    Limit, Overview, OverviewRow, Pairing, Presence, RunName, Said, StageChange,
};
pub use course::{Course, Ending, Step, StepWork};
pub use error::{OrderProblem, ReportError};
pub use export::{Export, ExportError, TableName};
pub use files::replace as replace_file;
pub use gate::{
    Calibration, CellNoise, Check, CheckCounts, CheckVerdict, Gate, GateVerdict, SelfTest,
    VERDICT_FORMAT_VERSION,
};
pub use history::{CellHistory, History, HistoryRun, PastRun, Point, PointChange};
pub use knobs::{KnobEffect, Moved, Over, Ratio, ScoreDifference, TOKENS_OUT, WEIGHTS_BYTES};
pub use load::{FRAMES_FOLDER, JOURNAL_FILE, KEPT, MANIFEST_FILE, STAGE1_FOLDER};
pub use lookups::DeadEnd;
pub use noise::{NoiseFinding, NoiseKind, machine_noise};
pub use outcome::{Instability, Judgement, Outcome, Place, judge};
pub use rebuild::{Rebuilt, Results, rebuild};
pub use references::{ReferenceFiles, References, keep_references};
pub use render::{Template, render};
pub use report::{
    Align, Bottleneck, Cell, Column, Counts, Emphasis, FailedCell, NamedSection, PartShare, Provenance,
    Report, Saving, Section, Setup, Table, Verdict,
};
pub use run::{CellRecord, Completion, EarlyEnd, Observed, Run};
pub use splice::{MarkerProblem, SpliceError, Spliced, splice};
pub use summary::{ActivityTimes, CellSummary, InOrder, Rtf, StageTimes, Summary, WallTime};
pub use tables::Tables;
pub use trace::TRACE_FILE;
