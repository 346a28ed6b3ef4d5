//! What else goes on on the machine while a repeat runs: looked at just before and just after, never meanwhile.

mod clock;
mod gpu;
mod jitter;
mod machine;
mod procfs;
mod sysfs;

use std::path::{Path, PathBuf};
use std::time::Instant;

use reelbench_protocol::{Conditions, Frequency, Stalls};

pub use self::jitter::Jitter;
pub use self::machine::MachineLimits;

use self::gpu::Gpus;
use self::procfs::{Family, MachineTime};
use self::sysfs::{CgroupThrottling, Sources};

/// Looks at the machine. Made once, as it finds out then where things stand.
#[derive(Debug)]
pub struct Observer {
    proc: PathBuf,
    sys: PathBuf,
    sources: Sources,
    /// A table of the driver's functions, too large to move about.
    gpus: Option<Box<Gpus>>,
    ticks_per_s: f64,
}

/// The machine at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    at: Instant,
    runner: u32,
    machine: Option<MachineTime>,
    family: Option<Family>,
    frequency: Option<Frequency>,
    thermal_throttles: Option<u64>,
    cgroup: Option<CgroupThrottling>,
    stalls: Option<Stalls>,
    swapped_pages: Option<u64>,
    available_memory: Option<u64>,
    clock_step_ns: Option<u64>,
}

impl Observer {
    /// An observer of this machine.
    pub fn new() -> Self {
        Self { gpus: Gpus::find().map(Box::new), ..Self::of(Path::new("/proc"), Path::new("/sys")) }
    }

    fn of(proc: &Path, sys: &Path) -> Self {
        Self {
            proc: proc.to_owned(),
            sys: sys.to_owned(),
            sources: Sources::find(proc, sys),
            gpus: None,
            ticks_per_s: rustix::param::clock_ticks_per_second() as f64,
        }
    }

    /// Looks just before a command to the runner with this process id.
    pub fn begin(&self, runner: u32) -> Snapshot {
        let clock_step_ns = clock::step().map(|step| step.as_nanos() as u64);
        let available_memory = procfs::available_memory(&self.proc);
        // Last, so that looking disturbs what is looked at as little as can be.
        Snapshot { available_memory, clock_step_ns, ..self.look(runner) }
    }

    /// Looks just after the answer: what changed since.
    pub fn end(&self, before: &Snapshot) -> Conditions {
        let after = self.look(before.runner);
        let own = after.family.as_ref().map(|family| family.processes.as_slice()).unwrap_or_default();
        Conditions {
            available_memory_bytes: before.available_memory,
            clock_step_ns: before.clock_step_ns,
            gpus: self.gpus.as_ref().map(|gpus| gpus.read(own)).unwrap_or_default(),
            ..changes(before, &after, self.ticks_per_s)
        }
    }

    /// What the machine allows.
    pub fn limits(&self) -> MachineLimits {
        MachineLimits::read(&self.proc, &self.sys, &self.sources)
    }

    fn look(&self, runner: u32) -> Snapshot {
        let frequency = self.sources.frequency().or_else(|| procfs::cpuinfo_frequency(&self.proc));
        Snapshot {
            at: Instant::now(),
            runner,
            frequency,
            thermal_throttles: self.sources.throttles(),
            cgroup: self.sources.cgroup_throttling(),
            stalls: procfs::stalls(&self.proc),
            swapped_pages: procfs::swapped_pages(&self.proc),
            family: Family::read(&self.proc, runner),
            machine: MachineTime::read(&self.proc),
            available_memory: None,
            clock_step_ns: None,
        }
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::new()
    }
}

/// How far everything that only grows has grown.
fn changes(before: &Snapshot, after: &Snapshot, ticks_per_s: f64) -> Conditions {
    let grown = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
    let machine = |of: fn(&MachineTime) -> u64| {
        let ticks = grown(before.machine.as_ref().map(of), after.machine.as_ref().map(of))?;
        Some(ticks as f64 / ticks_per_s)
    };
    let family =
        |of: fn(&Family) -> u64| grown(before.family.as_ref().map(of), after.family.as_ref().map(of));
    let runner_cpu_s = family(|family| family.ticks).map(|ticks| ticks as f64 / ticks_per_s);
    let busy_s = machine(|machine| machine.busy);
    let families = before.family.as_ref().zip(after.family.as_ref());
    Conditions {
        elapsed_s: Some(after.at.duration_since(before.at).as_secs_f64()),
        processors: after.machine.map(|machine| machine.processors),
        runner_cpu_s,
        // The kernel counts the two apart, so that the difference may come out a tick below nothing.
        others_cpu_s: busy_s.zip(runner_cpu_s).map(|(busy, runner)| (busy - runner).max(0.0)),
        stolen_cpu_s: machine(|machine| machine.stolen),
        runner_preemptions: families.map(|(before, after)| after.preemptions_since(before)),
        runner_major_faults: family(|family| family.major_faults),
        frequency_before: before.frequency,
        frequency_after: after.frequency,
        thermal_throttles: grown(before.thermal_throttles, after.thermal_throttles),
        cgroup_throttles: grown(
            before.cgroup.map(|group| group.times),
            after.cgroup.map(|group| group.times),
        ),
        cgroup_throttled_s: before
            .cgroup
            .zip(after.cgroup)
            .map(|(before, after)| after.seconds - before.seconds),
        stalled: before.stalls.zip(after.stalls).map(|(before, after)| Stalls {
            cpu_s: after.cpu_s - before.cpu_s,
            memory_s: after.memory_s - before.memory_s,
            io_s: after.io_s - before.io_s,
        }),
        swapped_pages: grown(before.swapped_pages, after.swapped_pages),
        ..Conditions::default()
    }
}

#[cfg(test)]
mod tests;
