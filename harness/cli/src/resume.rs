//! Going on with a run: what is left of it, and whether it would still measure the same.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::SystemTime;

use reelbench_exec::{Inputs, RunDirectory, read_journal, rfc3339};
use reelbench_protocol::{Change, Device, FileHash, JournalEvent, Manifest, PlannedCell, Session};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::Changes;
use crate::error::BenchError;
use crate::manifest;
use crate::plan::Planned;

/// What a change of device is called.
const DEVICE: &str = "device";

/// A run that was begun before.
pub(crate) struct Begun {
    directory: RunDirectory,
    /// None where `bench` was killed before there was one.
    manifest: Option<Manifest>,
    /// The session of which it is a side.
    pub(crate) session: Option<Session>,
    /// The cells that its journal planned; they stand, whatever the matrix says now.
    pub(crate) cells: Option<Vec<PlannedCell>>,
    /// The device of its first load.
    device: Option<Device>,
}

impl Begun {
    /// Reads what there is of a run.
    ///
    /// # Errors
    /// When it is no run, or its journal cannot be read.
    pub(crate) fn open(root: &Path) -> Result<Self, BenchError> {
        let (directory, manifest) = RunDirectory::resume(root)?;
        let journal = directory.journal();
        let session = manifest.as_ref().and_then(|manifest| manifest.session.clone());
        let mut begun = Self { directory, manifest, session, cells: None, device: None };
        let lines = if journal.exists() { read_journal(&journal)? } else { Vec::new() };
        for line in lines {
            match line.event {
                JournalEvent::Planned { cells, .. } => begun.cells = Some(cells),
                JournalEvent::Loaded { load, .. } => {
                    begun.device.get_or_insert(load.device);
                }
                _ => {}
            }
        }
        Ok(begun)
    }

    /// The directory and the manifest to go on with, as a side of `session` or alone.
    ///
    /// # Errors
    /// When something changed and that is refused, or the directory cannot be written.
    pub(crate) fn go_on(
        self,
        planned: &Planned,
        inputs: &Inputs,
        policy: Changes,
        session: Option<Session>,
    ) -> Result<(RunDirectory, Manifest), BenchError> {
        let now = Manifest { session, ..manifest::manifest(planned, &self.directory, inputs) };
        let matrix = planned.matrix.text().as_bytes();
        let Some(before) = self.manifest else {
            self.directory.prepare(matrix)?;
            self.directory.write_manifest(&now)?;
            return Ok((self.directory, now));
        };
        let device = before.changes.iter().rev().find(|change| change.what == DEVICE);
        let device = device.and_then(|change| change.now.as_deref()?.parse().ok()).or(self.device);
        let changes = changes(&before, &now, (device, planned.matrix.run().device));
        if changes.is_empty() {
            return Ok((self.directory, before));
        }
        if policy == Changes::Refuse {
            let directory = self.directory.path().to_owned();
            return Err(match now.session {
                Some(_) => BenchError::SessionChanged { directory, changes },
                None => BenchError::Changed { directory, changes },
            });
        }
        if before.matrix_sha256 != now.matrix_sha256 {
            self.directory.replace_matrix(matrix)?;
        }
        let manifest = accept(before, now, changes);
        self.directory.write_manifest(&manifest)?;
        Ok((self.directory, manifest))
    }
}

/// The same run, from here on as it is now. A side of a session that goes on alone is none any more.
fn accept(before: Manifest, now: Manifest, changes: Vec<Change>) -> Manifest {
    let changes = before.changes.into_iter().chain(changes).collect();
    let Manifest { run_id, name, started, finished, command, .. } = before;
    Manifest { run_id, name, started, finished, command, changes, ..now }
}

/// What is no longer what it was when the run began or last went on.
fn changes(before: &Manifest, now: &Manifest, device: (Option<Device>, Device)) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.matrix_sha256 != now.matrix_sha256 {
        changes.push(change("matrix", Some(&before.matrix_sha256), Some(&now.matrix_sha256)));
    }
    changes.extend(file_changes(&before.binaries, &now.binaries));
    changes.extend(file_changes(&before.inputs, &now.inputs));
    changes.extend(field_changes("runner", &before.runner, &now.runner));
    changes.extend(field_changes("session", &before.session, &now.session));
    let mut environment = now.environment.clone();
    if is_about(before.environment.memory_bytes, environment.memory_bytes) {
        environment.memory_bytes = before.environment.memory_bytes;
    }
    changes.extend(field_changes("environment", &before.environment, &environment));
    if let (Some(before), now) = device
        && before != now
    {
        changes.push(change(DEVICE, Some(&before.to_string()), Some(&now.to_string())));
    }
    changes
}

fn change(what: impl Into<String>, before: Option<&str>, now: Option<&str>) -> Change {
    let at = rfc3339(SystemTime::now());
    Change { at, what: what.into(), before: before.map(str::to_owned), now: now.map(str::to_owned) }
}

/// Files that changed, are gone, or were added to what is used by the same name. One that only lies in another folder is
/// the same.
fn file_changes(before: &[FileHash], now: &[FileHash]) -> Vec<Change> {
    let identity = |file: &FileHash| {
        (file.used_by.clone(), file.sha256.clone(), file.path.file_name().map(OsStr::to_owned))
    };
    let is_in =
        |files: &[FileHash], file: &FileHash| files.iter().any(|other| identity(other) == identity(file));
    let is_used = |file: &&FileHash| before.iter().any(|old| old.used_by == file.used_by);
    let lost: Vec<&FileHash> = before.iter().filter(|file| !is_in(now, file)).collect();
    let gained: Vec<&FileHash> = now.iter().filter(is_used).filter(|file| !is_in(before, file)).collect();
    let places: BTreeSet<_> =
        lost.iter().chain(&gained).map(|file| (file.path.as_path(), file.used_by.as_str())).collect();
    let hash_at = |files: &[&FileHash], place: (&Path, &str)| {
        let file = files.iter().find(|file| (file.path.as_path(), file.used_by.as_str()) == place);
        file.map(|file| format!("sha256 {:.12}…", file.sha256))
    };
    let of_place = |place: (&Path, &str)| {
        let what = format!("{} ({})", place.0.display(), place.1);
        change(what, hash_at(&lost, place).as_deref(), hash_at(&gained, place).as_deref())
    };
    places.into_iter().map(of_place).collect()
}

/// Members of an object of which the values differ.
fn field_changes(what: &str, before: &impl Serialize, now: &impl Serialize) -> Vec<Change> {
    let (before, now) = (members(before), members(now));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let differs = |name: &&String| before.get(*name) != now.get(*name);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let of_name = |name: &String| {
        let (before, now) = (before.get(name).map(text), now.get(name).map(text));
        change(format!("{what}: {name}"), before.as_deref(), now.as_deref())
    };
    names.into_iter().filter(differs).map(of_name).collect()
}

fn members(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// Whether two sizes of a machine's memory are of one machine: its kernel keeps a little more or less for itself at each start.
fn is_about(before: u64, now: u64) -> bool {
    const PARTS: u64 = 100;
    before.abs_diff(now) <= before / PARTS
}
