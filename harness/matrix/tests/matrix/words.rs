//! Words that lead to files: weights and films.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use reelbench_matrix::{
    Folders, Matrix, NotARepository, Selection, WeightsError, catalog, find_film, resolve_weights,
    with_dependencies,
};
use reelbench_protocol::Weights;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::common::{expand, fixtures, with};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub's cache with `openai/whisper-tiny.en` at one commit, called `main` and `refs/pr/1`.
fn hub() -> (TempDir, Folders) {
    let cache = tempfile::tempdir().unwrap();
    let home = cache.path().join("models--openai--whisper-tiny.en");
    fs::create_dir_all(home.join("snapshots").join(COMMIT)).unwrap();
    fs::write(home.join("snapshots").join(COMMIT).join("model.safetensors"), "weights").unwrap();
    fs::create_dir_all(home.join("refs/refs/pr")).unwrap();
    fs::write(home.join("refs/main"), COMMIT).unwrap();
    fs::write(home.join("refs/refs/pr/1"), format!("{COMMIT}\n")).unwrap();
    fs::write(home.join("refs/evil"), "../../..").unwrap();
    let folders = Folders { hub: Some(cache.path().to_owned()), ..Folders::default() };
    (cache, folders)
}

#[test]
fn a_repository_of_the_hub_is_found_by_branch_and_by_commit() {
    let (cache, folders) = hub();
    let folder = cache.path().join("models--openai--whisper-tiny.en/snapshots").join(COMMIT);
    for word in [
        "hf:openai/whisper-tiny.en",
        "hf:openai/whisper-tiny.en@refs/pr/1",
        &format!("hf:openai/whisper-tiny.en@{COMMIT}"),
    ] {
        let weights = resolve_weights(word, Path::new("/nowhere"), &folders).unwrap();
        assert_eq!(weights, Weights::Local { path: folder.clone(), name: word.to_owned() });
    }
}

#[test]
fn a_repository_that_was_not_fetched_says_how() {
    let (cache, folders) = hub();
    for word in ["hf:openai/whisper-base", "hf:openai/whisper-tiny.en@v2", "hf:openai/whisper-tiny.en@evil"] {
        let error = resolve_weights(word, Path::new("/nowhere"), &folders).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("`{word}` is not in the hub's cache at `{}`", cache.path().display())),
            "{error}"
        );
    }
    let error = resolve_weights("hf:openai/whisper-base@v2", Path::new("/nowhere"), &folders).unwrap_err();
    assert!(error.help().contains("`hf download openai/whisper-base --revision v2`"), "{}", error.help());
}

#[test]
fn words_that_would_leave_the_cache_are_refused() {
    let (_cache, folders) = hub();
    for word in [
        "hf:",
        "hf:a",
        "hf:a/b/c",
        "hf:../b",
        "hf:a/..",
        "hf:a/b@",
        "hf:a/b@../../x",
        "hf:a/b@/etc",
        "hf:a b/c",
    ] {
        let error = resolve_weights(word, Path::new("/nowhere"), &folders).unwrap_err();
        assert_eq!(error, WeightsError::NotARepository(NotARepository(word.to_owned())));
    }
    assert_eq!(resolve_weights("hf:a/b", Path::new("/"), &Folders::default()), Err(WeightsError::NoCache));
}

#[test]
fn presets_may_have_a_seed() {
    let dummy = |word: &str| resolve_weights(word, Path::new("/"), &Folders::default());
    assert_eq!(dummy("dummy:a-tiny"), Ok(Weights::Dummy { preset: "a-tiny".to_owned(), seed: 0 }));
    assert_eq!(dummy("dummy:a-tiny?seed=7"), Ok(Weights::Dummy { preset: "a-tiny".to_owned(), seed: 7 }));
    for word in [
        "dummy:",
        "dummy:a?",
        "dummy:a?seed",
        "dummy:a?seed=-1",
        "dummy:a?sed=1",
        "dummy:a b",
        "dummy:?seed=1",
    ] {
        assert_eq!(dummy(word), Err(WeightsError::NotAPreset(word.to_owned())));
    }
}

#[test]
fn paths_are_relative_to_the_matrix() {
    let path = |word: &str| resolve_weights(word, &fixtures(), &Folders::default());
    let name = "weights/config.json".to_owned();
    assert_eq!(path("weights/config.json"), Ok(Weights::Local { path: fixtures().join(&name), name }));
    assert_eq!(path("nowhere"), Err(WeightsError::NoSuchFile("nowhere".to_owned())));
    assert_eq!(path(""), Err(WeightsError::NoSuchFile(String::new())));
}

proptest! {
    #[test]
    fn no_word_makes_the_reader_panic(word in "(hf:|dummy:)?[a-zA-Z0-9/@?=._: \u{0}é-]{0,30}") {
        let (_cache, folders) = hub();
        let _ = resolve_weights(&word, Path::new("/nowhere"), &folders);
    }
}

