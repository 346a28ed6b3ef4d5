//! How long the cells of a plan will take, as far as earlier runs on this machine tell.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use reelbench_exec::schedule;
use reelbench_protocol::{AsrSpec, CellId, Device, PlannedCell, Repeats, Settings, Warmup, Work};
use reelbench_reports::Run;
use serde::Serialize;

/// What the cells of a plan will take.
#[derive(Debug, Default)]
pub(crate) struct Times {
    by_cell: HashMap<CellId, CellTime>,
}

/// What a cell will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CellTime {
    /// A repeat.
    pub(crate) repeat_s: f64,
    /// Getting its weights ready, where that was measured.
    pub(crate) load_s: Option<f64>,
    /// How it is known.
    pub(crate) known: Known,
}

/// How a time is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(crate) enum Known {
    /// The same cell was measured.
    SameCell {
        /// In this run.
        run: String,
    },
    /// A like cell was: one of the same models that differs in the fewest settings. Its time is scaled by the length of the
    /// film.
    LikeCell {
        /// In this run.
        run: String,
        /// The like cell.
        cell: CellId,
        /// What differs: settings, and `video` where it is another film.
        differs: Vec<String>,
    },
}

/// What a whole run will take, loads and warm-ups included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct TotalTime {
    /// With the fewest repeats and warm-ups there can be.
    pub(crate) at_least_s: f64,
    /// With the most.
    pub(crate) at_most_s: f64,
    /// Cells that it covers.
    pub(crate) cells: usize,
    /// Cells of which nothing is known; they are not in it.
    pub(crate) unknown: usize,
}

/// A cell as it was measured.
struct Sample<'r> {
    run: &'r Run,
    cell: &'r PlannedCell,
    settings: Settings,
    media_s: f64,
    repeat_s: f64,
    load_s: Option<f64>,
}

impl Times {
    /// Estimates every cell from runs of the same runner on the same machine, the newest first.
    pub(crate) fn of(cells: &[PlannedCell], past: &[Run]) -> Self {
        let samples: Vec<Sample<'_>> = past.iter().flat_map(samples).collect();
        let mut newest: HashMap<&CellId, &Sample<'_>> = HashMap::new();
        let mut like: HashMap<String, Vec<&Sample<'_>>> = HashMap::new();
        let mut lengths = HashMap::new();
        for sample in &samples {
            newest.entry(&sample.cell.id).or_insert(sample);
            lengths.entry(&sample.cell.spec.video.path).or_insert(sample.media_s);
            let alike = like.entry(models(sample.cell)).or_default();
            // An older sample of the same cell tells nothing more.
            if !alike.iter().any(|other| other.cell.id == sample.cell.id) {
                alike.push(sample);
            }
        }
        let time = |cell: &PlannedCell| {
            if let Some(sample) = newest.get(&cell.id) {
                let known = Known::SameCell { run: sample.run.manifest.run_id.clone() };
                return Some(CellTime { repeat_s: sample.repeat_s, load_s: sample.load_s, known });
            }
            nearest(cell, like.get(&models(cell))?, lengths.get(&cell.spec.video.path).copied())
        };
        Self { by_cell: cells.iter().filter_map(|cell| Some((cell.id.clone(), time(cell)?))).collect() }
    }

    /// What a cell will take, if anything is known about it.
    pub(crate) fn of_cell(&self, cell: &CellId) -> Option<&CellTime> {
        self.by_cell.get(cell)
    }

    /// What a run of these cells will take; nothing where no cell is known.
    pub(crate) fn total(
        &self,
        cells: &[PlannedCell],
        (repeats, warmup): (Repeats, Warmup),
        device: Device,
    ) -> Option<TotalTime> {
        let known: Vec<&CellTime> = cells.iter().filter_map(|cell| self.of_cell(&cell.id)).collect();
        if known.is_empty() {
            return None;
        }
        let repeat_s: f64 = known.iter().map(|time| time.repeat_s).sum();
        let load_of = |cell: &&PlannedCell| self.of_cell(&cell.id)?.load_s;
        let groups = schedule::groups(cells, device);
        let loads_s: f64 = groups.iter().filter_map(|group| group.cells.iter().find_map(load_of)).sum();
        let turns = |repeats: u32, warmups: u32| f64::from(repeats + warmups);
        Some(TotalTime {
            at_least_s: loads_s + repeat_s * turns(at_least(repeats), warmups_at_least(warmup)),
            at_most_s: loads_s + repeat_s * turns(repeats.at_most(), warmup.at_most()),
            cells: known.len(),
            unknown: cells.len() - known.len(),
        })
    }
}

fn at_least(repeats: Repeats) -> u32 {
    match repeats {
        Repeats::Fixed(repeats) => repeats,
        Repeats::Adaptive(adaptive) => adaptive.at_least,
    }
}

