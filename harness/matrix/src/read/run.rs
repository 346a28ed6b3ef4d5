//! `run`.

use std::time::Duration;

use super::Reader;
use crate::node::Node;
use crate::problem::{Place, Problem};
use crate::run::Run;
use crate::setting::FromNode;

impl Reader<'_> {
    /// The `run` part, and where it names a device.
    pub(super) fn run(&mut self, node: Option<&Node>) -> (Run, Option<Place>) {
        let default = Run::default();
        let Some(node) = node else { return (default, None) };
        let device = node.get("device");
        let run = Run {
            repeats: self.repeats(node),
            warmup: Self::warmup(node),
            timeout: node.get("timeout").and_then(|node| self.duration(node)).unwrap_or(default.timeout),
            run_timeout: node.get("run_timeout").and_then(|node| self.duration(node)),
            memory_limit: node
                .get("memory_limit")
                .and_then(|node| self.parse(node))
                .unwrap_or(default.memory_limit),
            device: device.and_then(|device| self.parse(device)).unwrap_or(default.device),
            seed: value(node, "seed").unwrap_or(default.seed),
            order: value(node, "order").unwrap_or(default.order),
            max_scenes: value(node, "max_scenes"),
            cache_check: value(node, "cache_check").unwrap_or(default.cache_check),
        };
        (run, device.map(|device| device.place))
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = node.text()?;
        match humantime::parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Some(duration),
            _ => {
                let problem = Problem::error(format!("`{}` is not a time to wait", text.escape_debug()));
                self.problems
                    .push(problem.at(node.place).help("write a number and its unit, such as 90s, 30m or 2h"));
                None
            }
        }
    }
}

pub(super) fn value<T: FromNode>(node: &Node, key: &str) -> Option<T> {
    node.get(key).and_then(T::from_node)
}
