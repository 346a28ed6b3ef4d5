//! From text to a validated matrix, noting everything that is wrong on the way.
//!
//! [`check`] holds the text against the grammar; what follows then reads values on the
//! understanding that one of the wrong type has been reported, and reports what only their meaning
//! shows: files, ids, combinations.

mod combinations;
mod gate;
mod models;
mod repeats;
mod run;
mod stage1;
mod videos;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::check::check;
use crate::folders::Folders;
use crate::grammar;
use crate::knob::BaseStage;
use crate::matrix::Matrix;
use crate::needs::Needs;
use crate::node::{self, Node};
use crate::problem::{Located, MatrixError, Problem, Severity};
use crate::setting::FromNode;
use crate::shape::Shape;

/// Largest matrix in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads values and notes what is wrong with them.
struct Reader<'a> {
    /// The matrix, as messages name it.
    file: &'a Path,
    /// The matrix's folder; paths are relative to it.
    base: &'a Path,
    folders: &'a Folders,
    /// The stages that the matrix asks for, right or wrong.
    asked: BTreeSet<BaseStage>,
    problems: Vec<Problem>,
    /// What fetching would put right.
    missing: Vec<Problem>,
    needs: Needs,
}

impl Matrix {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line; or why the file cannot be read.
    pub fn load(file: &Path, folders: &Folders) -> Result<Self, MatrixError> {
        Self::parse(&read_text(file)?, file, folders)
    }

    /// Reads a text as the contents of `file`, to whose folder paths are relative.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(text: &str, file: &Path, folders: &Folders) -> Result<Self, MatrixError> {
        let (matrix, reader) = read(text, file, folders)?;
        let problems = reader.problems.into_iter().chain(reader.missing);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            problems.partition(|problem| problem.severity == Severity::Error);
        // Beside an error a warning may only be its consequence.
        if errors.is_empty() {
            Ok(Self { warnings, ..matrix })
        } else {
            Err(MatrixError::new(file, &matrix.text, errors))
        }
    }
}

/// What a matrix needs that can be fetched.
///
/// # Errors
/// Everything that is wrong with it but for what fetching would put right.
pub(crate) fn needs(text: &str, file: &Path, folders: &Folders) -> Result<Needs, MatrixError> {
    let (matrix, reader) = read(text, file, folders)?;
    let mut errors = reader.problems;
    errors.retain(|problem| problem.severity == Severity::Error);
    if errors.is_empty() { Ok(reader.needs) } else { Err(MatrixError::new(file, &matrix.text, errors)) }
}

/// A matrix, and what was noted on the way.
fn read<'a>(text: &str, file: &'a Path, folders: &'a Folders) -> Result<(Matrix, Reader<'a>), MatrixError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = node::parse(text).map_err(|problem| MatrixError::new(file, text, vec![problem]))?;
    let stage1 = root.get("stage1");
    let is_asked = |stage: &BaseStage| stage1.is_some_and(|stage1| stage1.get(stage.as_str()).is_some());
    let mut reader = Reader {
        file,
        base: file.parent().unwrap_or(Path::new("")),
        folders,
        asked: BaseStage::ALL.iter().copied().filter(is_asked).collect(),
        problems: Vec::new(),
        missing: Vec::new(),
        needs: Needs::default(),
    };
    check(&root, &Shape::Map(&grammar::MATRIX), "the matrix", &mut reader.problems);
    let matrix = reader.matrix(&root, file, text);
    Ok((matrix, reader))
}

/// Reads a file of at most 1 MiB as text.
pub(crate) fn read_text(file: &Path) -> Result<String, MatrixError> {
    let fail = |problem| MatrixError::new(file, "", vec![problem]);
    let bytes = read_bounded(file).map_err(fail)?;
    String::from_utf8(bytes).map_err(|error| fail(not_utf8(&error)))
}

impl Reader<'_> {
    fn matrix(&mut self, root: &Node, file: &Path, text: &str) -> Matrix {
        let stage1 = self.stage1(root.get("stage1"));
        let videos = self.videos(root.get("videos"));
        let models = self.models(root);
        if root.is_map() && stage1.is_empty() && root.get("models").is_none() {
            let problem = Problem::error("there is nothing to do: the matrix has neither stage1 nor models");
            self.problems.push(problem.at(root.place).help("add `stage1`, `models` or both"));
        }
        let (run, device_place) = self.run(root.get("run"));
        let mut matrix = Matrix {
            file: file.to_owned(),
            text: text.to_owned(),
            name: self.name(root.get("name")),
            videos,
            stage1,
            models,
            exclude: Vec::new(),
            include: Vec::new(),
            run,
            device_place,
            gate: root.get("gate").map(|node| gate::gate(node, &mut self.problems)),
            warnings: Vec::new(),
        };
        let known = combinations::Known::new(root);
        matrix.exclude = self.exclude(root.get("exclude"), &known);
        matrix.include = self.include(root.get("include"), &known, &matrix);
        matrix
    }

    fn name(&mut self, node: Option<&Node>) -> String {
        let Some((node, name)) = node.and_then(|node| Some((node, node.text()?))) else {
            return String::new();
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=100).contains(&name.len()) || !name.chars().all(allowed) {
            let problem = Problem::error(format!("`{}` is not a valid name", name.escape_debug()));
            self.problems.push(
                problem
                    .at(node.place)
                    .help("use lower-case letters, digits and `-`, at least one and at most 100"),
            );
        }
        name.to_owned()
    }

    /// The value of a text that a type can parse.
    fn parse<T: FromStr<Err: Display>>(&mut self, node: &Node) -> Option<T> {
        let parsed = node.text()?.parse();
        parsed
            .map_err(|error: T::Err| self.problems.push(Problem::error(error.to_string()).at(node.place)))
            .ok()
    }

    /// The absolute path of a file that must exist.
    fn file(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        let word = node.text()?;
        let path = self.base.join(word);
        if path.is_file() {
            return std::path::absolute(path).ok();
        }
        let state = if path.is_dir() { "is a folder" } else { "does not exist" };
        // The folder of a matrix given by its bare name is "", which has no absolute form.
        let base = std::path::absolute(self.base.join(".")).unwrap_or_default();
        self.problems.push(
            Problem::error(format!("the {what} `{}` {state}", word.escape_debug()))
                .at(node.place)
                .help(format!("paths are relative to the matrix, in `{}`", base.display())),
        );
        None
    }
}

/// A value of the right type and its place.
fn located<T: FromNode>(node: &Node) -> Option<Located<T>> {
    Some(Located { value: T::from_node(node)?, place: Some(node.place) })
}

fn read_bounded(file: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| Problem::error(format!("the matrix cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::error(format!("the matrix is larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

fn not_utf8(error: &std::string::FromUtf8Error) -> Problem {
    let valid = error.utf8_error().valid_up_to();
    let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
    Problem::error(format!("the matrix is not UTF-8 text: line {line} has a byte that is no character"))
        .help("save it as UTF-8")
}
