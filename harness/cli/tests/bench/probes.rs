//! `bench probe` against references.

use reelbench_testkit::shared;
use serde_json::Value;

use crate::common::{Workplace, clip};

fn reference(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn scenes_of_the_clip_cover_it_without_gaps() {
    let probe =
        Workplace::new().command(&["probe", "scenes", &clip().display().to_string()]).expect(0).json();
    let scenes: Vec<(u64, u64)> = serde_json::from_value(probe["scenes"].clone()).unwrap();
    assert!(scenes.len() >= 5, "at least four cuts: {scenes:?}");
    assert_eq!(scenes.first().unwrap().0, 0);
    assert_eq!(scenes.last().unwrap().1, probe["frames"].as_u64().unwrap());
    assert!(scenes.windows(2).all(|pair| pair[0].1 == pair[1].0));
    assert_eq!(probe["content_val"].as_array().unwrap().len(), scenes.last().unwrap().1 as usize);
    assert!(probe["content_val"][0].is_null());
}

#[test]
fn scenes_of_real_films_are_the_reference_s() {
    for name in ["sintel_trailer-720p", "trailer_bbb"] {
        let (Some(film), Some(kit)) =
            (shared(&format!("media/{name}.mp4")), shared(&format!("parity/scene/{name}.json")))
        else {
            return;
        };
        let probe =
            Workplace::new().command(&["probe", "scenes", &film.display().to_string()]).expect(0).json();
        let reference = reference(&kit);
        assert_eq!(probe["scenes"], reference["content"]["scenes_frames"], "{name}");
        assert_eq!(probe["frames"], reference["content"]["frames"], "{name}");
    }
}

#[test]
fn speech_is_the_reference_s_token_for_token() {
    let (Some(sound), Some(weights), Some(kit)) = (
        shared("media/two_cities.wav"),
        shared("models/whisper-tiny.en"),
        shared("parity/whisper/two_cities.json"),
    ) else {
        return;
    };
    let probe = Workplace::new()
        .command(&[
            "probe",
            "transcribe",
            &sound.display().to_string(),
            "--weights",
            &weights.display().to_string(),
        ])
        .expect(0)
        .json();
    let reference = reference(&kit);
    let expected = reference["segments_with_timestamps"].as_array().unwrap();
    let segments = probe["segments"].as_array().unwrap();
    assert_eq!(segments.len(), expected.len());
    for (segment, expected) in segments.iter().zip(expected) {
        assert_eq!(segment["tokens"], expected["tokens"]);
        for time in ["start", "end"] {
            let difference = segment[time].as_f64().unwrap() - expected[time].as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{segment} against {expected}");
        }
    }
}

#[test]
fn captions_are_the_reference_s_with_the_cache_on_and_off() {
    for layout in ["llava-next-mistral", "llava-next-vicuna"] {
        let Some(kit) = shared(&format!("parity/{layout}")) else { return };
        let case = kit.join("reference/two-landscape");
        let reference = reference(&case.join("reference.json"));
        let frames =
            ["frame_0.png", "frame_1.png"].map(|name| case.join(name).display().to_string()).join(",");
        for (use_cache, key) in [("true", "cache_on"), ("false", "cache_off")] {
            let probe = Workplace::new()
                .command(&[
                    "probe",
                    "caption",
                    "--family",
                    "llava-next",
                    "--weights",
                    &kit.display().to_string(),
                    "--frames",
                    &frames,
                    "--question",
                    reference["question"].as_str().unwrap(),
                    "--max-new-tokens",
                    "24",
                    "--use-cache",
                    use_cache,
                ])
                .expect(0)
                .json();
            assert_eq!(
                probe["tokens"], reference["generations"]["greedy"][key],
                "{layout}, cache {use_cache}"
            );
            assert_eq!(probe["prompt_tokens"], reference["prompt_tokens"]);
            assert_eq!(probe["effective"]["use_cache"].to_string(), use_cache);
        }
    }
}

#[test]
fn sounds_and_objects_are_asked_of_the_runner() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "clip.mp4");
    let tagged =
        workplace.bench("probe tag clip.mp4 --weights dummy:ok --start 2 --seconds 3.5 --runner fake");
    let scores = tagged.expect(0).json()["scores"].as_array().unwrap().clone();
    assert_eq!(scores.len(), 527);
    assert_eq!(scores[3]["index"], 3);
    assert!(scores[3]["label"].is_string() && scores[3]["score"].is_number());
    let found = workplace
        .bench("probe detect clip.mp4 --weights dummy:ok --conf 0.5 --iou 0.6 --max-det 10 --runner fake")
        .expect(0)
        .json();
    assert_eq!(found["frames"][0]["index"], 0);
    for key in ["xyxy", "score", "class", "track"] {
        assert!(found["frames"][0]["boxes"][0].get(key).is_some(), "{key}: {found:#}");
    }
}

