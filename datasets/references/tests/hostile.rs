//! Files that are wrong, and files that are made to do harm: an error says where and what to do, and nothing panics.

#![expect(clippy::expect_used, reason = "what should be refused and is not ends the test")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use reelbench_references::{read_captions, read_objects, read_scenes, read_sounds, read_transcript};

/// How a file is read, as far as the error goes.
type Reader = fn(&Path) -> Result<(), String>;

const TRANSCRIPT: Reader = |path| read_transcript(path).map(drop).map_err(|error| error.to_string());
const SCENES: Reader = |path| read_scenes(path).map(drop).map_err(|error| error.to_string());
const CAPTIONS: Reader = |path| read_captions(path).map(drop).map_err(|error| error.to_string());
const OBJECTS: Reader = |path| read_objects(path).map(drop).map_err(|error| error.to_string());
const SOUNDS: Reader = |path| read_sounds(path).map(drop).map_err(|error| error.to_string());

fn written(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("written");
    path
}

/// What is wrong with a file: its name on, without the folder.
fn error(reader: Reader, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let error = reader(&written(&folder, name, bytes.as_ref())).expect_err("a file that is refused");
    let folder = format!("{}/", folder.path().display());
    error.strip_prefix(&folder).expect("the file's name").to_owned()
}

/// A reader, a file and its text, and how the error begins.
const REFUSED: &[(Reader, &str, &str, &str)] = &[
    (
        TRANSCRIPT,
        "a.txt",
        " \n",
        "a.txt: has no words: leave the reference out of the matrix, or fill the file",
    ),
    (TRANSCRIPT, "a.srt", "1\n00:00:02,000 --> 00:00:01,000\nno\n", "a.srt:2: a stretch from 2 s to 1 s"),
    (
        TRANSCRIPT,
        "a.srt",
        "1\n-00:00:02,000 --> 00:00:01,000\nno\n",
        "a.srt:2: expected a time such as 00:01:02,500",
    ),
    (TRANSCRIPT, "a.vtt", "WEBVTT\n\n00:NaN --> 00:02.000\nno\n", "a.vtt:3: expected a time such as"),
    (SCENES, "s.json", "[[0, 10],\n[10, 5]]", "s.json, entry 2 of `scenes`: a scene from frame 10 to 5"),
    (
        SCENES,
        "s.json",
        "[[0, 10], [9, 20]]",
        "s.json, entry 2 of `scenes`: begins before the one before it ends",
    ),
    (SCENES, "s.json", "[[0, 10],\n[-3, 5]]", "s.json:2: invalid value: integer `-3`"),
    (SCENES, "s.json", "[[0, NaN]]", "s.json:1: expected value"),
    (SCENES, "s.json", "[]", "s.json: has no scenes"),
    (SCENES, "s.json", "{\"fps\": 24}", "s.json:1: missing field `scenes`"),
    (SCENES, "s.csv", "Start,End\n1,2\n", "s.csv:1: the header has no column `Start Frame`"),
    (
        SCENES,
        "s.csv",
        "Start Frame,End Frame\n1,9\n0,20\n",
        "s.csv:3: expected a frame's number, counted from 1, found `0`",
    ),
    (
        CAPTIONS,
        "c.jsonl",
        "{\"scene\": 0, \"references\": [\"a\"]}\n{\"scene\": 0, \"references\": [\"b\"]}",
        "c.jsonl:2: scene 0 is there twice",
    ),
    (
        CAPTIONS,
        "c.jsonl",
        "\n{\"references\": [\"a\"]}",
        "c.jsonl:2: needs either `scene`, or `start_s` and `end_s`",
    ),
    (CAPTIONS, "c.jsonl", "{\"scene\": 0, \"references\": []}", "c.jsonl:1: has no words in `references`"),
    (
        CAPTIONS,
        "c.jsonl",
        "{\"start_s\": -1, \"end_s\": 2, \"references\": [\"a\"]}",
        "c.jsonl:1: a stretch from -1 s to 2 s",
    ),
    (CAPTIONS, "c.jsonl", "{\"scene\": 0, \"refs\": []}", "c.jsonl:1: unknown field `refs`"),
    (
        CAPTIONS,
        "c.json",
        "{\"images\": [], \"annotations\": [{\"image_id\": 4, \"caption\": \"a\"}]}",
        "c.json, entry 1 of `annotations`: image 4, which the file does not have",
    ),
    (
        OBJECTS,
        "o.json",
        "{\"images\": [{\"id\": 7}], \"categories\": [], \"annotations\": []}",
        "o.json, entry 1 of `images`: image 7 tells no frame",
    ),
    (
        OBJECTS,
        "o.json",
        "{\"images\": [{\"id\": 7, \"frame\": 0}], \"categories\": [{\"id\": 1, \"name\": \"a\"}], \"annotations\": [{\"image_id\": 7, \"category_id\": 1, \"bbox\": [0, 0, -1, 2]}]}",
        "o.json, entry 1 of `annotations`: the box [0.0, 0.0, -1.0, 2.0]",
    ),
    (OBJECTS, "o.txt", "1,1,0,0,5,5\n2,1,0,0,NaN,5\n", "o.txt:2: the box [0.0, 0.0, NaN, 5.0]"),
    (OBJECTS, "o.txt", "1,1,0,0,5,5\n1,1,0,0,5,5\n", "o.txt:2: track 1 of this frame is there twice"),
    (OBJECTS, "o.txt", "0,1,0,0,5,5\n", "o.txt:1: expected a frame, counted from 1, found `0`"),
    (
        SOUNDS,
        "l.json",
        "[{\"start_s\": 0, \"end_s\": 2, \"labels\": []}, {\"start_s\": 1, \"end_s\": 3, \"labels\": []}]",
        "l.json, entry 2 of `windows`: begins before the one before it ends",
    ),
    (
        SOUNDS,
        "l.json",
        "[{\"start_s\": 1e999, \"end_s\": 2, \"labels\": []}]",
        "l.json:1: number out of range",
    ),
    (
        SOUNDS,
        "l.json",
        "[{\"start_s\": 0, \"end_s\": 2, \"labels\": [\"a\", \"a\"]}]",
        "l.json, entry 1 of `windows`: the label `a` is there twice",
    ),
];

