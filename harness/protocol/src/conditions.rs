//! What else went on on the machine while a repeat ran.

use serde::{Deserialize, Serialize};

/// What `bench` saw of the machine from just before a repeat's command to just after its answer. What the system does not
/// say is absent. Counters are how far they grew in that time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Seconds between the two looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// Logical processors that are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processors: Option<u32>,
    /// Processor seconds that the runner and what it started used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_cpu_s: Option<f64>,
    /// Processor seconds that all others used, `bench` and the kernel's interrupts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others_cpu_s: Option<f64>,
    /// Processor seconds that the host of this virtual machine gave to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stolen_cpu_s: Option<f64>,
    /// Times that a thread of the runner which still lives was taken off its processor for another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_preemptions: Option<u64>,
    /// Pages that the runner had to wait for until they came from a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_major_faults: Option<u64>,
    /// The processors' frequency before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_before: Option<Frequency>,
    /// The processors' frequency after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_after: Option<Frequency>,
    /// Times that processors slowed down because they were hot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thermal_throttles: Option<u64>,
    /// Times that the control group had used up its share of processor time and was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_throttles: Option<u64>,
    /// Seconds that its threads were stopped for that, added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_throttled_s: Option<f64>,
    /// Time that tasks waited for want of something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<Stalls>,
    /// Pages swapped in and out, on the whole machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swapped_pages: Option<u64>,
    /// Bytes of memory that could be had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_memory_bytes: Option<u64>,
    /// Nanoseconds of the smallest step of the monotonic clock that a reader can see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_step_ns: Option<u64>,
    /// Every NVIDIA GPU, after the repeat.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuConditions>,
}

/// Frequencies of the processors looked at, in MHz.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Frequency {
    /// The slowest.
    pub min_mhz: f64,
    /// The mean.
    pub mean_mhz: f64,
    /// The fastest: that of a core at work, where others idle.
    pub max_mhz: f64,
}

/// Seconds in which some task waited, by what it waited for (Linux's pressure stall information).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Stalls {
    /// For a processor. A runner with more threads than there are processors waits for itself.
    pub cpu_s: f64,
    /// For memory.
    pub memory_s: f64,
    /// For a disk.
    pub io_s: f64,
}

/// What a GPU was at.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuConditions {
    /// Its name.
    pub name: String,
    /// Processes on it that are not the runner's. Absent where the runner is not on it, or cannot be told from others, as in a
    /// container that numbers its processes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Vec<GpuProcess>>,
    /// Clock of its multiprocessors, in MHz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sm_mhz: Option<u32>,
    /// The highest that clock goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sm_max_mhz: Option<u32>,
    /// Degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<u32>,
    /// Why its clock is held back, in words; empty where it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub throttled_by: Vec<String>,
}

/// A process on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuProcess {
    /// Its id.
    pub pid: u32,
    /// Memory that it holds on the GPU, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}
