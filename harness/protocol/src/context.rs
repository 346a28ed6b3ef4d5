//! What the base stages found, scene by scene.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Objects, Scene, Segment, Sounds, Stage1Output, Tag, Tracker};

/// Most labels told of a scene's sounds.
const MOST_TAGS: usize = 10;

/// What was heard and seen in one scene. A stage that did not run is absent; one that found nothing is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SceneContext {
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// The likeliest sounds, best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sounds: Option<Vec<Tag>>,
    /// Objects, in the order of their first frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<SceneObject>>,
}

/// A track, or without a tracker everything of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneObject {
    /// Name of its class.
    pub label: String,
    /// Number of its class in the model.
    pub class: u32,
    /// The track; absent without a tracker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
    /// How many of the class there are: 1 for a track, else the most in one frame.
    pub count: u32,
    /// Frames with it, of those looked at.
    pub frames: u32,
    /// Time of the first of them in seconds.
    pub first_s: f64,
    /// Time of the last of them in seconds.
    pub last_s: f64,
    /// The best score.
    pub score: f32,
}

impl Stage1Output {
    /// What was found in each of `scenes`; without scenes, what was found in the film as a whole.
    ///
    /// Speech belongs to the scene that its middle lies in, sound to every scene it reaches into, weighted by time.
    /// What comes after the last scene belongs to it: the sound of a film may outlast its pictures.
    pub fn contexts(&self, scenes: Option<&[Scene]>) -> Vec<SceneContext> {
        let Some(scenes) = scenes else { return vec![self.context(&Stretch::WHOLE)] };
        let last = scenes.len().saturating_sub(1);
        let stretches = scenes.iter().enumerate().map(|(index, scene)| Stretch {
            start_frame: scene.start_frame,
            end_frame: if index == last { u32::MAX } else { scene.end_frame },
            start_s: if index == 0 { f64::NEG_INFINITY } else { scene.start_s },
            end_s: if index == last { f64::INFINITY } else { scene.end_s },
        });
        stretches.map(|stretch| self.context(&stretch)).collect()
    }

    fn context(&self, stretch: &Stretch) -> SceneContext {
        SceneContext {
            transcript: self.transcript.as_ref().map(|transcript| speech_in(&transcript.segments, stretch)),
            sounds: self.sounds.as_ref().map(|sounds| sounds_in(sounds, stretch)),
            objects: self.objects.as_ref().map(|objects| objects_in(objects, stretch)),
        }
    }
}

/// A part of a film, open at both ends of the film.
struct Stretch {
    start_frame: u32,
    end_frame: u32,
    start_s: f64,
    end_s: f64,
}

impl Stretch {
    const WHOLE: Self =
        Self { start_frame: 0, end_frame: u32::MAX, start_s: f64::NEG_INFINITY, end_s: f64::INFINITY };

    fn overlap_s(&self, start_s: f64, end_s: f64) -> f64 {
        (end_s.min(self.end_s) - start_s.max(self.start_s)).max(0.0)
    }
}

