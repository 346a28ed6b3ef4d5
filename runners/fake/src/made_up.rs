//! Results without work: the same request always gets the same.

use reelbench_protocol::{
    AstSpec, CaptionSpec, Dtype, Finish, FrameObjects, ObjectBox, Objects, RunSpec, Scene, SceneCaption,
    SceneList, Segment, Settings, SoundWindow, Sounds, Tag, TicksRun, TimeBase, Timeline, Tracker,
    Transcript, Unit, YoloSpec,
};
use serde_json::{Value, json};

/// Every film is this many frames, at 24 a second, in scenes of equal length.
const FRAMES: u32 = 96;
const FRAMES_PER_SECOND: u32 = 24;
const SCENES: u32 = 3;

/// Longest caption, so that a `max_new_tokens` meant for a real model costs nothing here.
const MOST_TOKENS: u32 = 12;

/// Size of the vocabulary that tokens are drawn from.
const VOCABULARY: u64 = 32_000;

/// Labels of a sound: as many as `AudioSet` has.
const SOUNDS: u32 = 527;

/// Tags told of a window.
const TAGS: u32 = 10;

/// Length of every film in seconds.
pub(crate) fn media_s() -> f64 {
    second(FRAMES)
}

fn second(frame: u32) -> f64 {
    f64::from(frame) / f64::from(FRAMES_PER_SECOND)
}

/// The scenes of every film.
pub(crate) fn scenes() -> SceneList {
    let time_base = TimeBase { num: 1, den: FRAMES_PER_SECOND };
    let length = FRAMES / SCENES;
    let scene = |n: u32| {
        let (start_frame, end_frame) = (n * length, (n + 1) * length);
        Scene { start_frame, end_frame, start_s: second(start_frame), end_s: second(end_frame) }
    };
    SceneList {
        fps: f64::from(FRAMES_PER_SECOND),
        timeline: Timeline { time_base, runs: vec![TicksRun { start: 0, step: 1, count: FRAMES }] },
        scenes: (0..SCENES).map(scene).collect(),
    }
}

/// The stretches of a film that requests or windows are made of, in seconds: its scenes, or all of it.
pub(crate) fn stretches(unit: Unit, scenes: Option<&SceneList>) -> Vec<(f64, f64)> {
    match (unit, scenes) {
        (Unit::Scene, Some(list)) => list.scenes.iter().map(|scene| (scene.start_s, scene.end_s)).collect(),
        _ => vec![(0.0, media_s())],
    }
}

/// What is said in one stretch of a film. `salt` stands for whatever should not, but does, change the words.
pub(crate) fn segment(run: &RunSpec, (start, end): (f64, f64), salt: &str) -> Segment {
    let text = format!(" This is {} from second {start:.0}{salt}.", run.spec.video.id);
    let said = (fnv1a(text.as_bytes()) % VOCABULARY) as u32;
    Segment { start, end, text, tokens: vec![50_363, said] }
}

/// The speech of a film, put together.
pub(crate) fn transcript(segments: Vec<Segment>) -> Transcript {
    Transcript { text: segments.iter().map(|segment| segment.text.as_str()).collect(), segments }
}

/// The sounds of a film, best first in every window.
pub(crate) fn sounds(run: &RunSpec, ast: &AstSpec, scenes: Option<&SceneList>, salt: &str) -> Sounds {
    let window = |(start_s, end_s): (f64, f64)| {
        let first = fnv1a(format!("{} {start_s} {salt}", run.spec.video.id).as_bytes());
        // Every tag has half the score of the one before, and 7 has no factor in common with the number of labels.
        let tag =
            |n: u32| tag(((first + u64::from(7 * n)) % u64::from(SOUNDS)) as u32, 0.9 / 2_f32.powi(n as i32));
        SoundWindow { start_s, end_s, tags: (0..TAGS).map(tag).collect() }
    };
    Sounds { windows: stretches(ast.per, scenes).into_iter().map(window).collect() }
}

fn tag(index: u32, score: f32) -> Tag {
    Tag { label: format!("sound {index}"), index, score }
}

/// What `bench probe tag` prints: every label in order.
pub(crate) fn tag_probe() -> Value {
    let scores = (0..SOUNDS).map(|index| tag(index, 1.0 / (index + 1) as f32));
    json!({ "scores": scores.collect::<Vec<_>>() })
}

