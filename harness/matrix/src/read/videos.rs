//! `videos`.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use reelbench_catalog::{Catalog, CatalogEntry};
use reelbench_protocol::{VideoId, VideoSpec};
use reelbench_references::{FilmReferences, ReferenceKind};

use super::Reader;
use crate::films::{cached_path, catalog, find_film, how_to_get};
use crate::matrix::Video;
use crate::node::Node;
use crate::problem::{Place, Problem};
use crate::words::offer;

/// The reference files of a film.
type References = BTreeMap<ReferenceKind, PathBuf>;

impl Reader<'_> {
    pub(super) fn videos(&mut self, node: Option<&Node>) -> Vec<Video> {
        let elements = node.map(Node::list).unwrap_or_default();
        let mut places: HashMap<VideoId, Place> = HashMap::new();
        let mut videos = Vec::with_capacity(elements.len());
        for element in elements {
            let Some(video) = self.video(element) else { continue };
            let place =
                element.get("id").or_else(|| element.get("catalog")).map_or(element.place, |id| id.place);
            if let Some(first) = places.insert(video.spec.id.clone(), place) {
                let problem = Problem::error(format!("two videos have the id `{}`", video.spec.id));
                self.problems.push(problem.at(place).first(first).help("give one of them another `id`"));
            }
            videos.push(video);
        }
        videos
    }

    fn video(&mut self, node: &Node) -> Option<Video> {
        let reference = node.get("reference").map(|node| self.reference(node)).unwrap_or_default();
        match (node.get("path"), node.get("catalog")) {
            (Some(path), None) => self.own_film(node, path, reference),
            (None, Some(name)) => self.catalog_film(node, name, reference),
            (Some(_), Some(name)) => {
                let problem = Problem::error("a video has either `path` or `catalog`, not both");
                self.problems.push(problem.at(name.place));
                None
            }
            (None, None) => {
                if node.is_map() {
                    let problem = Problem::error("a video needs `path` or `catalog`").at(node.place);
                    self.problems
                        .push(problem.help("`path` is a file, `catalog` a film of datasets/catalog.yaml"));
                }
                None
            }
        }
    }

    fn own_film(&mut self, node: &Node, path: &Node, reference: References) -> Option<Video> {
        let id = node.get("id");
        if id.is_none() {
            let problem = Problem::error("`id` is missing from a video with a `path`").at(node.place);
            self.problems.push(problem.help("the results name the film by it"));
        }
        let id = id.and_then(|id| self.parse::<VideoId>(id).map(|parsed| (id.place, parsed)));
        if let Some((place, id)) = &id
            && id.as_str().bytes().all(|byte| byte == b'.')
        {
            let problem =
                Problem::error(format!("`{id}` is no id of a video: files are named by it")).at(*place);
            self.problems.push(problem.help("use a letter or a digit"));
        }
        let id = id.map(|(_, id)| id);
        let hash = node.get("sha256");
        let sha256 = hash.and_then(|hash| self.parse(hash));
        let sha256_line = hash.map(|hash| hash.place.line);
        let path = self.file(path, "video");
        Some(Video {
            spec: VideoSpec { id: id?, path: path?, title: title(node) },
            sha256,
            sha256_line,
            reference,
        })
    }

    fn catalog_film(&mut self, node: &Node, name: &Node, reference: References) -> Option<Video> {
        if let Some(hash) = node.get("sha256") {
            let problem = Problem::error("`sha256` of a film of the catalog stands in the catalog");
            self.problems.push(problem.at(hash.place).help("remove it here"));
        }
        let catalog =
            catalog().map_err(|error| self.problems.push(Problem::error(error.to_string()))).ok()?;
        let film = self.entry(&catalog, name)?;
        let id = self.parse::<VideoId>(node.get("id").unwrap_or(name));
        self.needs.add_film(film);
        let path = find_film(film, self.folders).unwrap_or_else(|| self.missing_film(film, name));
        Some(Video {
            spec: VideoSpec { id: id?, path, title: title(node) },
            sha256: Some(film.sha256.clone()),
            sha256_line: None,
            reference,
        })
    }

    /// Where a film would be that is not on this machine.
    fn missing_film(&mut self, film: &CatalogEntry, name: &Node) -> PathBuf {
        let problem = Problem::error(format!("the film `{}` is not on this machine", film.id)).at(name.place);
        let problem = problem.help(how_to_get(film, self.folders, self.file));
        // Those that come with Reelbench are not fetched.
        if film.file.is_some() { &mut self.problems } else { &mut self.missing }.push(problem);
        cached_path(film, self.folders).unwrap_or_default()
    }

    fn entry<'c>(&mut self, catalog: &'c Catalog, name: &Node) -> Option<&'c CatalogEntry> {
        let word = name.text()?;
        let film = catalog.get(word);
        if film.is_none() {
            let ids: Vec<&str> = catalog.ids().collect();
            let problem = Problem::error(format!("the catalog has no film `{}`", word.escape_debug()));
            self.problems.push(problem.at(name.place).help(offer(word, "films", &ids)));
        }
        film
    }

    /// The files of a film's `reference`. Each is read at once, so that a mistake shows before anything is measured.
    fn reference(&mut self, node: &Node) -> References {
        let mut files = References::new();
        for kind in ReferenceKind::ALL {
            let Some(node) = node.get(kind.as_str()) else { continue };
            let Some(path) = self.file(node, &format!("{kind} reference")) else { continue };
            match FilmReferences::default().read(kind, &path) {
                Ok(()) => {
                    files.insert(kind, path);
                }
                Err(error) => {
                    let help = "datasets/REFERENCES.md describes the formats".to_owned();
                    self.problems.push(Problem::error(error.to_string()).at(node.place).help(help));
                }
            }
        }
        files
    }
}

fn title(video: &Node) -> Option<String> {
    video.get("title").and_then(Node::text).map(str::to_owned)
}
