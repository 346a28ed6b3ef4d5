//! The stretches of a film's sound that are heard for themselves.

use reelbench_media::Audio;
use reelbench_protocol::{Scene, SceneList};
use reelbench_remote::Piece;

/// One piece per scene that has sound, or the whole sound as one. No sound, no piece.
pub(super) fn pieces<'a>(audio: &'a Audio, scenes: Option<&SceneList>) -> Vec<Piece<'a>> {
    let pieces: Vec<Piece<'a>> = match scenes {
        None => vec![Piece { scene: None, start_s: 0.0, samples: &audio.samples }],
        Some(list) => {
            let scenes = list.scenes.iter().zip(0..);
            scenes
                .map(|(scene, index)| Piece {
                    scene: Some(index),
                    start_s: scene.start_s,
                    samples: scene_samples(audio, scene),
                })
                .collect()
        }
    };
    pieces.into_iter().filter(|piece| !piece.samples.is_empty()).collect()
}

/// The part of the sound that belongs to a scene; sound that ends before the film leaves less.
fn scene_samples<'a>(audio: &'a Audio, scene: &Scene) -> &'a [f32] {
    let index = |seconds: f64| {
        let sample = (seconds.max(0.0) * f64::from(Audio::SAMPLE_RATE)).round() as usize;
        sample.min(audio.samples.len())
    };
    audio.samples.get(index(scene.start_s)..index(scene.end_s)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{TimeBase, Timeline};

    use super::*;

    #[test]
    fn a_scene_gets_its_part_of_the_sound() {
        let audio = Audio { samples: vec![0.0; 16_000] };
        let scene = |start_s, end_s| Scene { start_frame: 0, end_frame: 1, start_s, end_s };
        let scenes = vec![scene(0.25, 0.5), scene(0.75, 2.0), scene(1.5, 2.0)];
        let list = SceneList { fps: 1.0, timeline: Timeline::new(TimeBase { num: 1, den: 1 }), scenes };
        let lengths: Vec<_> =
            pieces(&audio, Some(&list)).iter().map(|piece| (piece.scene, piece.samples.len())).collect();
        assert_eq!(lengths, [(Some(0), 4_000), (Some(1), 4_000)], "the sound ends before the last scene");
        assert_eq!(pieces(&audio, None).len(), 1);
        assert!(pieces(&Audio { samples: Vec::new() }, None).is_empty());
    }
}
