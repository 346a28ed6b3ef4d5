//! What GPUs say of the time after each repeat.

use reelbench_protocol::GpuConditions;
use serde_json::Value;

use super::{NoiseFinding, NoiseKind};
use crate::run::Observed;
use crate::summary::CellSummary;
use crate::units::{bytes, percent};

/// The least part of its highest clock at which a GPU counts as fast: nvbench 0.1's bound for a throttled sample.
const CLOCK: f64 = 0.75;

/// What was seen on the GPU that a cell computed on; nothing where it computed on the processor.
pub(super) fn findings(samples: &[&Observed], cell: &CellSummary) -> Vec<NoiseFinding> {
    let device = cell.effective.as_ref().and_then(|settings| settings.get("device")).and_then(Value::as_str);
    if !device.is_some_and(|device| device.starts_with("cuda")) {
        return Vec::new();
    }
    let seen: Vec<(u32, &GpuConditions)> = samples
        .iter()
        .filter_map(|sample| Some((sample.repeat, runners_own(&sample.conditions.as_ref()?.gpus)?)))
        .collect();
    [foreign(&seen), held_back(&seen)].into_iter().flatten().collect()
}

/// The GPU that the runner is on: the one that it is listed on, else the only one. CUDA's numbers are not those of the
/// management library.
fn runners_own(gpus: &[GpuConditions]) -> Option<&GpuConditions> {
    gpus.iter().find(|gpu| gpu.foreign.is_some()).or(match gpus {
        [only] => Some(only),
        _ => None,
    })
}

fn foreign(seen: &[(u32, &GpuConditions)]) -> Option<NoiseFinding> {
    let others: Vec<_> = seen
        .iter()
        .filter_map(|(repeat, gpu)| Some((*repeat, gpu.foreign.as_ref().filter(|list| !list.is_empty())?)))
        .collect();
    let (_, most) = others.iter().max_by_key(|(_, list)| list.len())?;
    let memory = most.iter().filter_map(|process| process.memory_bytes).sum();
    let words =
        format!("processes of others on the GPU: {}, with {} of its memory", most.len(), bytes(memory));
    let repeats = others.iter().map(|(repeat, _)| *repeat).collect();
    Some(NoiseFinding::new(NoiseKind::ForeignGpuProcess, repeats, most.len() as f64, words))
}

fn held_back(seen: &[(u32, &GpuConditions)]) -> Option<NoiseFinding> {
    let slow: Vec<(u32, f64, &GpuConditions)> = seen
        .iter()
        .filter_map(|&(repeat, gpu)| {
            let part = f64::from(gpu.sm_mhz?) / f64::from(gpu.sm_max_mhz.filter(|&mhz| mhz > 0)?);
            (part < CLOCK && !gpu.throttled_by.is_empty()).then_some((repeat, part, gpu))
        })
        .collect();
    let (_, part, gpu) = slow.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let degrees = gpu.temperature_c.map(|degrees| format!(", at {degrees} °C")).unwrap_or_default();
    let reasons = gpu.throttled_by.join(", ");
    let words = format!("the clock was at {} of its highest, because of {reasons}{degrees}", percent(*part));
    let repeats = slow.iter().map(|(repeat, ..)| *repeat).collect();
    Some(NoiseFinding::new(NoiseKind::GpuThrottling, repeats, 1.0 - part, words))
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::GpuProcess;

    use super::*;

    fn gpu(foreign: Option<Vec<GpuProcess>>, sm_mhz: u32, throttled_by: &[&str]) -> GpuConditions {
        GpuConditions {
            name: "GPU".into(),
            foreign,
            sm_mhz: Some(sm_mhz),
            sm_max_mhz: Some(2000),
            temperature_c: Some(84),
            throttled_by: throttled_by.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn others_on_the_runners_gpu_are_told() {
        let other = GpuProcess { pid: 9, memory_bytes: Some(3 << 30) };
        let quiet = gpu(Some(vec![]), 1900, &[]);
        let shared = gpu(Some(vec![other]), 1900, &[]);
        let found = foreign(&[(0, &quiet), (1, &shared)]).unwrap();
        assert_eq!((found.repeats.as_slice(), found.size), ([1].as_slice(), 1.0));
        assert!(found.words.contains("3.0 GiB"), "{found:?}");
        assert_eq!(foreign(&[(0, &quiet)]), None);
        assert_eq!(foreign(&[(0, &gpu(None, 1900, &[]))]), None);
    }

    #[test]
    fn a_low_clock_counts_where_something_holds_it() {
        let hot = gpu(Some(vec![]), 1000, &["heat"]);
        let found = held_back(&[(0, &gpu(None, 1900, &["power limit"])), (1, &hot)]).unwrap();
        assert_eq!((found.repeats.as_slice(), found.size), ([1].as_slice(), 0.5));
        assert!(found.words.contains("heat, at 84 °C"), "{found:?}");
        assert_eq!(held_back(&[(0, &gpu(None, 300, &[]))]), None, "an idle GPU slows down by itself");
    }

    #[test]
    fn the_runners_gpu_is_the_one_that_lists_it() {
        let [idle, used] = [gpu(None, 300, &[]), gpu(Some(vec![]), 1900, &[])];
        assert_eq!(runners_own(&[idle.clone(), used.clone()]), Some(&used));
        assert_eq!(runners_own(std::slice::from_ref(&idle)), Some(&idle));
        assert_eq!(runners_own(&[idle.clone(), idle]), None);
    }
}
