//! Report data and a template give a report. Nothing else goes in, so the same run gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context, escape_formatter};

use crate::error::ReportError;
use crate::markdown;
use crate::report::Report;

/// Escaping of templates that write Markdown.
const MARKDOWN: &str = "markdown";

/// What turns a report's data into text.
///
/// A template sees the fields of [`Report`] by name, and in `tables` the tables of [`Report::sections`] and that of
/// `files` as padded Markdown. Where its file name ends in `.md.j2`, every text is escaped for
/// Markdown; filter `code` makes a code span of one, `code_block` a fenced block. A name that does not exist is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Template {
    /// The report's own.
    #[default]
    Embedded,
    /// A file.
    File(PathBuf),
}

impl Template {
    /// The template's name and source.
    fn read(&self) -> Result<(String, String), ReportError> {
        match self {
            Self::Embedded => {
                Ok(("report.md.j2".to_owned(), include_str!("../../templates/report.md.j2").to_owned()))
            }
            Self::File(path) => {
                let source = fs::read_to_string(path)
                    .map_err(|source| ReportError::Read { path: path.clone(), source })?;
                let name = path.file_name().unwrap_or(path.as_os_str());
                Ok((name.to_string_lossy().into_owned(), source))
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
    render_named(report, &name, source).map_err(|source| ReportError::Template { name: name.clone(), source })
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
    render().map_err(|source| ReportError::Template { name: name.to_owned(), source })
}

fn render_named(report: &Report, name: &str, source: String) -> Result<String, minijinja::Error> {
    let mut environment = environment()?;
    environment.add_template_owned(name.to_owned(), source)?;
    let sections = report.sections().map(|named| (named.name, &named.section.table));
    let tables: BTreeMap<&str, Value> = sections
        .into_iter()
        .chain([("files", &report.provenance.files)])
        .map(|(name, table)| (name, markdown::safe_table(table)))
        .collect();
    let context = context! { tables, ..Value::from(Serde(report)) };
    environment.get_template(name)?.render(context)
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
