//! A runner process that serves one group of cells: commands in, answers or endings out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reelbench_protocol::{
    CellEnd, CellId, CellKind, Command, Device, Event, Failure, FailureKind, Hello, LoadSpec, Loaded,
    Progress, RepeatResult, RunSpec, differences,
};

use crate::log::Log;
use crate::{
    ByteSize, RunnerCommand, RunnerError, RunnerLog, RunnerProcess, StopFlag, Unusable, answer, death,
    memory, secrets, time,
};

/// The deadline of a timeout that the clock cannot count.
const FAR_AWAY: Duration = Duration::from_hours(10 * 365 * 24);

/// How a command's cells end when it does not succeed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    pub(crate) end: CellEnd,
    pub(crate) failure: Failure,
    pub(crate) log_tail: Vec<String>,
}

/// Why a command gave no result.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It failed; the process can be used further.
    Refused(Ending),
    /// The process cannot be used further.
    Lost(Ending),
    /// The user wants to stop.
    Stopped,
    /// The run took all the time it may.
    OutOfTime,
    /// No runner can be started, now or later.
    NoRunner(RunnerError),
}

/// How long answers are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// What a load or a repeat may take.
    pub(crate) timeout: Duration,
    /// When the run's time is up, if it ever is.
    pub(crate) run_ends: Option<Instant>,
}

impl Limits {
    /// Whether the run's time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.run_ends.is_some_and(|end| Instant::now() >= end)
    }

    /// When an answer that is asked for now is late.
    fn deadline(&self) -> Instant {
        let now = Instant::now();
        let answer = now.checked_add(self.timeout).unwrap_or(now + FAR_AWAY);
        self.run_ends.map_or(answer, |end| end.min(answer))
    }
}

/// A process with its log.
#[derive(Debug)]
pub(crate) struct Session {
    process: RunnerProcess,
    log: Log,
    limits: Limits,
    memory_limit: Option<ByteSize>,
    /// The seconds that so many scenes of each cell's film last, as the first answer says.
    lengths: HashMap<(CellId, Option<usize>), f64>,
}

/// An answer and how long it was waited for.
struct Answer {
    event: Event,
    waited: Duration,
}

/// An error with how far the command had come.
struct Broken {
    error: RunnerError,
    progress: Option<Progress>,
}

impl Session {
    /// Starts a process.
    pub(crate) fn start(
        command: &RunnerCommand,
        log: PathBuf,
        limits: Limits,
        stop: &StopFlag,
    ) -> Result<(Self, Hello), Trouble> {
        let started = RunnerProcess::start(command, &RunnerLog::File(log.clone()), stop);
        let log = Log::new(log);
        match started {
            Ok((process, hello)) => {
                Ok((Self { process, log, limits, memory_limit: None, lengths: HashMap::new() }, hello))
            }
            Err(
                error @ (RunnerError::Spawn { .. }
                | RunnerError::Guard(_)
                | RunnerError::Log { .. }
                | RunnerError::OtherProtocol { .. }),
            ) => Err(Trouble::NoRunner(error)),
            Err(RunnerError::TimedOut) => {
                let message = "the runner said no hello within 30 s of its start";
                let failure = Failure::new(FailureKind::Internal, message);
                Err(Trouble::Lost(Ending { end: CellEnd::Failed, failure, log_tail: log.tail() }))
            }
            Err(error) => Err(lost(&log, None, error, None, limits)),
        }
    }

    /// The id of the runner's process.
    pub(crate) fn runner_id(&self) -> u32 {
        self.process.id()
    }

    /// Bounds what the process may allocate. What breaks the bound is out of memory.
    pub(crate) fn limit_memory(&mut self, limit: Option<ByteSize>) -> Result<(), RunnerError> {
        self.memory_limit = limit;
        limit.map_or(Ok(()), |limit| self.process.limit_memory(limit))
    }

    /// Has weights loaded.
    pub(crate) fn load(&mut self, load: &LoadSpec) -> Result<Loaded, Trouble> {
        match self.ask(&Command::Load(load.clone()), &mut |_| {}) {
            Ok(Answer { event: Event::Loaded(loaded), waited }) => {
                match answer::check_load(&loaded, waited) {
                    Ok(()) => Ok(loaded),
                    Err(unusable) => Err(Trouble::Lost(self.unusable(&unusable))),
                }
            }
            Ok(Answer { event: Event::Failed(failure), .. }) => Err(Trouble::Refused(self.refusal(failure))),
            Ok(Answer { event, .. }) => Err(self.lost(RunnerError::unexpected(&event, "loaded"), None)),
            Err(Broken { error, .. }) => Err(self.lost(error, None)),
        }
    }

