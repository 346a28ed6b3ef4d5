//! `summary.json`: every cell with its outcome and its numbers.

use std::collections::BTreeMap;

use reelbench_protocol::{
    Activity, CacheVerdict, CellId, CellKind, Loaded, ModelId, Output, RUN_FORMAT_VERSION, RepeatResult,
    Settings, Stage, VideoId, Work,
};
use serde::{Serialize, Serializer};

use crate::noise::{Noise, NoiseFinding};
use crate::outcome::{Judgement, Outcome, Place};
use crate::quality::Quality;
use crate::run::{CellRecord, Run};
use crate::tables::{Aggregates, CellAggregate, UNATTRIBUTED};
use reelbench_stats::{self as stats, Interval};

/// `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Version of the run directory's files.
    pub format: u32,
    /// The run.
    pub run_id: String,
    /// The matrix's name.
    pub name: String,
    /// What may have disturbed the run as a whole.
    pub noise: Vec<NoiseFinding>,
    /// Every cell of the plan, in its order.
    pub cells: Vec<CellSummary>,
}

/// One cell. Numbers other than the film's length are absent unless the cell is `ok` or `unstable`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellSummary {
    /// The cell.
    pub id: CellId,
    /// Base stages or captions.
    pub kind: CellKind,
    /// The film.
    pub video: VideoId,
    /// What reports call the film; absent where that is its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_title: Option<String>,
    /// The captioner; absent in stage 1.
    pub model: Option<ModelId>,
    /// Where its weights come from: the captioner's, or in stage 1 those of its local models.
    pub weights: Vec<String>,
    /// Whether any of them are random.
    pub dummy_weights: bool,
    /// The settings asked for; [`reelbench_protocol::CellSpec::requested`] lists the keys.
    pub requested: Settings,
    /// The settings in force, once a repeat has told.
    pub effective: Option<Settings>,
    /// How it came out.
    pub outcome: Outcome,
    /// Why, unless it is ok.
    pub reason: Option<String>,
    /// Where it went wrong.
    #[serde(skip)]
    pub place: Place,
    /// What it said with its cache and without, if that was checked.
    #[serde(skip)]
    pub cache_check: Option<CacheVerdict>,
    /// Length of the film in seconds, known from any cell that read it.
    pub media_s: Option<f64>,
    /// Real-time factor: `wall_s / media_s`.
    pub rtf: Option<Rtf>,
    /// Wall time of a repeat.
    pub wall_s: Option<WallTime>,
    /// Seconds from disk to ready; the median where the weights were loaded more than once. Not part of `wall_s`.
    pub load_s: Option<f64>,
    /// Seconds per stage, `unattributed` last: the mean over the one or two repeats in the middle by wall time.
    /// They sum to the median wall time.
    pub stages_s: Option<StageTimes>,
    /// What the time of a stage went on, where it was not all computing; sums to the stage's. Absent where it was.
    #[serde(skip_serializing_if = "InOrder::is_empty")]
    pub activities_s: ActivityTimes,
    /// Scenes found, or captioned.
    pub scenes: Option<u64>,
    /// New tokens of all scenes, in the (first) repeat of the middle.
    pub tokens_out: Option<u64>,
    /// Median over every measured scene of the time to its first token.
    pub ttft_s: Option<f64>,
    /// Tokens after each scene's first, per second of the decode stage: the median over the repeats.
    pub tokens_per_s: Option<f64>,
    /// Highest resident memory of any measured repeat.
    pub peak_rss_bytes: Option<u64>,
    /// Highest memory on the accelerator of any measured repeat.
    pub peak_vram_bytes: Option<u64>,
    /// Memory that the weights take up.
    pub weights_bytes: Option<u64>,
    /// The same part by part, in the runner's order; empty where it does not tell.
    pub weights_parts: InOrder<u64>,
    /// Scores against references, and of captions how far they agree with those of the reference setting: `wer`, `cer`,
    /// `scene_precision`, `scene_recall`, `scene_f1`, `object_ap`, `object_ap50`, `mota`, `idf1`, `sound_ap`, `bleu_1` to
    /// `bleu_4`, `rouge_l`, `cider`; `token_agreement` and `scenes_equal` (shares), `first_divergence` (the earliest token
    /// of any scene that differs) and `tokens_per_scene`. Those without a value are absent.
    pub quality: BTreeMap<String, f64>,
    /// What may have disturbed its repeats; all of them stay in the numbers.
    pub noise: Vec<NoiseFinding>,
}

