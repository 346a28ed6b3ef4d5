//! One runner process: how it is started, spoken to, waited for and ended.

mod error;
mod log;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reelbench_matrix::ByteSize;
use reelbench_protocol::{Command, Event, Hello, PROTOCOL_VERSION};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use self::log::{KeptLog, OpenLog};
use crate::guard::Guard;
use crate::mailbox::{Garbage, Mailbox, Message};
use crate::{Death, Killer, StopFlag, memory};

/// How long a runner may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a process may stay behind after its output closed, or its output after the process.
const PARTING: Duration = Duration::from_secs(10);

pub use self::error::RunnerError;
pub use self::log::RunnerLog;

/// How to start a runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerCommand {
    /// Its name in `runners.yaml`.
    pub name: String,
    /// The program; without a slash it is looked up in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables that it is started with besides our own.
    pub variables: Vec<(String, String)>,
}

/// A running runner.
///
/// It has a process group of its own, and the whole group is killed with it, so that nothing it
/// started stays behind, however `bench` itself ends.
///
/// Four threads wait in the kernel for it: for its output, its log, room in its input, and its end. The
/// harness sleeps on one channel, so it uses no processor time while a repeat is measured.
#[derive(Debug)]
pub struct RunnerProcess {
    name: String,
    child: Child,
    guard: Guard,
    log: Option<KeptLog>,
    commands: Sender<Vec<u8>>,
    mailbox: Mailbox,
    stop: StopFlag,
    exit_watch: Option<JoinHandle<()>>,
    /// Which of its two ends have been seen, and until when the other one is waited for.
    parting: Option<Parting>,
    torn: Option<Garbage>,
    /// What the kernel's count of kills for want of memory was when it started.
    oom_kills_before: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Parting {
    first: FirstSign,
    until: Instant,
}

/// A process's end shows in two ways, in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstSign {
    OutputClosed,
    Exited,
}

impl RunnerProcess {
    /// Starts a runner and waits for its hello.
    ///
    /// # Errors
    /// When it does not start, says no hello of our version within 30 seconds, or `stop` is requested.
    pub fn start(
        command: &RunnerCommand,
        log: &RunnerLog,
        stop: &StopFlag,
    ) -> Result<(Self, Hello), RunnerError> {
        let log = log.open()?;
        let guard = Guard::start().map_err(RunnerError::Guard)?;
        let oom_kills = memory::oom_kills();
        let child = guard
            .admit(&mut std::process::Command::new(&command.program))
            .args(&command.args)
            .envs(command.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| RunnerError::Spawn {
                name: command.name.clone(),
                program: command.program.clone(),
                source,
            })?;
        memory::offer_to_oom_killer(child.id());
        let mut process = Self::watch(command.name.clone(), child, guard, log, stop);
        process.oom_kills_before = oom_kills;
        let hello = process.hello()?;
        Ok((process, hello))
    }

