//! What the machine's counters say of the time around each repeat.

use reelbench_protocol::Conditions;

use super::{NoiseFinding, NoiseKind};
use crate::run::Observed;
use crate::units::percent;

/// The part of a clock that others may have.
const OTHERS: f64 = 0.05;
/// The part that may be lost to a host, a limit, or want of memory.
const LOST: f64 = 0.01;
/// Processor seconds below which the kernel's count, in hundredths, says too little.
const COUNTED_S: f64 = 0.05;
/// Pages (1 MiB of them) that may be swapped by the way.
const SWAPPED: f64 = 256.0;
/// What a page takes that comes from a solid-state disk.
const PAGE_FROM_DISK_S: f64 = 1e-4;
/// The part of its frequency that a processor may be below its own highest.
const SLOWER: f64 = 0.1;

/// A condition that is watched.
struct Sentinel {
    kind: NoiseKind,
    /// A part, and the whole that it is to be seen against.
    measure: fn(&Conditions) -> Option<(f64, f64)>,
    /// Parts below this are not told from nothing.
    floor: f64,
    /// The share of the whole that may be.
    allowed: f64,
    words: fn(f64) -> String,
}

const SENTINELS: &[Sentinel] = &[
    Sentinel {
        kind: NoiseKind::OthersLoad,
        measure: |seen| Some((seen.others_cpu_s?, processor_seconds(seen)?)),
        floor: COUNTED_S,
        allowed: OTHERS,
        words: |share| format!("others used {} of the processors", percent(share.min(1.0))),
    },
    Sentinel {
        kind: NoiseKind::StolenTime,
        measure: |seen| Some((seen.stolen_cpu_s?, processor_seconds(seen)?)),
        floor: COUNTED_S,
        allowed: LOST,
        words: |share| format!("the host gave away {} of the processors", percent(share)),
    },
    Sentinel {
        kind: NoiseKind::CgroupThrottling,
        measure: |seen| Some((seen.cgroup_throttled_s?, seen.elapsed_s?)),
        floor: 0.0,
        allowed: LOST,
        words: |share| format!("stopped for {share:.2} s a second, over its threads"),
    },
    Sentinel {
        kind: NoiseKind::ThermalThrottling,
        measure: |seen| Some((seen.thermal_throttles? as f64, 1.0)),
        floor: 1.0,
        allowed: 0.0,
        words: |times| format!("processors slowed down for heat {times:.0} times in a repeat"),
    },
    Sentinel {
        kind: NoiseKind::Swapping,
        measure: |seen| Some((seen.swapped_pages? as f64, 1.0)),
        floor: SWAPPED,
        allowed: 0.0,
        words: |pages| format!("{pages:.0} pages went to swap or came from it in a repeat"),
    },
    Sentinel {
        kind: NoiseKind::MemoryPressure,
        measure: |seen| Some((seen.stalled?.memory_s, seen.elapsed_s?)),
        floor: 0.0,
        allowed: LOST,
        words: |share| format!("tasks waited for memory {} of the time", percent(share)),
    },
    Sentinel {
        kind: NoiseKind::DiskWait,
        measure: |seen| Some((seen.runner_major_faults? as f64 * PAGE_FROM_DISK_S, seen.elapsed_s?)),
        floor: 10.0 * PAGE_FROM_DISK_S,
        allowed: LOST,
        words: |share| {
            format!("pages of the runner's memory came from a disk for about {} of the time", percent(share))
        },
    },
];

fn processor_seconds(seen: &Conditions) -> Option<f64> {
    Some(seen.elapsed_s? * f64::from(seen.processors?))
}

/// What was seen in a cell's repeats.
pub(super) fn findings(samples: &[&Observed]) -> Vec<NoiseFinding> {
    let told = SENTINELS.iter().filter_map(|sentinel| sentinel.look(samples));
    told.chain(frequency_drop(samples)).collect()
}

impl Sentinel {
    /// The repeats in which more than is allowed was seen. Where each is too short for the counters to tell, all together.
    fn look(&self, samples: &[&Observed]) -> Option<NoiseFinding> {
        let seen: Vec<(u32, f64, f64)> = samples
            .iter()
            .filter_map(|sample| {
                let (part, whole) = (self.measure)(sample.conditions.as_ref()?)?;
                Some((sample.repeat, part, whole))
            })
            .collect();
        let share = |part: f64, whole: f64| {
            let share = part / whole;
            (part >= self.floor && share.is_finite() && share > self.allowed).then_some(share)
        };
        let single: Vec<(u32, f64)> =
            seen.iter().filter_map(|&(repeat, part, whole)| Some((repeat, share(part, whole)?))).collect();
        let (repeats, size): (Vec<u32>, f64) = if single.is_empty() {
            let (part, whole) =
                seen.iter().fold((0.0, 0.0), |(part, whole), seen| (part + seen.1, whole + seen.2));
            (seen.iter().map(|seen| seen.0).collect(), share(part, whole)?)
        } else {
            let most = single.iter().map(|(_, share)| *share).fold(0.0, f64::max);
            (single.iter().map(|(repeat, _)| *repeat).collect(), most)
        };
        Some(NoiseFinding::new(self.kind, repeats, size, (self.words)(size)))
    }
}

