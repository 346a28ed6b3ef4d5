//! What may have disturbed the measurement. Nothing is dropped for it: every sample stays in the numbers, and a finding
//! says beside them what was seen, how much of it, and what to do.

mod conditions;
mod gpu;
mod precision;
mod times;
mod trend;

use serde::Serialize;

use reelbench_protocol::{Conditions, Environment, Pass};

use crate::run::{CellRecord, Observed, Run};
use crate::summary::CellSummary;
use crate::units::percent;

/// Something that may have disturbed the measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseFinding {
    /// What.
    pub kind: NoiseKind,
    /// The measured repeats that it was seen in; empty where it is not about single ones.
    pub repeats: Vec<u32>,
    /// How much, in the unit that [`NoiseKind`] tells: the most of any of those repeats.
    pub size: f64,
    /// The same in words.
    pub words: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// Others used the processors; the share of them all.
    OthersLoad,
    /// The host of the virtual machine gave its processors to others; the share of them all.
    StolenTime,
    /// The control group had used up its share of processor time; the seconds stopped per second, over its threads.
    CgroupThrottling,
    /// Processors slowed down because they were hot; how often.
    ThermalThrottling,
    /// Processors were slower than in another repeat of the cell; the share that was lost.
    FrequencyDrop,
    /// Memory went to swap or came from it; pages.
    Swapping,
    /// Tasks waited for memory; the share of the time.
    MemoryPressure,
    /// The runner waited for its memory to come from a disk; pages.
    DiskWait,
    /// Other processes were on the GPU; how many.
    ForeignGpuProcess,
    /// The GPU's clock was held back; the share that was lost.
    GpuThrottling,
    /// The first sample took longer than the others; by which share of their median.
    SlowFirstRepeat,
    /// Samples lie far from the others; the largest distance, as a modified z-score.
    Outliers,
    /// Times grew or shrank in the course of the run; by which share of the median from its beginning to its end.
    Drift,
    /// Times depended on the place in a round; by which share of the median from the first to the last.
    OrderEffect,
    /// A stage is so short that the clock's step matters; its length in steps. Of a machine, a millisecond's.
    CoarseClock,
    /// The interval is wide, or there is none; its wider side as a share of the median, 1 where there is none.
    FewRepeats,
    /// The frequency governor is free to change the frequency; 1.
    Governor,
    /// The same work took different times on an otherwise idle processor; how far the 95th percentile lies above the median.
    Jitter,
}

impl NoiseKind {
    /// Its name in a report.
    pub fn title(self) -> &'static str {
        match self {
            Self::OthersLoad => "Load by others",
            Self::StolenTime => "Time stolen by the host",
            Self::CgroupThrottling => "CPU limit reached",
            Self::ThermalThrottling => "Heat",
            Self::FrequencyDrop => "Frequency drop",
            Self::Swapping => "Swapping",
            Self::MemoryPressure => "Memory pressure",
            Self::DiskWait => "Waiting for a disk",
            Self::ForeignGpuProcess => "Others on the GPU",
            Self::GpuThrottling => "GPU clock held back",
            Self::SlowFirstRepeat => "Slow first repeat",
            Self::Outliers => "Outliers",
            Self::Drift => "Drift",
            Self::OrderEffect => "Order effect",
            Self::CoarseClock => "Clock too coarse",
            Self::FewRepeats => "Wide interval",
            Self::Governor => "Frequency governor",
            Self::Jitter => "Jitter",
        }
    }

    /// What to do about it.
    fn hint(self) -> &'static str {
        match self {
            Self::OthersLoad => {
                "close other programs or wait until they are done; keep processors for the runner with taskset or a cpuset"
            }
            Self::StolenTime => "use a machine with processors of its own, or measure at a quieter hour",
            Self::CgroupThrottling => {
                "raise or lift the container's CPU limit, or compute with no more threads than it allows (RAYON_NUM_THREADS)"
            }
            Self::ThermalThrottling => "cool the machine, or cap its frequency below what heat allows",
            Self::FrequencyDrop => {
                "fix the frequency: cpupower frequency-set -g performance, turbo off, and a laptop on mains power"
            }
            Self::Swapping | Self::MemoryPressure => {
                "close other programs, measure smaller models or fewer scenes at once, or use a machine with more memory"
            }
            Self::DiskWait => {
                "give more warm-up (warmup: auto) and memory enough to keep weights and films in it"
            }
            Self::ForeignGpuProcess => {
                "end the other processes (nvidia-smi lists them), or take another GPU (--device cuda:N)"
            }
            Self::GpuThrottling => {
                "cool the GPU or raise its power limit, or lock a clock that it can hold (nvidia-smi --lock-gpu-clocks)"
            }
            Self::SlowFirstRepeat => "give more warm-up: warmup: auto, or a higher number",
            Self::Outliers => {
                "find out what else ran at those moments; the median bears a few, more repeats (repeats: auto) bear more"
            }
            Self::Drift => {
                "let the machine settle (heat, other programs) and run again; ratios of cells within a round are safe from it"
            }
            Self::OrderEffect => {
                "more repeats (repeats: auto) average it out; a pause between repeats or a fixed frequency removes it"
            }
            Self::CoarseClock => "measure a longer film or more scenes, or do not rely on this stage alone",
            Self::FewRepeats => "more repeats: repeats: auto goes on until the interval is narrow enough",
            Self::Governor => "cpupower frequency-set -g performance keeps the frequency up",
            Self::Jitter => "close other programs; on a shared machine, measure at a quieter hour",
        }
    }
}