#[test]
fn the_catalog_is_valid() {
    let catalog = catalog().unwrap();
    let mut ids: Vec<&str> = catalog.ids().collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), catalog.films.len(), "an id stands twice");
    for film in &catalog.films {
        assert!(film.id.parse::<reelbench_protocol::VideoId>().is_ok(), "{}", film.id);
        assert!(film.download.as_ref().is_none_or(|address| address.starts_with("https://")));
        assert!(film.url.starts_with("https://") && !film.licence.is_empty() && !film.credit.is_empty());
    }
}

#[test]
fn films_that_come_with_reelbench_are_what_the_catalog_says() {
    let folders = Folders { datasets: fixtures().join("../../../../datasets"), ..Folders::default() };
    for film in catalog().unwrap().films.iter().filter(|film| film.file.is_some()) {
        let path = find_film(film, &folders).unwrap_or_else(|| panic!("{} is missing", film.id));
        let digest = Sha256::digest(fs::read(path).unwrap());
        let hex: String = digest.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(film.sha256.as_str(), hex, "{}", film.id);
    }
}

#[test]
fn a_film_of_the_catalog_is_found_or_the_error_says_how_to_get_it() {
    let cache = tempfile::tempdir().unwrap();
    let folders = Folders { films: Some(cache.path().to_owned()), ..Folders::default() };
    let read = || {
        let text = "version: 1\nname: a\nvideos: [{catalog: bbb-trailer}]\nstage1: {scene: {}}\n";
        Matrix::parse(text, Path::new("matrix.yaml"), &folders)
    };
    let said = read().unwrap_err().to_string();
    let catalog = catalog().unwrap();
    let film = catalog.get("bbb-trailer").unwrap();
    let target = cache.path().join(film.sha256.as_str());
    assert!(said.starts_with("matrix.yaml:3:20: the film `bbb-trailer` is not on this machine"), "{said}");
    assert!(said.contains(&film.url) && said.contains(&target.display().to_string()), "{said}");
    let shipped = "version: 1\nname: a\nvideos: [{catalog: sintel-quickstart}]\nstage1: {scene: {}}\n";
    let missing = Matrix::parse(shipped, Path::new("matrix.yaml"), &folders).unwrap_err().to_string();
    assert!(missing.ends_with("set REELBENCH_DATASETS to the repository's `datasets` folder"), "{missing}");
    fs::write(&target, "film").unwrap();
    let matrix = read().unwrap();
    assert_eq!(matrix.videos()[0].spec.id.as_str(), "bbb-trailer");
    assert_eq!(matrix.videos()[0].spec.path, target);
    assert_eq!(matrix.videos()[0].sha256.as_ref(), Some(&film.sha256));
}

#[test]
fn cells_are_selected_by_every_key() {
    let cells = expand(&with(
        "stage1: {scene: {detector: [content, adaptive]}, asr: {weights: \"dummy:whisper-tiny?seed=2\", per: [scene, file], concurrency: 1}}\n\
         settings: {use_cache: [true, false], quantization: [none, q4k]}",
    ))
    .cells;
    let count = |text: &str| {
        let selection: Selection = text.parse().unwrap();
        cells.iter().filter(|cell| selection.matches(cell)).count()
    };
    assert_eq!(cells.len(), 4 + 8);
    for (text, expected) in [
        ("kind=stage1", 4),
        ("kind=*", 12),
        ("video=film", 12),
        ("video=f*m,kind=caption", 8),
        ("model=captioner", 8),
        ("model=other", 0),
        ("family=llava*", 8),
        ("weights=dummy:captioner-tiny", 8),
        ("use_cache=true", 4),
        ("use_cache=true quantization=q4k", 2),
        ("scene.detector=adaptive", 6),
        ("scene.threshold=27", 6),
        ("scene.min_scene_len=15", 12),
        ("asr.per=scene", 2),
        ("asr.engine=whisper", 4),
        ("asr.weights=*seed=2", 4),
        ("asr.concurrency=1", 4),
        ("asr.num_beams=2", 0),
        ("num_crops=4", 0),
        ("quantization=none|q4k", 8),
        ("quantization!=none", 8),
        ("kind=caption,quantization!=none", 4),
        ("model!=captioner", 4),
        ("scene.detector!=adaptive|content", 0),
        ("asr.per=scene|file use_cache!=*", 4),
        (&format!("id={}", cells[5].id), 1),
    ] {
        assert_eq!(count(text), expected, "{text}");
    }
    // One caption needs the stage-1 cell that finds its scenes.
    let one: Selection = format!("id={}", cells[5].id).parse().unwrap();
    let kept = with_dependencies(&cells, &one);
    assert_eq!(
        kept.iter().map(|cell| &cell.id).collect::<Vec<_>>(),
        [cells[5].stage1_from.as_ref().unwrap(), &cells[5].id]
    );
}