    /// Starts the threads that wait for a fresh child.
    fn watch(name: String, mut child: Child, guard: Guard, log: OpenLog, stop: &StopFlag) -> Self {
        let pid = Pid::from_child(&child);
        let (mailbox, reader) = Mailbox::new();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || reader.read(output));
        }
        let log = child.stderr.take().map(|stderr| log.keep(stderr));
        let exited = mailbox.sender();
        let exit_watch = thread::spawn(move || {
            wait_unreaped(pid);
            // Nobody listens when we ended it ourselves.
            let _ = exited.send(Message::Exited);
        });
        let (commands, lines) = mpsc::channel::<Vec<u8>>();
        if let Some(mut input) = child.stdin.take() {
            // A runner that does not read must not keep us from seeing its timeout. One that has
            // gone away shows by its end.
            thread::spawn(move || lines.iter().try_for_each(|line| input.write_all(&line)));
        }
        Self {
            name,
            child,
            guard,
            log,
            commands,
            mailbox,
            stop: stop.clone(),
            exit_watch: Some(exit_watch),
            parting: None,
            torn: None,
            oom_kills_before: None,
        }
    }

    fn hello(&mut self) -> Result<Hello, RunnerError> {
        let other = |name: &str, theirs| RunnerError::OtherProtocol { name: name.to_owned(), theirs };
        match self.wait_event(Instant::now() + HELLO_TIMEOUT) {
            Ok(Event::Hello(hello)) if hello.protocol == PROTOCOL_VERSION => Ok(*hello),
            Ok(Event::Hello(hello)) => Err(other(&self.name, hello.protocol)),
            Ok(event) => Err(RunnerError::unexpected(&event, "hello")),
            // Another version's hello need not have the shape of ours.
            Err(RunnerError::Garbage(Garbage { protocol: Some(theirs), .. }))
                if theirs != PROTOCOL_VERSION =>
            {
                Err(other(&self.name, theirs))
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until the log holds what the runner has said by now.
    pub(crate) fn catch_up_with_log(&self) {
        if let Some(log) = &self.log {
            log.catch_up();
        }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Bounds what it may allocate from here on.
    ///
    /// # Errors
    /// When the system offers no such limit.
    pub fn limit_memory(&self, limit: ByteSize) -> Result<(), RunnerError> {
        memory::limit(Pid::from_child(&self.child), limit)
            .map_err(|source| RunnerError::MemoryLimit { limit, source })
    }

    /// Sends a command. A runner that cannot be reached shows when its answer is waited for.
    ///
    /// # Errors
    /// When the command cannot be written as JSON.
    pub fn send(&self, command: &Command) -> Result<(), RunnerError> {
        let mut line = serde_json::to_vec(command).map_err(RunnerError::Unspeakable)?;
        line.push(b'\n');
        let _ = self.commands.send(line);
        Ok(())
    }

    /// Waits for the next event until `deadline`. After an error, drop the process.
    ///
    /// # Errors
    /// When none comes: garbage, the deadline, the runner's end, or a request to stop.
    pub fn wait_event(&mut self, deadline: Instant) -> Result<Event, RunnerError> {
        let doorbell = self.mailbox.sender();
        self.stop.on_request(move || {
            // A process that is gone has no one to wake.
            let _ = doorbell.send(Message::Stop);
        });
        loop {
            let until = self.parting.map_or(deadline, |parting| parting.until);
            let message = self.mailbox.wait(until.saturating_duration_since(Instant::now()));
            match (message, self.parting) {
                (Ok(Message::Event(event)), _) => return Ok(*event),
                // More may follow progress, but nothing what ends a command.
                (Ok(Message::EventAndMore(event)), _) if matches!(*event, Event::Progress(_)) => {
                    return Ok(*event);
                }
                (Ok(Message::EventAndMore(event)), _) => return Err(RunnerError::unasked(&event)),
                (Ok(Message::Garbage(garbage)), _) => return Err(RunnerError::Garbage(garbage)),
                (Ok(Message::Stop), _) => return Err(RunnerError::Stopped),
                (Ok(Message::Torn(line)), _) => self.torn = Some(line),
                (Ok(Message::OutputClosed), None) => self.part(FirstSign::OutputClosed),
                (Ok(Message::Exited), None) => {
                    // What it started may hold its output open.
                    self.guard.kill_group();
                    self.part(FirstSign::Exited);
                }
                (Ok(Message::OutputClosed | Message::Exited), Some(_)) => {
                    return Err(self.ended(FirstSign::Exited));
                }
                (Err(_), Some(parting)) => return Err(self.ended(parting.first)),
                (Err(_), None) => return Err(RunnerError::TimedOut),
            }
        }
    }

    /// Sees to it that nothing was said since the last answer, which would be taken for the next one.
    ///
    /// # Errors
    /// When something was, or the process has ended.
    pub(crate) fn check_silence(&mut self) -> Result<(), RunnerError> {
        match self.wait_event(Instant::now()) {
            Ok(event) => Err(RunnerError::out_of_turn(&event, "nothing was asked".to_owned())),
            Err(RunnerError::TimedOut) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn part(&mut self, first: FirstSign) {
        self.parting = Some(Parting { first, until: Instant::now() + PARTING });
    }

    /// Reaps the process and says how it ended.
    fn ended(&mut self, seen: FirstSign) -> RunnerError {
        let status = self.end();
        let death = match (seen, status) {
            (FirstSign::Exited, Some(status)) => {
                Death::of(status, Killer::by_count(self.oom_kills_before, memory::oom_kills()))
            }
            (FirstSign::OutputClosed, _) | (_, None) => Death::ClosedOutput,
        };
        match self.torn.take() {
            Some(torn) if death == Death::Exit(0) => RunnerError::Garbage(torn),
            _ => RunnerError::Ended(death),
        }
    }

    /// Ends the runner in good order, or by force after `patience`.
    pub fn shutdown(mut self, patience: Duration) {
        if self.send(&Command::Shutdown).is_ok() {
            let deadline = Instant::now() + patience;
            while self.wait_event(deadline).is_ok() {}
        }
        // Dropping kills what is left.
    }

    /// Kills the whole group and reaps the process.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        if let Some(exit_watch) = self.exit_watch.take() {
            self.guard.kill_group();
            // Only after this may the process be reaped: until then its id has to stay its own.
            let _ = exit_watch.join();
        }
        let status = self.child.wait().ok();
        self.guard.reap();
        if let Some(log) = self.log.take() {
            log.finish();
        }
        status
    }
}

impl Drop for RunnerProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a child's end and leaves it to be reaped.
fn wait_unreaped(pid: Pid) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{Capabilities, RunnerInfo};

    use super::*;

    #[test]
    fn what_is_said_while_nothing_is_asked_is_heard_before_the_next_question() {
        let hello = Event::Hello(Box::new(Hello {
            protocol: PROTOCOL_VERSION,
            runner: RunnerInfo {
                name: "parrot".to_owned(),
                version: "1".to_owned(),
                libraries: std::collections::BTreeMap::new(),
                threads: None,
            },
            capabilities: Capabilities::default(),
        }));
        let late = r#"{"event":"progress","stage":"asr","done":1,"total":2}"#;
        let script = format!(
            "echo '{}'; sleep 0.2; echo '{late}'; read -r command",
            serde_json::to_string(&hello).unwrap()
        );
        let command = RunnerCommand {
            name: "parrot".to_owned(),
            program: "/bin/sh".into(),
            args: vec!["-c".to_owned(), script],
            variables: Vec::new(),
        };
        let (mut process, _) =
            RunnerProcess::start(&command, &RunnerLog::Inherited, &StopFlag::new()).unwrap();
        let error = loop {
            match process.check_silence() {
                Ok(()) => thread::sleep(Duration::from_millis(5)),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("nothing was asked; the line begins `{\"event\":\"progress\"`"), "{error}");
    }
}
