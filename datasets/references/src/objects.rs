//! Objects in frames: COCO's boxes with the frame of each image, or MOT Challenge's tracks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reelbench_quality::{Extent, Rect};
use serde::Deserialize;

use crate::error::{Place, Problem, ReferenceError};
use crate::text::{json, lines, read};

/// The labelled objects of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct Objects {
    /// The frames that somebody labelled, counted from 0, those without an object included.
    pub frames: BTreeSet<u64>,
    /// The objects, in the file's order.
    pub objects: Vec<LabelledObject>,
}

/// An object in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledObject {
    /// The frame, counted from 0.
    pub frame: u64,
    /// The class's name; tracks of MOT Challenge may have none.
    pub class: Option<String>,
    /// Where it is, in pixels of the film's own size.
    pub rect: Rect,
    /// Whether it is one object.
    pub extent: Extent,
    /// The object's number over all frames, where it was followed.
    pub track: Option<u64>,
}

#[derive(Deserialize)]
struct Coco {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    frame: Option<u64>,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
    track_id: Option<u64>,
}

/// Reads objects. JSON is COCO's, other text MOT Challenge's.
pub fn read_objects(path: &Path) -> Result<Objects, ReferenceError> {
    let text = read(path)?;
    let objects =
        if text.trim_start().starts_with('{') { coco(path, json(path, &text)?)? } else { mot(path, &text)? };
    if objects.frames.is_empty() {
        return Err(Problem::Empty("labelled frames").at(path, Place::File));
    }
    Ok(objects)
}

fn coco(path: &Path, coco: Coco) -> Result<Objects, ReferenceError> {
    let mut frames = BTreeMap::new();
    let mut labelled = BTreeSet::new();
    for (entry, image) in (1..).zip(coco.images) {
        let place = Place::Entry("images", entry);
        let frame = image.frame.ok_or_else(|| Problem::NoFrame(image.id).at(path, place))?;
        if frames.insert(image.id, frame).is_some() {
            return Err(Problem::Twice(format!("image {}", image.id)).at(path, place));
        }
        if !labelled.insert(frame) {
            return Err(Problem::Twice(format!("frame {frame}")).at(path, place));
        }
    }
    let classes: BTreeMap<u64, String> =
        coco.categories.into_iter().map(|class| (class.id, class.name)).collect();
    let mut seen = BTreeSet::new();
    let mut objects = Vec::with_capacity(coco.annotations.len());
    for (entry, annotation) in (1..).zip(coco.annotations) {
        let fail = |problem: Problem| problem.at(path, Place::Entry("annotations", entry));
        let frame = frames.get(&annotation.image_id);
        let frame = *frame.ok_or_else(|| fail(Problem::Unknown(format!("image {}", annotation.image_id))))?;
        let class = classes.get(&annotation.category_id);
        let class =
            class.ok_or_else(|| fail(Problem::Unknown(format!("category {}", annotation.category_id))))?;
        if let Some(track) = annotation.track_id.filter(|track| !seen.insert((frame, *track))) {
            return Err(fail(Problem::Twice(format!("track {track} of frame {frame}"))));
        }
        objects.push(LabelledObject {
            frame,
            class: Some(class.clone()),
            rect: Rect::new(annotation.bbox).map_err(|error| fail(error.into()))?,
            extent: if annotation.iscrowd == 0 { Extent::One } else { Extent::Crowd },
            track: annotation.track_id,
        });
    }
    Ok(Objects { frames: labelled, objects })
}

/// The name of a class number of the benchmark's development kit, as COCO has it; other classes stay as written.
fn mot_class(class: &str) -> &str {
    match class {
        // A pedestrian, and one who stands still.
        "1" | "7" => "person",
        "3" => "car",
        "4" => "bicycle",
        "5" => "motorcycle",
        other => other,
    }
}

/// `frame, track, left, top, width, height, use, class, visibility`, of which the last three may be missing. Frames count from 1;
/// a `use` of 0 takes a box out, as the benchmark's own evaluation does.
fn mot(path: &Path, text: &str) -> Result<Objects, ReferenceError> {
    let mut objects = Objects { frames: BTreeSet::new(), objects: Vec::new() };
    let mut seen = BTreeSet::new();
    for (number, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        let fail = |problem: Problem| problem.at(path, Place::Line(number));
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [frame, track, left, top, width, height, rest @ ..] = fields.as_slice() else {
            return Err(fail(Problem::unexpected("frame,track,left,top,width,height", line)));
        };
        let count = |field: &str| {
            field
                .parse::<u64>()
                .ok()
                .ok_or_else(|| fail(Problem::unexpected("a whole number that is not negative", field)))
        };
        let side = |field: &str| {
            field.parse::<f64>().ok().ok_or_else(|| fail(Problem::unexpected("a number of pixels", field)))
        };
        let frame = count(frame)?
            .checked_sub(1)
            .ok_or_else(|| fail(Problem::unexpected("a frame, counted from 1", frame)))?;
        let track = count(track)?;
        let rect = Rect::new([side(left)?, side(top)?, side(width)?, side(height)?])
            .map_err(|error| fail(error.into()))?;
        objects.frames.insert(frame);
        if rest.first().map(|field| side(field)).transpose()? == Some(0.0) {
            continue;
        }
        if !seen.insert((frame, track)) {
            return Err(fail(Problem::Twice(format!("track {track} of this frame"))));
        }
        let class = rest.get(1).filter(|class| **class != "-1").map(|class| mot_class(class).to_owned());
        objects.objects.push(LabelledObject { frame, class, rect, extent: Extent::One, track: Some(track) });
    }
    Ok(objects)
}
