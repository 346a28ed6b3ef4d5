//! Differences of the machine, and of the programs that measured.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{Environment, FileHash, Manifest, RunnerInfo};

use super::{Aspect, Differences};
use crate::run::Run;
use crate::units;

/// The library of a runner that decodes films. It is the machine's more often than the runner's.
const FFMPEG: &str = "ffmpeg";

/// Machines that are alike report sizes of memory that differ by what their kernels keep for themselves.
const SAME_MEMORY: f64 = 0.02;

pub(super) fn compare(base: &Run, head: &Run, differences: &mut Differences) {
    environment(&base.manifest.environment, &head.manifest.environment, differences);
    runner(base.runner.as_ref(), head.runner.as_ref(), differences);
    programs(&base.manifest, &head.manifest, differences);
}

fn environment(base: &Environment, head: &Environment, differences: &mut Differences) {
    let mut value = |aspect, of: fn(&Environment) -> Option<String>| {
        differences.value(aspect, of(base), of(head));
    };
    value(Aspect::Cpu, |machine| Some(machine.cpu.clone()));
    value(Aspect::Cores, |machine| Some(machine.cores.to_string()));
    value(Aspect::Governor, |machine| machine.governor.clone());
    value(Aspect::Gpus, |machine| (!machine.gpus.is_empty()).then(|| machine.gpus.join(", ")));
    value(Aspect::Os, |machine| Some(machine.os.clone()));
    let (of_base, of_head) = (&base.cpu_features, &head.cpu_features);
    differences.value(Aspect::CpuFeatures, without(of_base, of_head), without(of_head, of_base));
    if !same_memory(base.memory_bytes, head.memory_bytes) {
        let [base, head] = [base, head].map(|machine| Some(units::bytes(machine.memory_bytes)));
        differences.push(Aspect::Memory, base, head, Vec::new());
    }
    by_name(&base.variables, &head.variables, Aspect::Variable, differences);
}

/// The features of `these` that `those` lack.
fn without(these: &[String], those: &[String]) -> Option<String> {
    let only: Vec<&str> = these.iter().filter(|one| !those.contains(one)).map(String::as_str).collect();
    (!only.is_empty()).then(|| only.join(", "))
}

fn same_memory(base: u64, head: u64) -> bool {
    base.abs_diff(head) as f64 <= SAME_MEMORY * base.max(head) as f64
}

fn runner(base: Option<&RunnerInfo>, head: Option<&RunnerInfo>, differences: &mut Differences) {
    let words = |runner: &RunnerInfo| format!("{} {}", runner.name, runner.version);
    differences.value(Aspect::Runner, base.map(words), head.map(words));
    let threads = |runner: &RunnerInfo| Some(runner.threads?.to_string());
    differences.value(Aspect::Threads, base.and_then(threads), head.and_then(threads));
    let libraries = |runner: Option<&RunnerInfo>| runner.map(|runner| runner.libraries.clone());
    let aspect = |name: String| if name == FFMPEG { Aspect::Ffmpeg } else { Aspect::Library(name) };
    let [base, head] = [base, head].map(|runner| libraries(runner).unwrap_or_default());
    by_name(&base, &head, aspect, differences);
}

fn programs(base: &Manifest, head: &Manifest, differences: &mut Differences) {
    differences.value(Aspect::Bench, Some(base.bench_version.clone()), Some(head.bench_version.clone()));
    let revision = |manifest: &Manifest| {
        let git = manifest.git.as_ref()?;
        Some(if git.dirty { format!("{} with changes", git.commit) } else { git.commit.clone() })
    };
    differences.value(Aspect::Revision, revision(base), revision(head));
    let hash = |file: &FileHash| (file.used_by.clone(), file.sha256.clone());
    let [base, head] = [base, head].map(|manifest| manifest.binaries.iter().map(hash).collect());
    by_name(&base, &head, Aspect::Binary, differences);
}

fn by_name(
    base: &BTreeMap<String, String>,
    head: &BTreeMap<String, String>,
    aspect: impl Fn(String) -> Aspect,
    differences: &mut Differences,
) {
    let names: BTreeSet<&String> = base.keys().chain(head.keys()).collect();
    for name in names {
        differences.value(aspect(name.clone()), base.get(name).cloned(), head.get(name).cloned());
    }
}
