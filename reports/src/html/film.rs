//! The films of a run, scene by scene: what was seen, heard and said.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{CellId, CellKind, Output, Scene, SceneContext, Stage1Output};
use serde::Serialize;

use super::caption::{Caption, Captioner, Standing};
use super::pictures::{Album, Picture};
use crate::report::{CellNames, Report};
use crate::run::{CellRecord, Run};
use crate::summary::Summary;
use crate::units;

/// Most that the captions of a page take up, in bytes of the page: about 10,000 captions of usual length. What is
/// beyond it stands in `outputs.jsonl`. Each film has an equal share.
const MOST_BYTES: usize = 8 << 20;

/// A film with the scenes that some captions are about.
#[derive(Debug, Serialize)]
pub(super) struct Film {
    title: String,
    scenes: Vec<FilmScene>,
    /// Whether any frame of it was kept.
    has_frames: bool,
    /// Scenes there was no room for.
    left_out: usize,
    /// Captioning cells that said nothing of it: name and status.
    silent: Vec<(String, String)>,
}

impl Film {
    /// Captions of the scene that has the most.
    pub(super) fn most_captions(&self) -> usize {
        self.scenes.iter().map(|scene| scene.captions.len()).max().unwrap_or_default()
    }
}

/// A scene.
#[derive(Debug, Serialize)]
struct FilmScene {
    /// Counted from 0.
    number: u32,
    /// Start and end in the film.
    span: Option<(String, String)>,
    frames: Vec<Frame>,
    /// Absent where nobody listened.
    transcript: Option<Vec<Line>>,
    /// Name and share of each sound; absent where nobody listened.
    sounds: Option<Vec<(String, String)>>,
    /// Name and number of each kind of object; absent where nobody looked.
    objects: Option<Vec<(String, u32)>>,
    captions: Vec<Caption>,
    /// How many captions differ from their reference, how many have one, and how many there are not, for an error.
    differing: usize,
    compared: usize,
    failed: usize,
}

/// A frame that a captioner was shown.
#[derive(Debug, Serialize)]
struct Frame {
    /// Its place in the film.
    at: String,
    picture: Option<Picture>,
}

/// Something said.
#[derive(Debug, Serialize)]
struct Line {
    at: String,
    text: String,
}

/// A film as one stage-1 cell found its scenes, with the captioners that were given them.
struct Cut<'a> {
    stage1: Option<usize>,
    title: String,
    found: Option<&'a Stage1Output>,
    media_s: f64,
    captioners: Vec<&'a Captioner<'a>>,
}

/// Every film of the run that has captions, and every other one that stage 1 looked at.
pub(super) fn films(
    run: &Run,
    summary: &Summary,
    report: &Report,
    captioners: &[Captioner<'_>],
    album: &mut Album,
) -> Vec<Film> {
    let cuts = cuts(run, summary, captioners);
    let share = MOST_BYTES / cuts.len().max(1);
    cuts.iter().map(|cut| film(cut, run, report, share, album)).collect()
}

fn cuts<'a>(run: &'a Run, summary: &Summary, captioners: &'a [Captioner<'a>]) -> Vec<Cut<'a>> {
    let index: BTreeMap<&CellId, usize> =
        run.cells.iter().enumerate().map(|(index, cell)| (&cell.planned.id, index)).collect();
    let mut cuts: Vec<Cut<'_>> = Vec::new();
    for captioner in captioners {
        let stage1 = captioner.record.planned.stage1_from.as_ref().and_then(|id| index.get(id).copied());
        let video = captioner.record.spec().video.id.as_str();
        match cuts.iter_mut().find(|cut| cut.stage1 == stage1 && cut.title == video) {
            Some(cut) => cut.captioners.push(captioner),
            None => cuts.push(cut(run, stage1, video, vec![captioner])),
        }
    }
    for (index, cell) in run.cells.iter().enumerate() {
        let video = cell.spec().video.id.as_str();
        let is_new = !cuts.iter().any(|cut| cut.title == video);
        if is_new && cell.spec().kind() == CellKind::Stage1 && stage1_output(cell).is_some() {
            cuts.push(cut(run, Some(index), video, Vec::new()));
        }
    }
    tell_apart(&mut cuts, run, summary);
    cuts
}

