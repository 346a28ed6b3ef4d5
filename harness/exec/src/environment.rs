//! The machine: what makes two runs' times comparable or not.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::thread;

use reelbench_protocol::Environment;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Instruction set extensions that the kernels here or their libraries choose by.
const FEATURES: [&str; 17] = [
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
];

/// Variables that change how fast things run. No others are read, so no secret gets into a file.
const VARIABLES: [&str; 8] = [
    "RAYON_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "MALLOC_ARENA_MAX",
];

/// Looks at this machine. What the system does not say is left out, and FFmpeg too, which only a runner knows.
pub fn environment() -> Environment {
    let what = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what);
    let system = system.as_ref().ok();
    let cpu =
        system.and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned())).unwrap_or_default();
    Environment {
        cpu: if cpu.is_empty() { env::consts::ARCH.to_owned() } else { cpu },
        cpu_features: fs::read_to_string("/proc/cpuinfo").map(|text| features(&text)).unwrap_or_default(),
        cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        governor: read_line(Path::new("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        memory_bytes: system.map_or(0, System::total_memory),
        os: os(),
        ffmpeg: None,
        gpus: gpus(Path::new("/proc/driver/nvidia")),
        variables: VARIABLES
            .iter()
            .filter_map(|&name| Some((name.to_owned(), env::var(name).ok()?)))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// `Debian GNU/Linux 12, kernel 6.1.0`.
fn os() -> String {
    let name = System::long_os_version().unwrap_or_else(|_| env::consts::OS.to_owned());
    System::kernel_version().map_or_else(|_| name.clone(), |kernel| format!("{name}, kernel {kernel}"))
}

/// The extensions that matter, from the first processor's `flags` (x86) or `Features` (Arm) line.
fn features(cpuinfo: &str) -> Vec<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let flags: Vec<&str> = line.into_iter().flat_map(str::split_whitespace).collect();
    FEATURES.iter().filter(|feature| flags.contains(feature)).map(|&feature| feature.to_owned()).collect()
}

/// Every NVIDIA GPU with the driver's version, as the driver lists them: `NVIDIA H100 80GB HBM3, driver 550.54`.
fn gpus(driver: &Path) -> Vec<String> {
    let version = read_line(&driver.join("version")).and_then(|line| driver_version(&line));
    let Ok(folders) = fs::read_dir(driver.join("gpus")) else { return Vec::new() };
    let mut folders: Vec<_> = folders.flatten().map(|folder| folder.path()).collect();
    folders.sort();
    let models = folders.iter().filter_map(|folder| {
        let information = fs::read_to_string(folder.join("information")).ok()?;
        let model = information.lines().find_map(|line| line.strip_prefix("Model:"))?;
        Some(model.trim().to_owned())
    });
    models
        .map(|model| version.as_ref().map_or(model.clone(), |version| format!("{model}, driver {version}")))
        .collect()
}

/// The number in `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar …`.
fn driver_version(line: &str) -> Option<String> {
    let is_version = |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_memory_and_a_name() {
        let here = environment();
        assert!(here.cores >= 1);
        assert!(here.memory_bytes > 64 << 20, "{} bytes", here.memory_bytes);
        assert!(!here.cpu.is_empty() && !here.os.is_empty());
        assert!(here.variables.keys().all(|name| VARIABLES.contains(&name.as_str())));
    }

    #[test]
    fn features_of_x86_and_arm() {
        let x86 = "processor\t: 0\nflags\t\t: fpu sse4_2 avx avx2 fma hypervisor avx512f\n";
        assert_eq!(features(x86), ["sse4_2", "avx", "avx2", "fma", "avx512f"]);
        assert_eq!(features("Features\t: fp asimd evtstrm bf16\n"), ["asimd", "bf16"]);
        assert_eq!(features(""), Vec::<String>::new());
    }

    #[test]
    fn gpus_as_the_driver_lists_them() {
        let driver = tempfile::tempdir().unwrap();
        let gpu = driver.path().join("gpus/0000:01:00.0");
        fs::create_dir_all(&gpu).unwrap();
        fs::write(gpu.join("information"), "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 0\n").unwrap();
        let version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC: 12\n";
        fs::write(driver.path().join("version"), version).unwrap();
        assert_eq!(gpus(driver.path()), ["NVIDIA H100 80GB HBM3, driver 550.54.15"]);
        assert_eq!(gpus(&driver.path().join("absent")), Vec::<String>::new());
    }
}
