//! Two runs are held against each other before their times are.

use std::path::Path;

use reelbench_protocol::{FileHash, JournalEvent, RunnerInfo, Weights, Work};
use reelbench_reports::{Difference, Run, Severity, differences};
use serde_json::json;

use crate::fixtures::*;
use crate::support::*;

fn loaded(change: impl FnOnce(&mut RunDir)) -> Run {
    let mut run = finished_run();
    change(&mut run);
    Run::load(run.write()).unwrap()
}

/// What is said of a finished run and the same one after a change.
fn after(change: impl FnOnce(&mut RunDir)) -> Vec<Difference> {
    differences(&loaded(|_| ()), &loaded(change))
}

fn words(differences: &[Difference], severity: Severity) -> Vec<String> {
    let chosen = differences.iter().filter(|difference| difference.severity == severity);
    chosen.map(ToString::to_string).collect()
}

fn change_runner(run: &mut RunDir, change: impl FnOnce(&mut RunnerInfo)) {
    let hello = run.events.iter_mut().find_map(|event| match event {
        JournalEvent::RunnerStarted { hello, .. } => Some(hello),
        _ => None,
    });
    change(&mut hello.unwrap().runner);
}

#[test]
fn a_run_does_not_differ_from_itself_nor_from_one_that_took_longer() {
    assert_eq!(after(|_| ()), []);
    let slower = after(|run| {
        for event in &mut run.events {
            if let JournalEvent::Repeat { result, .. } = event {
                result.wall_ns *= 2;
            }
        }
    });
    assert_eq!(slower, []);
}

#[test]
fn another_machine_blocks_with_what_is_other_about_it() {
    type Change = fn(&mut RunDir);
    let cases: [(Change, &str); 12] = [
        (|run| run.manifest.environment.cpu = "Other".into(), "cpu: Test CPU | 3 GHz in base, Other in head"),
        (
            |run| run.manifest.environment.cpu_features = vec!["avx2".into(), "amx_int8".into()],
            "cpu features: avx512f only in base, amx_int8 only in head",
        ),
        (|run| run.manifest.environment.cpu_features.truncate(1), "cpu features: avx512f only in base"),
        (|run| run.manifest.environment.cores = 4, "cores: 2 in base, 4 in head"),
        (|run| run.manifest.environment.governor = None, "governor: performance in base, unknown in head"),
        (|run| run.manifest.environment.memory_bytes = 16 << 30, "memory: 8.0 GiB in base, 16.0 GiB in head"),
        (
            |run| run.manifest.environment.gpus = vec!["H100, driver 550".into()],
            "gpu: unknown in base, H100, driver 550 in head",
        ),
        (|run| run.manifest.environment.os = "Linux 6.2".into(), "os: Linux 6.1 in base, Linux 6.2 in head"),
        (
            |run| run.manifest.environment.variables.clear(),
            "variable RAYON_NUM_THREADS: 2 in base, not set in head",
        ),
        (
            |run| run.manifest.environment.variables = [("OMP_NUM_THREADS".into(), "1".into())].into(),
            "variable OMP_NUM_THREADS: not set in base, 1 in head",
        ),
        (
            |run| change_runner(run, |runner| runner.threads = Some(8)),
            "runner's threads: 2 in base, 8 in head",
        ),
        (
            |run| {
                change_runner(run, |runner| {
                    runner.libraries.insert("ffmpeg".into(), "7.1".into());
                });
            },
            "ffmpeg: 5.1 in base, 7.1 in head",
        ),
    ];
    for (change, expected) in cases {
        let found = after(change);
        assert!(found.iter().all(Difference::blocks), "{found:?}");
        assert_eq!(found.first().map(ToString::to_string).as_deref(), Some(expected));
    }
}

#[test]
fn memory_that_a_kernel_keeps_for_itself_makes_no_other_machine() {
    assert_eq!(after(|run| run.manifest.environment.memory_bytes -= 64 << 20), []);
}

#[test]
fn what_is_compared_differs_on_purpose() {
    let found = after(|run| {
        run.manifest.bench_version = "0.2.0".into();
        run.manifest.git.as_mut().unwrap().dirty = false;
        run.manifest.binaries[0].sha256 = "e".repeat(64);
        change_runner(run, |runner| {
            runner.version = "0.2.0".into();
            runner.libraries.remove("candle");
        });
    });
    assert_eq!(words(&found, Severity::OnPurpose).len(), found.len());
    assert_eq!(
        words(&found, Severity::OnPurpose),
        [
            "runner: bench-runner 0.1.0 in base, bench-runner 0.2.0 in head",
            "library candle: 0.11.1 in base, absent in head",
            "bench: 0.1.0 in base, 0.2.0 in head",
            "git revision: 0123456789abcdef with changes in base, 0123456789abcdef in head",
            &format!("binary bench-runner: {} in base, {} in head", "1".repeat(64), "e".repeat(64)),
        ]
    );
}

