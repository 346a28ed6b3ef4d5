//! What people wrote about scenes: Reelbench's JSON lines, or COCO captions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::{Place, Problem, ReferenceError};
use crate::text::{json, lines, read};
use crate::time::TimeSpan;

/// Reference captions of a film, each place once.
#[derive(Debug, Clone, PartialEq)]
pub struct Captions(Vec<CaptionReference>);

impl Captions {
    /// All of them, in the file's order; of COCO captions by scene.
    pub fn as_slice(&self) -> &[CaptionReference] {
        &self.0
    }
}

/// What people wrote about a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionReference {
    /// Which part of the film.
    pub whereabouts: Whereabouts,
    /// At least one, none of them blank.
    pub references: Vec<String>,
}

/// Which part of a film a caption is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Whereabouts {
    /// A scene by its number, counted from 0.
    Scene(usize),
    /// What is shown in this time, however it is divided into scenes.
    Span(TimeSpan),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    scene: Option<usize>,
    start_s: Option<f64>,
    end_s: Option<f64>,
    references: Vec<String>,
}

#[derive(Deserialize)]
struct Coco {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

/// Any object with annotations.
#[derive(Deserialize)]
struct Annotated {
    #[serde(rename = "annotations")]
    _annotations: IgnoredAny,
}

#[derive(Deserialize)]
struct Image {
    id: usize,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: usize,
    caption: String,
}

/// Reads captions. COCO's file is one object with `annotations`; ours has one object a line.
pub fn read_captions(path: &Path) -> Result<Captions, ReferenceError> {
    let text = read(path)?;
    let captions = if serde_json::from_str::<Annotated>(&text).is_ok() {
        coco_captions(path, json(path, &text)?)?
    } else {
        json_lines(path, &text)?
    };
    if captions.is_empty() {
        return Err(Problem::Empty("captions").at(path, Place::File));
    }
    Ok(Captions(captions))
}

fn json_lines(path: &Path, text: &str) -> Result<Vec<CaptionReference>, ReferenceError> {
    let mut captions: Vec<CaptionReference> = Vec::new();
    let mut scenes = BTreeSet::new();
    for (number, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        let place = Place::Line(number);
        let line: Line = serde_json::from_str(line).map_err(|error| Problem::json(&error).at(path, place))?;
        let whereabouts = match (line.scene, line.start_s, line.end_s) {
            (Some(scene), None, None) => Whereabouts::Scene(scene),
            (None, Some(start), Some(end)) => Whereabouts::Span(
                TimeSpan::new(start, end).map_err(|error| Problem::from(error).at(path, place))?,
            ),
            _ => return Err(Problem::Nowhere.at(path, place)),
        };
        if let Whereabouts::Scene(scene) = whereabouts
            && !scenes.insert(scene)
        {
            return Err(Problem::Twice(format!("scene {scene}")).at(path, place));
        }
        if line.references.is_empty() || line.references.iter().any(|text| text.trim().is_empty()) {
            return Err(Problem::Empty("words in `references`").at(path, place));
        }
        captions.push(CaptionReference { whereabouts, references: line.references });
    }
    Ok(captions)
}

/// An image is a scene; its id is the scene's number.
fn coco_captions(path: &Path, coco: Coco) -> Result<Vec<CaptionReference>, ReferenceError> {
    let mut scenes: BTreeMap<usize, Vec<String>> =
        coco.images.into_iter().map(|image| (image.id, Vec::new())).collect();
    for (entry, annotation) in (1..).zip(coco.annotations) {
        let place = Place::Entry("annotations", entry);
        let scene = scenes.get_mut(&annotation.image_id);
        let scene = scene
            .ok_or_else(|| Problem::Unknown(format!("image {}", annotation.image_id)).at(path, place))?;
        if annotation.caption.trim().is_empty() {
            return Err(Problem::Empty("words in `caption`").at(path, place));
        }
        scene.push(annotation.caption);
    }
    let written = scenes.into_iter().filter(|(_, references)| !references.is_empty());
    Ok(written
        .map(|(scene, references)| CaptionReference { whereabouts: Whereabouts::Scene(scene), references })
        .collect())
}
