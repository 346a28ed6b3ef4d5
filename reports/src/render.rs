//! Report data and a template give a report. Nothing else goes in, so the same run gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context, escape_formatter};

use crate::error::ReportError;
use crate::lookups::Lookups;
use crate::markdown;
use crate::report::Report;

/// The report's file in a run directory.
pub(crate) const REPORT_FILE: &str = "report.md";

/// Escaping of templates that write Markdown.
const MARKDOWN: &str = "markdown";

/// The template of what it takes to make a run again, which others include.
const PROVENANCE: (&str, &str) = ("provenance.md.j2", include_str!("../../templates/provenance.md.j2"));

/// What turns a report's data into text.
///
/// A template sees the fields of [`Report`] by name, and in `tables` the tables of [`Report::sections`] and that of
/// `files` as padded Markdown; templates/README.md lists them. Where its file name ends in `.md.j2`, every text is
/// escaped for Markdown, where it ends in `.html.j2`, for HTML; filter `code` makes a code span of one, `code_block` a
/// fenced block. A name that does not exist is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Template {
    /// The report's own.
    #[default]
    Embedded,
    /// A file.
    File {
        /// The template.
        path: PathBuf,
        /// Where its text goes; without it into the run directory, under the template's name without `.j2`.
        output: Option<PathBuf>,
    },
}

impl Template {
    /// The template's name and source.
    fn read(&self) -> Result<(String, String), ReportError> {
        match self {
            Self::Embedded => {
                Ok(("report.md.j2".to_owned(), include_str!("../../templates/report.md.j2").to_owned()))
            }
            Self::File { path, .. } => {
                let source = fs::read_to_string(path)
                    .map_err(|source| ReportError::Read { path: path.clone(), source })?;
                let name = path.file_name().unwrap_or(path.as_os_str());
                Ok((name.to_string_lossy().into_owned(), source))
            }
        }
    }

    /// The file of a run directory that its text goes into.
    ///
    /// # Errors
    /// When neither an output nor the template's name says which.
    pub(crate) fn output(&self, dir: &Path) -> Result<PathBuf, ReportError> {
        match self {
            Self::Embedded => Ok(dir.join(REPORT_FILE)),
            Self::File { output: Some(output), .. } => Ok(output.clone()),
            Self::File { path, output: None } => {
                let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".j2"));
                let name = name.filter(|name| !name.is_empty());
                Ok(dir.join(name.ok_or_else(|| ReportError::TemplateName(path.clone()))?))
            }
        }
    }
}

/// Renders a report with a template.
///
/// # Errors
/// When the template cannot be read, is no template, or names what a report does not have.
pub fn render(report: &Report, template: &Template) -> Result<String, ReportError> {
    let (name, source) = template.read()?;
    render_report(report, &name, &source)
}

/// What it takes to make a run again, as Markdown.
pub(crate) fn provenance(report: &Report) -> Result<String, ReportError> {
    let (name, source) = PROVENANCE;
    render_report(report, name, source)
}

fn render_report(report: &Report, name: &str, source: &str) -> Result<String, ReportError> {
    let lookups = Lookups::default();
    let render = || {
        let mut environment = environment()?;
        environment.add_template(PROVENANCE.0, PROVENANCE.1)?;
        environment.add_template(name, source)?;
        environment.get_template(name)?.render(lookups.watch(data(report)))
    };
    render().map_err(|error| {
        let line = error.line().and_then(|line| source.lines().nth(line.saturating_sub(1)));
        let dead_end = match error.kind() {
            ErrorKind::UndefinedError => line.and_then(|line| lookups.dead_end(line)),
            _ => None,
        };
        ReportError::Template { name: name.to_owned(), source: error, dead_end }
    })
}

/// What a template sees.
fn data(report: &Report) -> Value {
    let sections = report.sections().map(|named| (named.name, &named.section.table));
    let tables: BTreeMap<&str, Value> = sections
        .into_iter()
        .chain([("files", &report.provenance.files)])
        .map(|(name, table)| (name, markdown::safe_table(table)))
        .collect();
    context! { tables, ..Value::from(Serde(report)) }
}

/// Renders one of our own templates with data that is no report.
///
/// # Errors
/// When the template names what the data does not have.
pub(crate) fn render_page(name: &str, source: &str, context: Value) -> Result<String, ReportError> {
    let render = || {
        let mut environment = environment()?;
        environment.add_template(name, source)?;
        environment.get_template(name)?.render(context)
    };
    render().map_err(|source| ReportError::Template { name: name.to_owned(), source, dead_end: None })
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?,
    );
    environment.set_auto_escape_callback(|name| match name.trim_end_matches(".j2").rsplit_once('.') {
        Some((_, "md")) => AutoEscape::Custom(MARKDOWN.into()),
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment.set_formatter(|out, state, value| match (state.auto_escape(), value.as_str()) {
        (AutoEscape::Custom(_), Some(text)) if !value.is_safe() => {
            Ok(out.write_str(&markdown::escape(text))?)
        }
        (AutoEscape::Custom(_), _) => Ok(out.write_str(&value.to_string())?),
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("code", |text: &str| Value::from_safe_string(markdown::code_span(text)));
    environment.add_filter("code_block", |text: &str| Value::from_safe_string(markdown::code_block(text)));
    environment.add_filter("plain", markdown::without_terminal_codes);
    Ok(environment)
}
