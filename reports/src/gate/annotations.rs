//! Workflow commands of GitHub Actions, which show checks beside a change.
//!
//! Escaping as `@actions/core` 1.11 does it (`src/command.ts`): `%`, CR and LF everywhere, `:` and `,` in properties too.

use std::fmt::Write as _;

use super::{CheckVerdict, Gate, GateVerdict};
use crate::comparison::Flag;

/// GitHub shows no more than ten of a kind per step.
const MOST: usize = 10;

impl Gate {
    /// One line for each check that is not a pass, and for each cell that says less; at most ten errors and warnings
    /// each, and a last one that says how many more there are.
    pub fn annotations(&self) -> String {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        for check in &self.checks {
            let title = |word: &str| format!("{word}: {} {}", check.metric, check.name);
            match check.verdict {
                CheckVerdict::Pass => {}
                CheckVerdict::Fail => errors.push((title("Regression"), check.reason.clone())),
                CheckVerdict::Missing => errors.push((title("Missing"), check.reason.clone())),
                CheckVerdict::Inconclusive => warnings.push((title("Inconclusive"), check.reason.clone())),
            }
        }
        for cell in self.runs.cells.iter().filter(|cell| cell.says_less()) {
            let flags: Vec<String> = cell.flags.iter().map(Flag::words).collect();
            warnings.push((format!("Said less: {}", cell.name), flags.join(", ")));
        }
        if errors.is_empty() && matches!(self.verdict, GateVerdict::NotComparable | GateVerdict::Incomplete) {
            errors.push(("Nothing was gated".to_owned(), self.headline.clone()));
        }
        lines("error", &errors) + &lines("warning", &warnings)
    }
}

fn lines(command: &str, annotations: &[(String, String)]) -> String {
    let mut text = String::new();
    let shown = if annotations.len() > MOST { MOST - 1 } else { annotations.len() };
    for (title, message) in annotations.iter().take(shown) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "::{command} title={}::{}", property(title), data(message));
    }
    if let more @ 1.. = annotations.len() - shown {
        let _ = writeln!(text, "::{command} title=And {more} more::They stand in gate.md and verdict.json");
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_cannot_be_broken_out_of() {
        let annotations = [("a: b, 5%".to_owned(), "x\r\n::error::y 5%".to_owned())];
        assert_eq!(lines("error", &annotations), "::error title=a%3A b%2C 5%25::x%0D%0A::error::y 5%25\n");
    }

    #[test]
    fn no_more_than_ten_of_a_kind() {
        let many: Vec<_> = (0..25).map(|n| (n.to_string(), String::new())).collect();
        let text = lines("warning", &many);
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("::warning title=And 16 more::They stand in gate.md and verdict.json\n"));
        assert_eq!(lines("warning", &many[..10]).lines().count(), 10);
        assert_eq!(lines("warning", &[]), "");
    }
}
