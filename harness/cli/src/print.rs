//! Standard output and standard error; nothing else writes to them but progress.

use std::io::{self, IsTerminal, Write};

use miette::GraphicalReportHandler;
use reelbench_matrix::{MatrixError, MatrixReport};
use serde::Serialize;

use crate::error::BenchError;
use crate::exit_code::Exit;

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Exit, BenchError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| BenchError::Output(error.into()))?;
    text.push('\n');
    self::text(&text)
}

/// Prints text as it is.
pub(crate) fn text(text: &str) -> Result<Exit, BenchError> {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(Exit::Ok),
        // `bench plan … | head` closes the pipe on purpose.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(BenchError::Output(error)),
    }
}

/// Says on standard error what went wrong.
pub(crate) fn error(error: &BenchError) {
    match error {
        BenchError::Matrix(matrix) => matrix_problems(matrix),
        other => line(&format!("error: {other}")),
    }
}

/// Writes one line to standard error.
pub(crate) fn line(line: &str) {
    // With standard error gone there is no one left to tell.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Points into the matrix's text on a terminal; one `FILE:LINE:COLUMN: message` a line elsewhere.
pub(crate) fn matrix_problems(error: &MatrixError) {
    if !console_is_terminal() {
        line(&error.to_string());
        return;
    }
    let mut rendered = String::new();
    let report = MatrixReport::from(error.clone());
    match GraphicalReportHandler::new().with_theme(theme()).render_report(&mut rendered, &report) {
        Ok(()) => line(rendered.trim_end()),
        Err(_) => line(&error.to_string()),
    }
}

fn theme() -> miette::GraphicalTheme {
    if is_colored() { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() }
}

/// Whether colours are wanted on a terminal: not where `NO_COLOR` is set, see <https://no-color.org>.
pub(crate) fn is_colored() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn console_is_terminal() -> bool {
    io::stderr().is_terminal()
}