fn cut<'a>(run: &'a Run, stage1: Option<usize>, video: &str, captioners: Vec<&'a Captioner<'a>>) -> Cut<'a> {
    let record = stage1.and_then(|index| run.cells.get(index));
    let lengths = captioners.iter().map(|captioner| captioner.record).chain(record);
    let media_s = lengths.flat_map(CellRecord::measured).map(|repeat| repeat.media_s).next();
    Cut {
        stage1,
        title: video.to_owned(),
        found: record.and_then(stage1_output),
        media_s: media_s.unwrap_or_default(),
        captioners,
    }
}

/// What the first sample of a stage-1 cell found.
fn stage1_output(cell: &CellRecord) -> Option<&Stage1Output> {
    match &cell.measured().first()?.output {
        Output::Stage1(output) => Some(output),
        Output::Caption { .. } => None,
    }
}

/// Names cuts of the same film after the cell that made each.
fn tell_apart(cuts: &mut [Cut<'_>], run: &Run, summary: &Summary) {
    let names = CellNames::of(&summary.cells);
    let titles: Vec<String> = cuts.iter().map(|cut| cut.title.clone()).collect();
    for cut in cuts {
        let is_alone = titles.iter().filter(|title| **title == cut.title).count() == 1;
        let cell = cut.stage1.and_then(|index| run.cells.get(index).zip(summary.cells.get(index)));
        if let Some((record, cell)) = cell.filter(|_| !is_alone) {
            cut.title = names.name(record, cell);
        }
    }
}

fn film(cut: &Cut<'_>, run: &Run, report: &Report, most_bytes: usize, album: &mut Album) -> Film {
    let numbers = scene_numbers(cut);
    let shown_to = cut.captioners.iter().filter(|captioner| album.has(&captioner.record.planned.id));
    // The first of those that were shown the most.
    let shown_to = shown_to.max_by_key(|c| (c.frames_per_scene(), std::cmp::Reverse(c.column))).copied();
    let contexts = Contexts::new(cut);
    let (mut scenes, mut bytes) = (Vec::new(), 0);
    for &number in &numbers {
        if bytes > most_bytes {
            break;
        }
        let scene = film_scene(cut, &contexts, number, shown_to, album);
        bytes += scene.captions.iter().map(Caption::bytes).sum::<usize>();
        scenes.push(scene);
    }
    Film {
        title: cut.title.clone(),
        has_frames: shown_to.is_some(),
        left_out: numbers.len() - scenes.len(),
        scenes,
        silent: silent(cut, run, report),
    }
}

/// The scenes that captions are about; without captions all that were found.
fn scene_numbers(cut: &Cut<'_>) -> Vec<u32> {
    let captioned: BTreeSet<u32> = cut.captioners.iter().flat_map(|captioner| captioner.scenes()).collect();
    if !cut.captioners.is_empty() {
        return captioned.into_iter().collect();
    }
    let found = cut.found.and_then(|found| found.scenes.as_ref());
    (0..found.map_or(1, |list| list.scenes.len() as u32)).collect()
}

/// Captioning cells of the film that never got as far as a sample.
fn silent(cut: &Cut<'_>, run: &Run, report: &Report) -> Vec<(String, String)> {
    let Some(captioner) = cut.captioners.first() else { return Vec::new() };
    let planned = &captioner.record.planned;
    let is_silent = |cell: &&CellRecord| {
        cell.spec().kind() == CellKind::Caption
            && cell.spec().video.id == planned.spec.video.id
            && cell.planned.stage1_from == planned.stage1_from
            && cell.measured().is_empty()
    };
    let ids: BTreeSet<&str> =
        run.cells.iter().filter(is_silent).map(|cell| cell.planned.id.as_str()).collect();
    let failures = report.failures.iter().filter(|failure| ids.contains(failure.cell.as_str()));
    failures.map(|failure| (failure.name.clone(), failure.status.clone())).collect()
}

/// What stage 1 found, by scene.
struct Contexts<'a> {
    scenes: Option<&'a [Scene]>,
    found: Option<&'a Stage1Output>,
    by_scene: Vec<SceneContext>,
}

