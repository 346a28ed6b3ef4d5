//! The memory that runners can have on this machine.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lesser_of_machine_and_control_group_counts() {
        assert_eq!(usable(32, None), Some(30));
        assert_eq!(usable(32, Some(16)), Some(15));
        assert_eq!(usable(32, Some(u64::MAX)), Some(30), "a group without a limit");
        assert_eq!(usable(32, Some(0)), Some(30));
        assert_eq!(usable(0, None), None);
    }
}
