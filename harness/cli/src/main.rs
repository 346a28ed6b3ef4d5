//! `bench`: measures video-understanding pipelines, reproducibly.

mod args;
mod cmd;
mod error;
mod exit_code;
mod interrupt;
mod label;
mod manifest;
mod plan;
mod print;
mod progress;
mod runners;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Cli, Command};
use crate::error::BenchError;
use crate::exit_code::Exit;

fn main() -> ExitCode {
    let result = dispatch(Cli::from_command_line().command);
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            print::error(&error);
            error.exit().into()
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, BenchError> {
    match command {
        Command::Run(args) => cmd::run::run(&args),
        Command::Plan(args) => cmd::plan::plan(&args),
        Command::Report(args) => cmd::report::report(&args),
        Command::Probe(probe) => cmd::probe::probe(probe),
        Command::Doctor(args) => cmd::doctor::doctor(&args),
        Command::Schema => print::json(&reelbench_matrix::schema()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "bench", &mut std::io::stdout());
            Ok(Exit::Ok)
        }
    }
}
