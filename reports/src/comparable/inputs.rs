//! Differences of what was read: films, weights, tokenizers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reelbench_protocol::FileHash;

use super::{Aspect, Differences};

/// What one video or model is read from: hashes by the files' names within its folder.
type Files = BTreeMap<String, String>;

/// Holds the files of every video and model that both runs read against each other. Where they lie does not matter, nor
/// what a single file is called. What only one of the runs reads belongs to cells that the other does not have.
pub(super) fn compare(base: &[FileHash], head: &[FileHash], differences: &mut Differences) {
    let [base, mut head] = [base, head].map(by_user);
    for (user, base) in base {
        let Some(head) = head.remove(&user) else { continue };
        if let ([one], [other]) = (base.as_slice(), head.as_slice()) {
            let [one, other] = [one, other].map(|file| Some(file.sha256.clone()));
            differences.value(Aspect::Input(user.to_owned()), one, other);
            continue;
        }
        let [base, head] = [base, head].map(|files| by_name(&files));
        let names: BTreeSet<&String> = base.keys().chain(head.keys()).collect();
        for name in names {
            let aspect = Aspect::Input(format!("{user}, {name}"));
            differences.value(aspect, base.get(name).cloned(), head.get(name).cloned());
        }
    }
}

fn by_user(files: &[FileHash]) -> BTreeMap<&str, Vec<&FileHash>> {
    let mut users: BTreeMap<&str, Vec<&FileHash>> = BTreeMap::new();
    for file in files {
        users.entry(&file.used_by).or_default().push(file);
    }
    users
}

/// Files by their place below the folder that they share.
fn by_name(files: &[&FileHash]) -> Files {
    let folder =
        files.iter().filter_map(|file| file.path.parent()).min_by_key(|folder| folder.components().count());
    let folder = folder.unwrap_or(Path::new(""));
    let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    files.iter().map(|file| (name(&file.path), file.sha256.clone())).collect()
}
