//! Starts `bench` in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run `bench` in.
pub(crate) struct Workplace {
    folder: TempDir,
}

/// How a call of `bench` ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn copy(&self, from: &Path, name: &str) -> PathBuf {
        self.write(name, fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())))
    }

    /// Runs `bench` with arguments separated by blanks.
    pub(crate) fn bench(&self, args: &str) -> Ended {
        self.command(&args.split_whitespace().collect::<Vec<_>>())
    }

    /// Starts `bench` and does not wait for it.
    pub(crate) fn start(&self, args: &str) -> Child {
        Command::new(bench())
            .args(args.split_whitespace())
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Ended {
        self.command_with(args, &[])
    }

    /// Runs `bench` with these environment variables.
    pub(crate) fn command_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let output: Output = Command::new(bench())
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("BENCH_RUNNER")
            .env("HF_HUB_CACHE", self.path("hub"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&self.folder.path().display().to_string(), "[WORK]")
        };
        Ended {
            code: output.status.code().expect("an exit code"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Makes `scripted` a fake runner that follows this script.
    pub(crate) fn scripted_runner(&self, script: &str) {
        let fake = bench().with_file_name("bench-runner-fake");
        let script = self.write("script.json", script);
        let (fake, script) = (fake.display().to_string(), script.display().to_string());
        self.write(
            "runners.yaml",
            format!("scripted: {{program: {fake:?}, args: [--script, {script:?}]}}\n"),
        );
    }

    /// The processes that work in this folder, whoever started them; those that only wait to be reaped do not.
    #[cfg(target_os = "linux")]
    pub(crate) fn lodgers(&self) -> Vec<u32> {
        let here = self.folder.path().canonicalize().unwrap();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|id: &u32| fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|folder| folder == here))
            .collect()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Objects of a file with one a line.
    pub(crate) fn json_lines(&self, name: &str) -> Vec<Value> {
        self.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Ended {
    /// Fails with everything `bench` said unless it ended with `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

fn bench() -> &'static Path {
    let bench = Path::new(env!("CARGO_BIN_EXE_bench"));
    for runner in ["bench-runner", "bench-runner-fake"] {
        assert!(
            bench.with_file_name(runner).is_file(),
            "{runner} is not built: `make test` builds it, or cargo build --release --workspace"
        );
    }
    bench
}

/// The cells of a summary that are of a model.
pub(crate) fn cells_of<'a>(summary: &'a Value, model: &str) -> Vec<&'a Value> {
    summary["cells"].as_array().unwrap().iter().filter(|cell| cell["model"] == model).collect()
}

/// The clip that lies in the repository.
pub(crate) fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/clips/sintel-quickstart.mp4")
}
