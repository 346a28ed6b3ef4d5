//! Films of the catalog.

use std::fs;

use reelbench_catalog::CatalogEntry;
use reelbench_fetch::{FetchError, State, find_film};
use reelbench_matrix::Folders;
use reelbench_testkit::http::{Server, answer};
use reelbench_testkit::hub::sha256;

use crate::common::Place;

const FILM: &[u8] = b"a film";

fn place() -> Place {
    Place::playing(
        |_, request| if request.target == "/film.mp4" { answer(200, FILM) } else { answer(404, "") },
    )
}

fn entry(server: &Server) -> CatalogEntry {
    CatalogEntry {
        id: "film".to_owned(),
        url: "https://films.example/".to_owned(),
        download: Some(format!("{}/film.mp4", server.url())),
        sha256: sha256(FILM).parse().unwrap(),
        licence: "CC0-1.0".to_owned(),
        credit: "nobody".to_owned(),
        file: None,
    }
}

fn folders(place: &Place) -> Folders {
    Folders { films: Some(place.cache().join("films")), ..Folders::default() }
}

#[test]
fn a_film_comes_to_where_the_catalog_looks_for_it() {
    let place = place();
    let entry = entry(&place.server);
    let folders = folders(&place);
    let missing = find_film(&entry, &folders).unwrap_err().to_string();
    assert!(missing.contains("the film film"), "{missing}");
    let fetched = place.fetcher().film(&entry, &folders, &place.told).unwrap();
    assert_eq!((fetched.state, fetched.bytes), (State::Fetched, FILM.len() as u64));
    assert_eq!(reelbench_matrix::find_film(&entry, &folders), Some(fetched.path.canonicalize().unwrap()));
    let again = place.fetcher().film(&entry, &folders, &place.told).unwrap();
    assert_eq!((again.state, place.asked("/film.mp4")), (State::Present, 1));
    fs::write(&fetched.path, b"A FILM").unwrap();
    assert!(matches!(find_film(&entry, &folders), Err(FetchError::Damaged { .. })));
    let replaced = place.fetcher().film(&entry, &folders, &place.told).unwrap();
    assert_eq!(replaced.state, State::Replaced);
    assert_eq!(fs::read(&replaced.path).unwrap(), FILM);
}

#[test]
fn another_film_than_the_catalog_means_is_not_kept() {
    let place = place();
    let wrong = CatalogEntry { sha256: "ab".repeat(32).parse().unwrap(), ..entry(&place.server) };
    let folders = folders(&place);
    let error = place.fetcher().film(&wrong, &folders, &place.told).unwrap_err();
    assert!(matches!(&error, FetchError::WrongHash { found, .. } if *found == sha256(FILM)), "{error}");
    assert_eq!(reelbench_matrix::find_film(&wrong, &folders), None);
}

#[test]
fn a_film_without_an_address_says_where_to_look() {
    let place = place();
    let unpublished = CatalogEntry { download: None, ..entry(&place.server) };
    let error = place.fetcher().film(&unpublished, &folders(&place), &place.told).unwrap_err().to_string();
    assert!(error.contains("https://films.example/") && error.contains(&sha256(FILM)), "{error}");
    let nowhere = place.fetcher().film(&entry(&place.server), &Folders::default(), &place.told).unwrap_err();
    assert!(nowhere.to_string().contains("XDG_CACHE_HOME"), "{nowhere}");
}
