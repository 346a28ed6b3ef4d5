//! How often cells are run.

use reelbench_protocol::{AdaptiveRepeats, Repeats, Warmup};

use super::Reader;
use super::gate::percentage;
use super::run::value;
use crate::node::{Entry, Node};
use crate::problem::Problem;
use crate::run::{AUTO_REPEATS, AUTO_WARMUP, HowMany, Run};

/// Keys that say when times are steady.
const OF_AUTO: [&str; 4] = ["min_repeats", "max_repeats", "precision", "repeat_budget"];

impl Reader<'_> {
    pub(super) fn repeats(&mut self, node: &Node) -> Repeats {
        match value(node, "repeats") {
            Some(HowMany::Auto) => Repeats::Adaptive(self.adaptive(node)),
            Some(HowMany::Count(repeats)) => {
                self.refuse_keys_of_auto(node);
                Repeats::Fixed(repeats)
            }
            None => {
                self.refuse_keys_of_auto(node);
                Run::default().repeats
            }
        }
    }

    fn adaptive(&mut self, node: &Node) -> AdaptiveRepeats {
        let AdaptiveRepeats { at_least, at_most, precision, budget_s } = AUTO_REPEATS;
        let precision_given = node.get("precision").and_then(|node| percentage(node, &mut self.problems));
        let budget_given = node.get("repeat_budget").and_then(|node| self.duration(node));
        let adaptive = AdaptiveRepeats {
            at_least: value(node, "min_repeats").unwrap_or(at_least),
            at_most: value(node, "max_repeats").unwrap_or(at_most),
            precision: precision_given.unwrap_or(precision),
            budget_s: budget_given.map_or(budget_s, |budget| budget.as_secs_f64()),
        };
        if adaptive.at_least > adaptive.at_most {
            let place = node.get("max_repeats").or_else(|| node.get("min_repeats")).map(|node| node.place);
            let AdaptiveRepeats { at_least, at_most, .. } = adaptive;
            let message = format!("`min_repeats` ({at_least}) is more than `max_repeats` ({at_most})");
            self.problems.push(Problem::error(message).at(place).help("raise `max_repeats`"));
        }
        adaptive
    }

    fn refuse_keys_of_auto(&mut self, node: &Node) {
        for Entry { key, .. } in node.entries() {
            if let Some(name) = key.text().filter(|name| OF_AUTO.contains(name)) {
                let problem = Problem::error(format!("`{name}` has no effect on a fixed number of repeats"));
                self.problems.push(problem.at(key.place).help("add `repeats: auto`, or leave it out"));
            }
        }
    }

    pub(super) fn warmup(node: &Node) -> Warmup {
        match value(node, "warmup") {
            Some(HowMany::Auto) => AUTO_WARMUP,
            Some(HowMany::Count(repeats)) => Warmup::Fixed(repeats),
            None => Run::default().warmup,
        }
    }
}
