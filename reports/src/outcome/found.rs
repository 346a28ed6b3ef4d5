//! When two results of the base stages are the same.
//!
//! A runner on one machine finds the same scenes, words, classes and tracks every time. What may move are the last digits
//! of a number, where windows are batched or an accelerator adds up in another order. So:
//!
//! - scenes agree when they are equal;
//! - speech agrees when texts and tokens do, and times to within a thousandth of a second;
//! - sounds agree when every label's score does to within 0.001. Their order counts only that far: labels closer than
//!   this may change places, and so may the last of those told with the first of those left out;
//! - objects agree when every frame has the same boxes in the same order, with the same classes and tracks, their edges
//!   to within a tenth of a pixel and scores to within 0.001.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{
    FrameObjects, ObjectBox, Scene, SceneList, Segment, SoundWindow, Stage, Stage1Output, Tag, Transcript,
};

/// Most that scores, and times in seconds, may differ.
const TOLERANCE: f64 = 1e-3;
/// Most that the edge of a box may differ, in pixels.
const PIXEL_TOLERANCE: f32 = 0.1;

/// Stages whose results differ, with the scenes in which they do; without scenes where none can be named.
pub(crate) type Differing = BTreeMap<Stage, BTreeSet<u32>>;

/// Places at which a result differs: scenes, or the film as a whole.
type Spots = BTreeSet<Option<u32>>;

/// What differs between two results.
pub(crate) fn differing(a: &Stage1Output, b: &Stage1Output) -> Differing {
    let film = Film(a.scenes.as_ref().map_or(&[], |list| &list.scenes));
    let spots = [
        (Stage::Scene, compared(a.scenes.as_ref(), b.scenes.as_ref(), scenes)),
        (Stage::Asr, compared(a.transcript.as_ref(), b.transcript.as_ref(), |a, b| film.speech(a, b))),
        (
            Stage::Ast,
            compared(a.sounds.as_ref(), b.sounds.as_ref(), |a, b| {
                differing_parts(
                    &a.windows,
                    &b.windows,
                    |window| film.scene_at(window.start_s, window.end_s),
                    same_sounds,
                )
            }),
        ),
        (
            Stage::Yolo,
            compared(a.objects.as_ref(), b.objects.as_ref(), |a, b| {
                differing_parts(&a.frames, &b.frames, |frame| film.scene_of(frame.frame), same_objects)
            }),
        ),
    ];
    let differing = spots.into_iter().filter(|(_, spots)| !spots.is_empty());
    differing.map(|(stage, spots)| (stage, spots.into_iter().flatten().collect())).collect()
}

/// A result that only one of the two has differs as a whole.
fn compared<T>(a: Option<&T>, b: Option<&T>, spots: impl FnOnce(&T, &T) -> Spots) -> Spots {
    match (a, b) {
        (Some(a), Some(b)) => spots(a, b),
        (None, None) => Spots::new(),
        _ => Spots::from([None]),
    }
}

fn scenes(a: &SceneList, b: &SceneList) -> Spots {
    if a == b {
        return Spots::new();
    }
    let count = a.scenes.len().max(b.scenes.len());
    let differ = (0..count).filter(|&n| a.scenes.get(n) != b.scenes.get(n));
    let spots: Spots = differ.map(|n| Some(n as u32)).collect();
    if spots.is_empty() { Spots::from([None]) } else { spots }
}

/// The scenes of a film; without them it is a whole.
#[derive(Clone, Copy)]
struct Film<'a>(&'a [Scene]);

impl Film<'_> {
    /// The scene that the middle of a stretch lies in; the ends of the film are open.
    fn scene_at(self, start_s: f64, end_s: f64) -> Option<u32> {
        let middle = f64::midpoint(start_s, end_s);
        let begun = self.0.partition_point(|scene| scene.start_s <= middle);
        (!self.0.is_empty()).then(|| begun.saturating_sub(1) as u32)
    }

    fn scene_of(self, frame: u32) -> Option<u32> {
        let begun = self.0.partition_point(|scene| scene.start_frame <= frame);
        (!self.0.is_empty()).then(|| begun.saturating_sub(1) as u32)
    }

    fn speech(self, a: &Transcript, b: &Transcript) -> Spots {
        let scene = |segment: &Segment| self.scene_at(segment.start, segment.end);
        let spots = differing_parts(&a.segments, &b.segments, scene, same_speech);
        if spots.is_empty() && a.text != b.text { Spots::from([None]) } else { spots }
    }
}