/// Two that agree are the fewest after which a cell is known to be warm.
fn warmups_at_least(warmup: Warmup) -> u32 {
    match warmup {
        Warmup::Fixed(repeats) => repeats,
        Warmup::UntilWarm { at_most, .. } => at_most.min(2),
    }
}

/// The cells that a run measured.
fn samples(run: &Run) -> impl Iterator<Item = Sample<'_>> {
    run.cells.iter().filter_map(move |record| {
        let typical = record.typical();
        let media_s = typical.first()?.media_s;
        let wall_ns: u64 = typical.iter().map(|repeat| repeat.wall_ns).sum();
        Some(Sample {
            run,
            cell: &record.planned,
            settings: record.spec().requested(),
            media_s,
            repeat_s: wall_ns as f64 / typical.len() as f64 / 1e9,
            load_s: record.loads.last().map(|loaded| loaded.load_ns as f64 / 1e9),
        })
    })
}

/// What makes times of two cells alike at all: the stages, and the weights they use.
fn models(cell: &PlannedCell) -> String {
    match &cell.spec.work {
        Work::Caption(caption) => format!("caption {}", caption.weights),
        Work::Stage1(stage1) => {
            let asr = stage1.asr.as_ref().map(|asr| match AsrSpec::weights(asr) {
                Some(weights) => weights.to_string(),
                None => asr.model.engine().to_string(),
            });
            let ast = stage1.ast.as_ref().map(|ast| ast.weights.to_string());
            let yolo = stage1.yolo.as_ref().map(|yolo| yolo.weights.to_string());
            format!("stage1 {} {asr:?} {ast:?} {yolo:?}", stage1.scene.is_some())
        }
    }
}

/// The time of a like cell, scaled to a film of `media_s` seconds.
fn nearest(cell: &PlannedCell, like: &[&Sample<'_>], media_s: Option<f64>) -> Option<CellTime> {
    let wanted = cell.spec.requested();
    let same_film = |sample: &Sample<'_>| sample.cell.spec.video.path == cell.spec.video.path;
    let usable = like.iter().filter(|sample| same_film(sample) || media_s.is_some());
    let (differs, sample) = usable
        .map(|sample| {
            let mut differs = differing(&wanted, &sample.settings);
            if !same_film(sample) {
                differs.push("video".to_owned());
            }
            (differs, sample)
        })
        .min_by_key(|(differs, _)| differs.len())?;
    let factor = media_s.filter(|_| sample.media_s > 0.0).map_or(1.0, |media_s| media_s / sample.media_s);
    let known =
        Known::LikeCell { run: sample.run.manifest.run_id.clone(), cell: sample.cell.id.clone(), differs };
    Some(CellTime { repeat_s: sample.repeat_s * factor, load_s: sample.load_s, known })
}

fn differing(a: &Settings, b: &Settings) -> Vec<String> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}

impl fmt::Display for CellTime {
    /// `12.3 s a repeat`; `about 12.3 s a repeat (from a cell with another use_cache)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeat = duration(self.repeat_s);
        match &self.known {
            Known::SameCell { .. } => write!(f, "{repeat} a repeat"),
            Known::LikeCell { differs, .. } if differs.is_empty() => {
                write!(f, "about {repeat} a repeat (from a like cell)")
            }
            Known::LikeCell { differs, .. } => {
                write!(f, "about {repeat} a repeat (from a like cell with another {})", differs.join(", "))
            }
        }
    }
}

impl fmt::Display for TotalTime {
    /// `about 4 min 20 s, loads and warm-ups included`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, most] = [self.at_least_s, self.at_most_s].map(duration);
        if least == most {
            write!(f, "about {most}")?;
        } else {
            write!(f, "about {least} to {most}")?;
        }
        f.write_str(", loads and warm-ups included")?;
        match self.unknown {
            0 => Ok(()),
            unknown => write!(f, ", without {unknown} cells of which nothing is known"),
        }
    }
}

/// The runs that times come from, each with the number of cells it told about.
pub(crate) fn sources(times: &Times) -> BTreeMap<&str, usize> {
    let mut sources = BTreeMap::new();
    for time in times.by_cell.values() {
        let (Known::SameCell { run } | Known::LikeCell { run, .. }) = &time.known;
        *sources.entry(run.as_str()).or_default() += 1;
    }
    sources
}

/// `0.42 s`, `12.3 s`, `4 min 20 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    if seconds < 9.95 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if hours == 0 {
        format!("{minutes} min {:02} s", whole % 60)
    } else {
        format!("{hours} h {minutes:02} min")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, words) in [
            (0.0, "0.00 s"),
            (0.416, "0.42 s"),
            (12.34, "12.3 s"),
            (59.96, "1 min 00 s"),
            (260.0, "4 min 20 s"),
            (7500.0, "2 h 05 min"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
