//! Models that arrive, and models that are there.

use std::fs;

use reelbench_fetch::{Check, Checked, FetchError, State, find_model};
use reelbench_matrix::{Folders, missing_weights, resolve_weights};
use reelbench_testkit::hub::{COMMIT, Repository};

use crate::common::{Place, model, small, snapshot, tree};

const NEEDED: [&str; 6] = [
    "config.json",
    "model-1.safetensors",
    "model-2.safetensors",
    "model.safetensors.index.json",
    "qformer_tokenizer/tokenizer.json",
    "tokenizer.json",
];

#[test]
fn a_model_arrives_in_the_layout_of_the_hubs_cache() {
    let place = Place::serving(small());
    let stored = place.fetch("hf:o/small").unwrap();
    assert_eq!((stored.commit.as_str(), &stored.folder), (COMMIT, &snapshot(place.cache())));
    let paths: Vec<&str> = stored.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, NEEDED);
    assert!(stored.files.iter().all(|file| (file.state, file.checked) == (State::Fetched, Checked::Hash)));
    for path in NEEDED {
        assert_eq!(fs::read(stored.folder.join(path)).unwrap(), small().content(path), "{path}");
        assert!(fs::read_link(stored.folder.join(path)).unwrap().is_relative());
    }
    assert_eq!(fs::read_to_string(place.cache().join("models--o--small/refs/main")).unwrap(), COMMIT);
    let tree = tree(place.cache());
    assert_eq!(tree.len(), 2 * NEEDED.len() + 1, "blobs, links and a reference: {tree:#?}");
    assert_eq!((place.asked("README.md"), place.asked("pytorch_model.bin")), (0, 0));
    let finished = place.told.lines().iter().filter(|line| line.contains("Finished")).count();
    assert_eq!(finished, NEEDED.len());
}

#[test]
fn a_matrix_finds_what_was_fetched_by_branch_tag_and_commit() {
    let place = Place::serving(small());
    let folders = Folders { hub: Some(place.cache().to_owned()), ..Folders::default() };
    for word in ["hf:o/small", "hf:o/small@v1", &format!("hf:o/small@{COMMIT}")] {
        assert!(word.ends_with(COMMIT) || resolve_weights(word, "/".as_ref(), &folders).is_err());
        place.fetch(word).unwrap();
        resolve_weights(word, "/".as_ref(), &folders).unwrap();
    }
    let refs = fs::read_dir(place.cache().join("models--o--small/refs")).unwrap().count();
    assert_eq!(refs, 2, "a commit needs no reference");
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let place = Place::serving(small());
    place.fetch("hf:o/small").unwrap();
    let before = place.server.received().len();
    let again = place.fetch("hf:o/small").unwrap();
    assert!(again.files.iter().all(|file| (file.state, file.checked) == (State::Present, Checked::Size)));
    assert_eq!(place.server.received().len(), before + 1, "the list of files alone");
}

#[test]
fn one_file_goes_before_shards() {
    let place = Place::serving(small().with("model.safetensors", "all of it"));
    let stored = place.fetch("hf:o/small").unwrap();
    assert!(stored.files.iter().any(|file| file.path == "model.safetensors"));
    assert_eq!(place.asked("model-1.safetensors") + place.asked("index.json"), 0);
    assert_eq!(missing_weights(&stored.folder), None);
}

#[test]
fn damage_is_found_by_size_at_once_and_by_hash_when_asked() {
    let place = Place::serving(small());
    place.fetch("hf:o/small").unwrap();
    let first = place.blob(small().content("model-1.safetensors"));
    let second = place.blob(small().content("model-2.safetensors"));
    fs::write(&first, "short").unwrap();
    fs::write(&second, "SECOND ".repeat(1000)).unwrap();
    let state = |stored: &reelbench_fetch::StoredModel, path: &str| {
        stored.files.iter().find(|file| file.path == path).unwrap().state
    };
    let stored = place.fetch("hf:o/small").unwrap();
    assert_eq!(state(&stored, "model-1.safetensors"), State::Replaced);
    assert_eq!(state(&stored, "model-2.safetensors"), State::Present, "its size is right");
    let offline = find_model(&model("hf:o/small"), place.cache(), Check::Hash).unwrap_err();
    assert!(matches!(&offline, FetchError::Damaged { path, .. } if path.ends_with("model-2.safetensors")));
    let stored = place.fetch_checking("hf:o/small", Check::Hash).unwrap();
    assert_eq!(state(&stored, "model-2.safetensors"), State::Replaced);
    assert!(stored.files.iter().all(|file| file.checked == Checked::Hash));
    find_model(&model("hf:o/small"), place.cache(), Check::Hash).unwrap();
}

#[test]
fn without_the_network_what_is_missing_is_told() {
    let place = Place::serving(small());
    let word = model("hf:o/small");
    let missing = || find_model(&word, place.cache(), Check::Size).unwrap_err().to_string();
    assert!(missing().contains("hf:o/small") && missing().contains("its revision main"), "{}", missing());
    place.fetch("hf:o/small").unwrap();
    let asked = place.server.received().len();
    let found = find_model(&word, place.cache(), Check::Size).unwrap();
    let paths: Vec<&str> = found.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, NEEDED);
    fs::remove_file(snapshot(place.cache()).join("model-2.safetensors")).unwrap();
    assert!(missing().contains("model-2.safetensors"), "{}", missing());
    assert_eq!(place.server.received().len(), asked, "nobody was asked");
}

#[test]
fn a_repository_without_safetensors_is_refused() {
    let pickled = Repository::new("o/small").with("config.json", "{}").with("pytorch_model.bin", "x");
    let place = Place::serving(pickled.with("yolov8n.safetensors", "y"));
    let error = place.fetch("hf:o/small").unwrap_err().to_string();
    assert!(error.contains("only yolov8n.safetensors") && error.contains("never opened"), "{error}");
    assert!(!place.cache().join("models--o--small/snapshots").exists());
}

#[test]
fn an_index_may_only_name_shards_that_are_there() {
    let index = |shard: &str| {
        let text = format!(r#"{{"weight_map": {{"a": "{shard}"}}}}"#);
        Place::serving(Repository::new("o/small").with("model.safetensors.index.json", text))
    };
    let error = index("model-9.safetensors").fetch("hf:o/small").unwrap_err();
    assert!(matches!(&error, FetchError::NoShard { shard, .. } if shard == "model-9.safetensors"));
    let error = index("../../../x.safetensors").fetch("hf:o/small").unwrap_err();
    assert!(matches!(error, FetchError::ShardIndex { .. }), "{error}");
}

#[test]
fn files_come_side_by_side_and_two_fetches_bring_each_once() {
    let place = Place::serving(small());
    std::thread::scope(|scope| {
        for _fetch in 0..3 {
            scope.spawn(|| place.fetch("hf:o/small").unwrap());
        }
    });
    for path in NEEDED {
        assert_eq!(place.asked(&format!("/{COMMIT}/{path}")), 1, "{path}");
    }
}
