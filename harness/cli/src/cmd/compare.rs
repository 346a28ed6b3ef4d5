//! `bench compare`: two runs, in both directions. It never fails for what got slower.

use std::fs;

use reelbench_reports::{ComparedRuns, Comparing, Criteria, Results};

use crate::args::{CompareArgs, Differences, Output};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

pub(crate) fn compare(args: &CompareArgs) -> Result<Exit, BenchError> {
    let (base, head) = (Results::load(&args.base)?, Results::load(&args.head)?);
    let runs = ComparedRuns::new(&base, &head, Criteria::default());
    let blocking = runs.differences.iter().filter(|difference| difference.blocks());
    let blocking: Vec<String> = blocking.map(ToString::to_string).collect();
    if args.differences() == Differences::Refuse && !blocking.is_empty() {
        return Err(BenchError::NotComparable(blocking.join("; ")));
    }
    let comparing = Comparing::new(runs);
    if let Some(path) = &args.out {
        fs::write(path, comparing.markdown()?)
            .map_err(|source| BenchError::Write { path: path.clone(), source })?;
    }
    match args.output.output() {
        Output::Json => print::json(&comparing),
        Output::Text => print::text(&format!("{}\n\n{}", comparing.headline, comparing.terminal_table())),
    }
}
