//! Charts of a few numbers.

use reelbench_charts::{
    Bar, Better, Candidate, Drift, Estimate, Heading, Intervals, Lane, Measure, Name, Pareto, Sample, Stack,
    Stacks, Timeline, Work,
};

pub(crate) fn heading(name: &str) -> Heading {
    Heading {
        name: name.to_owned(),
        title: format!("The {name} chart"),
        subtitle: "How to read it.".to_owned(),
        description: format!("What the {name} chart shows, in < 1 sentence & \"quoted\"."),
    }
}

pub(crate) fn name(group: &str, own: &str) -> Name {
    Name { group: group.to_owned(), own: own.to_owned() }
}

fn estimate(name: Name, value: f64, half: Option<f64>) -> Estimate {
    let interval = half.map(|half| (value - half, value + half));
    let spread = half.map(|half| format!(" ± {half}")).unwrap_or_default();
    Estimate { name, value, interval, words: format!("{value}x{spread}") }
}

pub(crate) fn intervals() -> Intervals {
    Intervals {
        heading: heading("rtf"),
        unit: "x".to_owned(),
        axis: "RTF".to_owned(),
        limit: (1.0, "real time".to_owned()),
        rows: vec![
            estimate(name("sintel llava", "use_cache true"), 2.5, Some(0.25)),
            estimate(name("sintel llava", "use_cache false"), 4.0, Some(0.5)),
            estimate(name("sintel phi & <co>", ""), 0.5, None),
            estimate(name("sintel", "never"), f64::NAN, None),
        ],
    }
}

pub(crate) fn stacks() -> Stacks {
    let parts = |values: [f64; 3]| values.map(|value| (value, format!("{value} s"))).into();
    let stack = |own: &str, values: [f64; 3]| Stack {
        name: name("sintel llava", own),
        parts: parts(values),
        words: format!("{} s", values.iter().sum::<f64>()),
    };
    Stacks {
        heading: heading("stages"),
        axis: "Wall time, s".to_owned(),
        share_axis: "Share of wall time".to_owned(),
        parts: vec!["Vision".to_owned(), "Decode".to_owned()],
        rest: "Unattributed".to_owned(),
        rows: vec![stack("use_cache true", [10.0, 30.0, 1.0]), stack("use_cache false", [10.0, 80.0, 0.0])],
    }
}

pub(crate) fn pareto() -> Pareto {
    let measure =
        |title: &str, unit: &str, better| Measure { title: title.to_owned(), unit: unit.to_owned(), better };
    let candidate = |(name, x, y): (&str, f64, f64)| Candidate {
        name: name.to_owned(),
        x,
        y,
        words: format!("RTF {x}x, score {y}"),
    };
    let candidates =
        [("a <fast>", 1.0, 0.25), ("b", 2.0, 0.5), ("c", 2.5, 0.5), ("d", 4.0, 0.125), ("e", 5.0, 0.875)];
    Pareto {
        heading: heading("pareto"),
        x: measure("RTF", "x", Better::Lower),
        y: measure("Score", "", Better::Higher),
        candidates: candidates.map(candidate).into(),
    }
}

pub(crate) fn drift(samples: u32) -> Drift {
    let sample = |turn: u32| {
        let percent = 98.0 + f64::from(turn * 7 % 5);
        Sample { turn: f64::from(turn), percent, words: format!("turn {turn}: {percent} %") }
    };
    Drift {
        heading: heading("drift"),
        x: "Repeats before it".to_owned(),
        y: "Share of the cell's median".to_owned(),
        measured: (2..samples + 2).map(sample).collect(),
        warmups: vec![Sample { percent: 180.0, ..sample(0) }, sample(1)],
        names: ["sample".to_owned(), "warm-up".to_owned()],
    }
}

pub(crate) fn timeline(samples: u32) -> Timeline {
    let bar =
        |start: f64, length: f64, work, words: &str| Bar { start, length, work, words: words.to_owned() };
    let lane = |own: &str, offset: f64| {
        let first = [
            bar(0.0, 10.0, Work::Load, "a load of 10 s"),
            bar(offset + 10.0, 6.0, Work::Warmup, "a warm-up"),
        ];
        let sample = |number: u32| {
            bar(offset + 16.0 + f64::from(number) * 8.0, 4.0, Work::Sample, &format!("sample {number}"))
        };
        Lane {
            name: name("sintel llava", own),
            bars: first.into_iter().chain((0..samples).map(sample)).collect(),
        }
    };
    Timeline {
        heading: heading("timeline"),
        axis: "Time in the run, s".to_owned(),
        lanes: vec![
            lane("use_cache true", 0.0),
            lane("use_cache false", 4.0),
            Lane { name: name("none", ""), bars: Vec::new() },
        ],
        pauses: vec![20.0],
        pause: "went on".to_owned(),
    }
}