impl NoiseFinding {
    fn new(kind: NoiseKind, repeats: Vec<u32>, size: f64, words: String) -> Self {
        Self { kind, repeats, size, words, hint: kind.hint() }
    }

    /// What grows with how bad it is, among findings of one kind.
    pub(crate) fn severity(&self) -> f64 {
        if self.kind == NoiseKind::CoarseClock { -self.size } else { self.size.abs() }
    }
}

/// What was seen in each cell that has numbers, in the order of the cells, and in the run as a whole.
pub(crate) struct Noise {
    pub(crate) cells: Vec<Vec<NoiseFinding>>,
    pub(crate) run: Vec<NoiseFinding>,
}

impl Noise {
    pub(crate) fn of(run: &Run, cells: &[CellSummary]) -> Self {
        let has_numbers = |cell: &CellSummary| cell.outcome.is_measured();
        let records = || run.cells.iter().zip(cells);
        let measured: Vec<_> = records().filter(|(_, cell)| has_numbers(cell)).collect();
        let governor = governor(&run.manifest.environment).filter(|_| !measured.is_empty());
        Self {
            cells: records()
                .map(|(record, cell)| if has_numbers(cell) { of_cell(record, cell) } else { Vec::new() })
                .collect(),
            run: governor.into_iter().chain(times::over_the_run(&measured)).collect(),
        }
    }
}

fn of_cell(record: &CellRecord, cell: &CellSummary) -> Vec<NoiseFinding> {
    let samples = samples(record);
    let mut found = conditions::findings(&samples);
    found.extend(gpu::findings(&samples, cell));
    found.extend(times::far_off(cell));
    found.extend(precision::coarse_clock(&samples, cell));
    found.extend(precision::wide_interval(cell));
    found
}

/// A clock of longer steps tells little of stages that take a millisecond.
const LONG_STEP_NS: u64 = 1000;
/// The part by which the same work may take longer, one time in twenty.
const JITTER: f64 = 0.05;

/// What disturbs this machine at the moment, as far as one look at it tells. `spread` is how far the 95th percentile of the
/// same work's times lies above their median, as a share of it.
pub fn machine_noise(
    environment: &Environment,
    conditions: &Conditions,
    spread: Option<f64>,
) -> Vec<NoiseFinding> {
    let look = Observed { repeat: 0, pass: Pass::Measured, turn: 0, conditions: Some(conditions.clone()) };
    let mut found = conditions::findings(&[&look]);
    for finding in &mut found {
        finding.repeats.clear();
    }
    found.extend(governor(environment));
    found.extend(conditions.clock_step_ns.filter(|&step| step > LONG_STEP_NS).map(|step| {
        let words = format!("the clock goes in steps of {step} ns");
        NoiseFinding::new(NoiseKind::CoarseClock, Vec::new(), 1e6 / step as f64, words)
    }));
    found.extend(spread.filter(|&spread| spread > JITTER).map(|spread| {
        let words = format!("the same work takes {} longer one time in twenty", percent(spread));
        NoiseFinding::new(NoiseKind::Jitter, Vec::new(), spread, words)
    }));
    found
}

fn governor(environment: &Environment) -> Option<NoiseFinding> {
    let governor = environment.governor.as_ref().filter(|governor| *governor != "performance")?;
    let words = format!("the governor is {governor}, which changes the frequency with the load");
    Some(NoiseFinding::new(NoiseKind::Governor, Vec::new(), 1.0, words))
}

/// What was seen around each measured repeat, in their order.
fn samples(cell: &CellRecord) -> Vec<&Observed> {
    let mut samples: Vec<_> =
        cell.observed.iter().filter(|observed| observed.pass == Pass::Measured).collect();
    samples.sort_by_key(|observed| observed.repeat);
    samples
}
