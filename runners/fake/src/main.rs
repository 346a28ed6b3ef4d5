//! A runner that does no work: its captions are made up, always the same, and it misbehaves on request.
//!
//! A cell whose weights are `dummy:crash` crashes, one with `dummy:slow` is slow, and so on through
//! [`script::Behaviour::NAMES`]; any other preset is as good as gold. A script can say more exactly when what
//! happens, for example only in one film's second repeat:
//!
//! ```text
//! bench-runner-fake --script '{"rules": [{"when": {"video": "a", "repeat": 1}, "then": {"do": "exit", "code": 3}}]}'
//! ```

mod made_up;
mod misbehave;
mod runner;
mod script;
mod stage1;

use std::io::{self, Write};
use std::process::ExitCode;

use reelbench_kit::serve;

use crate::runner::FakeRunner;
use crate::script::Script;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let script = match (args.next().as_deref(), args.next(), args.next()) {
        (None, _, _) => Ok(Script::default()),
        (Some("--script"), Some(script), None) => Script::parse(&script),
        _ => Err("usage: bench-runner-fake [--script FILE|JSON]".to_owned()),
    };
    match script {
        Ok(script) => {
            misbehave::before_hello(script.hello);
            serve(FakeRunner::new(script))
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}
