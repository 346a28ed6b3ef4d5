//! Times scene detection of a film beside plain decoding: `cargo run --release --example scenes -- FILM`.

use std::path::Path;
use std::time::Instant;

use reelbench_media::{MediaError, VideoFile, detect_scenes};
use reelbench_protocol::SceneSpec;

const ROUNDS: usize = 5;

fn main() -> Result<(), MediaError> {
    let Some(film) = std::env::args().nth(1) else {
        report("usage: scenes FILM");
        return Ok(());
    };
    let film = Path::new(&film);
    let mut frames = 0_u32;
    let mut scenes = 0;
    let (mut decoding, mut detecting) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut video = VideoFile::open(film)?;
        frames = 0;
        while video.next_frame()?.is_some() {
            frames += 1;
        }
        decoding.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        scenes = detect_scenes(film, &SceneSpec::default(), &mut |_| {})?.list.scenes.len();
        detecting.push(start.elapsed().as_secs_f64());
    }
    report(&format!(
        "{frames} frames, {scenes} scenes; best and median of {ROUNDS}: decoding {}, detecting {}",
        summary(decoding),
        summary(detecting)
    ));
    Ok(())
}

fn summary(mut seconds: Vec<f64>) -> String {
    seconds.sort_by(f64::total_cmp);
    let (best, median) = (seconds.first(), seconds.get(seconds.len() / 2));
    format!("{:.3} s / {:.3} s", best.copied().unwrap_or(0.0), median.copied().unwrap_or(0.0))
}

#[expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]
fn report(line: &str) {
    println!("{line}");
}