/// Where the parts of two results differ, in number or by `same`.
fn differing_parts<T>(
    a: &[T],
    b: &[T],
    scene: impl Fn(&T) -> Option<u32>,
    same: impl Fn(&T, &T) -> bool,
) -> Spots {
    let mut by_scene: BTreeMap<Option<u32>, (Vec<&T>, Vec<&T>)> = BTreeMap::new();
    for part in a {
        by_scene.entry(scene(part)).or_default().0.push(part);
    }
    for part in b {
        by_scene.entry(scene(part)).or_default().1.push(part);
    }
    let agree = |a: &[&T], b: &[&T]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    by_scene.into_iter().filter(|(_, (a, b))| !agree(a, b)).map(|(scene, _)| scene).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE
}

fn same_speech(a: &Segment, b: &Segment) -> bool {
    a.text == b.text && a.tokens == b.tokens && close(a.start, b.start) && close(a.end, b.end)
}

fn same_sounds(a: &SoundWindow, b: &SoundWindow) -> bool {
    let same_time = close(a.start_s, b.start_s) && close(a.end_s, b.end_s);
    same_time && a.tags.len() == b.tags.len() && heard(&a.tags, &b.tags) && heard(&b.tags, &a.tags)
}

/// Whether every one of `tags` is among `others` with the same score, or would be but for being the last.
fn heard(tags: &[Tag], others: &[Tag]) -> bool {
    let least = others.iter().map(|tag| f64::from(tag.score)).fold(f64::INFINITY, f64::min);
    tags.iter().all(|tag| {
        let score = f64::from(tag.score);
        match others.iter().find(|other| other.index == tag.index) {
            Some(other) => close(score, f64::from(other.score)),
            None => score <= least + TOLERANCE,
        }
    })
}

