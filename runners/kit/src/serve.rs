//! The loop that speaks the protocol.

use std::any::Any;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use reelbench_protocol::{
    CellSpec, Command, Event, Failure, FailureKind, Hello, LoadSpec, Loaded, MemoryEstimate, Output, Probe,
    RepeatResult, RunSpec, Settings, WeightsPart,
};

use crate::ticker::Ticker;
use crate::{PeakMemory, Slowdown, Stopwatch};

/// A program that does the measured work.
pub trait Runner {
    /// Who it is and what it can do.
    fn hello(&self) -> Hello;

    /// Tells what memory a captioning cell will need, without loading its weights. Only asked where
    /// [`Hello::capabilities`](reelbench_protocol::Hello) offers `estimates`.
    ///
    /// # Errors
    /// When the weights are seen not to be usable, or no estimate is offered.
    fn estimate(&self, spec: &CellSpec) -> Result<MemoryEstimate, Failure> {
        let message = format_args!("this runner does not estimate the memory of {spec}");
        Err(Failure::new(FailureKind::Unsupported, message))
    }

    /// Gets weights ready in place of what was loaded before. Returns the bytes they take up, part by part.
    ///
    /// # Errors
    /// When they cannot be used; nothing is loaded then.
    fn load(&mut self, load: &LoadSpec) -> Result<Vec<WeightsPart>, Failure>;

    /// Runs one repeat. It starts and stops the watch around what the contract says is timed.
    ///
    /// # Errors
    /// When the repeat gives no result at all; what fails in one scene stands in that scene's output.
    fn run(&mut self, run: &RunSpec, watch: &mut Stopwatch<'_>) -> Result<Repeat, Failure>;

    /// Runs one stage on one input, outside of any run.
    ///
    /// # Errors
    /// When the input or the weights cannot be used.
    fn probe(&mut self, probe: &Probe) -> Result<serde_json::Value, Failure>;
}

/// What one repeat gives besides its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// Length of the film in seconds.
    pub media_s: f64,
    /// What was computed.
    pub output: Output,
    /// The settings in force.
    pub effective: Settings,
    /// Highest memory on the accelerator, in bytes.
    pub peak_vram_bytes: Option<u64>,
}

/// Speaks the protocol on standard input and output until told to shut down or until the input ends.
///
/// Repeats are slowed down as the environment says; a runner's `hello` may offer that.
///
/// A panic in the runner becomes a `failed` event; the process goes on with the next command.
pub fn serve(mut runner: impl Runner) -> ExitCode {
    end_with_parent();
    let slowdown = match Slowdown::from_environment() {
        Ok(slowdown) => slowdown,
        Err(error) => {
            // Standard error is the log; without one there is no one to tell.
            let _ = writeln!(io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut output = io::stdout();
    if send(&mut output, &Event::Hello(Box::new(runner.hello()))).is_err() {
        return ExitCode::FAILURE;
    }
    let Ok(ticker) = Ticker::spawn() else {
        return ExitCode::FAILURE;
    };
    for line in io::stdin().lock().lines() {
        let event = match line.map(|line| serde_json::from_str::<Command>(&line)) {
            Ok(Ok(Command::Shutdown)) => return ExitCode::SUCCESS,
            Ok(Ok(command)) => answer(&mut runner, &command, &ticker, slowdown),
            Ok(Err(error)) => Event::Failed(Failure::new(
                FailureKind::Internal,
                format_args!("the command is not one this runner knows: {error}"),
            )),
            Err(_) => return ExitCode::FAILURE,
        };
        if send(&mut output, &event).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Asks the kernel to end this process when the one that started it is killed in the middle of a command; between
/// commands the end of standard input says so.
fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // Where the kernel refuses, the process ends after the command at hand.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
}

/// Carries one command out and turns whatever happens into its closing event.
fn answer(runner: &mut impl Runner, command: &Command, ticker: &Ticker, slowdown: Option<Slowdown>) -> Event {
    ticker.start();
    let result = catch_unwind(AssertUnwindSafe(|| match command {
        Command::Estimate { spec } => runner.estimate(spec).map(Event::Estimated),
        Command::Load(load) => timed_load(runner, load).map(Event::Loaded),
        Command::Run(run) => {
            repeat(runner, run, ticker, slowdown).map(|result| Event::Repeat(Box::new(result)))
        }
        Command::Probe(probe) => runner.probe(probe).map(|result| Event::Probed { result }),
        // `serve` ends before it gets here.
        Command::Shutdown => Err(Failure::new(FailureKind::Internal, "already shutting down")),
    }));
    ticker.stop();
    match result {
        Ok(Ok(event)) => event,
        Ok(Err(failure)) => Event::Failed(failure),
        Err(panic) => Event::Failed(Failure::new(FailureKind::Internal, panic_message(panic.as_ref()))),
    }
}

fn timed_load(runner: &mut impl Runner, load: &LoadSpec) -> Result<Loaded, Failure> {
    let watch = Stopwatch::new(&|_| {});
    let parts = runner.load(load)?;
    let weights_bytes = parts.iter().map(|part| part.bytes).sum();
    Ok(Loaded { load_ns: watch.elapsed_ns(), weights_bytes, parts })
}

fn repeat(
    runner: &mut impl Runner,
    run: &RunSpec,
    ticker: &Ticker,
    slowdown: Option<Slowdown>,
) -> Result<RepeatResult, Failure> {
    let tell = |progress| ticker.set(progress);
    let peak = PeakMemory::start();
    let mut watch = Stopwatch::new(&tell).slowed(slowdown);
    let repeat = runner.run(run, &mut watch)?;
    let laps = watch.finish();
    Ok(RepeatResult {
        cell: run.cell.clone(),
        repeat: run.repeat,
        pass: run.pass,
        media_s: repeat.media_s,
        wall_ns: laps.wall_ns,
        spans: laps.spans,
        output: repeat.output,
        effective: repeat.effective,
        peak_rss_bytes: peak.bytes(),
        peak_vram_bytes: repeat.peak_vram_bytes,
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("the runner panicked: {text}; this is a fault of the runner's, its log has the place")
}

pub(crate) fn send(output: &mut impl Write, event: &Event) -> io::Result<()> {
    let mut line = serde_json::to_vec(event).map_err(io::Error::other)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}
