//! What Linux tells in `/sys`: frequencies, throttling for heat, and throttling of the control group.

use std::fs;
use std::path::{Path, PathBuf};

use reelbench_protocol::Frequency;

use super::procfs::{frequency, value};

/// No more processors than this are looked at, evenly spread: reading a frequency interrupts its processor.
const LOOKED_AT: usize = 32;

/// Files of which each holds one number, found once.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// The current frequency of processors, in kHz.
    frequencies: Vec<PathBuf>,
    /// How often processors and packages slowed down because they were hot.
    throttles: Vec<PathBuf>,
    /// `cpu.stat` of the control group and of those above it.
    cgroups: Vec<PathBuf>,
}

/// How often a control group was stopped, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct CgroupThrottling {
    pub(super) times: u64,
    pub(super) seconds: f64,
}

impl Sources {
    pub(super) fn find(proc: &Path, sys: &Path) -> Self {
        let processors = processors(&sys.join("devices/system/cpu"));
        let existing = |name: &'static str| {
            processors.iter().map(move |folder| folder.join(name)).filter(|path| path.is_file())
        };
        let throttles = existing("thermal_throttle/core_throttle_count");
        Self {
            frequencies: existing("cpufreq/scaling_cur_freq").collect(),
            throttles: throttles.chain(existing("thermal_throttle/package_throttle_count")).collect(),
            cgroups: cgroup_files(proc, &sys.join("fs/cgroup")),
        }
    }

    pub(super) fn frequency(&self) -> Option<Frequency> {
        frequency(self.frequencies.iter().filter_map(number).map(|khz| khz as f64 / 1e3))
    }

    /// A core's siblings and a package's cores each count what is one event: it is whether this grows that tells.
    pub(super) fn throttles(&self) -> Option<u64> {
        (!self.throttles.is_empty()).then(|| self.throttles.iter().filter_map(number).sum())
    }

    /// The folders of the control group and of those above it.
    pub(super) fn cgroup_folders(&self) -> impl Iterator<Item = PathBuf> {
        self.cgroups.iter().filter_map(|file| Some(file.parent()?.to_owned()))
    }

    pub(super) fn cgroup_throttling(&self) -> Option<CgroupThrottling> {
        let texts = self.cgroups.iter().filter_map(|path| fs::read_to_string(path).ok());
        let told: Vec<_> = texts.filter_map(|text| CgroupThrottling::parse(&text)).collect();
        let sum = |sum: CgroupThrottling, one: &CgroupThrottling| CgroupThrottling {
            times: sum.times + one.times,
            seconds: sum.seconds + one.seconds,
        };
        (!told.is_empty()).then(|| told.iter().fold(CgroupThrottling::default(), sum))
    }
}

impl CgroupThrottling {
    /// `cpu.stat` of version 2 (microseconds) or 1 (nanoseconds) of control groups.
    fn parse(stat: &str) -> Option<Self> {
        let times = value(stat, "nr_throttled ")?;
        let seconds = value(stat, "throttled_usec ")
            .map(|us| us as f64 / 1e6)
            .or_else(|| value(stat, "throttled_time ").map(|ns| ns as f64 / 1e9))?;
        Some(Self { times, seconds })
    }
}

fn number(path: &PathBuf) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Folders `cpu0`, `cpu1`, … of at most [`LOOKED_AT`] processors.
fn processors(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("cpu")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    let step = found.len().div_ceil(LOOKED_AT).max(1);
    found.into_iter().step_by(step).map(|(_, path)| path).collect()
}

/// `cpu.stat` of this process's control group, which runners share, and of every group above it: a limit of any of them
/// stops the runner.
fn cgroup_files(proc: &Path, mount: &Path) -> Vec<PathBuf> {
    let membership = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let groups = membership.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let mut files = Vec::new();
    for (controllers, group) in groups {
        let root = match controllers {
            "" => mount.to_owned(),
            names if names.split(',').any(|name| name == "cpu") => mount.join("cpu"),
            _ => continue,
        };
        // In a container the group's path may be the host's; then only the root is there.
        let folders = Path::new(group.trim_start_matches('/')).ancestors().map(|group| root.join(group));
        files.extend(folders.map(|folder| folder.join("cpu.stat")).filter(|path| path.is_file()));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn sources(root: &tempfile::TempDir) -> Sources {
        Sources::find(&root.path().join("proc"), &root.path().join("sys"))
    }

    #[test]
    fn frequencies_and_heat_of_every_processor() {
        let cpu = "sys/devices/system/cpu";
        let root = tree(&[
            (&format!("{cpu}/cpu0/cpufreq/scaling_cur_freq"), "2400000\n"),
            (&format!("{cpu}/cpu1/cpufreq/scaling_cur_freq"), "1200000\n"),
            (&format!("{cpu}/cpu0/thermal_throttle/core_throttle_count"), "3\n"),
            (&format!("{cpu}/cpu0/thermal_throttle/package_throttle_count"), "4\n"),
            (&format!("{cpu}/cpuidle/current_driver"), "acpi_idle\n"),
        ]);
        let found = sources(&root);
        let expected = Frequency { min_mhz: 1200.0, mean_mhz: 1800.0, max_mhz: 2400.0 };
        assert_eq!(found.frequency(), Some(expected));
        assert_eq!(found.throttles(), Some(7));
        let bare = sources(&tree(&[]));
        assert_eq!((bare.frequency(), bare.throttles(), bare.cgroup_throttling()), (None, None, None));
    }

    #[test]
    fn many_processors_are_looked_at_in_part() {
        let names: Vec<String> =
            (0..200).map(|n| format!("sys/devices/system/cpu/cpu{n}/cpufreq/scaling_cur_freq")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1000000")).collect();
        assert_eq!(sources(&tree(&files)).frequencies.len(), 29);
    }

    #[test]
    fn control_groups_of_both_versions_and_all_levels() {
        let v2 = tree(&[
            ("proc/self/cgroup", "0::/system.slice/job.service\n"),
            (
                "sys/fs/cgroup/system.slice/job.service/cpu.stat",
                "usage_usec 9\nnr_throttled 2\nthrottled_usec 500000\n",
            ),
            ("sys/fs/cgroup/system.slice/cpu.stat", "usage_usec 9\nnr_throttled 1\nthrottled_usec 250000\n"),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 9\n"),
        ]);
        let expected = CgroupThrottling { times: 3, seconds: 0.75 };
        assert_eq!(sources(&v2).cgroup_throttling(), Some(expected));
        let v1 = tree(&[
            ("proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n"),
            ("sys/fs/cgroup/cpu/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 2000000000\n"),
            ("sys/fs/cgroup/memory/a/cpu.stat", "nr_throttled 100\nthrottled_time 1\n"),
        ]);
        assert_eq!(sources(&v1).cgroup_throttling(), Some(CgroupThrottling { times: 4, seconds: 2.0 }));
    }
}
