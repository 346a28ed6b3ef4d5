//! Results without work: the same request always gets the same.

use reelbench_protocol::{
    CaptionSpec, Dtype, Finish, RunSpec, Scene, SceneCaption, SceneList, Segment, Settings, TicksRun,
    TimeBase, Timeline, Transcript,
};
use serde_json::json;

/// Every film is this many frames, at 24 a second, in scenes of equal length.
const FRAMES: u32 = 96;
const FRAMES_PER_SECOND: u32 = 24;
const SCENES: u32 = 3;

/// Longest caption, so that a `max_new_tokens` meant for a real model costs nothing here.
const MOST_TOKENS: u32 = 12;

/// Size of the vocabulary that tokens are drawn from.
const VOCABULARY: u64 = 32_000;

/// Length of every film in seconds.
pub(crate) fn media_s() -> f64 {
    f64::from(FRAMES) / f64::from(FRAMES_PER_SECOND)
}

/// The scenes of every film.
pub(crate) fn scenes() -> SceneList {
    let time_base = TimeBase { num: 1, den: FRAMES_PER_SECOND };
    let second = |frame: u32| f64::from(frame) / f64::from(FRAMES_PER_SECOND);
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

/// The speech of a film.
pub(crate) fn transcript(run: &RunSpec) -> Transcript {
    let text = format!(" This is {}.", run.spec.video.id);
    let segment = Segment { start: 0.0, end: media_s(), text: text.clone(), tokens: vec![50_363, 770, 318] };
    Transcript { text, segments: vec![segment] }
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
    let subject = format!(
        "{} {} {} {} {} {} {salt}",
        run.spec.video.id,
        caption.model,
        caption.question,
        settings.quantization,
        settings.frames_per_scene,
        scene
    );
    let first = fnv1a(subject.as_bytes());
    let count = settings.max_new_tokens.min(MOST_TOKENS);
    let tokens: Vec<u32> = (0..count).map(|n| (first.rotate_left(n) % VOCABULARY) as u32).collect();
    let text = tokens.iter().map(|token| format!("w{token}")).collect::<Vec<_>>().join(" ");
    SceneCaption {
        scene,
        frame_pts_s: vec![middle_s; settings.frames_per_scene as usize],
        prompt: caption
            .prompt
            .clone()
            .unwrap_or_else(|| format!("USER: <image> {} ASSISTANT:", caption.question)),
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
}
