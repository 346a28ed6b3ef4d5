//! What a machine allows: settings that stay as they are while it is looked at.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::procfs::value;
use super::sysfs::Sources;

/// Settings and limits that decide how steady a machine's times can be. What the system does not say is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MachineLimits {
    /// The highest frequency that a core may have, in MHz.
    pub max_mhz: Option<f64>,
    /// Whether cores may go above their nominal frequency for a while.
    pub turbo: Option<bool>,
    /// Processors' worth of time that the control group allows.
    pub cpu_limit: Option<f64>,
    /// Bytes of swap in use.
    pub swap_used_bytes: Option<u64>,
}

impl MachineLimits {
    pub(super) fn read(proc: &Path, sys: &Path, sources: &Sources) -> Self {
        let cpu = sys.join("devices/system/cpu");
        let meminfo = fs::read_to_string(proc.join("meminfo")).unwrap_or_default();
        let swap = value(&meminfo, "SwapTotal:").zip(value(&meminfo, "SwapFree:"));
        // Intel's driver has a switch of its own, which is on where turbo is off.
        let off = number(&cpu.join("intel_pstate/no_turbo")).map(|off| off == 0.0);
        Self {
            max_mhz: number(&cpu.join("cpu0/cpufreq/cpuinfo_max_freq")).map(|khz| khz / 1e3),
            turbo: off.or_else(|| number(&cpu.join("cpufreq/boost")).map(|on| on > 0.0)),
            cpu_limit: sources
                .cgroup_folders()
                .filter_map(|folder| cpu_limit(&folder))
                .min_by(f64::total_cmp),
            swap_used_bytes: swap.map(|(total, free)| total.saturating_sub(free) * 1024),
        }
    }
}

fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The limit of one control group: `cpu.max` (`200000 100000`, or `max 100000` for none) of version 2, the quota and period
/// (a quota of -1 for none) of version 1.
fn cpu_limit(folder: &Path) -> Option<f64> {
    let (quota, period) = match fs::read_to_string(folder.join("cpu.max")) {
        Ok(text) => {
            let (quota, period) = text.trim().split_once(' ')?;
            (quota.parse().ok()?, period.parse().ok()?)
        }
        Err(_) => (number(&folder.join("cpu.cfs_quota_us"))?, number(&folder.join("cpu.cfs_period_us"))?),
    };
    let is_limit: bool = quota > 0.0 && period > 0.0;
    is_limit.then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(files: &[(&str, &str)]) -> MachineLimits {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (proc, sys) = (root.path().join("proc"), root.path().join("sys"));
        MachineLimits::read(&proc, &sys, &Sources::find(&proc, &sys))
    }

    #[test]
    fn limits_are_told_where_they_are_set() {
        let told = limits(&[
            ("proc/meminfo", "SwapTotal:  100 kB\nSwapFree:  60 kB\n"),
            ("proc/self/cgroup", "0::/job\n"),
            ("sys/fs/cgroup/job/cpu.stat", "nr_throttled 0\n"),
            ("sys/fs/cgroup/job/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/cpu.stat", "nr_throttled 0\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
            ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3500000\n"),
        ]);
        let expected = MachineLimits {
            max_mhz: Some(3500.0),
            turbo: Some(false),
            cpu_limit: Some(1.5),
            swap_used_bytes: Some(40 << 10),
        };
        assert_eq!(told, expected);
        assert_eq!(limits(&[]), MachineLimits::default());
    }

    #[test]
    fn limits_of_older_control_groups() {
        let quota = |quota| {
            limits(&[
                ("proc/self/cgroup", "4:cpu,cpuacct:/\n"),
                ("sys/fs/cgroup/cpu/cpu.stat", "nr_throttled 0\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
                ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
            ])
        };
        assert_eq!((quota("200000\n").cpu_limit, quota("200000\n").turbo), (Some(2.0), Some(true)));
        assert_eq!(quota("-1\n").cpu_limit, None);
    }
}
