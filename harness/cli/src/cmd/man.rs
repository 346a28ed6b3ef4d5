//! `bench man`: manual pages, made from what `--help` says.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Cli, EXIT_CODES, ManArgs};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

pub(crate) fn man(args: &ManArgs) -> Result<Exit, BenchError> {
    let mut bench = Cli::command();
    bench.build();
    match &args.dir {
        Some(dir) => {
            fs::create_dir_all(dir).map_err(BenchError::Output)?;
            write_pages(&bench, dir)
        }
        None => print::text(&String::from_utf8_lossy(&page(&bench).map_err(BenchError::Output)?)),
    }
}

/// The page of a command and of every command below it: `bench.1`, `bench-run.1`, …
fn write_pages(command: &Command, dir: &Path) -> Result<Exit, BenchError> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = dir.join(format!("{name}.1"));
    let page = page(command).map_err(BenchError::Output)?;
    fs::write(&path, page).map_err(BenchError::Output)?;
    command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .try_for_each(|below| write_pages(below, dir).map(drop))?;
    Ok(Exit::Ok)
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    if let Some(examples) = examples(command) {
        rest.control("SH", ["EXAMPLES"]).control("nf", []);
        for example in examples.lines() {
            rest.text([roman(example.trim())]);
        }
        rest.control("fi", []);
    }
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        rest.control("TP", []).text([bold(code.to_string())]).text([roman(*meaning)]);
    }
    rest.to_writer(&mut page)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// The examples of a command's help, without their heading.
fn examples(command: &Command) -> Option<String> {
    let help = command.get_after_help()?.to_string();
    let (_, examples) = help.split_once("Examples:\n")?;
    examples.split("\n\n").next().map(str::to_owned)
}