fn speech_in(segments: &[Segment], stretch: &Stretch) -> String {
    let inside = |segment: &&Segment| {
        let middle = f64::midpoint(segment.start, segment.end);
        stretch.start_s <= middle && middle < stretch.end_s
    };
    let texts = segments.iter().filter(inside).map(|segment| segment.text.trim());
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The mean score of every label over the windows that reach into the stretch. Only the best labels of a window are
/// known; another one counts as 0 there.
fn sounds_in(sounds: &Sounds, stretch: &Stretch) -> Vec<Tag> {
    let mut heard_s = 0.0;
    let mut weighted: BTreeMap<u32, (f64, &Tag)> = BTreeMap::new();
    for window in &sounds.windows {
        let seconds = stretch.overlap_s(window.start_s, window.end_s);
        if seconds > 0.0 {
            heard_s += seconds;
            for tag in &window.tags {
                weighted.entry(tag.index).or_insert((0.0, tag)).0 += f64::from(tag.score) * seconds;
            }
        }
    }
    let mean = |(sum, tag): (f64, &Tag)| Tag { score: (sum / heard_s) as f32, ..tag.clone() };
    let mut tags: Vec<Tag> = weighted.into_values().map(mean).collect();
    tags.sort_by(|a, b| b.score.total_cmp(&a.score));
    tags.truncate(MOST_TAGS);
    tags
}

/// With a tracker its tracks, without one the classes. Boxes that a tracker left alone are not told.
fn objects_in(objects: &Objects, stretch: &Stretch) -> Vec<SceneObject> {
    let mut found: Vec<SceneObject> = Vec::new();
    let mut place: BTreeMap<(u32, Option<u32>), usize> = BTreeMap::new();
    let frames = objects.frames.iter();
    for frame in frames.filter(|frame| (stretch.start_frame..stretch.end_frame).contains(&frame.frame)) {
        let mut in_frame: BTreeMap<usize, u32> = BTreeMap::new();
        for object in frame.boxes.iter().filter(|object| match objects.tracker {
            Tracker::Bytetrack => object.track.is_some(),
            Tracker::None => true,
        }) {
            // A track keeps its place even where the model changes its mind about the class.
            let key = object.track.map_or((object.class, None), |track| (0, Some(track)));
            let index = *place.entry(key).or_insert_with(|| {
                found.push(SceneObject {
                    label: object.label.clone(),
                    class: object.class,
                    track: object.track,
                    count: 0,
                    frames: 0,
                    first_s: frame.pts_s,
                    last_s: frame.pts_s,
                    score: object.score,
                });
                found.len() - 1
            });
            *in_frame.entry(index).or_default() += 1;
            let seen = &mut found[index];
            if object.score > seen.score {
                seen.score = object.score;
                seen.class = object.class;
                seen.label.clone_from(&object.label);
            }
        }
        for (index, count) in in_frame {
            let seen = &mut found[index];
            seen.frames += 1;
            seen.last_s = frame.pts_s;
            seen.count = seen.count.max(count);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameObjects, ObjectBox, SoundWindow, Transcript};

    fn scenes() -> Vec<Scene> {
        let scene = |start_frame, end_frame, start_s, end_s| Scene { start_frame, end_frame, start_s, end_s };
        vec![scene(0, 50, 0.0, 5.0), scene(50, 100, 5.0, 10.0)]
    }

    fn contexts(output: &Stage1Output) -> Vec<SceneContext> {
        output.contexts(Some(&scenes()))
    }

    #[test]
    fn speech_belongs_to_the_scene_of_its_middle_and_none_is_lost() {
        let segment = |start, end, text: &str| Segment { start, end, text: text.to_owned(), tokens: vec![] };
        let segments =
            vec![segment(0.0, 4.0, " one"), segment(4.0, 7.0, " two "), segment(11.0, 12.0, " three")];
        let transcript = Some(Transcript { text: String::new(), segments });
        let output = Stage1Output { transcript, ..Stage1Output::default() };
        let texts: Vec<_> =
            contexts(&output).into_iter().map(|context| context.transcript.unwrap()).collect();
        assert_eq!(texts, ["one", "two three"]);
        assert_eq!(output.contexts(None)[0].transcript.as_deref(), Some("one two three"));
    }

    #[test]
    fn sounds_are_weighted_by_the_time_they_reach_into_a_scene() {
        let tag = |index, score| Tag { label: format!("label {index}"), index, score };
        let window = |start_s, end_s, tags| SoundWindow { start_s, end_s, tags };
        let windows =
            vec![window(0.0, 8.0, vec![tag(1, 0.8), tag(2, 0.4)]), window(8.0, 10.0, vec![tag(2, 0.9)])];
        let output = Stage1Output { sounds: Some(Sounds { windows }), ..Stage1Output::default() };
        let scenes = contexts(&output);
        let scores = |scene: usize| -> Vec<(u32, f32)> {
            let tags = scenes[scene].sounds.as_ref().unwrap();
            tags.iter().map(|tag| (tag.index, (tag.score * 1000.0).round())).collect()
        };
        assert_eq!(scores(0), [(1, 800.0), (2, 400.0)]);
        assert_eq!(scores(1), [(2, 600.0), (1, 480.0)]);
    }

    #[test]
    fn objects_are_tracks_or_classes_of_the_scenes_own_frames() {
        let object = |class, score, track| ObjectBox {
            xyxy: [0.0; 4],
            score,
            class,
            label: format!("class {class}"),
            track,
        };
        let frame = |frame: u32, boxes| FrameObjects { frame, pts_s: f64::from(frame) / 10.0, boxes };
        let frames = vec![
            frame(0, vec![object(1, 0.5, Some(1)), object(1, 0.6, Some(2))]),
            frame(10, vec![object(3, 0.7, Some(2)), object(1, 0.2, None)]),
            frame(60, vec![object(1, 0.4, Some(1))]),
        ];
        let seen = |tracker| {
            let objects = Some(Objects { tracker, frames: frames.clone() });
            let of = |context: SceneContext| context.objects.unwrap();
            contexts(&Stage1Output { objects, ..Stage1Output::default() })
                .into_iter()
                .map(of)
                .collect::<Vec<_>>()
        };
        let tracked = seen(Tracker::Bytetrack);
        let tracks: Vec<_> = tracked[0].iter().map(|o| (o.track, o.class, o.frames, o.count)).collect();
        assert_eq!(
            tracks,
            [(Some(1), 1, 1, 1), (Some(2), 3, 2, 1)],
            "the best score names the track's class"
        );
        assert_eq!((tracked[1].len(), tracked[1][0].track), (1, Some(1)));
    }

    #[test]
    fn without_a_tracker_the_most_in_one_frame_are_counted() {
        let object =
            |score| ObjectBox { xyxy: [0.0; 4], score, class: 7, label: "train".into(), track: None };
        let frames = vec![
            FrameObjects { frame: 0, pts_s: 0.0, boxes: vec![object(0.5), object(0.25)] },
            FrameObjects { frame: 9, pts_s: 0.9, boxes: vec![object(0.75)] },
        ];
        let objects = Some(Objects { tracker: Tracker::None, frames });
        let seen = contexts(&Stage1Output { objects, ..Stage1Output::default() });
        let trains = seen[0].objects.as_ref().unwrap();
        assert_eq!((trains.len(), trains[0].count, trains[0].frames), (1, 2, 2));
        assert_eq!((trains[0].first_s, trains[0].last_s, trains[0].score), (0.0, 0.9, 0.75));
    }

    #[test]
    fn what_did_not_run_is_absent_and_what_found_nothing_is_empty() {
        let output = Stage1Output { sounds: Some(Sounds::default()), ..Stage1Output::default() };
        let context = &contexts(&output)[1];
        assert_eq!((context.transcript.as_ref(), context.sounds.as_deref()), (None, Some(&[][..])));
    }
}
