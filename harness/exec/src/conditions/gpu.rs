//! What NVIDIA's management library tells of GPUs. It is loaded when it is there; a machine without it has no GPUs to tell of.

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use reelbench_protocol::{GpuConditions, GpuProcess};

/// The library, loaded.
pub(super) struct Gpus(Nvml);

impl std::fmt::Debug for Gpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gpus")
    }
}

impl Gpus {
    pub(super) fn find() -> Option<Self> {
        Nvml::init().ok().map(Self)
    }

    /// Every GPU, with `own` the ids of the runner's processes.
    pub(super) fn read(&self, own: &[u32]) -> Vec<GpuConditions> {
        let count = self.0.device_count().unwrap_or(0);
        (0..count).filter_map(|index| self.device(index, own)).collect()
    }

    fn device(&self, index: u32, own: &[u32]) -> Option<GpuConditions> {
        let device = self.0.device_by_index(index).ok()?;
        let listed = device.running_compute_processes().ok();
        let listed = listed.map(|list| list.iter().map(process).collect::<Vec<_>>());
        Some(GpuConditions {
            name: device.name().unwrap_or_default(),
            foreign: listed.and_then(|listed| foreign(listed, own)),
            sm_mhz: device.clock_info(Clock::SM).ok(),
            sm_max_mhz: device.max_clock_info(Clock::SM).ok(),
            temperature_c: device.temperature(TemperatureSensor::Gpu).ok(),
            throttled_by: device.current_throttle_reasons().map(words).unwrap_or_default(),
        })
    }
}

fn process(info: &ProcessInfo) -> GpuProcess {
    let memory_bytes = match info.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => Some(bytes),
        UsedGpuMemory::Unavailable => None,
    };
    GpuProcess { pid: info.pid, memory_bytes }
}

/// The processes that are not the runner's, if the runner is among them. The library knows ids as the host does: in a
/// container the runner's own are other ones, and nothing can be said.
fn foreign(listed: Vec<GpuProcess>, own: &[u32]) -> Option<Vec<GpuProcess>> {
    let is_own = |process: &GpuProcess| own.contains(&process.pid);
    listed.iter().any(is_own).then(|| listed.into_iter().filter(|process| !is_own(process)).collect())
}

/// What holds the clock back, but for having nothing to do.
fn words(reasons: ThrottleReasons) -> Vec<String> {
    let known = [
        (ThrottleReasons::SW_POWER_CAP, "power limit"),
        (ThrottleReasons::HW_SLOWDOWN, "hardware slowdown"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "heat"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "heat, by the driver"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "power brake"),
        (ThrottleReasons::SYNC_BOOST, "another GPU's clock"),
    ];
    let held = known.into_iter().filter(|(reason, _)| reasons.contains(*reason));
    held.map(|(_, word)| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_only_beside_the_runner() {
        let at = |pid| GpuProcess { pid, memory_bytes: Some(1 << 30) };
        assert_eq!(foreign(vec![at(7), at(8)], &[7, 9]), Some(vec![at(8)]));
        assert_eq!(foreign(vec![at(7)], &[7]), Some(vec![]));
        assert_eq!(
            foreign(vec![at(8)], &[7]),
            None,
            "the runner has another id there, or computes elsewhere"
        );
        assert_eq!(foreign(vec![], &[7]), None);
    }

    #[test]
    fn an_idle_gpu_is_not_held_back() {
        let idle = ThrottleReasons::GPU_IDLE | ThrottleReasons::APPLICATIONS_CLOCKS_SETTING;
        assert_eq!(words(idle), Vec::<String>::new());
        let hot = ThrottleReasons::HW_THERMAL_SLOWDOWN | ThrottleReasons::SW_POWER_CAP;
        assert_eq!(words(hot), ["power limit", "heat"]);
    }

    #[test]
    fn a_machine_without_the_library_has_no_gpus_to_tell_of() {
        // Where there is one, reading it must not fail either.
        let told = Gpus::find().map(|gpus| gpus.read(&[std::process::id()]));
        assert!(told.iter().flatten().all(|gpu| gpu.foreign.is_none()), "this test is on no GPU: {told:?}");
    }
}
