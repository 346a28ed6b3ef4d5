//! Two runners measured in turns, each into a run of its own.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reelbench_exec::{Inputs, RunDirectory, RunEnd, RunEvent, RunPlan, Side, Sink, execute_pair, rfc3339};
use reelbench_matrix::{Gate, RunOverrides};
use reelbench_protocol::{Arm, Manifest, Repeats, SLOWDOWN_VARIABLE, Session};
use reelbench_reports::{Results, Template, rebuild};

use crate::args::{Frames, Misfits, Network, SessionArgs, SlowedStage};
use crate::cmd::run::{expected_hashes, free_path, run_plan};
use crate::error::BenchError;
use crate::label::Labels;
use crate::plan::{Planned, plan};
use crate::{interrupt, manifest, print};

/// Fewer rounds leave intervals too wide to judge by.
const LEAST_ROUNDS: u32 = 10;

/// What is to be measured.
pub(crate) struct SessionPlan<'a> {
    pub(crate) matrix: &'a Path,
    pub(crate) base: &'a str,
    pub(crate) head: &'a str,
    pub(crate) args: &'a SessionArgs,
}

/// A session that was measured to its end.
pub(crate) struct Measured {
    /// Where `base/` and `head/` are.
    pub(crate) root: PathBuf,
    pub(crate) gate: Gate,
    pub(crate) base: Results,
    pub(crate) head: Results,
    /// The slowdown of head.
    pub(crate) slowed: Option<SlowedStage>,
}

impl SessionPlan<'_> {
    /// Measures both sides; head slowed down if `slow` asks for it, given what the gate allows.
    ///
    /// # Errors
    /// When the matrix or a runner is not right, and when the session was interrupted.
    pub(crate) fn measure(
        &self,
        slow: Option<&dyn Fn(&Gate) -> SlowedStage>,
    ) -> Result<Measured, BenchError> {
        let mut sides = [self.planned(self.base)?, self.planned(self.head)?];
        let gate = sides[0].matrix.gate().cloned().unwrap_or_default();
        let slowed = slow.map(|slow| slow(&gate));
        if let Some(slowed) = slowed {
            slow_down(&mut sides[1], slowed)?;
        }
        let [base, head] = &sides;
        print::line("hashing films and weights");
        let inputs = Inputs::of(&base.expansion.cells, &expected_hashes(&base.matrix));
        let root = self.args.out.clone().unwrap_or_else(|| free_path(base.matrix.name()));
        let id = session_id(&root);
        let (of_base, base_manifest) =
            open(&root, base, &inputs, Session { id: id.clone(), arm: Arm::Base })?;
        let (of_head, head_manifest) = open(&root, head, &inputs, Session { id, arm: Arm::Head })?;
        print::line(&format!("session {}", root.display()));
        let plan = run_plan(Frames::Forget, base, inputs.clone());
        let plan = RunPlan { repeats: Repeats::Fixed(self.rounds(&plan)), ..plan };
        let ends = Self::execute(&plan, (base, &of_base), (head, &of_head))?;
        if ends.iter().any(|end| !matches!(end, RunEnd::Finished(_))) {
            return Err(BenchError::SessionStopped(root));
        }
        let finished = Some(rfc3339(SystemTime::now()));
        for (directory, manifest) in [(&of_base, base_manifest), (&of_head, head_manifest)] {
            directory.write_manifest(&Manifest { finished: finished.clone(), ..manifest })?;
            rebuild(directory.path(), &Template::default())?;
        }
        let (base, head) = (Results::load(of_base.path())?, Results::load(of_head.path())?);
        Ok(Measured { root, gate, base, head, slowed })
    }

    fn planned(&self, runner: &str) -> Result<Planned, BenchError> {
        let only = self.args.only.as_ref();
        plan(self.matrix, runner, only, RunOverrides::default(), Misfits::Skip, Network::Allowed)
    }

    fn rounds(&self, plan: &RunPlan) -> u32 {
        let of_matrix = match plan.repeats {
            Repeats::Fixed(repeats) => repeats,
            Repeats::Adaptive(adaptive) => adaptive.at_least,
        };
        self.args.rounds.map_or_else(|| of_matrix.max(LEAST_ROUNDS), NonZeroU32::get)
    }

    fn execute(
        plan: &RunPlan,
        (base, of_base): (&Planned, &RunDirectory),
        (head, of_head): (&Planned, &RunDirectory),
    ) -> Result<[RunEnd; 2], BenchError> {
        let stop = interrupt::stop_flag()?;
        let lines = |arm| Lines { arm, labels: Labels::of(&plan.cells.iter()) };
        let (mut base_lines, mut head_lines) = (lines(Arm::Base), lines(Arm::Head));
        let base = Side { runner: &base.runner, directory: of_base, sink: &mut base_lines };
        let head = Side { runner: &head.runner, directory: of_head, sink: &mut head_lines };
        Ok(execute_pair(plan, base, head, &stop)?)
    }
}

/// The same for both sides, and for no other session.
fn session_id(root: &Path) -> String {
    let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy();
    format!("{name}-{}", rfc3339(SystemTime::now()))
}

/// Makes the run directory of a side.
fn open(
    root: &Path,
    planned: &Planned,
    inputs: &Inputs,
    session: Session,
) -> Result<(RunDirectory, Manifest), BenchError> {
    let text = planned.matrix.text().as_bytes();
    let directory = RunDirectory::create(&root.join(session.arm.as_str()), text)?;
    let manifest = Manifest { session: Some(session), ..manifest::manifest(planned, &directory, inputs) };
    directory.write_manifest(&manifest)?;
    Ok((directory, manifest))
}

/// Has a runner take longer on purpose.
fn slow_down(planned: &mut Planned, slowed: SlowedStage) -> Result<(), BenchError> {
    if !planned.hello.capabilities.slowdown {
        return Err(BenchError::NoSlowdown(planned.runner.name.clone()));
    }
    planned.runner.variables.push((SLOWDOWN_VARIABLE.to_owned(), slowed.variable()));
    Ok(())
}

/// Shows a side of a session, one line per repeat.
struct Lines {
    arm: Arm,
    labels: Labels,
}

impl Sink for Lines {
    fn event(&mut self, event: RunEvent<'_>) {
        match event {
            RunEvent::RepeatFinished { cell, result } => {
                let seconds = result.wall_ns as f64 / 1e9;
                print::line(&format!(
                    "{:<4} {:<8} {:>3}  {seconds:>9.2} s  RTF {:.3}  {}",
                    self.arm.as_str(),
                    result.pass.as_str(),
                    result.repeat + 1,
                    seconds / result.media_s,
                    self.labels.label(cell)
                ));
            }
            RunEvent::CellEnded { cell, end, failure } => {
                print::line(&format!("{:<4} {end}  {cell}: {failure}", self.arm.as_str()));
            }
            _ => {}
        }
    }
}