/// Real-time factor of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rtf {
    /// Median of the samples.
    pub median: f64,
    /// Its interval; absent with one sample.
    pub ci95: Option<Interval>,
    /// In the order of the repeats.
    pub samples: Vec<f64>,
}

/// Wall time of a cell's repeats in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WallTime {
    /// Median of the samples.
    pub median: f64,
    /// In the order of the repeats.
    pub samples: Vec<f64>,
}

/// Values under names that have an order of their own; an object in JSON.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InOrder<T>(pub Vec<(String, T)>);

/// Seconds per stage in the order of the pipeline.
pub type StageTimes = InOrder<f64>;

/// Seconds per activity (`compute`, `network`, `rate_limit`) of each stage that does more than compute.
pub type ActivityTimes = InOrder<InOrder<f64>>;

impl<T> InOrder<T> {
    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for InOrder<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Summary {
    /// Puts together what the journal's judgement and the tables' numbers say.
    pub(crate) fn new(
        run: &Run,
        judgements: &[Judgement],
        aggregates: &Aggregates,
        quality: &Quality,
    ) -> Self {
        let lengths = film_lengths(run);
        let none = CellAggregate::default();
        let mut cells: Vec<_> = run
            .cells
            .iter()
            .zip(judgements)
            .enumerate()
            .map(|(index, (cell, judgement))| {
                // A cell's own length, which its real-time factor divides by; the film's for a cell without repeats.
                let own = cell.measured().first().map(|repeat| repeat.media_s);
                let media_s = own.or_else(|| lengths.get(&cell.spec().video.id).copied());
                let unmeasured = unmeasured(cell, judgement, media_s);
                if judgement.outcome.is_measured() {
                    measured(unmeasured, cell, aggregates.get(&index).unwrap_or(&none))
                } else {
                    unmeasured
                }
            })
            .collect();
        let noise = Noise::of(run, &cells);
        for (place, (cell, noise)) in cells.iter_mut().zip(noise.cells).enumerate() {
            cell.noise = noise;
            cell.quality = quality.scores(place);
        }
        Self {
            format: RUN_FORMAT_VERSION,
            run_id: run.manifest.run_id.clone(),
            name: run.manifest.name.clone(),
            noise: noise.run,
            cells,
        }
    }
}

impl CellSummary {
    /// What reports call its film.
    pub fn video_name(&self) -> &str {
        self.video_title.as_deref().unwrap_or(self.video.as_str())
    }

    /// Seconds of a stage, if the cell has it.
    pub fn stage_s(&self, stage: &str) -> Option<f64> {
        self.stages_s.as_ref()?.get(stage).copied()
    }