impl<'a> Contexts<'a> {
    fn new(cut: &Cut<'a>) -> Self {
        let scenes = cut.found.and_then(|found| found.scenes.as_ref()).map(|list| list.scenes.as_slice());
        let by_scene = cut.found.map(|found| found.contexts(scenes)).unwrap_or_default();
        Self { scenes, found: cut.found, by_scene }
    }

    /// Start and end in seconds.
    fn span_s(&self, number: u32, media_s: f64) -> Option<(f64, f64)> {
        match self.scenes {
            Some(scenes) => scenes.get(number as usize).map(|scene| (scene.start_s, scene.end_s)),
            None => Some((0.0, media_s)),
        }
    }

    /// The segments that lie in a scene with their middle; what comes after the last scene belongs to it.
    fn transcript(&self, number: u32) -> Option<Vec<Line>> {
        let segments = &self.found?.transcript.as_ref()?.segments;
        let scenes = self.scenes.unwrap_or_default();
        let scene_at =
            |seconds: f64| scenes.partition_point(|scene| scene.start_s <= seconds).saturating_sub(1);
        let inside = segments
            .iter()
            .filter(|segment| scene_at(f64::midpoint(segment.start, segment.end)) == number as usize);
        let lines = inside
            .map(|segment| Line { at: units::timecode(segment.start), text: segment.text.trim().to_owned() });
        Some(lines.filter(|line| !line.text.is_empty()).collect())
    }

    fn sounds(&self, number: u32) -> Option<Vec<(String, String)>> {
        let tags = self.by_scene.get(number as usize)?.sounds.as_ref()?;
        Some(tags.iter().map(|tag| (tag.label.clone(), units::percent(f64::from(tag.score)))).collect())
    }

    /// How many there are of each class, in the order of their first appearance.
    fn objects(&self, number: u32) -> Option<Vec<(String, u32)>> {
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

fn film_scene(
    cut: &Cut<'_>,
    contexts: &Contexts<'_>,
    number: u32,
    shown_to: Option<&Captioner<'_>>,
    album: &mut Album,
) -> FilmScene {
    let captions: Vec<Caption> =
        cut.captioners.iter().filter_map(|captioner| captioner.caption(number)).collect();
    let count = |is: fn(&Caption) -> bool| captions.iter().filter(|caption| is(caption)).count();
    let (start_s, end_s) = contexts.span_s(number, cut.media_s).unzip();
    FilmScene {
        number,
        span: start_s.map(units::timecode).zip(end_s.map(units::timecode)),
        frames: frames(cut, number, shown_to, album),
        transcript: contexts.transcript(number),
        sounds: contexts.sounds(number),
        objects: contexts.objects(number),
        differing: count(|caption| caption.standing == Standing::Different),
        compared: count(|caption| matches!(caption.standing, Standing::Different | Standing::Same)),
        failed: count(|caption| caption.failure.is_some()),
        captions,
    }
}

/// The frames that were kept, or else those that the captioner with the most of them was shown.
fn frames(cut: &Cut<'_>, number: u32, shown_to: Option<&Captioner<'_>>, album: &mut Album) -> Vec<Frame> {
    let most = || {
        let said = cut.captioners.iter().filter_map(|captioner| captioner.said(number));
        said.max_by_key(|scene| scene.frame_pts_s.len())
    };
    let Some(scene) = shown_to.and_then(|captioner| captioner.said(number)).or_else(most) else {
        return Vec::new();
    };
    let frame = |(index, &seconds): (usize, &f64)| Frame {
        at: units::timecode(seconds),
        picture: shown_to.and_then(|c| album.picture(&c.record.planned.id, number, index)),
    };
    scene.frame_pts_s.iter().enumerate().map(frame).collect()
}
