//! Where scenes begin and end: Reelbench's JSON, or a scene list of PySceneDetect.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Place, Problem, ReferenceError};
use crate::text::{ends_with, json, lines, read};

/// The scenes of a film, in order and without overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenes(Vec<Scene>);

/// A scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "(u64, u64)")]
pub struct Scene {
    /// Its first frame, counted from 0.
    pub start: u64,
    /// The first frame after it.
    pub end: u64,
}

impl From<(u64, u64)> for Scene {
    fn from((start, end): (u64, u64)) -> Self {
        Self { start, end }
    }
}

impl Scenes {
    /// All of them.
    pub fn as_slice(&self) -> &[Scene] {
        &self.0
    }

    /// The frames at which one scene follows another: where all but the first begin.
    pub fn cuts(&self) -> Vec<u64> {
        self.0.iter().skip(1).map(|scene| scene.start).collect()
    }
}

/// What `bench probe scenes` prints.
#[derive(Deserialize)]
struct Probe {
    scenes: Vec<Scene>,
}

/// Reads scenes. CSV is told by its ending, or by not beginning as JSON does.
pub fn read_scenes(path: &Path) -> Result<Scenes, ReferenceError> {
    let text = read(path)?;
    let numbered =
        |scenes: Vec<Scene>| (1..).map(|entry| Place::Entry("scenes", entry)).zip(scenes).collect();
    let placed: Vec<_> = match text.trim_start().chars().next() {
        Some('[') if !ends_with(path, "csv") => numbered(json(path, &text)?),
        Some('{') if !ends_with(path, "csv") => numbered(json::<Probe>(path, &text)?.scenes),
        _ => scene_list(path, &text)?,
    };
    let mut after = 0;
    for (place, Scene { start, end }) in &placed {
        if start >= end {
            return Err(Problem::EmptyScene { start: *start, end: *end }.at(path, *place));
        }
        if *start < after {
            return Err(Problem::Overlap.at(path, *place));
        }
        after = *end;
    }
    if placed.is_empty() {
        return Err(Problem::Empty("scenes").at(path, Place::File));
    }
    Ok(Scenes(placed.into_iter().map(|(_, scene)| scene).collect()))
}

/// PySceneDetect counts frames from 1, and its last frame still belongs to the scene.
fn scene_list(path: &Path, text: &str) -> Result<Vec<(Place, Scene)>, ReferenceError> {
    let mut lines = lines(text).filter(|(_, line)| !line.trim().is_empty()).peekable();
    lines.next_if(|(_, line)| line.trim_start().starts_with("Timecode List"));
    let (number, header) = lines.next().ok_or_else(|| Problem::Empty("scenes").at(path, Place::File))?;
    let column = |name: &'static str| {
        let found = header.split(',').position(|column| column.trim() == name);
        found.ok_or_else(|| Problem::NoColumn(name).at(path, Place::Line(number)))
    };
    let (start, end) = (column("Start Frame")?, column("End Frame")?);
    let scene = |(number, line): (usize, &str)| {
        let place = Place::Line(number);
        let frame = |column: usize| {
            let field = line.split(',').nth(column).unwrap_or_default().trim();
            let frame = field.parse::<u64>().ok().filter(|frame| *frame > 0);
            frame
                .ok_or_else(|| Problem::unexpected("a frame's number, counted from 1", field).at(path, place))
        };
        Ok((place, Scene { start: frame(start)? - 1, end: frame(end)? }))
    };
    lines.map(scene).collect()
}
