//! What Linux tells in `/proc`, as proc(5) describes it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use reelbench_protocol::{Frequency, Stalls};

/// What is read of a file that has a paragraph for each processor: enough for some forty.
const CPUINFO_BYTES: u64 = 64 << 10;

/// Processor time since the start of the machine, over all processors, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MachineTime {
    pub(super) busy: u64,
    pub(super) stolen: u64,
    pub(super) processors: u32,
}

impl MachineTime {
    pub(super) fn read(proc: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(proc.join("stat")).ok()?)
    }

    /// The first lines of `/proc/stat`. Time of guests is part of `user` and `nice`.
    fn parse(stat: &str) -> Option<Self> {
        let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = all.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, rest @ ..] = ticks.as_slice() else {
            return None;
        };
        let is_processor = |line: &&str| {
            line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        Some(Self {
            busy: user + nice + system + irq + softirq,
            stolen: rest.first().copied().unwrap_or(0),
            processors: stat.lines().filter(is_processor).count() as u32,
        })
    }
}

/// A process and all that it started and that still runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Family {
    /// Their ids, the process's own first.
    pub(super) processes: Vec<u32>,
    /// Their processor time and that of their children which have ended, in clock ticks.
    pub(super) ticks: u64,
    /// The same for pages that came from a disk.
    pub(super) major_faults: u64,
    /// Times that each thread was taken off its processor.
    pub(super) preemptions: BTreeMap<u32, u64>,
}

impl Family {
    /// Walks from a process to its children by `task/*/children`. `None` where the process is gone.
    pub(super) fn read(proc: &Path, ancestor: u32) -> Option<Self> {
        let mut family = Self::default();
        let mut left = vec![ancestor];
        while let Some(id) = left.pop() {
            let folder = proc.join(id.to_string());
            let stat = fs::read_to_string(folder.join("stat")).ok();
            let Some(used) = stat.as_deref().and_then(Used::parse) else { continue };
            family.processes.push(id);
            family.ticks += used.ticks;
            family.major_faults += used.major_faults;
            for thread in fs::read_dir(folder.join("task")).into_iter().flatten().flatten() {
                let path = thread.path();
                let children = fs::read_to_string(path.join("children")).unwrap_or_default();
                left.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
                let status = fs::read_to_string(path.join("status")).unwrap_or_default();
                let id = thread.file_name().to_str().and_then(|name| name.parse().ok());
                if let (Some(id), Some(times)) = (id, value(&status, "nonvoluntary_ctxt_switches:")) {
                    family.preemptions.insert(id, times);
                }
            }
        }
        (!family.processes.is_empty()).then_some(family)
    }

    /// How often threads that still live were taken off their processor since `before`.
    pub(super) fn preemptions_since(&self, before: &Self) -> u64 {
        let grown = |(thread, times): (&u32, &u64)| {
            times.saturating_sub(before.preemptions.get(thread).copied().unwrap_or(0))
        };
        self.preemptions.iter().map(grown).sum()
    }
}

/// What one process used.
#[derive(Debug, PartialEq, Eq)]
struct Used {
    ticks: u64,
    major_faults: u64,
}

impl Used {
    /// A line of `/proc/PID/stat`. The name, in parentheses, may hold anything; state is the third field.
    fn parse(stat: &str) -> Option<Self> {
        let (_, after_name) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            ticks: field(14)? + field(15)? + field(16)? + field(17)?,
            major_faults: field(12)? + field(13)?,
        })
    }
}

/// Pages swapped in and out since the start of the machine.
pub(super) fn swapped_pages(proc: &Path) -> Option<u64> {
    let vmstat = fs::read_to_string(proc.join("vmstat")).ok()?;
    Some(value(&vmstat, "pswpin ")? + value(&vmstat, "pswpout ")?)
}

/// Bytes of memory that a new process could have.
pub(super) fn available_memory(proc: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(proc.join("meminfo")).ok()?;
    Some(value(&meminfo, "MemAvailable:")? * 1024)
}

/// Time that some task waited, since the start of the machine.
pub(super) fn stalls(proc: &Path) -> Option<Stalls> {
    let total = |name: &str| {
        let text = fs::read_to_string(proc.join("pressure").join(name)).ok()?;
        stalled_seconds(&text)
    };
    Some(Stalls { cpu_s: total("cpu")?, memory_s: total("memory")?, io_s: total("io")? })
}

/// The total of `some avg10=1.95 avg60=1.39 avg300=1.75 total=17060784981`, which is in microseconds.
fn stalled_seconds(pressure: &str) -> Option<f64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let total: u64 = some.rsplit_once("total=")?.1.trim().parse().ok()?;
    Some(total as f64 / 1e6)
}

/// Frequencies as `/proc/cpuinfo` has them, where there is nothing better.
pub(super) fn cpuinfo_frequency(proc: &Path) -> Option<Frequency> {
    let mut text = Vec::new();
    File::open(proc.join("cpuinfo")).ok()?.take(CPUINFO_BYTES).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'));
    frequency(lines.filter_map(|(_, mhz)| mhz.trim().parse().ok()))
}

