//! runners.yaml: programs that take part beside those that come with Reelbench.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::layout::Places;
use crate::problem::{MatrixError, Problem};
use crate::read::read_text;

/// How a runner is started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerEntry {
    /// The program: a path from where the list lies, or a name to be found in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
}

/// Reads a list of runners: a map from names to entries.
///
/// ```yaml
/// mine: {program: ./my-runner, args: [--threads, "2"]}
/// ```
///
/// # Errors
/// When the file cannot be read or is not such a list, with the line.
pub fn read_runners(file: &Path) -> Result<BTreeMap<String, RunnerEntry>, MatrixError> {
    let text = read_text(file)?;
    serde_yaml::from_str(&text).map_err(|error| {
        let place = error.location().map(|location| Places::new(&text).of_byte(location.index()));
        let help = "write `name: {program: PATH, args: [..]}` for each runner";
        MatrixError::new(file, &text, vec![Problem::error(error.to_string()).at(place).help(help)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_mistakes_have_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runners.yaml");
        std::fs::write(&file, "mine: {program: ./mine, args: [--fast]}\n").unwrap();
        let expected = RunnerEntry { program: "./mine".into(), args: vec!["--fast".to_owned()] };
        assert_eq!(read_runners(&file).unwrap(), BTreeMap::from([("mine".to_owned(), expected)]));
        std::fs::write(&file, "mine: {program: ./mine}\nother: {programme: x}\n").unwrap();
        let error = read_runners(&file).unwrap_err().to_string();
        assert!(error.contains("runners.yaml:2:") && error.contains("programme"), "{error}");
    }
}
