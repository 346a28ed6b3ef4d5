//! `bench calibrate`: a runner against itself, which shows what a gate can see on this machine.

use reelbench_reports::{Calibration, ComparedRuns};

use crate::args::{CalibrateArgs, Output};
use crate::cmd::gate::criteria;
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;
use crate::session::SessionPlan;

pub(crate) fn calibrate(args: &CalibrateArgs) -> Result<Exit, BenchError> {
    let runner = &args.runner.runner;
    let command = format!("bench calibrate {} --runner {runner}", args.matrix.display());
    let plan = SessionPlan { matrix: &args.matrix, base: runner, head: runner, args: &args.session, command };
    let measured = plan.measure(None)?;
    let runs = ComparedRuns::new(&measured.base, &measured.head, criteria(&measured.gate));
    let calibration = Calibration::new(&runs);
    match args.output.output() {
        Output::Json => print::json(&calibration)?,
        Output::Text => print::text(&format!(
            "{}\nNoise: from round to round. Detectable: the regression that so many rounds show nine times out of ten.\n\
             Needed: rounds after which twice what is allowed fails and no change passes, as often.\n{}",
            calibration.terminal_table(),
            calibration
                .not_measured
                .iter()
                .map(|(name, reason)| format!("not measured: {name}: {reason}\n"))
                .collect::<Vec<_>>()
                .concat()
        ))?,
    };
    Ok(if calibration.not_measured.is_empty() { Exit::Ok } else { Exit::CellsNotOk })
}