    /// Seconds that an activity of a stage took, if the stage did more than compute.
    pub fn activity_s(&self, stage: Stage, activity: Activity) -> Option<f64> {
        self.activities_s.get(stage.as_str())?.get(activity.as_str()).copied()
    }
}

/// The length of every film that a repeat has read.
fn film_lengths(run: &Run) -> BTreeMap<VideoId, f64> {
    let mut lengths = BTreeMap::new();
    for cell in &run.cells {
        for repeat in cell.repeats.iter().filter(|repeat| repeat.media_s.is_finite()) {
            lengths.entry(cell.spec().video.id.clone()).or_insert(repeat.media_s);
        }
    }
    lengths
}

/// A cell's identity, settings and outcome.
fn unmeasured(cell: &CellRecord, judgement: &Judgement, media_s: Option<f64>) -> CellSummary {
    let spec = cell.spec();
    let model = match &spec.work {
        Work::Caption(caption) => Some(caption.model.clone()),
        Work::Stage1(_) => None,
    };
    CellSummary {
        id: cell.planned.id.clone(),
        kind: spec.kind(),
        video: spec.video.id.clone(),
        video_title: spec.video.title.clone(),
        model,
        weights: spec.weights().map(ToString::to_string).collect(),
        dummy_weights: spec.uses_dummy_weights(),
        requested: spec.requested(),
        effective: judgement.effective.clone(),
        outcome: judgement.outcome,
        reason: judgement.reason.clone(),
        place: judgement.place,
        cache_check: cell.cache_check.clone(),
        media_s,
        rtf: None,
        wall_s: None,
        load_s: None,
        stages_s: None,
        activities_s: ActivityTimes::default(),
        scenes: None,
        tokens_out: None,
        ttft_s: None,
        tokens_per_s: None,
        peak_rss_bytes: None,
        peak_vram_bytes: None,
        weights_bytes: None,
        weights_parts: InOrder(Vec::new()),
        quality: BTreeMap::new(),
        noise: Vec::new(),
    }
}

/// The same cell with its numbers.
fn measured(base: CellSummary, cell: &CellRecord, aggregate: &CellAggregate) -> CellSummary {
    let repeats = cell.measured();
    let typical = cell.typical();
    let walls: Vec<f64> = repeats.iter().map(|repeat| seconds(repeat.wall_ns)).collect();
    let factors: Vec<f64> = repeats.iter().map(|repeat| seconds(repeat.wall_ns) / repeat.media_s).collect();
    let loads: Vec<f64> = cell.loads.iter().map(|load| seconds(load.load_ns)).collect();
    CellSummary {
        rtf: stats::median(&factors).map(|median| Rtf {
            median,
            ci95: stats::median_interval(&factors),
            samples: factors,
        }),
        wall_s: stats::median(&walls).map(|median| WallTime { median, samples: walls }),
        load_s: stats::median(&loads),
        stages_s: Some(stage_times(base.kind, aggregate, typical.len())),
        activities_s: activity_times(aggregate, typical.len()),
        scenes: typical.first().and_then(|repeat| scenes(repeat)),
        tokens_out: typical.first().and_then(|repeat| tokens_out(repeat)),
        ttft_s: aggregate.ttft_s,
        tokens_per_s: aggregate.tokens_per_s,
        peak_rss_bytes: repeats.iter().filter_map(|repeat| repeat.peak_rss_bytes).max(),
        peak_vram_bytes: repeats.iter().filter_map(|repeat| repeat.peak_vram_bytes).max(),
        weights_bytes: cell.loads.last().map(|load| load.weights_bytes),
        weights_parts: InOrder(cell.loads.last().map(weights_parts).unwrap_or_default()),
        ..base
    }
}

fn weights_parts(load: &Loaded) -> Vec<(String, u64)> {
    load.parts.iter().map(|part| (part.part.clone(), part.bytes)).collect()
}

/// The stages of a captioning cell, all of them; of stage 1, those that ran; then what no span covers.
fn stage_times(kind: CellKind, aggregate: &CellAggregate, repeats: usize) -> StageTimes {
    let of_captioning = |stage: &Stage| {
        kind == CellKind::Caption
            && matches!(
                stage,
                Stage::Frames | Stage::Preprocess | Stage::Vision | Stage::Prefill | Stage::Decode
            )
    };
    let times = Stage::ALL
        .iter()
        .filter(|stage| of_captioning(stage) || aggregate.stage_ns.contains_key(stage.as_str()))
        .map(|stage| stage.as_str())
        .chain([UNATTRIBUTED])
        .map(|stage| (stage.to_owned(), mean_seconds(aggregate.stage_ns.get(stage), repeats)));
    InOrder(times.collect())
}

/// Every activity of each stage that did more than compute.
fn activity_times(aggregate: &CellAggregate, repeats: usize) -> ActivityTimes {
    let ns = |stage: &Stage, activity: &Activity| aggregate.activity_ns.get(&(*stage, *activity));
    let waits =
        |stage: &&Stage| ns(stage, &Activity::Network).is_some() || ns(stage, &Activity::RateLimit).is_some();
    let times = Stage::ALL.iter().filter(waits).map(|stage| {
        let seconds = |activity| (Activity::to_string(activity), mean_seconds(ns(stage, activity), repeats));
        (stage.to_string(), InOrder(Activity::ALL.iter().map(seconds).collect()))
    });
    InOrder(times.collect())
}

/// Nanoseconds of some repeats together, none where absent, as the mean in seconds.
fn mean_seconds(sum_ns: Option<&i64>, repeats: usize) -> f64 {
    sum_ns.copied().unwrap_or(0) as f64 / (repeats.max(1) as f64 * 1e9)
}

fn scenes(repeat: &RepeatResult) -> Option<u64> {
    match &repeat.output {
        Output::Caption { scenes } => Some(scenes.len() as u64),
        Output::Stage1(output) => output.scenes.as_ref().map(|list| list.scenes.len() as u64),
    }
}

fn tokens_out(repeat: &RepeatResult) -> Option<u64> {
    match &repeat.output {
        Output::Caption { scenes } => Some(scenes.iter().map(|scene| scene.tokens.len() as u64).sum()),
        Output::Stage1(_) => None,
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
