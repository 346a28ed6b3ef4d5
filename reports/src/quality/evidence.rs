//! What speaks for and against some cells' outputs, before it is put into numbers.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_quality::{
    self as quality, Captioned, CutCounts, Detected, Edits, Extent, Labelled, Rect, TrackCounts, Truth,
};

use super::score::Score;

/// Counts and pairs of one film or of many. They add up; scores do not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Evidence {
    pub(super) words: Option<Edits>,
    pub(super) characters: Option<Edits>,
    pub(super) cuts: Option<CutCounts>,
    pub(super) pictures: Vec<Picture>,
    pub(super) tracks: Option<TrackCounts>,
    pub(super) windows: Vec<HeardWindow>,
    pub(super) captions: Vec<Captioned>,
}

/// A frame that was labelled and looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub(super) labelled: Vec<(String, Rect, Extent)>,
    pub(super) detected: Vec<(String, Rect, quality::Score)>,
}

/// A labelled stretch of sound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeardWindow {
    /// Labels of what is heard.
    pub(super) wanted: BTreeSet<String>,
    /// The scores that labels were given.
    pub(super) found: BTreeMap<String, quality::Score>,
}

impl Evidence {
    /// Takes in what another film says.
    pub(crate) fn add(&mut self, other: &Self) {
        self.words = sum(self.words, other.words);
        self.characters = sum(self.characters, other.characters);
        self.cuts = sum(self.cuts, other.cuts);
        self.tracks = sum(self.tracks, other.tracks);
        self.pictures.extend_from_slice(&other.pictures);
        self.windows.extend_from_slice(&other.windows);
        self.captions.extend_from_slice(&other.captions);
    }

    /// Every score that has a value.
    pub(crate) fn scores(&self) -> BTreeMap<Score, f64> {
        let captions = quality::score_captions(&self.captions).map(|scored| scored.corpus);
        let boxes = self.detection();
        let bleu = |order: usize| captions.and_then(|scores| scores.bleu.get(order).copied());
        let scores = [
            (Score::Wer, self.words.and_then(|edits| edits.rate())),
            (Score::Cer, self.characters.and_then(|edits| edits.rate())),
            (Score::ScenePrecision, self.cuts.and_then(CutCounts::precision)),
            (Score::SceneRecall, self.cuts.and_then(CutCounts::recall)),
            (Score::SceneF1, self.cuts.and_then(CutCounts::f1)),
            (Score::ObjectAp, boxes.map(|mean| mean.ap)),
            (Score::ObjectAp50, boxes.map(|mean| mean.ap50)),
            (Score::Mota, self.tracks.and_then(TrackCounts::mota)),
            (Score::Idf1, self.tracks.and_then(TrackCounts::idf1)),
            (Score::SoundAp, self.sound_precision()),
            (Score::Bleu1, bleu(0)),
            (Score::Bleu2, bleu(1)),
            (Score::Bleu3, bleu(2)),
            (Score::Bleu4, bleu(3)),
            (Score::RougeL, captions.map(|scores| scores.rouge_l)),
            (Score::Cider, captions.and_then(|scores| scores.cider)),
        ];
        scores.into_iter().filter_map(|(score, value)| Some((score, value?))).collect()
    }

    /// Box average precision over the classes that were labelled.
    fn detection(&self) -> Option<quality::AveragePrecision> {
        let labelled = self.pictures.iter().flat_map(|picture| &picture.labelled);
        let names: BTreeSet<&str> = labelled.map(|(class, ..)| class.as_str()).collect();
        let classes: BTreeMap<&str, u32> = names.into_iter().zip(0..).collect();
        let mut labelled = Vec::new();
        let mut detected = Vec::new();
        for (picture, seen) in (0..).zip(&self.pictures) {
            for (class, rect, extent) in &seen.labelled {
                let Some(&class) = classes.get(class.as_str()) else { continue };
                labelled.push(Labelled { picture, class, rect: *rect, extent: *extent });
            }
            // Classes without a labelled object do not count, as in COCO's evaluation.
            for (class, rect, score) in &seen.detected {
                let Some(&class) = classes.get(class.as_str()) else { continue };
                detected.push(Detected { picture, class, rect: *rect, score: *score });
            }
        }
        quality::average_precision(&labelled, &detected).map(|detection| detection.mean)
    }

    /// Mean average precision of the labels that are heard somewhere.
    fn sound_precision(&self) -> Option<f64> {
        let labels: BTreeSet<&String> = self.windows.iter().flat_map(|window| &window.wanted).collect();
        let none = quality::Score::new(0.0).ok()?;
        let of_label = |label: &String| {
            let windows = self.windows.iter().map(|window| {
                let truth = if window.wanted.contains(label) { Truth::Present } else { Truth::Absent };
                (window.found.get(label).copied().unwrap_or(none), truth)
            });
            quality::tag_precision(&windows.collect::<Vec<_>>())
        };
        quality::mean_tag_precision(labels.into_iter().map(of_label))
    }
}

/// Of two counts that may be absent.
fn sum<T: std::ops::Add<Output = T>>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}
