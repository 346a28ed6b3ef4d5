//! `bench gate`: whether head is worse than base, as an exit code, a page, test cases and JSON.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use reelbench_matrix::Gate as GateRules;
use reelbench_reports::{Criteria, Gate, GateVerdict, Limit, Results, SelfTest};
use serde::Serialize;

use crate::args::{GateArgs, Output, SlowedStage};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;
use crate::session::{Measured, SessionPlan};

/// The smallest slowdown of a self-test unless told otherwise, and how many times what is allowed it is.
const LEAST_SLOWDOWN: f64 = 0.25;
const TIMES_ALLOWED: f64 = 3.0;

/// A gate that was judged, and where its files go.
struct Judged {
    gate: Gate,
    out: PathBuf,
    self_test: Option<SelfTest>,
}

pub(crate) fn gate(args: &GateArgs) -> Result<Exit, BenchError> {
    let judged = match directories(args)? {
        Some((base, head)) => judge_directories(args, &base, &head)?,
        None => judge_session(args)?,
    };
    let Judged { gate, out, self_test } = &judged;
    let page = page(gate, self_test.as_ref())?;
    write(out, "gate.md", page.as_bytes())?;
    write(out, "junit.xml", gate.junit()?.as_bytes())?;
    write(out, "verdict.json", &verdict_json(gate, self_test.as_ref())?)?;
    tell_github(gate, self_test.as_ref(), &page, args.output.output())?;
    match args.output.output() {
        Output::Json => print::json(&Verdict { gate, self_test: self_test.as_ref() })?,
        Output::Text => print::text(&format!(
            "\n{}\n{}\n{}\n{}{}: {}\n",
            gate.headline,
            gate.counts,
            gate.terminal_table(),
            self_test.as_ref().map(self_test_words).unwrap_or_default(),
            "page",
            out.join("gate.md").display()
        ))?,
    };
    Ok(exit(gate.verdict, self_test.as_ref()))
}

/// A self-test is seen where a regression would be: exit code 10. A gate that is blind must not look like either.
fn exit(verdict: GateVerdict, self_test: Option<&SelfTest>) -> Exit {
    match (verdict, self_test) {
        (GateVerdict::Incomplete | GateVerdict::NotComparable, _) => Exit::Incomplete,
        (_, Some(self_test)) if self_test.is_seen() => Exit::Regression,
        (_, Some(_)) | (GateVerdict::Inconclusive, None) => Exit::Inconclusive,
        (GateVerdict::Regression, None) => Exit::Regression,
        (GateVerdict::Pass, None) => Exit::Ok,
    }
}

/// The two run directories, where that is what base and head are.
fn directories(args: &GateArgs) -> Result<Option<(PathBuf, PathBuf)>, BenchError> {
    let head = args.head.as_ref().map(PathBuf::from);
    if let (Some(baseline), Some(head)) = (&args.baseline, &head) {
        let folder = if baseline.is_file() { baseline.parent().unwrap_or(Path::new("")) } else { baseline };
        return Ok(Some((folder.to_owned(), head.clone())));
    }
    let base = PathBuf::from(args.base.as_deref().unwrap_or_default());
    let is_run = |path: &Path| path.join("manifest.json").is_file();
    match head {
        Some(head)
            if is_run(&base)
                && is_run(&head)
                && args.self_test.is_none()
                && args.session.resume.is_none() =>
        {
            Ok(Some((base, head)))
        }
        _ if args.matrix.is_some() => Ok(None),
        Some(head) => {
            let wrong = if is_run(&base) { head } else { base };
            Err(BenchError::NeitherRunNorMatrix(wrong))
        }
        None => Err(BenchError::NeitherRunNorMatrix(base)),
    }
}

/// Judges by the gate of the matrix that is given, or else by base's: a change does not loosen what it is judged by.
fn judge_directories(args: &GateArgs, base: &Path, head: &Path) -> Result<Judged, BenchError> {
    let rules = args.matrix.clone().unwrap_or_else(|| base.join("matrix.yaml"));
    let rules = GateRules::load(&rules)?;
    let gate = Gate::new(&Results::load(base)?, &Results::load(head)?, criteria(&rules));
    if gate.verdict == GateVerdict::NotComparable && args.baseline.is_some() {
        print::line(
            "the baseline does not hold here: make one on this machine with `bench run MATRIX --out DIR`",
        );
    }
    let out = args.session.out.clone().unwrap_or_else(|| head.to_owned());
    Ok(Judged { gate, out, self_test: None })
}

