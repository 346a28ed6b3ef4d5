//! How tokens are chosen: settings that are only there where the matrix names them.

use reelbench_matrix::{Selection, with_dependencies};
use reelbench_protocol::{CaptionSettings, CaptionSpec, EarlyStopping, PlannedCell, Work};
use serde_json::json;

use crate::common::{errors, expand, with};

fn caption(cell: &PlannedCell) -> &CaptionSpec {
    match &cell.spec.work {
        Work::Caption(caption) => caption,
        Work::Stage1(_) => panic!("{} does not caption", cell.id),
    }
}

fn matrix(settings: &str, rest: &str) -> String {
    with(&format!("settings: {{{settings}}}\n{rest}"))
}

#[test]
fn what_the_matrix_leaves_out_is_not_asked_for() {
    let cells = expand(&matrix("num_beams: 1", "")).cells;
    let requested = cells[0].spec.requested();
    for key in [
        "length_penalty",
        "early_stopping",
        "repetition_penalty",
        "temperature",
        "top_p",
        "seed",
        "num_crops",
    ] {
        assert!(!requested.contains_key(key), "{key}");
    }
    assert_eq!(caption(&cells[0]).seed, None);
}

#[test]
fn what_the_matrix_names_is_an_axis_like_any_other() {
    let text = matrix("num_beams: 5, length_penalty: [-0.5, 2], early_stopping: [true, false, never]", "");
    let cells = expand(&text).cells;
    let told: Vec<_> = cells
        .iter()
        .map(|cell| (caption(cell).settings.length_penalty, caption(cell).settings.early_stopping))
        .collect();
    let endings = [EarlyStopping::True, EarlyStopping::False, EarlyStopping::Never];
    let expected: Vec<_> = [-0.5, 2.0]
        .into_iter()
        .flat_map(|penalty| endings.map(|ending| (Some(penalty), Some(ending))))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(cells[2].spec.requested()["early_stopping"], json!("never"));
    let never: Selection = "early_stopping=never,length_penalty=2".parse().unwrap();
    assert_eq!(with_dependencies(&cells, &never), cells[5..]);
    assert!("early_stopping=often".parse::<Selection>().is_err());
}

#[test]
fn tokens_are_drawn_from_the_runs_seed() {
    let text = matrix("temperature: [0, 0.7]", "run: {seed: 18446744073709551615}");
    let cells = expand(&text).cells;
    let seeds: Vec<_> = cells.iter().map(|cell| caption(cell).seed).collect();
    assert_eq!(seeds, [None, Some(u64::MAX)], "temperature 0 draws nothing");
    assert_eq!(cells[1].spec.requested()["seed"], json!(u64::MAX));
    let other = expand(&matrix("temperature: [0, 0.7]", "run: {seed: 1}")).cells;
    assert_eq!(other[0].id, cells[0].id);
    assert_ne!(other[1].id, cells[1].id, "another seed is another cell");
}

#[test]
fn an_entry_may_name_what_the_axes_leave_out() {
    let text = matrix("num_beams: 1", "include: [{temperature: 0.5, top_p: 0.9}]");
    let settings: Vec<_> = expand(&text).cells.iter().map(|cell| caption(cell).settings.clone()).collect();
    let drawn = CaptionSettings { temperature: Some(0.5), top_p: Some(0.9), ..settings[0].clone() };
    assert_eq!(settings[1..], [drawn]);
    let text = matrix("temperature: [0.5, 0.7]", "exclude: [{temperature: 0.7}]");
    assert_eq!(expand(&text).cells.len(), 1);
}

#[test]
fn tokens_are_either_drawn_or_searched_for() {
    insta::assert_snapshot!(errors(&matrix("num_beams: [1, 5], temperature: 0.7", "")));
    insta::assert_snapshot!(errors(&matrix("top_p: 0.9", "")));
    let excluded = matrix("num_beams: [1, 5], temperature: 0.7", "exclude: [{num_beams: 5}]");
    assert_eq!(expand(&excluded).cells.len(), 1);
}

#[test]
fn values_out_of_range_are_refused() {
    insta::assert_snapshot!(errors(&matrix(
        "temperature: -1, top_p: 1.5, repetition_penalty: 0, early_stopping: [maybe, 1], length_penalty: .nan",
        ""
    )));
}
