//! `gate`.

use std::path::Path;

use reelbench_protocol::Metric;

use super::read_text;
use super::run::value;
use crate::check::check;
use crate::grammar;
use crate::node::{self, Entry, Node};
use crate::problem::{MatrixError, Problem};
use crate::run::{Gate, MAX_REGRESSION};
use crate::shape::Shape;
use crate::words::Closed;

impl Gate {
    /// Reads the `gate` part of a matrix alone, of one whose films and weights need not be at hand: the copy in a run
    /// directory. The default where it has none.
    ///
    /// # Errors
    /// When the file cannot be read, is not YAML, or its `gate` is wrong; each with its line.
    pub fn load(file: &Path) -> Result<Self, MatrixError> {
        let text = read_text(file)?;
        let root = node::parse(&text).map_err(|problem| MatrixError::new(file, &text, vec![problem]))?;
        let Some(node) = root.get("gate") else { return Ok(Self::default()) };
        let mut problems = Vec::new();
        check(node, &Shape::Map(&grammar::GATE), "`gate`", &mut problems);
        let gate = gate(node, &mut problems);
        if problems.is_empty() { Ok(gate) } else { Err(MatrixError::new(file, &text, problems)) }
    }
}

/// The `gate` part of a matrix.
pub(super) fn gate(node: &Node, problems: &mut Vec<Problem>) -> Gate {
    let default = Gate::default();
    let common = node.get("max_regression").and_then(|node| percentage(node, problems));
    let common = common.unwrap_or(MAX_REGRESSION);
    let metrics = node.get("metric").map_or(&[][..], Node::elements);
    let metrics: Vec<Metric> = metrics.iter().filter_map(|node| Metric::from_word(node.text()?)).collect();
    let mut limits: Vec<(Metric, f64)> = if metrics.is_empty() {
        vec![(Metric::Rtf, common)]
    } else {
        metrics.into_iter().map(|metric| (metric, common)).collect()
    };
    for Entry { key, value } in node.get("limits").map_or(&[][..], Node::entries) {
        let Some(metric) = key.text().and_then(Metric::from_word) else { continue };
        let limit = percentage(value, problems);
        match limits.iter_mut().find(|(gated, _)| *gated == metric) {
            Some((_, gated)) => *gated = limit.unwrap_or(common),
            None => problems.push(
                Problem::error(format!("a limit for `{metric}`, which is not compared"))
                    .at(key.place)
                    .help(format!("add it to `metric`: [{}, {metric}]", words(&limits))),
            ),
        }
    }
    Gate { limits, confidence: value(node, "confidence").unwrap_or(default.confidence) }
}

fn words(limits: &[(Metric, f64)]) -> String {
    limits.iter().map(|(metric, _)| metric.as_str()).collect::<Vec<_>>().join(", ")
}

/// A percentage as a fraction.
pub(super) fn percentage(node: &Node, problems: &mut Vec<Problem>) -> Option<f64> {
    let text = node.text()?;
    let percent = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let percent = percent.filter(|percent| (0.0..=1000.0).contains(percent));
    if percent.is_none() {
        let problem = Problem::error(format!("`{}` is not a percentage", text.escape_debug()));
        problems.push(problem.at(node.place).help("write it as 5%, between 0% and 1000%"));
    }
    Some(percent? / 100.0)
}
