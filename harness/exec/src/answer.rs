//! Whether a repeat's result can be believed. A wrong answer is a failure, never a number in a table.

mod unusable;

use std::time::Duration;

use reelbench_protocol::{
    CaptionSpec, CellKind, Loaded, Output, RepeatResult, RunSpec, SceneCaption, SceneList, Span, Stage,
    Stage1Output, Timeline, Work,
};

pub use self::unusable::Unusable;
use crate::findings;

/// Longest film in seconds: a year.
const LONGEST_FILM_S: f64 = 366.0 * 24.0 * 3600.0;

/// Shortest film in seconds, far below one frame.
const SHORTEST_FILM_S: f64 = 1e-6;

/// More bytes than any machine has memory: a pebibyte.
const MOST_BYTES: u64 = 1 << 50;

/// What a runner's clock may show beyond ours, beside one part in a hundred.
const MOMENT: Duration = Duration::from_millis(1);

/// Checks what a load says it loaded, `waited` after it was asked to.
///
/// # Errors
/// When the parts are not the whole, or it took longer than that.
pub fn check_load(loaded: &Loaded, waited: Duration) -> Result<(), Unusable> {
    let Loaded { load_ns, weights_bytes, parts } = loaded;
    elapsed("load_ns", *load_ns, waited)?;
    bytes("weights_bytes", Some(*weights_bytes))?;
    let sum = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.bytes));
    if parts.is_empty() || sum == Some(*weights_bytes) {
        return Ok(());
    }
    Err(Unusable::OtherParts { whole: *weights_bytes })
}

/// Checks a result against the request it answers, `waited` after that was sent.
///
/// A wall time far below `waited` is believed: what a runner does before it starts its clock and after it stops it,
/// such as saving frames, is outside of what is timed.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_repeat(run: &RunSpec, result: &RepeatResult, waited: Duration) -> Result<(), Unusable> {
    let asked = (&run.cell, run.pass, run.repeat);
    let answered = (&result.cell, result.pass, result.repeat);
    if asked != answered {
        let name = |(cell, pass, repeat)| format!("cell {cell} {pass} {repeat}");
        return Err(Unusable::OtherRepeat { answered: name(answered), asked: name(asked) });
    }
    within("media_s", result.media_s, SHORTEST_FILM_S, LONGEST_FILM_S)?;
    positive("wall_ns", result.wall_ns as f64)?;
    elapsed("wall_ns", result.wall_ns, waited)?;
    bytes("peak_rss_bytes", result.peak_rss_bytes)?;
    bytes("peak_vram_bytes", result.peak_vram_bytes)?;
    spans(&result.spans, result.wall_ns)?;
    stages(&result.spans, run.spec.kind())?;
    match (&run.spec.work, &result.output) {
        (Work::Stage1(_), Output::Stage1(output)) => stage1(output),
        (Work::Caption(caption), Output::Caption { scenes }) => {
            let found = run.scenes.as_ref().map_or(1, |list| list.scenes.len());
            let asked = caption.max_scenes.map_or(found, |most| found.min(most as usize));
            scenes_of_spans(&result.spans, asked)?;
            captions(scenes, caption, asked, result.wall_ns)
        }
        _ => Err(Unusable::OtherKind),
    }
}

fn absurd(name: &str, value: f64) -> Unusable {
    Unusable::Absurd { name: name.to_owned(), value }
}

fn positive(name: &str, value: f64) -> Result<(), Unusable> {
    within(name, value, f64::MIN_POSITIVE, f64::MAX)
}

/// No comparison holds for what is not a number.
fn within(name: &str, value: f64, least: f64, most: f64) -> Result<(), Unusable> {
    (least <= value && value <= most).then_some(()).ok_or_else(|| absurd(name, value))
}

pub(crate) fn time(name: &str, value: f64) -> Result<(), Unusable> {
    value.is_finite().then_some(()).ok_or_else(|| absurd(name, value))
}

fn bytes(name: &str, bytes: Option<u64>) -> Result<(), Unusable> {
    match bytes {
        Some(bytes) if bytes > MOST_BYTES => Err(absurd(name, bytes as f64)),
        _ => Ok(()),
    }
}

/// Nothing takes longer than its answer was waited for.
fn elapsed(name: &'static str, claimed_ns: u64, waited: Duration) -> Result<(), Unusable> {
    let claimed = Duration::from_nanos(claimed_ns);
    let possible = waited.saturating_add(waited / 100).saturating_add(MOMENT);
    (claimed <= possible).then_some(()).ok_or(Unusable::LongerThanWaited { name, claimed, waited })
}

/// Spans lie within the repeat. They may overlap: requests go side by side, and so do speech and sounds.
fn spans(spans: &[Span], wall_ns: u64) -> Result<(), Unusable> {
    let end = |span: &Span| span.start_ns.checked_add(span.duration_ns);
    if let Some(span) = spans.iter().find(|span| end(span).is_none_or(|end| end > wall_ns)) {
        return Err(Unusable::SpanOutside { stage: span.stage, start_ns: span.start_ns, wall_ns });
    }
    Ok(())
}

