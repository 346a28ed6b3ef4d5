//! Two runners measured in turns, each into a run of its own.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reelbench_exec::{Inputs, RunDirectory, RunEnd, RunPlan, Side, execute_pair, rfc3339};
use reelbench_matrix::{Gate, RunOverrides};
use reelbench_protocol::{Arm, Manifest, Repeats, SLOWDOWN_VARIABLE, Session};
use reelbench_reports::{Results, Template, rebuild};

use crate::args::{Changes, Frames, Network, SessionArgs, SlowedStage, Talk};
use crate::cmd::run::{done_before, expected_hashes, free_path, run_plan};
use crate::error::BenchError;
use crate::plan::{Planned, plan};
use crate::progress::{Expected, OfSide, Progress};
use crate::resume::Begun;
use crate::{interrupt, manifest, print, references};

/// Fewer rounds leave intervals too wide to judge by.
const LEAST_ROUNDS: u32 = 10;

/// What is to be measured.
pub(crate) struct SessionPlan<'a> {
    pub(crate) matrix: &'a Path,
    pub(crate) base: &'a str,
    pub(crate) head: &'a str,
    pub(crate) args: &'a SessionArgs,
    /// What was typed, without what the journals of a session that goes on know.
    pub(crate) command: String,
}

/// What was done before of each side; a session may have been killed before there was a head.
type BegunSides = [Option<Begun>; 2];

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
    /// Measures both sides, or what is left of them; head slowed down if `slow` asks for it, given what the gate allows.
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
        let [base, head] = &mut sides;
        base.estimates.skip_misfit_pairs(&head.estimates, &mut base.expansion, self.args.misfits());
        let root = self.root(base);
        let begun = self.begun()?;
        let planned_before = begun.iter().flatten().find_map(|begun| begun.cells.clone());
        self.say("hashing films and weights");
        let cells = planned_before.as_ref().unwrap_or(&base.expansion.cells);
        let inputs = Inputs::of(cells, &expected_hashes(&base.matrix));
        let plan = run_plan(Frames::Forget, base, inputs.clone());
        let plan = RunPlan { cells: cells.clone(), repeats: Repeats::Fixed(self.rounds(&plan)), ..plan };
        let [of_base, of_head] = open(&root, [base, head], &inputs, slowed, begun)?;
        self.say(&format!("session {}", root.display()));
        let ends = self.execute(&plan, (base, &of_base.0), (head, &of_head.0))?;
        self.refuse_a_part(ends, &root)?;
        for (directory, manifest) in [&of_base, &of_head] {
            finish(directory, manifest)?;
        }
        let (base, head) = (Results::load(of_base.0.path())?, Results::load(of_head.0.path())?);
        Ok(Measured { root, gate, base, head, slowed })
    }

    fn root(&self, base: &Planned) -> PathBuf {
        let given = self.args.resume.as_ref().or(self.args.out.as_ref());
        given.cloned().unwrap_or_else(|| free_path(base.matrix.name()))
    }

    fn begun(&self) -> Result<BegunSides, BenchError> {
        let Some(root) = &self.args.resume else { return Ok([None, None]) };
        let base = Begun::open(&folder(root, Arm::Base))?;
        let head = Some(folder(root, Arm::Head)).filter(|head| head.exists());
        Ok([Some(base), head.as_deref().map(Begun::open).transpose()?])
    }

    /// Half a session is not judged.
    fn refuse_a_part(&self, ends: [RunEnd; 2], root: &Path) -> Result<(), BenchError> {
        let go_on = || format!("{} --resume {}", self.command, root.display());
        if ends.contains(&RunEnd::Interrupted) {
            return Err(BenchError::SessionInterrupted(go_on()));
        }
        if ends.contains(&RunEnd::OutOfTime) {
            return Err(BenchError::SessionOutOfTime(go_on()));
        }
        Ok(())
    }

    /// Says how far things have come, unless quiet was asked for.
    fn say(&self, line: &str) {
        if self.args.talk() == Talk::Progress {
            print::line(line);
        }
    }

    fn planned(&self, runner: &str) -> Result<Planned, BenchError> {
        let only = self.args.only.as_ref();
        plan(self.matrix, runner, only, RunOverrides::default(), self.args.misfits(), Network::Allowed)
    }

    fn rounds(&self, plan: &RunPlan) -> u32 {
        let of_matrix = match plan.repeats {
            Repeats::Fixed(repeats) => repeats,
            Repeats::Adaptive(adaptive) => adaptive.at_least,
        };
        self.args.rounds.map_or_else(|| of_matrix.max(LEAST_ROUNDS), NonZeroU32::get)
    }

    fn execute(
        &self,
        plan: &RunPlan,
        (base, of_base): (&Planned, &RunDirectory),
        (head, of_head): (&Planned, &RunDirectory),
    ) -> Result<[RunEnd; 2], BenchError> {
        let stop = interrupt::stop_flag()?;
        let before = [of_base, of_head].map(|directory| done_before(directory.path()));
        let [base_before, head_before] = [&before[0], &before[1]].map(Option::as_ref);
        let known = base_before.or(head_before);
        let expected = Expected {
            cells: &plan.cells,
            repetition: known.map_or((plan.repeats, plan.warmup), |run| (run.repeats, run.warmup)),
            device: plan.device,
            before: None,
        };
        let progress = Progress::of_session(&expected, [base_before, head_before], self.args.talk());
        let progress = RefCell::new(progress);
        let side = |arm| OfSide { progress: &progress, arm };
        let (mut base_side, mut head_side) = (side(Arm::Base), side(Arm::Head));
        let base = Side { runner: &base.runner, directory: of_base, sink: &mut base_side };
        let head = Side { runner: &head.runner, directory: of_head, sink: &mut head_side };
        let ends = execute_pair(plan, base, head, &stop)?;
        progress.borrow().close();
        Ok(ends)
    }
}

