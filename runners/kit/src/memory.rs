//! Resident memory of this process, as Linux keeps it.

use std::fs;

/// The highest resident memory between two moments.
///
/// The kernel keeps a high-water mark per process; writing `5` to `clear_refs` resets it (proc(5)),
/// so reading costs nothing while the repeat runs.
#[derive(Debug, Clone, Copy)]
pub struct PeakMemory(());

impl PeakMemory {
    /// Forgets the peak so far.
    pub fn start() -> Self {
        // Where the kernel refuses, the peak is that of the whole process: larger, never smaller.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self(())
    }

    /// The peak since the start in bytes; `None` where the system does not say.
    pub fn bytes(self) -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_sees_its_own_peak_and_not_the_one_before() {
        const LARGE: usize = 256 << 20;
        let before = PeakMemory::start();
        let block = vec![1_u8; LARGE];
        std::hint::black_box(&block);
        let with_block = before.bytes().unwrap();
        drop(block);
        let after = PeakMemory::start().bytes().unwrap();
        assert!(with_block >= LARGE as u64);
        assert!(after + (LARGE as u64) / 2 < with_block, "{after} against {with_block}");
    }
}
