//! A run with words worth reading: captions that differ, waver, fail, and try to be more than text.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use reelbench_protocol::{
    CaptionSettings, CellEnd, Failure, FailureKind, Output, PlannedCell, Quantization, RepeatResult, Stage,
    frame_file,
};

use crate::fixtures::{cached, uncached};
use crate::stage1_fixtures::{AT_REST, found, full_cell, sequential, with_output};
use crate::support::*;

/// Runs if a page takes it for markup.
pub(crate) const HOSTILE: &str = "</script></style></template><img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>\u{2028}${1}";

const REFERENCE: [&str; 2] = [
    "A man in a grey coat walks through heavy snow towards a wooden bridge.\nHe carries a lantern.",
    "Two people sit at a table and talk.",
];
const QUANTIZED: [&str; 2] = [
    "A man in a dark coat walks through the snow towards a wooden bridge.\nHe carries a lantern.",
    "Two people sit at a table and talk.",
];

/// A film with speech, sounds and objects, and captions with and without cache and quantization: the reference; other
/// words; the same words; words that waver and a scene that fails; nothing. Its frames were kept.
pub(crate) fn scenes_run() -> RunDir {
    let stage1 = full_cell("sintel", AT_REST);
    let quantized = CaptionSettings { quantization: Quantization::Q4k, ..cached() };
    let settings =
        [cached(), quantized.clone(), uncached(), CaptionSettings { use_cache: false, ..quantized }];
    let [reference, other, same, wavers] =
        settings.map(|settings| caption_cell("sintel", "llava", settings, &stage1));
    let [hostile, big] = ["hostile", "big"].map(|model| caption_cell("sintel", model, cached(), &stage1));
    let cells = [&stage1, &reference, &other, &same, &wavers, &hostile, &big].map(Clone::clone);
    let mut run = RunDir::planned(cells.to_vec(), vec![]);
    run.measure(&stage1, [900, 1000, 1100], |wall_ms| {
        with_output(sequential(&stage1, wall_ms), |output| {
            *output = found();
            if let Some(transcript) = &mut output.transcript {
                transcript.segments[0].text = format!(" Hello & {HOSTILE}");
            }
        })
    });
    run.measure(&reference, [9000, 10_000, 11_000], |wall_ms| saying(&reference, wall_ms, REFERENCE));
    run.measure(&other, [2000, 2100, 2200], |wall_ms| saying(&other, wall_ms, QUANTIZED));
    run.measure(&same, [190_000, 200_000, 210_000], |wall_ms| saying(&same, wall_ms, REFERENCE));
    run.measure(&wavers, [30_000, 31_000, 32_000], |wall_ms| wavering(&wavers, wall_ms));
    run.measure(&hostile, [5000, 5000, 5000], |wall_ms| saying(&hostile, wall_ms, [HOSTILE, ""]));
    let failure = Failure::new(FailureKind::Memory, HOSTILE).in_stage(Stage::Vision);
    run.end(&big, CellEnd::Oom, failure, &["\u{1b}[31mout of memory\u{1b}[0m", HOSTILE]);
    run.finish();
    save_frames(run.write(), &reference);
    run
}

/// A repeat with these words, each with a token of its own.
fn saying(cell: &PlannedCell, wall_ms: u64, texts: [&str; 2]) -> RepeatResult {
    let mut result = caption_result(cell, wall_ms);
    if let Output::Caption { scenes } = &mut result.output {
        for (scene, text) in scenes.iter_mut().zip(texts) {
            text.clone_into(&mut scene.text);
            scene.tokens = text.split_whitespace().map(|word| word.bytes().map(u32::from).sum()).collect();
        }
    }
    result
}

/// Other words in the last repeat, and no second scene.
fn wavering(cell: &PlannedCell, wall_ms: u64) -> RepeatResult {
    let texts = if wall_ms == 32_000 { QUANTIZED } else { REFERENCE };
    let mut result = saying(cell, wall_ms, texts);
    if let Output::Caption { scenes } = &mut result.output {
        let failure = Failure::new(FailureKind::Internal, "no frame at 12.5 s");
        scenes[1].failure = Some(failure.in_stage(Stage::Frames).in_scene(1));
        scenes[1].text.clear();
        scenes[1].tokens.clear();
        scenes[1].finish = None;
    }
    result
}

/// Both frames of the first scene, and one of the second that is no picture.
fn save_frames(dir: &Path, cell: &PlannedCell) {
    let folder = dir.join("frames").join(cell.id.as_str());
    fs::create_dir_all(&folder).unwrap();
    for frame in 0..2_u8 {
        let colour = |x, y| Rgb([(x / 4) as u8, (y / 4) as u8, 100 * frame]);
        RgbImage::from_fn(600, 336, colour).save(folder.join(frame_file(0, frame.into()))).unwrap();
    }
    fs::write(folder.join(frame_file(1, 0)), "no picture").unwrap();
}
