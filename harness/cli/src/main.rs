//! `bench`: measures video-understanding pipelines, reproducibly.

mod args;
mod cmd;
mod downloads;
mod error;
mod estimate;
mod exit_code;
mod interrupt;
mod label;
mod manifest;
mod past;
mod plan;
mod print;
mod progress;
mod references;
mod resume;
mod runners;
mod session;
mod timing;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Cli, Command, Output};
use crate::error::BenchError;
use crate::exit_code::Exit;

fn main() -> ExitCode {
    let command = Cli::from_command_line().command;
    let output = command.output();
    let result = dispatch(command);
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            print::error(&error);
            if let (BenchError::Matrix(problems), Output::Json) = (&error, output) {
                // The exit code already says that something is wrong.
                let _ = print::json(problems);
            }
            error.exit().into()
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, BenchError> {
    match command {
        Command::Run(args) => cmd::run::run(&args),
        Command::Plan(args) => cmd::plan::plan(&args),
        Command::Fetch(args) => cmd::fetch::fetch(&args),
        Command::Compare(args) => cmd::compare::compare(&args),
        Command::Gate(args) => cmd::gate::gate(&args),
        Command::Calibrate(args) => cmd::calibrate::calibrate(&args),
        Command::Report(args) => cmd::report::report(&args),
        Command::Score(args) => cmd::score::score(&args),
        Command::History(args) => cmd::history::history(&args),
        Command::Probe(probe) => cmd::probe::probe(probe),
        Command::Doctor(args) => cmd::doctor::doctor(&args),
        Command::Man(args) => cmd::man::man(&args),
        Command::Schema => print::json(&reelbench_matrix::schema()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "bench", &mut std::io::stdout());
            Ok(Exit::Ok)
        }
    }
}
