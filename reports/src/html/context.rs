//! What was heard and seen in the scenes of a film.

use reelbench_protocol::{Scene, SceneContext, Stage1Output};
use reelbench_references::FilmReferences;
use serde::Serialize;

use crate::units;

/// Something said.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    at: String,
    text: String,
}

impl Line {
    fn new(start_s: f64, text: &str) -> Self {
        Self { at: units::timecode(start_s), text: text.trim().to_owned() }
    }
}

/// What stage 1 found, by scene.
pub(super) struct Contexts<'a> {
    scenes: Option<&'a [Scene]>,
    found: Option<&'a Stage1Output>,
    known: Option<&'a FilmReferences>,
    media_s: f64,
    by_scene: Vec<SceneContext>,
}

impl<'a> Contexts<'a> {
    /// What was found in a film of `media_s` seconds, and what people know of it.
    pub(super) fn new(
        found: Option<&'a Stage1Output>,
        known: Option<&'a FilmReferences>,
        media_s: f64,
    ) -> Self {
        let scenes = found.and_then(|found| found.scenes.as_ref()).map(|list| list.scenes.as_slice());
        let by_scene = found.map(|found| found.contexts(scenes)).unwrap_or_default();
        Self { scenes, found, known, media_s, by_scene }
    }

    /// Start and end in seconds.
    pub(super) fn span_s(&self, number: u32) -> Option<(f64, f64)> {
        match self.scenes {
            Some(scenes) => scenes.get(number as usize).map(|scene| (scene.start_s, scene.end_s)),
            None => Some((0.0, self.media_s)),
        }
    }

    /// Whether a stretch of time lies in a scene with its middle; what comes after the last scene belongs to it.
    fn holds(&self, number: u32, start_s: f64, end_s: f64) -> bool {
        let middle = f64::midpoint(start_s, end_s);
        let scenes = self.scenes.unwrap_or_default();
        scenes.partition_point(|scene| scene.start_s <= middle).saturating_sub(1) == number as usize
    }

    pub(super) fn transcript(&self, number: u32) -> Option<Vec<Line>> {
        let segments = &self.found?.transcript.as_ref()?.segments;
        let inside = segments.iter().filter(|segment| self.holds(number, segment.start, segment.end));
        let lines = inside.map(|segment| Line::new(segment.start, &segment.text));
        Some(lines.filter(|line| !line.text.is_empty()).collect())
    }

    /// What people wrote down as said in a scene, as far as they noted when.
    pub(super) fn known_transcript(&self, number: u32) -> Vec<Line> {
        let known = self.known.and_then(|known| known.transcript.as_ref());
        let timed = known.into_iter().flat_map(|transcript| &transcript.segments);
        let timed = timed.filter_map(|segment| Some((segment.span?, &segment.text)));
        let inside = timed.filter(|(span, _)| self.holds(number, span.start_s(), span.end_s()));
        inside.map(|(span, text)| Line::new(span.start_s(), text)).collect()
    }

    /// Name and score of each sound.
    pub(super) fn sounds(&self, number: u32) -> Option<Vec<(String, String)>> {
        let tags = self.by_scene.get(number as usize)?.sounds.as_ref()?;
        Some(tags.iter().map(|tag| (tag.label.clone(), units::percent(f64::from(tag.score)))).collect())
    }

    /// How many there are of each class, in the order of their first appearance.
    pub(super) fn objects(&self, number: u32) -> Option<Vec<(String, u32)>> {
        let mut counts: Vec<(String, u32)> = Vec::new();
        for object in self.by_scene.get(number as usize)?.objects.as_ref()? {
            match counts.iter_mut().find(|(label, _)| *label == object.label) {
                Some((_, count)) => *count += object.count,
                None => counts.push((object.label.clone(), object.count)),
            }
        }
        Some(counts)
    }
}
