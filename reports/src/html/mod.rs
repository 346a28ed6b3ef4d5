//! `report.html`: the report as one page that needs nothing else, and what was said of every scene.
//!
//! All of it is plain HTML, which the page's script only makes easier to use. The page names the one script that may run
//! by its hash, and nothing that it could load: what stands in captions, logs and names stays text.

mod caption;
mod context;
mod diff;
mod facet;
mod film;
mod pictures;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::ReportError;
use crate::rebuild::Results;
use crate::render::render_page;
use crate::report::NamedSection;

const PAGE: &str = include_str!("../../../templates/report.html.j2");
const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// Captions of a film above which, with a script, only those that differ from their reference are shown at first.
const MANY_CAPTIONS: usize = 8;

/// What the page shows beside the fields of the report.
#[derive(Serialize)]
struct Scenes {
    films: Vec<film::Film>,
    facets: Vec<facet::Facet>,
    /// The choice that the page begins with: `all` or `differing`.
    show: &'static str,
}

/// Renders the page of a run; its frames are in the folder `frames`, if they were kept.
pub(crate) fn page(results: &Results, frames: &Path) -> Result<String, ReportError> {
    let Results { run, summary, report, quality, .. } = results;
    let captioners = caption::captioners(run, summary, quality);
    let mut album = pictures::Album::new(frames.to_owned());
    let films = film::films(results, &captioners, &mut album);
    let is_crowded = films.iter().any(|film| film.most_captions() > MANY_CAPTIONS);
    let show = if is_crowded { "differing" } else { "all" };
    let scenes = Scenes { films, facets: facet::facets(&captioners), show };
    let sections: Vec<NamedSection<'_>> = report.sections().into_iter().filter(has_content).collect();
    let pictures: Vec<Value> = report
        .charts
        .iter()
        .map(|chart| {
            context! {
                section => chart.section,
                svg => Value::from_safe_string(chart.svg.clone()),
            }
        })
        .collect();
    let context = context! {
        pictures,
        scenes => Value::from(Serde(scenes)),
        sections => Value::from(Serde(sections)),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        script_hash => STANDARD.encode(Sha256::digest(SCRIPT)),
        ..Value::from(Serde(report))
    };
    render_page("report.html.j2", PAGE, context)
}

fn has_content(named: &NamedSection<'_>) -> bool {
    !named.section.table.rows.is_empty() || !named.section.notes.is_empty()
}