/// Where a side of a session is.
fn folder(root: &Path, arm: Arm) -> PathBuf {
    root.join(arm.as_str())
}

/// Makes the run directories of both sides, or goes on with them.
fn open(
    root: &Path,
    sides: [&Planned; 2],
    inputs: &Inputs,
    slowed: Option<SlowedStage>,
    begun: BegunSides,
) -> Result<[(RunDirectory, Manifest); 2], BenchError> {
    let before = begun.iter().flatten().find_map(|begun| begun.session.as_ref());
    let id = before.map_or_else(|| session_id(root), |session| session.id.clone());
    let slowdown = slowed.map(SlowedStage::variable);
    let ([base, head], [base_begun, head_begun]) = (sides, begun);
    let of_base = Session { id: id.clone(), arm: Arm::Base, slowdown: None };
    let of_head = Session { id, arm: Arm::Head, slowdown };
    Ok([
        open_side(root, base, inputs, of_base, base_begun)?,
        open_side(root, head, inputs, of_head, head_begun)?,
    ])
}

fn open_side(
    root: &Path,
    planned: &Planned,
    inputs: &Inputs,
    session: Session,
    begun: Option<Begun>,
) -> Result<(RunDirectory, Manifest), BenchError> {
    if let Some(begun) = begun {
        return begun.go_on(planned, inputs, Changes::Refuse, Some(session));
    }
    let directory = RunDirectory::create(&folder(root, session.arm), planned.matrix.text().as_bytes())?;
    references::keep(directory.path(), &planned.matrix)?;
    let manifest = Manifest { session: Some(session), ..manifest::manifest(planned, &directory, inputs) };
    directory.write_manifest(&manifest)?;
    Ok((directory, manifest))
}

/// Writes down when a side was done, and its report.
fn finish(directory: &RunDirectory, manifest: &Manifest) -> Result<(), BenchError> {
    if manifest.finished.is_none() {
        let finished = Some(rfc3339(SystemTime::now()));
        directory.write_manifest(&Manifest { finished, ..manifest.clone() })?;
    }
    rebuild(directory.path(), &Template::default())?;
    Ok(())
}

/// The same for both sides, and for no other session.
fn session_id(root: &Path) -> String {
    let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy();
    format!("{name}-{}", rfc3339(SystemTime::now()))
}

/// Has a runner take longer on purpose.
fn slow_down(planned: &mut Planned, slowed: SlowedStage) -> Result<(), BenchError> {
    if !planned.hello.capabilities.slowdown {
        return Err(BenchError::NoSlowdown(planned.runner.name.clone()));
    }
    planned.runner.variables.push((SLOWDOWN_VARIABLE.to_owned(), slowed.variable()));
    Ok(())
}