fn judge_session(args: &GateArgs) -> Result<Judged, BenchError> {
    let matrix = args.matrix.as_deref().unwrap_or(Path::new(""));
    let base = args.base.as_deref().unwrap_or_default();
    let head = args.head.as_deref().unwrap_or(base);
    let asked = args.self_test;
    let slowdown = |rules: &GateRules| asked.flatten().unwrap_or_else(|| default_slowdown(rules));
    let slow = asked.is_some().then_some(&slowdown as &dyn Fn(&GateRules) -> SlowedStage);
    let plan = SessionPlan { matrix, base, head, args: &args.session, command: command(matrix, base, args) };
    let Measured { root, gate: rules, base, head, slowed } = plan.measure(slow)?;
    let gate = Gate::new(&base, &head, criteria(&rules));
    let self_test = slowed.map(|slowed| SelfTest::new(&gate, slowed.stage, slowed.share));
    Ok(Judged { gate, out: root, self_test })
}

/// How a session goes on as far as it does not know itself.
fn command(matrix: &Path, base: &str, args: &GateArgs) -> String {
    let head = args.head.as_ref().map_or_else(String::new, |head| format!(" --head {head}"));
    let self_test = match args.self_test {
        None => String::new(),
        Some(None) => " --self-test".to_owned(),
        Some(Some(slowed)) => format!(" --self-test={}", slowed.variable()),
    };
    format!("bench gate --matrix {} --base {base}{head}{self_test}", matrix.display())
}

fn default_slowdown(rules: &GateRules) -> SlowedStage {
    let allowed = rules.limits.iter().map(|(_, limit)| *limit).fold(0.0, f64::max);
    SlowedStage { stage: None, share: (TIMES_ALLOWED * allowed).max(LEAST_SLOWDOWN) }
}

/// What a matrix's gate judges by.
pub(crate) fn criteria(rules: &GateRules) -> Criteria {
    let limits = rules.limits.iter().map(|&(metric, max_regression)| Limit { metric, max_regression });
    Criteria { limits: limits.collect(), confidence: rules.confidence }
}

/// `verdict.json`.
#[derive(Serialize)]
struct Verdict<'a> {
    #[serde(flatten)]
    gate: &'a Gate,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_test: Option<&'a SelfTest>,
}

fn verdict_json(gate: &Gate, self_test: Option<&SelfTest>) -> Result<Vec<u8>, BenchError> {
    let json = serde_json::to_vec_pretty(&Verdict { gate, self_test });
    json.map_err(|error| BenchError::Output(error.into()))
}

fn page(gate: &Gate, self_test: Option<&SelfTest>) -> Result<String, BenchError> {
    let page = gate.markdown()?;
    Ok(match self_test {
        Some(self_test) => format!("## Self-test: {}\n\n{page}", self_test.headline),
        None => page,
    })
}

fn self_test_words(self_test: &SelfTest) -> String {
    let unseen = self_test.unseen.iter().map(|words| format!("  {words}\n"));
    let unseen = unseen.collect::<Vec<_>>().concat();
    format!("self-test: {}\n{unseen}", self_test.headline)
}

/// Annotations, and the page in the job's summary, where a workflow of GitHub's runs us. A self-test has no annotations:
/// its regression is made up.
fn tell_github(
    gate: &Gate,
    self_test: Option<&SelfTest>,
    page: &str,
    output: Output,
) -> Result<(), BenchError> {
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let append = || OpenOptions::new().create(true).append(true).open(&path)?.write_all(page.as_bytes());
        append().map_err(|source| BenchError::Write { path: path.clone(), source })?;
    }
    let in_workflow = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    match (in_workflow && self_test.is_none(), output) {
        (true, Output::Text) => print::text(&gate.annotations()).map(|_| ()),
        // Standard output is JSON and nothing else; workflows read commands from either stream.
        (true, Output::Json) => {
            print::line(gate.annotations().trim_end());
            Ok(())
        }
        (false, _) => Ok(()),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), BenchError> {
    let path = folder.join(name);
    let write = || {
        fs::create_dir_all(folder)?;
        fs::write(&path, bytes)
    };
    write().map_err(|source| BenchError::Write { path: path.clone(), source })
}