/// The least, mean and highest of frequencies in MHz.
pub(super) fn frequency(mhz: impl Iterator<Item = f64>) -> Option<Frequency> {
    let mhz: Vec<f64> = mhz.collect();
    (!mhz.is_empty()).then(|| Frequency {
        min_mhz: mhz.iter().copied().fold(f64::INFINITY, f64::min),
        mean_mhz: mhz.iter().sum::<f64>() / mhz.len() as f64,
        max_mhz: mhz.iter().copied().fold(0.0, f64::max),
    })
}

/// The first number after a key at the beginning of a line.
pub(super) fn value(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_time_of_old_and_new_kernels() {
        let stat = "cpu  100 20 30 4000 500 6 7 8 9 10\ncpu0 50 10 15 2000 250 3 3 4 4 5\ncpu1 50 10 15 2000 250 3 4 4 5 5\n\
                    intr 1 2 3\nctxt 99\n";
        assert_eq!(MachineTime::parse(stat), Some(MachineTime { busy: 163, stolen: 8, processors: 2 }));
        let without_steal = "cpu  1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n";
        let expected = MachineTime { busy: 19, stolen: 0, processors: 1 };
        assert_eq!(MachineTime::parse(without_steal), Some(expected));
        assert_eq!(MachineTime::parse("cpu 1 2\n"), None);
        assert_eq!(MachineTime::parse(""), None);
    }

    #[test]
    fn a_process_may_be_called_anything() {
        let stat = "77 (a) R (b) S 1 77 77 0 -1 4194304 900 800 3 4 11 12 13 14 20 0 1 0 3359326 3133440 359";
        assert_eq!(Used::parse(stat), Some(Used { ticks: 50, major_faults: 7 }));
        assert_eq!(Used::parse("77 (short) S 1 77"), None);
        assert_eq!(Used::parse("garbage"), None);
    }

    #[test]
    fn a_family_is_a_process_with_its_descendants() {
        let proc = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = proc.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let stat = |ticks: u32| format!("1 (x) S 1 1 1 0 -1 0 0 0 1 0 {ticks} 0 0 0 20 0 1 0");
        let status = |times: u32| format!("Name:\tx\nnonvoluntary_ctxt_switches:\t{times}\n");
        write("10/stat", &stat(5));
        write("10/task/10/children", "11 ");
        write("10/task/10/status", &status(3));
        write("10/task/15/children", "12 13");
        write("10/task/15/status", &status(4));
        write("11/stat", &stat(6));
        write("11/task/11/children", "");
        write("11/task/11/status", &status(0));
        // 12 has ended meanwhile; 13 has a child of its own; 20 is a stranger.
        write("13/stat", &stat(7));
        write("13/task/13/children", "14");
        write("14/stat", &stat(8));
        write("20/stat", &stat(1000));
        let family = Family::read(proc.path(), 10).unwrap();
        assert_eq!((family.ticks, family.major_faults), (26, 4));
        assert_eq!(family.processes.first(), Some(&10));
        assert_eq!(family.processes.len(), 4);
        let before = Family { preemptions: BTreeMap::from([(10, 1), (99, 50)]), ..Family::default() };
        assert_eq!(family.preemptions_since(&before), 2 + 4);
        assert_eq!(Family::read(proc.path(), 12), None);
    }

    #[test]
    fn numbers_stand_after_their_key() {
        let vmstat = "pgpgin 5\npswpin 3\npswpout 4\nthp_swpout 9\n";
        assert_eq!((value(vmstat, "pswpin "), value(vmstat, "pswpout ")), (Some(3), Some(4)));
        assert_eq!(value("MemTotal: 10 kB\nMemAvailable:   24105 kB\n", "MemAvailable:"), Some(24105));
        assert_eq!(value("MemAvailable: kB\n", "MemAvailable:"), None);
        let pressure = "some avg10=1.95 avg60=1.39 avg300=1.75 total=17060784\nfull avg10=0.00 total=5\n";
        assert_eq!(stalled_seconds(pressure), Some(17.060_784));
        assert_eq!(stalled_seconds("full avg10=0.00 total=5\n"), None);
    }

    #[test]
    fn frequencies_of_some_processors() {
        let proc = tempfile::tempdir().unwrap();
        let text = "processor\t: 0\ncpu MHz\t\t: 2000.5\n\nprocessor\t: 1\ncpu MHz\t\t: 3000.5\n";
        fs::write(proc.path().join("cpuinfo"), text).unwrap();
        let expected = Frequency { min_mhz: 2000.5, mean_mhz: 2500.5, max_mhz: 3000.5 };
        assert_eq!(cpuinfo_frequency(proc.path()), Some(expected));
        assert_eq!(frequency(std::iter::empty()), None);
    }
}