    /// Has one repeat run, and believes nothing about it that cannot be.
    pub(crate) fn repeat(
        &mut self,
        run: &RunSpec,
        device: Device,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Box<RepeatResult>, Trouble> {
        self.log.begin_part();
        match self.ask(&Command::Run(Box::new(run.clone())), on_progress) {
            Ok(Answer { event: Event::Repeat(result), waited }) => self.believe(run, device, result, waited),
            Ok(Answer { event: Event::Failed(failure), .. }) => Err(Trouble::Refused(self.refusal(failure))),
            Ok(Answer { event, .. }) => Err(self.lost(RunnerError::unexpected(&event, "repeat"), None)),
            Err(Broken { error, progress }) => {
                let place = progress.map(|progress| (progress, run.spec.kind()));
                Err(self.lost(error, place))
            }
        }
    }

    /// Ends the process in good order.
    pub(crate) fn shutdown(self) {
        /// What freeing the memory of a large model may take.
        const PATIENCE: Duration = Duration::from_secs(10);
        self.process.shutdown(PATIENCE);
    }

    fn ask(&mut self, command: &Command, on_progress: &mut dyn FnMut(Progress)) -> Result<Answer, Broken> {
        let now = Instant::now();
        let deadline = self.limits.deadline();
        let mut latest = None;
        let mut converse = || {
            self.process.check_silence()?;
            self.process.send(command)?;
            loop {
                match self.process.wait_event(deadline)? {
                    // A runner that talks all the time is late all the same.
                    Event::Progress(_) if Instant::now() >= deadline => return Err(RunnerError::TimedOut),
                    Event::Progress(progress) => {
                        latest = Some(progress);
                        on_progress(progress);
                    }
                    event => return Ok(Answer { event, waited: now.elapsed() }),
                }
            }
        };
        let answer = converse();
        answer.map_err(|error| Broken { error, progress: latest })
    }

    fn believe(
        &mut self,
        run: &RunSpec,
        device: Device,
        result: Box<RepeatResult>,
        waited: Duration,
    ) -> Result<Box<RepeatResult>, Trouble> {
        let checked =
            answer::check_repeat(run, &result, waited).and_then(|()| self.check_length(run, &result));
        if let Err(unusable) = checked {
            return Err(Trouble::Lost(self.unusable(&unusable)));
        }
        let mut requested = run.spec.requested();
        // `auto` is the runner's choice, and not every runner has one to report.
        if device != Device::Auto && result.effective.contains_key("device") {
            requested.insert("device".to_owned(), device.to_string().into());
        }
        let differences = differences(&requested, &result.effective);
        if !differences.is_empty() {
            let differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
            let message = format!("the runner did not do as asked: {}", differences.join("; "));
            return Err(Trouble::Refused(self.failed(Failure::new(FailureKind::Unsupported, message))));
        }
        Ok(result)
    }

    /// A film is as long in every repeat. Two readings of one film give the same number to its last bit. (A check of the cache
    /// asks the same cell for fewer scenes.)
    fn check_length(&mut self, run: &RunSpec, result: &RepeatResult) -> Result<(), Unusable> {
        let now = result.media_s;
        let scenes = run.scenes.as_ref().map(|list| list.scenes.len());
        let before = *self.lengths.entry((run.cell.clone(), scenes)).or_insert(now);
        if before.to_bits() == now.to_bits() { Ok(()) } else { Err(Unusable::OtherLength { before, now }) }
    }

    fn unusable(&self, unusable: &Unusable) -> Ending {
        let message = format_args!("the runner's answer is not usable: {unusable}");
        self.failed(Failure::new(FailureKind::Internal, message))
    }

    fn refusal(&self, mut failure: Failure) -> Ending {
        failure.message = secrets::masked(&failure.message);
        let ran_out = death::tells_of_memory(&failure.message);
        let end = if ran_out || failure.kind == FailureKind::Memory { CellEnd::Oom } else { CellEnd::Failed };
        // A runner that knows what it lacks says itself what to do.
        if let (true, FailureKind::Internal, Some(limit)) = (ran_out, failure.kind, self.memory_limit) {
            failure.message = memory::with_limit(&failure.message, limit);
        }
        Ending { end, ..self.failed(failure) }
    }

    fn failed(&self, failure: Failure) -> Ending {
        self.process.catch_up_with_log();
        Ending { end: CellEnd::Failed, failure, log_tail: self.log.tail() }
    }

    fn lost(&self, error: RunnerError, place: Option<(Progress, CellKind)>) -> Trouble {
        self.process.catch_up_with_log();
        lost(&self.log, self.memory_limit, error, place, self.limits)
    }
}

/// The end of a process as the end of a cell.
fn lost(
    log: &Log,
    memory_limit: Option<ByteSize>,
    error: RunnerError,
    place: Option<(Progress, CellKind)>,
    limits: Limits,
) -> Trouble {
    let log_tail = log.tail();
    let (end, kind, message) = match error {
        RunnerError::Stopped => return Trouble::Stopped,
        RunnerError::TimedOut if limits.is_over() => return Trouble::OutOfTime,
        RunnerError::TimedOut => {
            let allowed = time::duration(limits.timeout);
            let message = format!("no answer within {allowed}; run.timeout in the matrix allows more");
            (CellEnd::Timeout, FailureKind::Internal, message)
        }
        RunnerError::Ended(death) if death.is_out_of_memory(&log_tail) => {
            let reason = memory::reason(death, &log_tail, memory_limit);
            (CellEnd::Oom, FailureKind::Memory, reason)
        }
        error => (CellEnd::Failed, FailureKind::Internal, secrets::masked(&error.to_string())),
    };
    let stage = place.map(|(progress, _)| progress.stage);
    // Captioning counts scenes: with `done` of them behind it, it was at the next.
    let scene = place.and_then(|(progress, kind)| {
        (kind == CellKind::Caption && progress.done < progress.total).then_some(progress.done)
    });
    Trouble::Lost(Ending { end, failure: Failure { kind, stage, scene, message }, log_tail })
}
