//! `bench report`: renders again from a run directory.

use reelbench_reports::{Template, rebuild};

use crate::args::{Output, ReportArgs};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

pub(crate) fn report(args: &ReportArgs) -> Result<Exit, BenchError> {
    let template = args.template.clone().map_or(Template::Embedded, Template::File);
    let rebuilt = rebuild(&args.dir, &template)?;
    match args.output.output() {
        Output::Json => print::json(&rebuilt.report),
        Output::Text => print::text(&format!(
            "{}\n{}\nreport: {}\n",
            rebuilt.report.verdict.text,
            rebuilt.main_table,
            rebuilt.report_path.display()
        )),
    }
}
