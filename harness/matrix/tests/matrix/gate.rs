//! What is gated, and by how much.

use std::fs;

use reelbench_matrix::Gate;
use reelbench_protocol::Metric;

use crate::common::{errors, parse};

const FILM: &str = "version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nstage1: {scene: {}}\n";

fn gate(text: &str) -> Gate {
    parse(&format!("{FILM}gate: {text}\n")).unwrap().gate().unwrap().clone()
}

#[test]
fn several_metrics_have_limits_of_their_own() {
    let gate = gate(
        "{metric: [rtf, stages.decode, tokens_per_s, quality.wer], max_regression: 10%, limits: {quality.wer: 0%}}",
    );
    let expected = [(Metric::Rtf, 0.1), (Metric::Decode, 0.1), (Metric::TokensPerS, 0.1), (Metric::Wer, 0.0)];
    assert_eq!(gate.limits, expected);
}

#[test]
fn one_metric_needs_no_list() {
    assert_eq!(gate("{metric: peak_rss_bytes}").limits, [(Metric::PeakRssBytes, 0.05)]);
    assert_eq!(gate("{}"), Gate::default());
    assert_eq!(gate("{limits: {rtf: 2%}}").limits, [(Metric::Rtf, 0.02)]);
}

#[test]
fn a_limit_for_what_is_not_compared_is_an_error() {
    let error = errors(&format!("{FILM}gate: {{metric: rtf, limits: {{stages.decode: 2%}}}}\n"));
    assert_eq!(
        error,
        "matrix.yaml:5:30: a limit for `stages.decode`, which is not compared; add it to `metric`: [rtf, stages.decode]"
    );
    let error = errors(&format!("{FILM}gate: {{metric: [rtf, stage.decode]}}\n"));
    assert!(error.contains("did you mean `stages.decode`?"), "{error}");
    let error = errors(&format!("{FILM}gate: {{limits: {{rtf: 2}}}}\n"));
    assert!(error.contains("`rtf` must be a text such as `5%`, found 2"), "{error}");
}

#[test]
fn the_gate_of_a_copy_is_read_without_its_films() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("matrix.yaml");
    fs::write(&file, format!("{FILM}gate: {{max_regression: 7.5%}}\n")).unwrap();
    assert_eq!(Gate::load(&file).unwrap().limits, [(Metric::Rtf, 0.075)]);
    fs::write(&file, FILM).unwrap();
    assert_eq!(Gate::load(&file).unwrap(), Gate::default());
    fs::write(&file, format!("{FILM}gate: {{max_regresion: 7%}}\n")).unwrap();
    assert!(Gate::load(&file).unwrap_err().to_string().contains("did you mean `max_regression`?"));
}