fn file(path: &str, digit: &str) -> FileHash {
    let path = Path::new(path).to_owned();
    FileHash { used_by: "hf:a/b".into(), path, bytes: 1, sha256: digit.repeat(64) }
}

#[test]
fn inputs_are_what_they_hold_and_not_where_they_lie() {
    let moved = after(|run| run.manifest.inputs[0].path = "/elsewhere/film.mp4".into());
    assert_eq!(moved, []);

    let changed = after(|run| run.manifest.inputs[0].sha256 = "f".repeat(64));
    let expected = format!("input sintel: sha256 {} in base, {} in head", "2".repeat(64), "f".repeat(64));
    assert_eq!(words(&changed, Severity::Blocks), [expected]);

    let model = |folder: &str, digits: [&str; 3]| {
        let names = ["config.json", "tokenizer.json", "qformer_tokenizer/tokenizer.json"];
        let files = names.iter().zip(digits).map(|(name, digit)| file(&format!("{folder}/{name}"), digit));
        let inputs: Vec<FileHash> = files.collect();
        move |run: &mut RunDir| run.manifest.inputs.extend(inputs)
    };
    let base = loaded(model("/models/a", ["3", "4", "5"]));
    assert_eq!(differences(&base, &loaded(model("/cache/b", ["3", "4", "5"]))), []);
    let found = differences(&base, &loaded(model("/cache/b", ["3", "4", "6"])));
    let of_tokenizer = format!("sha256 {} in base, {} in head", "5".repeat(64), "6".repeat(64));
    let expected = format!("input hf:a/b, qformer_tokenizer/tokenizer.json: {of_tokenizer}");
    assert_eq!(words(&found, Severity::Blocks), [expected]);

    let without = loaded(|run| run.manifest.inputs.push(file("/models/a/config.json", "3")));
    let base = loaded(|run| {
        run.manifest.inputs.extend([file("/a/config.json", "3"), file("/a/generation_config.json", "7")]);
    });
    let expected =
        format!("input hf:a/b, generation_config.json: {} in base, absent in head", "7".repeat(64));
    assert_eq!(words(&differences(&base, &without), Severity::Blocks), [expected]);

    let only_in_base = differences(&base, &loaded(|_| ()));
    assert_eq!(only_in_base, [], "what only one run reads belongs to cells that the other does not have");
}

#[test]
fn settings_in_force_are_named_once_with_the_cells_they_differ_in() {
    let captions: Vec<_> = loaded(|_| ()).cells.iter().skip(1).map(|cell| cell.planned.id.clone()).collect();
    let found = after(|run| {
        for event in &mut run.events {
            if let JournalEvent::Repeat { result, .. } = event
                && captions.contains(&result.cell)
            {
                result.effective.insert("dtype".into(), json!("bf16"));
            }
        }
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].cells, captions);
    let expected = format!("setting dtype: f32 in base, bf16 in head (cell {} and 1 more)", captions[0]);
    assert_eq!(words(&found, Severity::Blocks), [expected]);
}

#[test]
fn dummies_are_not_compared_with_trained_weights_of_the_same_name() {
    let trained = |run: &mut RunDir| {
        let planned = run.events.iter_mut().find_map(|event| match event {
            JournalEvent::Planned { cells, .. } => Some(cells),
            _ => None,
        });
        for cell in planned.unwrap() {
            if let Work::Caption(caption) = &mut cell.spec.work {
                caption.weights = Weights::Local { path: "/m".into(), name: "hf:a/llava".into() };
            }
        }
    };
    assert_eq!(
        words(&after(trained), Severity::Blocks),
        ["weights of llava-tiny: dummy:llava-next-tiny in base, hf:a/llava in head"]
    );
}

#[test]
fn another_matrix_is_worth_saying_where_it_means_other_cells() {
    assert_eq!(after(|run| run.manifest.matrix_sha256 = "cd".repeat(32)), []);
    let stage1 = stage1_cell("sintel", 1);
    let base = loaded(|_| ());
    let mut fewer = RunDir::planned(vec![stage1.clone()], vec![]);
    fewer.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    fewer.manifest.matrix_sha256 = "cd".repeat(32);
    let found = differences(&base, &Run::load(fewer.write()).unwrap());
    assert_eq!(
        words(&found, Severity::WorthSaying),
        [format!(
            "matrix: {} with 2 cells of its own in base, {} with 0 cells of its own in head",
            "ab".repeat(32),
            "cd".repeat(32)
        )]
    );
    assert_eq!(words(&found, Severity::Blocks), [""; 0]);
}
