//! Times one pass over a film: `cargo run --release --example scenes -- FILM`. Decoding alone, with scene detection, and
//! with every fifth frame turned into RGB as well, of which the conversion is timed apart.

use std::path::Path;
use std::time::Instant;

use reelbench_media::{FilmPass, MediaError, VideoFile, detect_scenes};
use reelbench_protocol::SceneSpec;

const ROUNDS: usize = 5;
const EVERY_NTH_FRAME: u32 = 5;

fn main() -> Result<(), MediaError> {
    let Some(film) = std::env::args().nth(1) else {
        report("usage: scenes FILM");
        return Ok(());
    };
    let film = Path::new(&film);
    let spec = SceneSpec::default();
    let mut scenes = 0;
    let (mut decoding, mut detecting, mut looking, mut converting) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        decoding.push(seconds(|| decode(film))?);
        detecting.push(seconds(|| {
            scenes = detect_scenes(film, &spec, &mut |_| {})?.list.scenes.len();
            Ok(())
        })?);
        let mut conversion = 0.0;
        looking.push(seconds(|| look(film, &spec, &mut conversion))?);
        converting.push(conversion);
    }
    report(&format!("{scenes} scenes; best and median of {ROUNDS}:"));
    report(&format!("decoding alone         {}", summary(decoding)));
    report(&format!("with scene detection   {}", summary(detecting)));
    report(&format!("and every fifth in RGB {}", summary(looking)));
    report(&format!("  of it the conversion {}", summary(converting)));
    Ok(())
}

fn decode(film: &Path) -> Result<(), MediaError> {
    let mut film = VideoFile::open(film)?;
    while film.next_frame()?.is_some() {}
    Ok(())
}

fn look(film: &Path, spec: &SceneSpec, conversion: &mut f64) -> Result<(), MediaError> {
    let mut pass = FilmPass::open(film, Some(spec))?;
    while let Some(mut frame) = pass.next_frame(EVERY_NTH_FRAME)? {
        *conversion += seconds(|| frame.rgb().map(drop))?;
    }
    pass.finish(&mut |_| {}).map(drop)
}

fn seconds(work: impl FnOnce() -> Result<(), MediaError>) -> Result<f64, MediaError> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
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
