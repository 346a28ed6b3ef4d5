//! What stage 1 found, beside what is known of the film.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{
    FrameObjects, ObjectBox, Objects, SceneList, Sounds, Stage1Output, Tracker, Transcript,
};
use reelbench_quality::{
    self as quality, CUT_TOLERANCE, CutCounts, Diacritics, Extent, Rect, TrackCounts, Tracked, TrackedFrame,
    TwiceInFrame,
};
use reelbench_references::{self as references, FilmReferences, LabelledObject, Language};

use super::evidence::{Evidence, HeardWindow, Picture};

/// Compares whatever stage 1 found with what is known of it.
pub(super) fn evidence(found: &Stage1Output, known: &FilmReferences) -> Evidence {
    let mut evidence = Evidence::default();
    if let (Some(found), Some(known)) = (&found.transcript, &known.transcript) {
        speech(&mut evidence, found, known);
    }
    if let (Some(found), Some(known)) = (&found.scenes, &known.scenes) {
        evidence.cuts = Some(CutCounts::of(&known.cuts(), &cuts(found), CUT_TOLERANCE));
    }
    if let (Some(found), Some(known)) = (&found.objects, &known.objects) {
        objects(&mut evidence, found, known);
    }
    if let (Some(found), Some(known)) = (&found.sounds, &known.sounds) {
        evidence.windows = heard(found, known);
    }
    evidence
}

fn speech(evidence: &mut Evidence, found: &Transcript, known: &references::Transcript) {
    let normalize = |text: &str| match known.language {
        Language::English => quality::english(text),
        Language::Other => quality::basic(text, Diacritics::Keep),
    };
    let (wanted, said) = (normalize(&known.text()), normalize(&found.text));
    evidence.words = Some(quality::word_edits(&wanted, &said));
    evidence.characters = Some(quality::character_edits(&wanted, &said));
}

/// Where all scenes but the first begin.
fn cuts(found: &SceneList) -> Vec<u64> {
    found.scenes.iter().skip(1).map(|scene| u64::from(scene.start_frame)).collect()
}

/// Boxes and tracks count in frames that were both labelled and looked at: a detector that takes every fifth frame is
/// judged by those.
fn objects(evidence: &mut Evidence, found: &Objects, known: &references::Objects) {
    let mut labelled: BTreeMap<u64, Vec<&LabelledObject>> = BTreeMap::new();
    for object in &known.objects {
        labelled.entry(object.frame).or_default().push(object);
    }
    let frames: Vec<(&FrameObjects, &[&LabelledObject])> = found
        .frames
        .iter()
        .filter(|frame| known.frames.contains(&u64::from(frame.frame)))
        .map(|frame| (frame, labelled.get(&u64::from(frame.frame)).map_or(&[][..], Vec::as_slice)))
        .collect();
    evidence.pictures = frames.iter().map(|(frame, labelled)| picture(frame, labelled)).collect();
    if found.tracker != Tracker::None && known.objects.iter().any(|object| object.track.is_some()) {
        // Two boxes of one track in a frame are the runner's mistake, and have no score.
        evidence.tracks = tracks(&frames, known).ok();
    }
}

fn picture(frame: &FrameObjects, labelled: &[&LabelledObject]) -> Picture {
    let labelled = labelled.iter().filter_map(|object| {
        let class = object.class.as_ref()?;
        Some((class.clone(), object.rect, object.extent))
    });
    let detected = frame.boxes.iter().filter_map(|found| {
        let score = quality::Score::new(f64::from(found.score)).ok()?;
        Some((found.label.clone(), rect(found)?, score))
    });
    Picture { labelled: labelled.collect(), detected: detected.collect() }
}

/// None for a box without a size, which covers nothing.
fn rect(found: &ObjectBox) -> Option<Rect> {
    Rect::from_corners(found.xyxy.map(f64::from)).ok()
}

/// Tracks of each class by themselves; where labels have no class, all together. Classes that nobody labelled do not count.
///
/// # Errors
/// When the runner has one track twice in a frame.
fn tracks(
    frames: &[(&FrameObjects, &[&LabelledObject])],
    known: &references::Objects,
) -> Result<TrackCounts, TwiceInFrame> {
    let followed = known.objects.iter().filter(|object| object.track.is_some());
    let classes: Option<BTreeSet<&str>> = followed.map(|object| object.class.as_deref()).collect();
    let of_class = |class: Option<&str>| {
        let frames: Vec<TrackedFrame> = frames
            .iter()
            .map(|(frame, labelled)| TrackedFrame {
                wanted: wanted(labelled, class),
                found: found_tracks(frame, class),
            })
            .collect();
        TrackCounts::of(&frames)
    };
    match classes {
        Some(classes) => classes.into_iter().map(|class| of_class(Some(class))).sum(),
        None => of_class(None),
    }
}

fn wanted(labelled: &[&LabelledObject], class: Option<&str>) -> Vec<Tracked> {
    let ours = labelled.iter().filter(|object| {
        object.extent == Extent::One && (class.is_none() || object.class.as_deref() == class)
    });
    ours.filter_map(|object| Some(Tracked { track: object.track?, rect: object.rect })).collect()
}

fn found_tracks(frame: &FrameObjects, class: Option<&str>) -> Vec<Tracked> {
    let ours = frame.boxes.iter().filter(|found| class.is_none_or(|class| found.label == class));
    ours.filter_map(|found| Some(Tracked { track: u64::from(found.track?), rect: rect(found)? })).collect()
}

/// Every labelled stretch with the highest score that each label got in any window that overlaps it. A runner tells the
/// likeliest labels alone; the others count as 0.
fn heard(found: &Sounds, known: &references::Sounds) -> Vec<HeardWindow> {
    let stretch = |window: &references::SoundWindow| {
        let overlapping = found
            .windows
            .iter()
            .filter(|found| found.start_s < window.span.end_s() && window.span.start_s() < found.end_s);
        let mut scores: BTreeMap<String, quality::Score> = BTreeMap::new();
        for tag in overlapping.flat_map(|found| &found.tags) {
            let Ok(score) = quality::Score::new(f64::from(tag.score)) else { continue };
            let highest = scores.entry(tag.label.clone()).or_insert(score);
            if score.get() > highest.get() {
                *highest = score;
            }
        }
        HeardWindow { wanted: window.labels.clone(), found: scores }
    };
    known.as_slice().iter().map(stretch).collect()
}