/// One object that moves from left to right through every film.
pub(crate) fn objects(yolo: &YoloSpec, salt: &str) -> Objects {
    let shift = (fnv1a(salt.as_bytes()) % 7) as f32;
    let frames = (0..FRAMES).step_by(yolo.every_nth_frame.max(1) as usize).map(|frame| {
        let left = frame as f32 + if salt.is_empty() { 0.0 } else { 1.0 + shift };
        FrameObjects { frame, pts_s: second(frame), boxes: vec![walker(left, yolo.tracker)] }
    });
    Objects { tracker: yolo.tracker, frames: frames.collect() }
}

fn walker(left: f32, tracker: Tracker) -> ObjectBox {
    let track = match tracker {
        Tracker::Bytetrack => Some(1),
        Tracker::None => None,
    };
    ObjectBox {
        xyxy: [left, 20.0, left + 30.0, 80.0],
        score: 0.75,
        class: 0,
        label: "person".to_owned(),
        track,
    }
}

/// What `bench probe detect` prints, as for a picture.
pub(crate) fn detect_probe() -> Value {
    let ObjectBox { xyxy, score, class, track, .. } = walker(0.0, Tracker::None);
    let found = json!({"xyxy": xyxy, "score": score, "class": class, "track": track});
    json!({"frames": [{"index": 0, "boxes": [found]}]})
}

/// The middles of the scenes a repeat captions, in seconds.
pub(crate) fn scene_middles(run: &RunSpec, caption: &CaptionSpec) -> Vec<f64> {
    let most = caption.max_scenes.map_or(usize::MAX, |most| most as usize);
    match &run.scenes {
        Some(list) => {
            list.scenes.iter().take(most).map(|scene| f64::midpoint(scene.start_s, scene.end_s)).collect()
        }
        None => vec![media_s() / 2.0],
    }
}

/// A caption. `salt` stands for whatever should not, but does, change the tokens.
pub(crate) fn caption(
    run: &RunSpec,
    caption: &CaptionSpec,
    scene: u32,
    middle_s: f64,
    salt: &str,
) -> SceneCaption {
    let settings = &caption.settings;
    let question = run.questions.get(scene as usize).unwrap_or(&caption.question);
    let drawn = caption.seed.map_or_else(String::new, |seed| format!(" {seed}"));
    let subject = format!(
        "{} {} {question} {} {} {scene} {salt}{drawn}",
        run.spec.video.id, caption.model, settings.quantization, settings.frames_per_scene,
    );
    let first = fnv1a(subject.as_bytes());
    let count = settings.max_new_tokens.min(MOST_TOKENS);
    let tokens: Vec<u32> = (0..count).map(|n| (first.rotate_left(n) % VOCABULARY) as u32).collect();
    let text = tokens.iter().map(|token| format!("w{token}")).collect::<Vec<_>>().join(" ");
    SceneCaption {
        scene,
        frame_pts_s: vec![middle_s; settings.frames_per_scene as usize],
        prompt: caption.prompt.clone().unwrap_or_else(|| format!("USER: <image> {question} ASSISTANT:")),
        prompt_tokens: 16,
        tokens,
        text,
        finish: Some(if count == settings.max_new_tokens { Finish::Length } else { Finish::Eos }),
        ttft_ns: None,
        failure: None,
    }
}

/// The settings in force: those asked for, with `auto` resolved.
pub(crate) fn effective(run: &RunSpec) -> Settings {
    let mut effective = run.spec.requested();
    if effective.get("dtype") == Some(&json!(Dtype::Auto)) {
        effective.insert("dtype".to_owned(), json!(Dtype::F32));
    }
    effective.insert("device".to_owned(), json!("cpu"));
    effective
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits: the same on every machine, in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn scenes_cover_the_film() {
        let list = scenes();
        assert_eq!(list.timeline.len(), FRAMES);
        assert_eq!(list.scenes.first().unwrap().start_frame, 0);
        assert_eq!(list.scenes.last().unwrap().end_frame, FRAMES);
    }

    #[test]
    fn a_probe_tells_every_label_in_order() {
        let probe = tag_probe();
        let indices: Vec<u64> =
            probe["scores"].as_array().unwrap().iter().map(|tag| tag["index"].as_u64().unwrap()).collect();
        assert_eq!(indices, (0..527).collect::<Vec<_>>());
    }
}
