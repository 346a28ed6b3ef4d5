//! `bench doctor`: what this machine has.

mod noise;

use std::fmt::Write;
use std::path::PathBuf;

use reelbench_exec::environment;
use reelbench_matrix::Folders;
use reelbench_protocol::{AsrSupport, Capabilities, Environment, Hello};
use serde::Serialize;

use self::noise::Noise;
use crate::args::{DoctorArgs, Output};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::plan::greet;
use crate::{print, runners};

/// What this machine has.
#[derive(Serialize)]
struct Findings {
    environment: Environment,
    noise: Noise,
    runner: Option<Hello>,
    /// Why there is no runner.
    runner_problem: Option<String>,
    /// Models in the hub's cache, as a matrix names them.
    models: Vec<String>,
    hub_cache: Option<PathBuf>,
}

pub(crate) fn doctor(args: &DoctorArgs) -> Result<Exit, BenchError> {
    let runner = runners::find(&args.runner.runner, None).and_then(|runner| greet(&runner));
    let folders = Folders::from_env();
    let (runner, runner_problem) = match runner {
        Ok(hello) => (Some(hello), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let environment = environment();
    let findings = Findings {
        noise: Noise::measure(&environment),
        environment,
        runner,
        runner_problem,
        models: cached_models(&folders),
        hub_cache: folders.hub,
    };
    let exit = if findings.runner.is_some() { Exit::Ok } else { Exit::Error };
    match args.output.output() {
        Output::Json => print::json(&findings)?,
        Output::Text => print::text(&describe(&findings))?,
    };
    Ok(exit)
}

/// `hf:owner/name` of every model in the hub's cache.
fn cached_models(folders: &Folders) -> Vec<String> {
    let Some(Ok(entries)) = folders.hub.as_ref().map(std::fs::read_dir) else {
        return Vec::new();
    };
    let mut models: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let (owner, name) = name.strip_prefix("models--")?.split_once("--")?;
            Some(format!("hf:{owner}/{name}"))
        })
        .collect();
    models.sort();
    models
}

fn describe(findings: &Findings) -> String {
    let environment = &findings.environment;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    row("processor", &format!("{}, {} cores", environment.cpu, environment.cores));
    row("features", &environment.cpu_features.join(" "));
    row("memory", &format!("{:.1} GiB", environment.memory_bytes as f64 / f64::from(1 << 30)));
    row("system", &environment.os);
    row("governor", environment.governor.as_deref().unwrap_or("not told by this kernel"));
    row("gpu", &none_or(&environment.gpus));
    match (&findings.runner, &findings.runner_problem) {
        (Some(hello), _) => {
            let libraries: Vec<String> =
                hello.runner.libraries.iter().map(|(name, version)| format!("{name} {version}")).collect();
            row(
                "runner",
                &format!("{} {} ({})", hello.runner.name, hello.runner.version, libraries.join(", ")),
            );
            row("devices", &none_or(&hello.capabilities.devices));
            for (stage, offer) in offers(&hello.capabilities) {
                row(stage, &offer);
            }
        }
        (None, Some(problem)) => row("runner", problem),
        (None, None) => {}
    }
    row(
        "hub cache",
        &findings.hub_cache.as_ref().map_or("none".to_owned(), |path| path.display().to_string()),
    );
    row("models", &none_or(&findings.models));
    for (name, value) in findings.noise.rows() {
        row(name, &value);
    }
    text
}

/// What a runner offers, stage by stage.
fn offers(capabilities: &Capabilities) -> [(&'static str, String); 6] {
    let Capabilities { scene, asr, ast, yolo, parallel, captioners, .. } = capabilities;
    let scenes = scene.as_ref().map(|scene| words(&scene.detectors));
    let speech = asr.as_ref().map(|asr| {
        let AsrSupport { engines, quantization, max_num_beams, max_concurrency, .. } = asr;
        format!(
            "{}; quantization {}; up to {max_num_beams} beams, {max_concurrency} requests at once",
            words(engines),
            words(quantization)
        )
    });
    let sounds = ast.as_ref().map(|ast| {
        format!("quantization {}; up to {} windows at once", words(&ast.quantization), ast.max_batch)
    });
    let objects = yolo.as_ref().map(|yolo| format!("tracker {}", words(&yolo.trackers)));
    let families: Vec<_> = captioners.iter().map(|captioner| captioner.family).collect();
    let none = || "none".to_owned();
    [
        ("scenes", scenes.unwrap_or_else(none)),
        ("speech", speech.unwrap_or_else(none)),
        ("sounds", sounds.unwrap_or_else(none)),
        ("objects", objects.unwrap_or_else(none)),
        ("side by side", if *parallel { "speech and sounds".to_owned() } else { none() }),
        ("captioners", words(&families)),
    ]
}

fn words<T: ToString>(list: &[T]) -> String {
    none_or(&list.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn none_or(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}
