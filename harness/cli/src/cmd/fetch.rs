//! `bench fetch`: everything a matrix needs, verified.

use std::fmt::Write;
use std::path::Path;

use indicatif::HumanBytes;
use reelbench_fetch::{
    Check, Checked, FetchError, Fetcher, State, StoredFilm, StoredModel, find_film, find_model,
};
use reelbench_matrix::{Folders, Matrix, Needs};
use serde::Serialize;

use crate::args::{FetchArgs, Network, Output};
use crate::downloads::Downloads;
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

/// What a matrix needs and what became of it.
#[derive(Serialize)]
struct Fetched {
    models: Vec<StoredModel>,
    films: Vec<StoredFilm>,
    /// What is not there, and why.
    failures: Vec<String>,
}

pub(crate) fn fetch(args: &FetchArgs) -> Result<Exit, BenchError> {
    let folders = Folders::from_env();
    let needs = Matrix::needs(&args.matrix, &folders)?;
    let fetched = match args.network() {
        Network::Allowed => download(&needs, &folders, args.check())?,
        Network::Forbidden => look(&needs, &folders, args.check()),
    };
    for failure in &fetched.failures {
        print::line(&format!("error: {failure}"));
    }
    match args.output.output() {
        Output::Json => print::json(&fetched)?,
        Output::Text => print::text(&describe(&fetched))?,
    };
    Ok(if fetched.failures.is_empty() { Exit::Ok } else { Exit::Error })
}

fn download(needs: &Needs, folders: &Folders, check: Check) -> Result<Fetched, BenchError> {
    let fetcher = Fetcher::from_env()?;
    let downloads = Downloads::new();
    Ok(Fetched::of(
        needs.films.iter().map(|film| fetcher.film(film, folders, &downloads)),
        needs.models.iter().map(|model| fetcher.model(model, cache(folders)?, check, &downloads)),
    ))
}

fn look(needs: &Needs, folders: &Folders, check: Check) -> Fetched {
    Fetched::of(
        needs.films.iter().map(|film| find_film(film, folders)),
        needs.models.iter().map(|model| find_model(model, cache(folders)?, check)),
    )
}

fn cache(folders: &Folders) -> Result<&Path, FetchError> {
    folders.hub.as_deref().ok_or(FetchError::NoFolder { what: "models", variable: "HF_HOME" })
}

impl Fetched {
    /// What fails does not stop the rest.
    fn of(
        films: impl Iterator<Item = Result<StoredFilm, FetchError>>,
        models: impl Iterator<Item = Result<StoredModel, FetchError>>,
    ) -> Self {
        let mut failures = Vec::new();
        let mut note = |error: FetchError| failures.push(error.to_string());
        let films = films.filter_map(|film| film.map_err(&mut note).ok()).collect();
        let models = models.filter_map(|model| model.map_err(&mut note).ok()).collect();
        Self { models, films, failures }
    }
}

/// Films and models with their files, then the sum.
fn describe(fetched: &Fetched) -> String {
    let mut text = String::new();
    let mut bytes = 0;
    // Writing to a string cannot fail.
    for StoredFilm { film, path, bytes: size, state, .. } in &fetched.films {
        bytes += size;
        let _ =
            writeln!(text, "film {film}  {}\n  {}", path.display(), row(*state, Checked::Hash, *size, ""));
    }
    for StoredModel { model, commit, folder, files } in &fetched.models {
        let _ = writeln!(text, "{model}  commit {commit}\n  {}", folder.display());
        for file in files {
            bytes += file.bytes;
            let _ = writeln!(text, "  {}", row(file.state, file.checked, file.bytes, &file.path));
        }
    }
    let (models, films) = (fetched.models.len(), fetched.films.len());
    let missing = match fetched.failures.len() {
        0 => String::new(),
        count => format!("; {count} not there"),
    };
    let _ = writeln!(text, "{models} models and {films} films, {}{missing}", HumanBytes(bytes));
    text
}

fn row(state: State, checked: Checked, bytes: u64, name: &str) -> String {
    let state = match state {
        State::Present => "present",
        State::Fetched => "fetched",
        State::Replaced => "replaced",
    };
    let checked = match checked {
        Checked::Presence => "",
        Checked::Size => "size ok",
        Checked::Hash => "hash ok",
    };
    let row = format!("{state:<8}  {checked:<7}  {:>10}  {name}", HumanBytes(bytes).to_string());
    row.trim_end().to_owned()
}
