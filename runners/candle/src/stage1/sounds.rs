//! Sounds of a film or of its scenes.

use reelbench_ast::SoundTagger;
use reelbench_kit::Stopwatch;
use reelbench_media::Audio;
use reelbench_protocol::{AstSpec, Failure, SceneList, SoundWindow, Sounds, Stage};

use super::pieces::pieces;
use super::{Heard, percent};

/// Labels kept of every window.
const TAGS_PER_WINDOW: usize = 10;

/// Names the sounds of the film, or of every scene for itself.
pub(super) fn tag(
    audio: &Audio,
    spec: &AstSpec,
    tagger: &SoundTagger,
    scenes: Option<&SceneList>,
    watch: &mut Stopwatch<'_>,
) -> Heard<Sounds> {
    let pieces = pieces(audio, scenes);
    let stretches: Vec<&[f32]> = pieces.iter().map(|piece| piece.samples).collect();
    let start_ns = watch.elapsed_ns();
    let scored = tagger.tag_stretches(&stretches, spec.batch as usize, &mut |fraction| {
        watch.progress(Stage::Ast, percent(fraction), 100);
    });
    watch.record_since(Stage::Ast, None, start_ns);
    let scored = match scored {
        Ok(scored) => scored,
        Err(error) => return Heard::failed(Failure::from(error)),
    };
    let windows = pieces.iter().zip(scored).flat_map(|(piece, windows)| {
        windows.into_iter().map(|window| SoundWindow {
            start_s: piece.start_s + window.start_s,
            end_s: piece.start_s + window.end_s,
            tags: tagger.best(&window.scores, TAGS_PER_WINDOW),
        })
    });
    Heard { found: Some(Sounds { windows: windows.collect() }), failures: Vec::new() }
}
