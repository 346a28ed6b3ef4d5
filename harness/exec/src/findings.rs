//! Whether sounds and objects can be believed.

use reelbench_protocol::{FrameObjects, ObjectBox, Objects, SoundWindow, Sounds};

use crate::answer::{Unusable, at_most, time};

/// Most labels of one window: more than any known model has.
const MOST_TAGS: usize = 10_000;

/// Most boxes in one frame: far more than a detector is asked for.
const MOST_BOXES: usize = 10_000;

/// Windows in order of time, with scores between 0 and 1.
pub(crate) fn sounds(sounds: &Sounds) -> Result<(), Unusable> {
    let mut previous = f64::NEG_INFINITY;
    for (index, window) in sounds.windows.iter().enumerate() {
        let SoundWindow { start_s, end_s, tags } = window;
        time("the start of a window of sound", *start_s)?;
        time("the end of a window of sound", *end_s)?;
        if *start_s < previous || end_s < start_s {
            return Err(Unusable::Disorder { what: "window of sound", index });
        }
        previous = *start_s;
        at_most(|| format!("window of sound {index}"), tags.len(), MOST_TAGS)?;
        tags.iter().try_for_each(|tag| score("a sound's score", tag.score))?;
    }
    Ok(())
}

/// Frames in order, each at most once, with boxes in the picture's plane.
pub(crate) fn objects(objects: &Objects) -> Result<(), Unusable> {
    let mut previous: Option<&FrameObjects> = None;
    for (index, frame) in objects.frames.iter().enumerate() {
        time("a frame's time", frame.pts_s)?;
        let follows = previous.is_none_or(|before| before.frame < frame.frame && before.pts_s <= frame.pts_s);
        if !follows {
            return Err(Unusable::Disorder { what: "frame", index });
        }
        previous = Some(frame);
        at_most(|| format!("frame {}", frame.frame), frame.boxes.len(), MOST_BOXES)?;
        frame.boxes.iter().try_for_each(object)?;
    }
    Ok(())
}

fn object(object: &ObjectBox) -> Result<(), Unusable> {
    let [left, top, right, bottom] = object.xyxy.map(f64::from);
    for (name, value) in [("left", left), ("top", top), ("right", right), ("bottom", bottom)] {
        time(&format!("a box's {name}"), value)?;
    }
    for (name, length) in [("width", right - left), ("height", bottom - top)] {
        if length < 0.0 {
            return Err(Unusable::Absurd { name: format!("a box's {name}"), value: length });
        }
    }
    score("an object's score", object.score)
}

fn score(name: &str, score: f32) -> Result<(), Unusable> {
    let value = f64::from(score);
    (0.0..=1.0)
        .contains(&value)
        .then_some(())
        .ok_or_else(|| Unusable::Absurd { name: name.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{Tag, Tracker};

    use super::*;

    fn heard() -> Sounds {
        let tag = |score| Tag { label: "Music".to_owned(), index: 137, score };
        // Windows may overlap.
        let window = |start_s, end_s| SoundWindow { start_s, end_s, tags: vec![tag(1.0), tag(0.0)] };
        Sounds { windows: vec![window(0.0, 10.0), window(5.0, 12.5)] }
    }

    fn seen() -> Objects {
        let object = ObjectBox {
            xyxy: [-1.0, 2.0, 30.0, 40.0],
            score: 0.5,
            class: 0,
            label: "person".to_owned(),
            track: Some(1),
        };
        let frame = |frame, pts_s| FrameObjects { frame, pts_s, boxes: vec![object.clone()] };
        Objects { tracker: Tracker::Bytetrack, frames: vec![frame(0, 0.0), frame(5, 0.2)] }
    }

    fn spoilt_sounds(spoil: impl FnOnce(&mut Sounds)) -> Result<(), Unusable> {
        let mut heard = heard();
        spoil(&mut heard);
        sounds(&heard)
    }

    fn spoilt_objects(spoil: impl FnOnce(&mut Objects)) -> Result<(), Unusable> {
        let mut seen = seen();
        spoil(&mut seen);
        objects(&seen)
    }

    #[test]
    fn good_findings_pass() {
        assert_eq!((sounds(&heard()), objects(&seen())), (Ok(()), Ok(())));
        assert_eq!(sounds(&Sounds::default()), Ok(()));
    }

    #[test]
    fn sounds_are_in_order_and_their_scores_are_probabilities() {
        let disorder = Err(Unusable::Disorder { what: "window of sound", index: 1 });
        assert_eq!(spoilt_sounds(|sounds| sounds.windows[1].start_s = -1.0), disorder);
        assert_eq!(spoilt_sounds(|sounds| sounds.windows[1].end_s = 4.0), disorder);
        let absurd = |spoil: fn(&mut Sounds)| matches!(spoilt_sounds(spoil), Err(Unusable::Absurd { .. }));
        assert!(absurd(|sounds| sounds.windows[0].end_s = f64::INFINITY));
        assert!(absurd(|sounds| sounds.windows[0].tags[0].score = f32::NAN));
        assert!(absurd(|sounds| sounds.windows[1].tags[1].score = -0.1));
        let many = |sounds: &mut Sounds| {
            let tag = sounds.windows[0].tags[0].clone();
            sounds.windows[0].tags = vec![tag; MOST_TAGS + 1];
        };
        assert!(matches!(spoilt_sounds(many), Err(Unusable::TooMany { .. })));
    }

    #[test]
    fn frames_are_in_order_and_boxes_have_their_corners() {
        let disorder = Err(Unusable::Disorder { what: "frame", index: 1 });
        assert_eq!(spoilt_objects(|objects| objects.frames[1].frame = 0), disorder);
        assert_eq!(spoilt_objects(|objects| objects.frames[1].pts_s = -0.1), disorder);
        let absurd = |spoil: fn(&mut Objects)| matches!(spoilt_objects(spoil), Err(Unusable::Absurd { .. }));
        assert!(absurd(|objects| objects.frames[0].pts_s = f64::NAN));
        assert!(absurd(|objects| objects.frames[0].boxes[0].xyxy[2] = f32::INFINITY));
        assert!(absurd(|objects| objects.frames[0].boxes[0].xyxy[2] = -2.0));
        assert!(absurd(|objects| objects.frames[0].boxes[0].xyxy[3] = 1.0));
        assert!(absurd(|objects| objects.frames[1].boxes[0].score = 1.1));
    }
}
