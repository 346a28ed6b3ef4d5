//! The memory that runners can have on this machine, and what becomes of one that wants more.

use std::{fs, io};

use reelbench_matrix::{ByteSize, MemoryLimit};
use reelbench_protocol::{Device, Hello};
use rustix::process::Pid;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::Death;
use crate::death::failed_allocation;

/// One part in so many is left to the system and to `bench`.
const LEFT_TO_OTHERS: u64 = 16;

/// Bytes that a runner can have: the machine's memory, or what the control group of this process allows where that is less,
/// without a sixteenth. `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    let what = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what).ok()?;
    let allowed = system.cgroup_limits().map(|limits| limits.total_memory);
    usable(system.total_memory(), allowed)
}

fn usable(total: u64, allowed: Option<u64>) -> Option<u64> {
    let bytes = allowed.filter(|&allowed| allowed > 0).map_or(total, |allowed| allowed.min(total));
    (bytes > 0).then(|| bytes - bytes / LEFT_TO_OTHERS)
}

/// What a runner may allocate on a device. The machine's memory bounds it only on processors: the runtime of an
/// accelerator maps far more than it uses.
pub(crate) fn limit_for(limit: MemoryLimit, hello: &Hello, device: Device) -> Option<ByteSize> {
    match limit {
        MemoryLimit::Size(size) => Some(size),
        MemoryLimit::Auto if hello.capabilities.is_processor(device) => {
            available_memory().and_then(ByteSize::new)
        }
        MemoryLimit::Auto | MemoryLimit::None => None,
    }
}

/// Bounds what a process, and each that it starts from here on, may allocate: an allocation beyond it fails.
///
/// The kernel counts private writable memory (`RLIMIT_DATA`, getrlimit(2)), so weights that are mapped from their file
/// are free, unlike under `RLIMIT_AS`; what an allocator has reserved counts before it is used. A control group would
/// count used memory alone, but may be made by few users.
pub(crate) fn limit(process: Pid, limit: ByteSize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, prlimit};
        let bytes = Some(limit.bytes());
        prlimit(Some(process), Resource::Data, Rlimit { current: bytes, maximum: bytes })?;
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (process, limit);
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// Has the kernel kill this process before others when memory runs out, and so not `bench`.
pub(crate) fn offer_to_oom_killer(process: u32) {
    /// The highest there is, proc(5).
    const FIRST: &str = "1000";
    // Where the kernel refuses, it chooses by size, which most likely is the runner's too.
    let _ = fs::write(format!("/proc/{process}/oom_score_adj"), FIRST);
}

/// How many processes the kernel has killed for want of memory since it started, in control groups too; `None` where
/// it does not say.
pub(crate) fn oom_kills() -> Option<u64> {
    let counters = fs::read_to_string("/proc/vmstat").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// Why a runner that ran out of memory ended, and what to do.
pub(crate) fn reason(death: Death, log_tail: &[String], limit: Option<ByteSize>) -> String {
    match (failed_allocation(log_tail), limit) {
        (Some(line), Some(limit)) => with_limit(&format!("{death}: {}", line.trim()), limit),
        (Some(line), None) => format!("{death}: {}; {LESS}", line.trim()),
        (None, _) => format!("{death}; {LESS}"),
    }
}

/// What to do where memory ran out.
const LESS: &str = "choose a quantization or fewer beams, tokens, frames or scenes at once";

/// Why memory ran out under a limit, and what to do.
pub(crate) fn with_limit(why: &str, limit: ByteSize) -> String {
    format!("{why}; run.memory_limit allows it {limit}: allow more (--memory-limit), or {LESS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_bounds_processors_alone() {
        let hello = |devices: &str| -> Hello {
            serde_json::from_str(&format!(
                r#"{{"protocol": 1, "runner": {{"name": "a", "version": "1"}}, "capabilities": {{"devices": {devices}}}}}"#
            ))
            .unwrap()
        };
        let (processor, both) = (hello(r#"["cpu"]"#), hello(r#"["cpu", "cuda:0"]"#));
        let everything = available_memory().and_then(ByteSize::new);
        assert!(everything.is_some());
        assert_eq!(limit_for(MemoryLimit::Auto, &processor, Device::Auto), everything);
        assert_eq!(limit_for(MemoryLimit::Auto, &both, Device::Cpu), everything);
        assert_eq!(limit_for(MemoryLimit::Auto, &both, Device::Auto), None);
        assert_eq!(limit_for(MemoryLimit::Auto, &both, Device::Cuda(0)), None);
        assert_eq!(limit_for(MemoryLimit::None, &processor, Device::Cpu), None);
        let asked = ByteSize::new(1 << 30).unwrap();
        assert_eq!(limit_for(MemoryLimit::Size(asked), &both, Device::Cuda(0)), Some(asked));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_counts_its_kills() {
        assert!(oom_kills().is_some());
    }

    #[test]
    fn the_lesser_of_machine_and_control_group_counts() {
        assert_eq!(usable(32, None), Some(30));
        assert_eq!(usable(32, Some(16)), Some(15));
        assert_eq!(usable(32, Some(u64::MAX)), Some(30), "a group without a limit");
        assert_eq!(usable(32, Some(0)), Some(30));
        assert_eq!(usable(0, None), None);
    }
}