/// Repeats after which the fastest core was slower than after another repeat of the same cell. The fastest is looked at, as
/// cores that have nothing to do slow down on purpose; and just after the work, as before it all may be idle.
fn frequency_drop(samples: &[&Observed]) -> Option<NoiseFinding> {
    let frequency =
        |sample: &Observed| sample.conditions.as_ref()?.frequency_after.map(|after| after.max_mhz);
    let seen: Vec<(u32, f64)> =
        samples.iter().filter_map(|sample| Some((sample.repeat, frequency(sample)?))).collect();
    let highest = seen.iter().map(|(_, mhz)| *mhz).fold(0.0, f64::max);
    let slower: Vec<(u32, f64)> =
        seen.into_iter().filter(|(_, mhz)| *mhz < highest * (1.0 - SLOWER)).collect();
    let lowest = slower.iter().map(|(_, mhz)| *mhz).min_by(f64::total_cmp)?;
    let words = format!("the fastest core was at {lowest:.0} MHz, after another repeat at {highest:.0} MHz");
    let repeats = slower.iter().map(|(repeat, _)| *repeat).collect();
    Some(NoiseFinding::new(NoiseKind::FrequencyDrop, repeats, 1.0 - lowest / highest, words))
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{Frequency, Pass, Stalls};

    use super::*;

    /// A second on four processors on which nothing happened.
    fn quiet() -> Conditions {
        Conditions {
            elapsed_s: Some(1.0),
            processors: Some(4),
            runner_cpu_s: Some(3.9),
            others_cpu_s: Some(0.02),
            stolen_cpu_s: Some(0.0),
            runner_major_faults: Some(0),
            frequency_after: Some(Frequency { min_mhz: 800.0, mean_mhz: 2000.0, max_mhz: 3000.0 }),
            thermal_throttles: Some(0),
            cgroup_throttled_s: Some(0.0),
            stalled: Some(Stalls { cpu_s: 0.9, memory_s: 0.0, io_s: 0.5 }),
            swapped_pages: Some(0),
            ..Conditions::default()
        }
    }

    fn judge(repeats: &[Conditions]) -> Vec<(NoiseKind, Vec<u32>, String)> {
        let samples: Vec<Observed> = (0..)
            .zip(repeats)
            .map(|(repeat, conditions)| Observed {
                repeat,
                pass: Pass::Measured,
                turn: 0,
                conditions: Some(conditions.clone()),
            })
            .collect();
        let found = findings(&samples.iter().collect::<Vec<_>>());
        found.into_iter().map(|found| (found.kind, found.repeats, found.words)).collect()
    }

    #[test]
    fn quiet_repeats_have_no_findings() {
        assert_eq!(judge(&[quiet(), quiet(), quiet()]), []);
        assert_eq!(judge(&[]), []);
        assert_eq!(judge(&[Conditions::default()]), [], "a system that tells nothing");
    }

    #[test]
    fn each_condition_is_found_in_the_repeats_that_had_it() {
        type Disturb = fn(&mut Conditions);
        let cases: [(NoiseKind, &str, Disturb); 8] = [
            (NoiseKind::OthersLoad, "25.0 %", |seen| seen.others_cpu_s = Some(1.0)),
            (NoiseKind::StolenTime, "5.0 %", |seen| seen.stolen_cpu_s = Some(0.2)),
            (NoiseKind::CgroupThrottling, "0.50 s", |seen| seen.cgroup_throttled_s = Some(0.5)),
            (NoiseKind::ThermalThrottling, "3 times", |seen| seen.thermal_throttles = Some(3)),
            (NoiseKind::Swapping, "5000 pages", |seen| seen.swapped_pages = Some(5000)),
            (NoiseKind::MemoryPressure, "4.0 %", |seen| {
                seen.stalled = Some(Stalls { memory_s: 0.04, ..Stalls::default() });
            }),
            (NoiseKind::DiskWait, "2.0 %", |seen| seen.runner_major_faults = Some(200)),
            (NoiseKind::FrequencyDrop, "2000 MHz", |seen| {
                seen.frequency_after = Some(Frequency { min_mhz: 800.0, mean_mhz: 1500.0, max_mhz: 2000.0 });
            }),
        ];
        for (kind, words, disturb) in cases {
            let mut repeats = [quiet(), quiet(), quiet()];
            disturb(&mut repeats[1]);
            let found = judge(&repeats);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].0, &found[0].1), (kind, &vec![1]));
            assert!(found[0].2.contains(words), "{found:?}");
        }
    }

    #[test]
    fn what_one_short_repeat_cannot_tell_many_can() {
        let short = |others| Conditions {
            elapsed_s: Some(0.02),
            others_cpu_s: Some(others),
            processors: Some(2),
            ..Conditions::default()
        };
        assert_eq!(
            judge(&[short(0.01), short(0.0)]),
            [],
            "one tick is within what the kernel's count may miss"
        );
        let found = judge(&vec![short(0.01); 10]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1.len()), (NoiseKind::OthersLoad, 10));
        assert!(found[0].2.contains("25.0 %"), "{found:?}");
    }
}