fn stages(spans: &[Span], kind: CellKind) -> Result<(), Unusable> {
    let is_other = |span: &&Span| kind_of(span.stage) != kind;
    spans.iter().find(is_other).map_or(Ok(()), |span| Err(Unusable::OtherStage { stage: span.stage, kind }))
}

fn kind_of(stage: Stage) -> CellKind {
    match stage {
        Stage::Scene | Stage::Asr | Stage::Ast | Stage::Yolo => CellKind::Stage1,
        Stage::Frames | Stage::Preprocess | Stage::Vision | Stage::Prefill | Stage::Decode => {
            CellKind::Caption
        }
    }
}

fn scenes_of_spans(spans: &[Span], asked: usize) -> Result<(), Unusable> {
    let mut scenes = spans.iter().filter_map(|span| span.scene);
    let stranger = scenes.find(|&scene| scene as usize >= asked);
    stranger.map_or(Ok(()), |scene| Err(Unusable::SpanOfNoScene { scene, asked }))
}

fn stage1(output: &Stage1Output) -> Result<(), Unusable> {
    output.scenes.as_ref().map_or(Ok(()), scene_list)?;
    for segment in output.transcript.iter().flat_map(|transcript| &transcript.segments) {
        time("a segment's start", segment.start)?;
        time("a segment's end", segment.end)?;
    }
    output.sounds.as_ref().map_or(Ok(()), findings::sounds)?;
    output.objects.as_ref().map_or(Ok(()), findings::objects)
}

fn scene_list(list: &SceneList) -> Result<(), Unusable> {
    positive("fps", list.fps)?;
    let frames = frames(&list.timeline)?;
    if list.scenes.is_empty() {
        return Err(Unusable::NoScenes);
    }
    let mut previous_end = None;
    for (scene, found) in list.scenes.iter().enumerate() {
        time("a scene's start_s", found.start_s)?;
        time("a scene's end_s", found.end_s)?;
        let follows = previous_end.is_none_or(|end| end == found.start_frame);
        if !follows || found.start_frame >= found.end_frame || found.start_s > found.end_s {
            return Err(Unusable::Gap { scene });
        }
        // A runner that keeps no timeline tells no number of frames.
        if frames.is_some_and(|frames| found.end_frame > frames) {
            let frames = frames.unwrap_or_default();
            return Err(Unusable::BeyondEnd { scene, end_frame: found.end_frame, frames });
        }
        previous_end = Some(found.end_frame);
    }
    Ok(())
}

/// How many frames a timeline has; none where it is empty.
fn frames(timeline: &Timeline) -> Result<Option<u32>, Unusable> {
    if timeline.time_base.den == 0 {
        return Err(Unusable::Timeline("its unit has the denominator 0"));
    }
    let mut frames = None;
    let mut latest = None;
    for run in &timeline.runs {
        let steps = run.count.checked_sub(1).ok_or(Unusable::Timeline("a run has no frames"))?;
        let length = run.step.checked_mul(i64::from(steps));
        let last = length.and_then(|length| run.start.checked_add(length));
        let total = frames.unwrap_or(0_u32).checked_add(run.count);
        let (Some(last), Some(total)) = (last, total) else {
            return Err(Unusable::Timeline("it has more frames or ticks than can be counted"));
        };
        let goes_on = steps == 0 || run.step > 0;
        if !goes_on || latest.is_some_and(|latest| run.start <= latest) {
            return Err(Unusable::Timeline("a frame does not come after the one before it"));
        }
        (frames, latest) = (Some(total), Some(last));
    }
    Ok(frames)
}

fn captions(
    captions: &[SceneCaption],
    spec: &CaptionSpec,
    asked: usize,
    wall_ns: u64,
) -> Result<(), Unusable> {
    let in_place = captions.iter().zip(0..).filter(|(caption, scene)| caption.scene == *scene).count();
    if in_place != asked || captions.len() != asked {
        return Err(Unusable::OtherScenes { answered: in_place, asked });
    }
    for caption in captions {
        if caption.finish.is_some() == caption.failure.is_some() {
            return Err(Unusable::Unfinished { scene: caption.scene });
        }
        caption.frame_pts_s.iter().try_for_each(|&pts| time("a frame's time", pts))?;
        at_most(
            || format!("the list of new tokens of scene {}", caption.scene),
            caption.tokens.len(),
            spec.settings.max_new_tokens as usize,
        )?;
        if let Some(ttft_ns) = caption.ttft_ns.filter(|&ttft_ns| ttft_ns > wall_ns) {
            return Err(absurd("ttft_ns", ttft_ns as f64));
        }
    }
    Ok(())
}

pub(crate) fn at_most(what: impl FnOnce() -> String, count: usize, most: usize) -> Result<(), Unusable> {
    if count <= most { Ok(()) } else { Err(Unusable::TooMany { what: what(), count, most }) }
}

#[cfg(test)]
mod tests;
