//! Every chart from fixed numbers, and from any numbers.

#[cfg(test)]
mod any;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod xml;

use fixtures::{drift, intervals, pareto, stacks, timeline};
use reelbench_charts::{Better, Candidate, MOST_ROWS, Name};
use xml::Picture;

#[test]
fn intervals_with_the_line_of_real_time() {
    insta::assert_snapshot!(intervals().svg());
}

#[test]
fn values_far_apart_stand_on_a_logarithmic_axis() {
    let mut chart = intervals();
    assert!(!chart.svg().contains("(logarithmic)"));
    chart.rows[0].value = 0.04;
    assert!(chart.svg().contains("(logarithmic)"));
}

#[test]
fn stacks_with_what_is_left_over() {
    insta::assert_snapshot!(stacks().svg());
}

#[test]
fn wholes_far_apart_are_drawn_as_shares() {
    let mut chart = stacks();
    assert!(chart.svg().contains("Wall time, s"));
    chart.rows[0].parts[0].0 = 4000.0;
    let svg = chart.svg();
    assert!(svg.contains("Share of wall time") && !svg.contains("Wall time, s"));
}

#[test]
fn pareto_with_its_frontier() {
    insta::assert_snapshot!(pareto().svg());
}

#[test]
fn nobody_on_the_frontier_is_beaten() {
    let mut chart = pareto();
    let names = |chart: &reelbench_charts::Pareto| -> Vec<String> {
        chart.frontier().iter().map(|candidate| candidate.name.clone()).collect()
    };
    // RTF and score: c is beaten by b, d by both a and b.
    assert_eq!(names(&chart), ["a <fast>", "b", "e"]);
    chart.y.better = Better::Lower;
    assert_eq!(names(&chart), ["a <fast>", "d"]);
    chart.x.better = Better::Higher;
    assert_eq!(names(&chart), ["d", "e"]);
    // One that equals another beats it in nothing.
    let twin = Candidate { name: "twin".to_owned(), ..chart.candidates[4].clone() };
    chart.candidates.push(twin);
    assert_eq!(names(&chart), ["d", "e", "twin"]);
}

#[test]
fn drift_around_what_is_usual() {
    insta::assert_snapshot!(drift(12).svg());
}

#[test]
fn many_samples_are_grouped() {
    let svg = drift(5000).svg();
    assert!(Picture::of(&svg).dots().len() <= 200);
    assert!(svg.contains("the median of about 25 neighbours"), "{svg}");
}

#[test]
fn timeline_of_loads_and_repeats() {
    insta::assert_snapshot!(timeline(3).svg());
}

#[test]
fn neighbours_that_cannot_be_told_apart_become_one_bar() {
    let svg = timeline(100_000).svg();
    assert!(svg.len() < 400_000, "{}", svg.len());
    assert!(svg.contains("more up to here"));
}

#[test]
fn rows_that_are_too_many_are_left_out_and_it_is_said() {
    let mut chart = intervals();
    let row = chart.rows[1].clone();
    chart.rows = (0..132)
        .map(|number| {
            let own = format!("cell {number}");
            let name = Name { own, ..row.name.clone() };
            reelbench_charts::Estimate { name, ..row.clone() }
        })
        .collect();
    let svg = chart.svg();
    assert_eq!(Picture::of(&svg).dots().len(), MOST_ROWS);
    assert!(svg.contains("The first 60 of 132; the tables have them all."));
    assert!(svg.contains(">cell 59<") && !svg.contains(">cell 60<"));
}

#[test]
fn long_names_are_shortened_and_told_in_full() {
    let mut chart = intervals();
    let long = "ü".repeat(200);
    chart.rows[0].name.own.clone_from(&long);
    let svg = chart.svg();
    assert!(svg.contains(&format!("<title>{long}</title>")));
    assert!(svg.contains("ü…ü"));
}
