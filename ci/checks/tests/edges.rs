//! Dependencies point one way. Each crate names the own crates it may use; each heavy library names
//! the crates that may use it; and neither binary may reach the other side's libraries at all.

#![expect(clippy::expect_used, reason = "a check ends where the workspace cannot be read")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

/// For each own crate, the own crates it may depend on (tests and benches aside).
const EDGES: &[(&str, &[&str])] = &[
    ("reelbench-protocol", &[]),
    ("reelbench-http", &[]),
    ("reelbench-catalog", &[]),
    ("reelbench-matrix", &["reelbench-catalog", "reelbench-protocol", "reelbench-references"]),
    ("reelbench-fetch", &["reelbench-catalog", "reelbench-http", "reelbench-matrix"]),
    ("reelbench-stats", &["reelbench-protocol"]),
    ("reelbench-charts", &[]),
    ("reelbench-quality", &[]),
    ("reelbench-references", &["reelbench-quality"]),
    ("reelbench-exec", &["reelbench-matrix", "reelbench-protocol", "reelbench-stats"]),
    (
        "reelbench-reports",
        &[
            "reelbench-charts",
            "reelbench-protocol",
            "reelbench-quality",
            "reelbench-references",
            "reelbench-stats",
        ],
    ),
    (
        "reelbench",
        &["reelbench-exec", "reelbench-fetch", "reelbench-matrix", "reelbench-protocol", "reelbench-reports"],
    ),
    ("reelbench-kit", &["reelbench-protocol"]),
    ("reelbench-media", &["reelbench-protocol"]),
    ("reelbench-nn", &["reelbench-protocol"]),
    ("reelbench-asr", &["reelbench-nn", "reelbench-protocol"]),
    ("reelbench-ast", &["reelbench-nn", "reelbench-protocol"]),
    ("reelbench-yolo", &["reelbench-media", "reelbench-nn", "reelbench-protocol"]),
    ("reelbench-remote", &["reelbench-http", "reelbench-protocol"]),
    ("reelbench-vlm", &["reelbench-media", "reelbench-nn", "reelbench-protocol"]),
    (
        "reelbench-runner-candle",
        &[
            "reelbench-asr",
            "reelbench-ast",
            "reelbench-kit",
            "reelbench-media",
            "reelbench-nn",
            "reelbench-protocol",
            "reelbench-remote",
            "reelbench-vlm",
            "reelbench-yolo",
        ],
    ),
    ("reelbench-runner-fake", &["reelbench-kit", "reelbench-protocol"]),
    ("reelbench-checks", &[]),
    ("reelbench-hostile", &["reelbench-exec", "reelbench-matrix", "reelbench-protocol", "reelbench-reports"]),
    ("reelbench-testkit", &[]),
];

/// Libraries that only the named crates may depend on directly.
const GUARDED: &[(&str, &[&str])] = &[
    ("ffmpeg-next", &["reelbench-media"]),
    ("polars", &["reelbench-reports"]),
    ("minijinja", &["reelbench-reports"]),
    ("serde_yaml", &["reelbench-matrix"]),
    (
        "candle-core",
        &[
            "reelbench-nn",
            "reelbench-asr",
            "reelbench-ast",
            "reelbench-yolo",
            "reelbench-vlm",
            "reelbench-runner-candle",
        ],
    ),
    ("candle-nn", &["reelbench-nn", "reelbench-asr", "reelbench-ast", "reelbench-yolo", "reelbench-vlm"]),
    // The hub and films, services that transcribe, and what both clients share.
    ("reqwest", &["reelbench-fetch", "reelbench-http", "reelbench-remote"]),
];

/// Libraries that a binary must not contain, however deep.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("reelbench", &["ffmpeg-next", "candle-core", "tokenizers"]),
    ("reelbench-runner-candle", &["polars", "minijinja", "clap"]),
    ("reelbench-runner-fake", &["polars", "minijinja", "ffmpeg-next", "candle-core"]),
];

/// What `cargo metadata` says, as far as it is needed here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what cargo metadata prints")
}

/// The direct, non-test dependencies of every workspace member.
fn direct_dependencies(metadata: &Metadata) -> BTreeMap<&str, BTreeSet<&str>> {
    let members = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
    members.map(|package| (package.name.as_str(), dependency_names(package))).collect()
}

fn dependency_names(package: &Package) -> BTreeSet<&str> {
    let ordinary = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
    ordinary.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn own_crates_depend_only_on_what_is_allowed() {
    let metadata = metadata();
    let allowed: BTreeMap<_, _> = EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, dependencies) in direct_dependencies(&metadata) {
        let Some(allowed) = allowed.get(name) else {
            wrong.push(format!("{name} is not in the list of edges"));
            continue;
        };
        for dependency in dependencies.iter().filter(|name| name.starts_with("reelbench")) {
            if !allowed.contains(dependency) {
                wrong.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that are not allowed: {wrong:#?}");
}

#[test]
fn heavy_libraries_stay_in_their_crates() {
    let metadata = metadata();
    let dependencies = direct_dependencies(&metadata);
    for (library, users) in GUARDED {
        let found: Vec<_> =
            dependencies.iter().filter(|(_, names)| names.contains(library)).map(|(name, _)| *name).collect();
        assert!(!found.is_empty(), "nobody uses {library}: drop it from the list");
        let wrong: Vec<_> = found.iter().filter(|name| !users.contains(name)).collect();
        assert!(wrong.is_empty(), "{library} is not for {wrong:?}");
    }
}

#[test]
fn neither_side_links_the_libraries_of_the_other() {
    let metadata = metadata();
    for (binary, libraries) in FORBIDDEN {
        let reached = reachable(&metadata, binary);
        assert!(reached.len() > 1, "{binary} must be in the resolved graph");
        let wrong: Vec<_> = libraries.iter().filter(|name| reached.contains(*name)).collect();
        assert!(wrong.is_empty(), "{binary} reaches {wrong:?}");
    }
}

/// Names of all packages that `root` links, itself included; tests and build scripts aside.
fn reachable<'a>(metadata: &'a Metadata, root: &str) -> BTreeSet<&'a str> {
    let name_of: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let links: BTreeMap<&str, Vec<&str>> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| {
            let ordinary =
                node.deps.iter().filter(|linked| linked.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            (node.id.as_str(), ordinary.map(|linked| linked.pkg.as_str()).collect())
        })
        .collect();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = name_of.iter().filter(|(_, name)| **name == root).map(|(id, _)| *id).collect();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(links.get(id).into_iter().flatten());
        }
    }
    seen.iter().filter_map(|id| name_of.get(id).copied()).collect()
}