#[test]
fn sounds_and_objects_of_the_clip_have_their_form() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "clip.mp4");
    let scores = workplace.bench("probe tag clip.mp4 --weights dummy:ast-tiny").expect(0).json();
    let scores = scores["scores"].as_array().unwrap();
    assert_eq!((scores.len(), &scores[0]["label"]), (527, &Value::from("Speech")));
    assert!(scores.iter().zip(0..).all(|(score, index)| score["index"] == index));
    let frames =
        workplace.bench("probe detect clip.mp4 --weights dummy:yolov8-tiny --max-det 5").expect(0).json();
    let frames = frames["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 408, "every frame of the clip");
    assert!(frames.iter().all(|frame| frame["boxes"].as_array().unwrap().len() <= 5));
}

#[test]
fn numbers_that_no_probe_can_take_are_refused() {
    let workplace = Workplace::new();
    for (args, word) in [
        ("tag clip.mp4 --weights dummy:ok --start -1", "before the start"),
        ("tag clip.mp4 --weights dummy:ok --seconds 0", "no sound in them"),
        ("tag clip.mp4 --weights dummy:ok --seconds inf", "not a finite number"),
        ("detect clip.mp4 --weights dummy:ok --conf 1.5", "between 0 and 1"),
        ("detect clip.mp4 --weights dummy:ok --iou nan", "between 0 and 1"),
        ("detect clip.mp4 --weights dummy:ok --max-det 0", "0 is not in"),
        ("detect clip.mp4", "--weights"),
    ] {
        let said = workplace.bench(&format!("probe {args}")).expect(2).stderr;
        assert!(said.contains(word), "{args}: {said}");
    }
    for probe in ["tag", "detect"] {
        let help = workplace.bench(&format!("probe {probe} --help")).expect(0).stdout;
        assert!(help.contains(&format!("  bench probe {probe} ")), "an example: {help}");
    }
}

#[test]
fn a_probe_s_mistakes_are_told() {
    let workplace = Workplace::new();
    let ended = workplace.bench("probe scenes nowhere.mp4").expect(2);
    assert!(ended.stderr.contains("no such file: nowhere.mp4"), "{}", ended.stderr);
    workplace.write("text.mp4", "this is no film");
    let ended = workplace.bench("probe scenes text.mp4").expect(1);
    assert!(ended.stderr.contains("text.mp4"), "{}", ended.stderr);
    workplace.write("empty/nothing.txt", "");
    workplace.copy(&clip(), "clip.mp4");
    let ended = workplace.bench("probe transcribe clip.mp4 --weights empty").expect(1);
    assert!(ended.stderr.contains("empty"), "{}", ended.stderr);
    let ended = workplace.bench("probe tag nowhere.wav --weights dummy:ast-tiny").expect(2);
    assert!(ended.stderr.contains("no such file: nowhere.wav"), "{}", ended.stderr);
    let ended = workplace.bench("probe detect clip.mp4 --weights nowhere.safetensors").expect(2);
    assert!(ended.stderr.contains("--weights nowhere.safetensors"), "{}", ended.stderr);
    let ended = workplace.bench("probe transcribe clip.mp4 --weights dummy:whisper-tinny").expect(1);
    assert!(ended.stderr.contains("whisper-tiny"), "{}", ended.stderr);
}