fn same_objects(a: &FrameObjects, b: &FrameObjects) -> bool {
    let same_box = |(a, b): (&ObjectBox, &ObjectBox)| {
        let edges = a.xyxy.iter().zip(b.xyxy).all(|(a, b)| (a - b).abs() <= PIXEL_TOLERANCE);
        (a.class, a.track) == (b.class, b.track) && edges && close(f64::from(a.score), f64::from(b.score))
    };
    a.frame == b.frame && a.boxes.len() == b.boxes.len() && a.boxes.iter().zip(&b.boxes).all(same_box)
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{Objects, Sounds, TicksRun, TimeBase, Timeline, Tracker};

    use super::*;

    /// Two scenes with a sentence, a window and a frame each.
    fn output() -> Stage1Output {
        let scene = |n: u32| Scene {
            start_frame: 24 * n,
            end_frame: 24 * (n + 1),
            start_s: f64::from(n),
            end_s: f64::from(n + 1),
        };
        let timeline = Timeline {
            time_base: TimeBase { num: 1, den: 24 },
            runs: vec![TicksRun { start: 0, step: 1, count: 48 }],
        };
        let tag = |index, score| Tag { label: format!("sound {index}"), index, score };
        let object = |track| ObjectBox {
            xyxy: [0.0, 0.0, 10.0, 10.0],
            score: 0.5,
            class: 0,
            label: "person".to_owned(),
            track: Some(track),
        };
        let frame = |frame: u32| FrameObjects { frame, pts_s: 0.0, boxes: vec![object(1), object(2)] };
        let segment = |n: u32| Segment {
            start: f64::from(n),
            end: f64::from(n) + 0.5,
            text: format!(" {n}"),
            tokens: vec![n],
        };
        let window = |n: u32| SoundWindow {
            start_s: f64::from(n),
            end_s: f64::from(n + 1),
            tags: vec![tag(7, 0.9), tag(3, 0.2), tag(5, 0.1)],
        };
        Stage1Output {
            scenes: Some(SceneList { fps: 24.0, timeline, scenes: vec![scene(0), scene(1)] }),
            transcript: Some(Transcript { text: " 0 1".to_owned(), segments: vec![segment(0), segment(1)] }),
            sounds: Some(Sounds { windows: vec![window(0), window(1)] }),
            objects: Some(Objects { tracker: Tracker::Bytetrack, frames: vec![frame(0), frame(24)] }),
            failures: vec![],
        }
    }

    /// What differs after a change to one of two equal results; the same both ways round.
    fn after(change: impl FnOnce(&mut Stage1Output)) -> Vec<(Stage, Vec<u32>)> {
        let (a, mut b) = (output(), output());
        change(&mut b);
        let found = differing(&a, &b);
        assert_eq!(found, differing(&b, &a));
        found.into_iter().map(|(stage, scenes)| (stage, scenes.into_iter().collect())).collect()
    }

    fn segments(output: &mut Stage1Output) -> &mut Vec<Segment> {
        &mut output.transcript.as_mut().unwrap().segments
    }

    fn tags(output: &mut Stage1Output) -> &mut Vec<Tag> {
        &mut output.sounds.as_mut().unwrap().windows[1].tags
    }

    fn boxes(output: &mut Stage1Output) -> &mut Vec<ObjectBox> {
        &mut output.objects.as_mut().unwrap().frames[1].boxes
    }

    #[test]
    fn the_scene_of_a_difference_is_named() {
        assert_eq!(after(|_| {}), []);
        assert_eq!(after(|output| segments(output)[1].tokens[0] = 9), [(Stage::Asr, vec![1])]);
        assert_eq!(after(|output| segments(output)[0].text.push('.')), [(Stage::Asr, vec![0])]);
        assert_eq!(after(|output| drop(segments(output).remove(0))), [(Stage::Asr, vec![0])]);
        assert_eq!(after(|output| tags(output)[0].score = 0.91), [(Stage::Ast, vec![1])]);
        assert_eq!(after(|output| boxes(output)[0].track = None), [(Stage::Yolo, vec![1])]);
        assert_eq!(after(|output| boxes(output)[0].xyxy[2] = 10.2), [(Stage::Yolo, vec![1])]);
        assert_eq!(after(|output| boxes(output)[0].class = 2), [(Stage::Yolo, vec![1])]);
        assert_eq!(after(|output| boxes(output).swap(0, 1)), [(Stage::Yolo, vec![1])]);
        let all = after(|output| output.scenes.as_mut().unwrap().scenes[1].end_frame = 47);
        assert_eq!(all, [(Stage::Scene, vec![1])]);
    }

    #[test]
    fn last_digits_do_not_count() {
        assert_eq!(after(|output| tags(output)[0].score = 0.9005), []);
        assert_eq!(after(|output| boxes(output)[0].score = 0.5009), []);
        assert_eq!(after(|output| boxes(output)[0].xyxy[0] = 0.01), []);
        assert_eq!(after(|output| segments(output)[0].end = 0.5004), []);
    }

    #[test]
    fn the_order_of_sounds_counts_as_far_as_their_scores_do() {
        assert_eq!(
            after(|output| tags(output).swap(1, 2)),
            [],
            "a list is in order, or its runner is refused"
        );
        let swapped = |output: &mut Stage1Output| {
            tags(output)[1].index = 5;
            tags(output)[2].index = 3;
        };
        assert_eq!(after(swapped), [(Stage::Ast, vec![1])]);
        assert_eq!(after(|output| tags(output)[0].index = 8), [(Stage::Ast, vec![1])]);
        assert_eq!(
            after(|output| tags(output)[2].index = 8),
            [],
            "the first left out may have come as close"
        );
        assert_eq!(after(|output| drop(tags(output).pop())), [(Stage::Ast, vec![1])]);
    }

    #[test]
    fn a_film_without_scenes_is_a_whole_and_a_missing_result_differs() {
        let (mut a, mut b) = (output(), output());
        (a.scenes, b.scenes) = (None, None);
        segments(&mut b)[1].tokens[0] = 9;
        b.objects = None;
        let found: Vec<_> = differing(&a, &b).into_iter().collect();
        assert_eq!(found, [(Stage::Asr, BTreeSet::new()), (Stage::Yolo, BTreeSet::new())]);
    }
}