#[test]
fn errors_name_file_place_and_remedy() {
    for (reader, name, text, wanted) in REFUSED {
        let found = error(*reader, name, text);
        assert!(found.starts_with(wanted), "found {found:?}, wanted {wanted:?}");
    }
}

#[test]
fn what_is_no_text_or_no_file_is_told() {
    for reader in [TRANSCRIPT, SCENES, CAPTIONS, OBJECTS, SOUNDS] {
        let found = error(reader, "file", b"fine\nnot \xff fine");
        assert_eq!(found, "file:2: is not UTF-8: save the file as UTF-8 text");
        let missing = reader(Path::new("no/such/file")).expect_err("no file");
        assert!(missing.starts_with("no/such/file: cannot be read"), "{missing}");
    }
}

#[test]
fn ten_megabytes_in_a_line_are_read_or_refused_quickly_and_told_briefly() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = vec![b'1'; 10 << 20];
    assert_eq!(TRANSCRIPT(&written(&folder, "long.txt", &long)), Ok(()));
    let nested = vec![b'['; 10 << 20];
    for reader in [SCENES, CAPTIONS, OBJECTS, SOUNDS] {
        for bytes in [&long, &nested] {
            let found = error(reader, "long", bytes);
            assert!(found.len() < 300, "a line of it is no part of an error: {} bytes", found.len());
        }
    }
    let cue = [b"1\n".as_slice(), &long, b" --> 00:01.000\nno\n"].concat();
    assert!(error(TRANSCRIPT, "long.srt", cue).len() < 300);
    for tag in ["<", "<a", "{\\", "<a{\\"] {
        let tags = format!("1\n00:00.000 --> 00:01.000\nsaid {}", tag.repeat(1 << 20));
        assert_eq!(TRANSCRIPT(&written(&folder, "tags.srt", tags.as_bytes())), Ok(()));
    }
    let text = "1".repeat(10 << 20);
    for json in [format!("[\"{text}\"]"), format!("{{\"{text}\": 1}}"), format!("[{{\"{text}\": 1}}]")] {
        for reader in [SCENES, CAPTIONS, OBJECTS, SOUNDS] {
            assert!(error(reader, "long.json", &json).len() < 400);
        }
    }
}

#[test]
fn marks_and_line_ends_of_other_systems_are_no_trouble() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(&folder, "dos.srt", "\u{feff}1\r\n00:00:01,000 --> 00:00:02,000\r\nTom &amp; <b>Ann</b> 1 < 2\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\n{\\an8}Yes.\r\n".as_bytes());
    let transcript = read_transcript(&path).expect("subtitles");
    assert_eq!(transcript.text(), "Tom & Ann 1 < 2 Yes.");
    assert_eq!(transcript.segments.len(), 2);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(WEBVTT|[0-9:,.-]{0,8}|-->|\\[|\\]|\\{|\\}|\"|scenes|images|<|é|,|\n|Start Frame,End Frame){0,40}".prop_map(String::into_bytes),
        ],
        name in prop::sample::select(vec!["a.txt", "a.srt", "a.vtt", "a.json", "a.csv"]),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = written(&folder, name, &bytes);
        for reader in [TRANSCRIPT, SCENES, CAPTIONS, OBJECTS, SOUNDS] {
            let _ = reader(&path);
        }
    }
}
