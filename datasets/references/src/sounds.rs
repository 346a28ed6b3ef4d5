//! What is heard when: labels of AudioSet for windows of the film.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Place, Problem, ReferenceError, shortened};
use crate::text::{json, read};
use crate::time::TimeSpan;

/// The labelled windows of a film, in order and without overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Sounds(Vec<SoundWindow>);

impl Sounds {
    /// All of them.
    pub fn as_slice(&self) -> &[SoundWindow] {
        &self.0
    }
}

/// What is heard in a stretch of the film.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundWindow {
    /// The stretch.
    pub span: TimeSpan,
    /// Names of labels; none where nothing that has a label is heard.
    pub labels: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    start_s: f64,
    end_s: f64,
    labels: Vec<String>,
}

/// Reads sounds.
pub fn read_sounds(path: &Path) -> Result<Sounds, ReferenceError> {
    let text = read(path)?;
    let mut windows: Vec<SoundWindow> = Vec::new();
    for (entry, window) in (1..).zip(json::<Vec<Written>>(path, &text)?) {
        let fail = |problem: Problem| problem.at(path, Place::Entry("windows", entry));
        let span = TimeSpan::new(window.start_s, window.end_s).map_err(|error| fail(error.into()))?;
        if windows.last().is_some_and(|before| span.start_s() < before.span.end_s()) {
            return Err(fail(Problem::Overlap));
        }
        let mut labels = BTreeSet::new();
        for label in window.labels {
            if label.trim().is_empty() {
                return Err(fail(Problem::Empty("name in one of its labels")));
            }
            if let Some(twice) = labels.replace(label) {
                return Err(fail(Problem::Twice(format!("the label `{}`", shortened(&twice, 40)))));
            }
        }
        windows.push(SoundWindow { span, labels });
    }
    if windows.is_empty() {
        return Err(Problem::Empty("windows").at(path, Place::File));
    }
    Ok(Sounds(windows))
}
