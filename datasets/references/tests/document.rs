//! `datasets/REFERENCES.md` is right: each of its examples is read, and says what the document says.

#![expect(clippy::expect_used, reason = "an example that cannot be read ends the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use reelbench_quality::{Extent, Rect};
use reelbench_references::{
    Scene, Whereabouts, read_captions, read_objects, read_scenes, read_sounds, read_transcript,
};

/// The document's examples, each under its name in a folder of its own.
struct Examples {
    folder: tempfile::TempDir,
    names: BTreeMap<String, usize>,
}

impl Examples {
    /// Fenced blocks whose first line has a language and a file's name.
    fn new() -> Self {
        let document = include_str!("../../REFERENCES.md");
        let folder = tempfile::tempdir().expect("a folder");
        let mut names = BTreeMap::new();
        // Odd pieces stand between fences.
        for block in document.split("```").skip(1).step_by(2) {
            let (head, text) = block.split_once('\n').expect("a block");
            if let Some((_, name)) = head.split_once(' ') {
                fs::write(folder.path().join(name), text).expect("written");
                *names.entry(name.to_owned()).or_default() += 1;
            }
        }
        Self { folder, names }
    }

    fn path(&mut self, name: &str) -> PathBuf {
        assert_eq!(self.names.remove(name), Some(1), "one example {name}");
        self.folder.path().join(name)
    }
}

#[test]
fn every_example_is_read() {
    let mut examples = Examples::new();

    let plain = read_transcript(&examples.path("plain.txt")).expect("text");
    assert_eq!(plain.text(), "And so, my fellow Americans, ask not what your country can do for you.");
    for name in ["harbour.srt", "harbour.vtt"] {
        let subtitles = read_transcript(&examples.path(name)).expect("subtitles");
        assert_eq!(subtitles.text(), "Ships come in at noon. Not today.", "of {name}");
        let times =
            subtitles.segments.iter().map(|segment| segment.span.map(|span| (span.start_s(), span.end_s())));
        assert!(times.eq([Some((1.5, 4.0)), Some((5.0, 6.25))]), "of {name}");
    }

    for name in ["scenes.json", "scenes.csv"] {
        let scenes = read_scenes(&examples.path(name)).expect("scenes");
        assert_eq!(
            scenes.as_slice(),
            [Scene { start: 0, end: 116 }, Scene { start: 116, end: 190 }],
            "of {name}"
        );
        assert_eq!(scenes.cuts(), [116]);
    }

    let captions = read_captions(&examples.path("captions.jsonl")).expect("captions");
    let coco = read_captions(&examples.path("coco_captions.json")).expect("captions");
    assert_eq!(captions.as_slice()[0], coco.as_slice()[0]);
    assert_eq!(coco.as_slice()[1].whereabouts, Whereabouts::Scene(1));
    assert_eq!(captions.as_slice()[1].references, coco.as_slice()[1].references);

    let objects = read_objects(&examples.path("objects.json")).expect("objects");
    assert!(objects.frames.iter().eq(&[0, 5]));
    let ship = &objects.objects[0];
    assert_eq!((ship.frame, ship.class.as_deref(), ship.track), (0, Some("boat"), Some(1)));
    assert_eq!((ship.rect, ship.extent), (Rect::new([10.0, 20.0, 100.0, 50.0]).expect("a box"), Extent::One));
    let tracks = read_objects(&examples.path("tracks.txt")).expect("tracks");
    assert!(
        tracks.objects.iter().map(|object| (object.frame, object.track)).eq([(0, Some(1)), (1, Some(1))])
    );

    let sounds = read_sounds(&examples.path("sounds.json")).expect("sounds");
    assert!(sounds.as_slice()[0].labels.contains("Speech"));
    assert!(sounds.as_slice()[1].labels.is_empty());

    assert!(examples.names.is_empty(), "examples that are not tested: {:?}", examples.names);
}
