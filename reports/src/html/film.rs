//! The films of a run, scene by scene: what was seen, heard and said.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{CellId, CellKind, Output, Stage1Output, VideoId};
use reelbench_references::FilmReferences;
use serde::Serialize;

use super::caption::{Caption, Captioner, Standing};
use super::context::{Contexts, Line};
use super::pictures::{Album, Picture};
use crate::quality::references_of;
use crate::rebuild::Results;
use crate::references::References;
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
    /// What people wrote down as said, as far as they noted when.
    known_transcript: Vec<Line>,
    /// Name and share of each sound; absent where nobody listened.
    sounds: Option<Vec<(String, String)>>,
    /// Name and number of each kind of object; absent where nobody looked.
    objects: Option<Vec<(String, u32)>>,
    /// Captions that people wrote.
    known_captions: Vec<String>,
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

/// A film as one stage-1 cell found its scenes, with the captioners that were given them.
struct Cut<'a> {
    stage1: Option<usize>,
    title: String,
    found: Option<&'a Stage1Output>,
    known: Option<&'a FilmReferences>,
    media_s: f64,
    captioners: Vec<&'a Captioner<'a>>,
}

/// Every film of the run that has captions, and every other one that stage 1 looked at.
pub(super) fn films(results: &Results, captioners: &[Captioner<'_>], album: &mut Album) -> Vec<Film> {
    let Results { run, summary, report, references, .. } = results;
    let cuts = cuts(run, summary, references, captioners);
    let share = MOST_BYTES / cuts.len().max(1);
    cuts.iter().map(|cut| film(cut, run, report, share, album)).collect()
}

fn cuts<'a>(
    run: &'a Run,
    summary: &Summary,
    references: &'a References,
    captioners: &'a [Captioner<'a>],
) -> Vec<Cut<'a>> {
    let index: BTreeMap<&CellId, usize> =
        run.cells.iter().enumerate().map(|(index, cell)| (&cell.planned.id, index)).collect();
    let mut cuts: Vec<Cut<'_>> = Vec::new();
    for captioner in captioners {
        let stage1 = captioner.record.planned.stage1_from.as_ref().and_then(|id| index.get(id).copied());
        let video = &captioner.record.spec().video.id;
        match cuts.iter_mut().find(|cut| cut.stage1 == stage1 && cut.title == video.as_str()) {
            Some(cut) => cut.captioners.push(captioner),
            None => cuts.push(Cut::new(run, references, stage1, video, vec![captioner])),
        }
    }
    for (index, cell) in run.cells.iter().enumerate() {
        let video = &cell.spec().video.id;
        let is_new = !cuts.iter().any(|cut| cut.title == video.as_str());
        if is_new && stage1_output(cell).is_some() {
            cuts.push(Cut::new(run, references, Some(index), video, Vec::new()));
        }
    }
    tell_apart(&mut cuts, run, summary);
    cuts
}

impl<'a> Cut<'a> {
    fn new(
        run: &'a Run,
        references: &'a References,
        stage1: Option<usize>,
        video: &VideoId,
        captioners: Vec<&'a Captioner<'a>>,
    ) -> Self {
        let record = stage1.and_then(|index| run.cells.get(index));
        let lengths = captioners.iter().map(|captioner| captioner.record).chain(record);
        let media_s = lengths.flat_map(CellRecord::measured).map(|repeat| repeat.media_s).next();
        Self {
            stage1,
            title: video.to_string(),
            found: record.and_then(stage1_output),
            known: references.get(video),
            media_s: media_s.unwrap_or_default(),
            captioners,
        }
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
    let contexts = Contexts::new(cut.found, cut.known, cut.media_s);
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
    let (start_s, end_s) = contexts.span_s(number).unzip();
    FilmScene {
        number,
        span: start_s.map(units::timecode).zip(end_s.map(units::timecode)),
        frames: frames(cut, number, shown_to, album),
        transcript: contexts.transcript(number),
        known_transcript: contexts.known_transcript(number),
        sounds: contexts.sounds(number),
        objects: contexts.objects(number),
        differing: count(|caption| caption.standing == Standing::Different),
        compared: count(|caption| matches!(caption.standing, Standing::Different | Standing::Same)),
        failed: count(|caption| caption.failure.is_some()),
        known_captions: known_captions(cut, number),
        captions,
    }
}

/// What people wrote about a scene, by which the captions of it are scored.
fn known_captions(cut: &Cut<'_>, number: u32) -> Vec<String> {
    let known = cut.known.and_then(|known| known.captions.as_ref());
    let said = cut.captioners.iter().find_map(|captioner| captioner.said(number));
    let about = known.zip(said).and_then(|(known, said)| references_of(said, known));
    about.map(|about| about.references.clone()).unwrap_or_default()
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
