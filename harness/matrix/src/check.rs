//! Holds a value against its shape and notes everything that does not fit.

use std::collections::HashMap;

use reelbench_protocol::nearest;

use crate::grammar::{GATE, RUN, SETTINGS};
use crate::node::{Data, Entry, Node};
use crate::problem::{Place, Problem};
use crate::shape::{Keys, Presence, Shape};
use crate::words::offer;

/// Notes everything in `node` that does not fit `shape`; `name` is what a message calls the value.
pub(crate) fn check(node: &Node, shape: &Shape, name: &str, problems: &mut Vec<Problem>) {
    match (shape, &node.data) {
        (Shape::OrNull(_), Data::Null) => {}
        (Shape::OrNull(shape), _) => check(node, shape, name, problems),
        (Shape::Map(keys), Data::Map(entries)) => check_map(node, entries, keys, name, problems),
        (Shape::List { of, least }, Data::List(elements)) => {
            if elements.len() < *least {
                problems.push(
                    Problem::error(format!("{name} is empty")).at(node.place).help("name at least one"),
                );
            }
            for element in elements {
                check(element, of, &format!("an entry of {name}"), problems);
            }
        }
        (Shape::Axis(shape), Data::List(elements)) => check_axis(node, elements, shape, name, problems),
        (Shape::Axis(shape), _) => check_scalar(node, shape, name, problems),
        _ => check_scalar(node, shape, name, problems),
    }
}

fn check_map(node: &Node, entries: &[Entry], keys: &Keys, name: &str, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&str, Place> = HashMap::new();
    for Entry { key, value } in entries {
        let Some(word) = key.text() else {
            problems.push(
                Problem::error(format!("a key must be a text, found {key}")).at(key.place).help(offer(
                    "",
                    "valid keys here",
                    &keys.names(),
                )),
            );
            continue;
        };
        if let Some(first) = seen.insert(word, key.place) {
            problems.push(
                Problem::error(format!("the key `{word}` stands twice"))
                    .at(key.place)
                    .first(first)
                    .help("keep one of them"),
            );
        }
        if let Some(known) = keys.get(word) {
            check(value, &known.shape, &format!("`{word}`"), problems);
        } else {
            let instead = keys.elsewhere.iter().find(|(key, _)| *key == word).map(|(_, instead)| *instead);
            let help = instead
                .map(str::to_owned)
                .or_else(|| home_of(word))
                .unwrap_or_else(|| offer(word, "valid keys here", &keys.names()));
            let problem = Problem::error(format!("unknown key `{}`", word.escape_debug()));
            problems.push(problem.at(key.place).help(help));
        }
    }
    for key in keys.known {
        if key.presence == Presence::Required && !seen.contains_key(key.name) {
            problems.push(
                Problem::error(format!("`{}` is missing from {name}", key.name))
                    .at(node.place)
                    .help(key.about),
            );
        }
    }
}

/// Where a key belongs that stands in a map that does not know it. The base stages share their words with other parts.
fn home_of(word: &str) -> Option<String> {
    let homes = [("settings", &SETTINGS), ("run", &RUN), ("gate", &GATE)];
    let (home, _) = homes.into_iter().find(|(_, keys)| keys.get(word).is_some())?;
    Some(format!("`{word}` is a key of `{home}`: indent it below `{home}:`"))
}

fn check_axis(node: &Node, elements: &[Node], shape: &Shape, name: &str, problems: &mut Vec<Problem>) {
    if elements.is_empty() {
        problems.push(
            Problem::error(format!("the axis {name} is empty"))
                .at(node.place)
                .help("give at least one value, or leave the key out for its default"),
        );
    }
    let mut seen: HashMap<String, Place> = HashMap::new();
    for element in elements {
        check_scalar(element, shape, name, problems);
        if matches!(element.data, Data::List(_) | Data::Map(_)) {
            continue;
        }
        // Whole numbers and fractions of the same size are the same value, and so are a word and its alias.
        let word = element.text().and_then(|text| shape.word_of(text)).map(str::to_owned);
        let number = || element.number().map(|number| number.to_string());
        let value = word.or_else(number).unwrap_or_else(|| element.to_string());
        if let Some(first) = seen.insert(value, element.place) {
            problems.push(
                Problem::error(format!("the axis {name} has {element} twice")).at(element.place).first(first),
            );
        }
    }
}

fn check_scalar(node: &Node, shape: &Shape, name: &str, problems: &mut Vec<Problem>) {
    if let (Shape::Word { words, unavailable, .. }, Some(word)) = (shape, node.text()) {
        if shape.word_of(word).is_none() {
            problems.push(other_word(word, &words(), unavailable, name).at(node.place));
        }
    } else if !fits(node, shape) {
        let problem =
            Problem::error(format!("{name} must be {}, found {node}", shape.expected())).at(node.place);
        problems.push(match (shape, &node.data) {
            (Shape::Text { such_as: None, .. }, Data::Flag(_) | Data::Whole(_) | Data::Number(_)) => {
                problem.help("put it in quotes")
            }
            (Shape::Text { such_as: Some(_), .. }, Data::Whole(_) | Data::Number(_)) => {
                problem.help("write a number and its unit")
            }
            (Shape::CountOr { word, .. }, Data::Text(text)) if nearest(text, [*word]).is_some() => {
                problem.help(format!("write it as `{word}`"))
            }
            (Shape::Count { .. } | Shape::CountOr { .. } | Shape::Number { .. }, Data::Text(text))
                if text.parse::<f64>().is_ok() =>
            {
                problem.help("write it without quotes")
            }
            (_, Data::Null) => problem.help("give a value, or leave the key out"),
            _ => problem,
        });
    }
}

fn other_word(word: &str, words: &[&str], unavailable: &[&str], name: &str) -> Problem {
    if unavailable.contains(&word) {
        Problem::error(format!("{name} cannot be `{word}` in this version"))
            .help(format!("available: {}", words.join(", ")))
    } else {
        Problem::error(format!("{name} cannot be `{}`", word.escape_debug())).help(offer(
            word,
            "valid words",
            words,
        ))
    }
}

fn fits(node: &Node, shape: &Shape) -> bool {
    match (shape, &node.data) {
        (Shape::Flag | Shape::FlagOr(_), Data::Flag(_)) | (Shape::Text { .. }, Data::Text(_)) => true,
        (Shape::FlagOr(word) | Shape::CountOr { word, .. }, Data::Text(text)) => text == word,
        (Shape::Count { least, most }, Data::Whole(whole)) => {
            (i128::from(*least)..=i128::from(*most)).contains(whole)
        }
        (Shape::CountOr { least, most, .. }, _) => fits(node, &Shape::Count { least: *least, most: *most }),
        (Shape::Number { least, most }, _) => {
            node.number().is_some_and(|number| (*least..=*most).contains(&number))
        }
        _ => false,
    }
}
