//! The arrows between crates: a new one fails here, with the sentence that it breaks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Whom each crate may know, in tests too. The compiler refuses the rest.
const ARROWS: [(&str, &[&str]); 5] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("engine", &["domain", "store"]),
    ("api", &["domain", "engine"]),
    ("countersign", &["api", "domain", "engine", "store"]),
];

/// Libraries that only one room may have: what makes SQL, HTTP and a terminal possible.
const ROOMS: [(&str, &[&str]); 9] = [
    ("rusqlite", &["store"]),
    ("tokio-postgres", &["store"]),
    ("axum", &["api", "countersign"]),
    ("hyper", &["countersign"]),
    ("tokio", &["store", "engine", "api", "countersign"]),
    ("clap", &["countersign", "xtask"]),
    ("figment", &["countersign"]),
    ("anyhow", &["countersign", "xtask"]),
    ("chacha20poly1305", &["engine"]),
];

fn dependencies(manifest: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|section| section.keys().cloned())
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let arrows = BTreeMap::from(ARROWS);
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let allowed = arrows.get(&*name).unwrap_or_else(|| panic!("a new crate: {name}"));
        for dependency in dependencies(&folder.join("Cargo.toml")) {
            let internal = arrows.contains_key(&*dependency);
            assert!(!internal || allowed.contains(&&*dependency), "{name} knows {dependency}");
            if let Some((_, rooms)) = ROOMS.iter().find(|(library, _)| *library == dependency) {
                assert!(rooms.contains(&&*name), "{dependency} does not belong into {name}");
            }
        }
    }
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = text.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    for line in section.lines().filter(|line| line.contains('=') && !line.contains("path =")) {
        assert!(line.contains("} # ") || line.contains("\" # ") || line.contains(" # "), "{line}");
    }
}

#[test]
fn sql_and_wire_names_stay_in_their_rooms() {
    let mut files = Vec::new();
    for room in ["domain", "engine", "api", "countersign"] {
        walk(&root().join("crates").join(room).join("src"), &mut files);
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for sql in ["SELECT ", "INSERT INTO ", "DELETE FROM "] {
            assert!(!text.contains(sql), "SQL in {}", file.display());
        }
        let outside_api = !file.starts_with(root().join("crates/api"));
        assert!(
            !(outside_api && text.contains("\"task_list\"")),
            "a name of the wire in {}",
            file.display()
        );
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}
