//! What captions can be chosen by: the model, and every setting that varies.

use std::collections::BTreeMap;

use reelbench_protocol::varying;
use serde::Serialize;

use super::caption::Captioner;
use crate::report::Cell;
use crate::settings::shown;

/// Something that captions differ in.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Facet {
    name: String,
    values: Vec<FacetValue>,
}

/// A value with the columns that have it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct FacetValue {
    text: String,
    columns: Vec<usize>,
}

/// Every facet with more than one value; each column has one value of each.
pub(super) fn facets(captioners: &[Captioner<'_>]) -> Vec<Facet> {
    let model = |captioner: &Captioner<'_>| captioner.summary.model.as_ref().map(ToString::to_string);
    let models = facet("model".to_owned(), captioners, model);
    let settings = varying(captioners.iter().map(|captioner| &captioner.summary.requested));
    let settings = settings.into_iter().map(|key| {
        let value = |captioner: &Captioner<'_>| {
            shown(&key, &captioner.summary.requested, captioner.summary.effective.as_ref())
        };
        facet(key.clone(), captioners, value)
    });
    std::iter::once(models).chain(settings).filter(|facet| facet.values.len() > 1).collect()
}

/// Values in the order of the plan.
fn facet(
    name: String,
    captioners: &[Captioner<'_>],
    value: impl Fn(&Captioner<'_>) -> Option<String>,
) -> Facet {
    let mut values: Vec<FacetValue> = Vec::new();
    let mut place = BTreeMap::new();
    for captioner in captioners {
        let text = value(captioner).unwrap_or_else(|| Cell::NONE.to_owned());
        let index = *place.entry(text.clone()).or_insert_with(|| {
            values.push(FacetValue { text, columns: Vec::new() });
            values.len() - 1
        });
        if let Some(value) = values.get_mut(index) {
            value.columns.push(captioner.column);
        }
    }
    Facet { name, values }
}
