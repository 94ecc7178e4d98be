//! What is in the archives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use papyra_persistence::Engine;
use papyra_tests::portable::root;

use super::{archives, unpacked};

/// The crates, where they lie, and which of their files are packed.
const CRATES: [(&str, &str, &[&str]); 4] = [
    ("papyra-file-store", "guest/file-store", &["src", "LICENSE", "README.md"]),
    ("papyra-report", "guest/report", &["src", "LICENSE", "README.md"]),
    (
        "papyra-persistence",
        "host",
        &["src", "build", "build.rs", "docs", "examples", "wit", "LICENSE", "README.md"],
    ),
    ("papyra-cli", "host/cli", &["src", "LICENSE", "README.md"]),
];

/// What cargo writes itself.
const OF_CARGO: [&str; 4] = ["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"];

const ENGINE: &str = "artifacts/papyra-engine.wasm";

#[test]
fn the_archives_hold_what_a_build_needs_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for (name, place, parts) in CRATES {
        let mut wanted = BTreeMap::new();
        for part in parts {
            read(&root().join(place), part, &mut wanted);
        }
        if name == "papyra-persistence" {
            wanted.insert(ENGINE.to_owned(), Engine::component_bytes().to_vec());
        }
        let mut packed = BTreeMap::new();
        read(&unpacked(name, dir.path()), "", &mut packed);
        let manifest = String::from_utf8(packed["Cargo.toml"].clone()).unwrap();
        assert!(!manifest.contains("path = \".."), "{name} needs the repository: {manifest}");
        packed.retain(|file, _| !OF_CARGO.contains(&file.as_str()));
        assert!(packed.keys().eq(wanted.keys()), "{name}: {:#?}", packed.keys());
        for (file, bytes) in packed {
            assert!(wanted[&file] == bytes, "{name}: {file} differs from that of the checkout");
        }
    }
}

#[test]
fn the_archives_say_what_a_registry_shows() {
    let dir = tempfile::tempdir().unwrap();
    for (name, ..) in CRATES {
        let manifest = fs::read_to_string(unpacked(name, dir.path()).join("Cargo.toml")).unwrap();
        for key in [
            "description",
            "documentation",
            "readme",
            "keywords",
            "categories",
            "license",
            "repository",
        ] {
            assert!(manifest.contains(&format!("\n{key} = ")), "{name} has no {key}");
        }
        // The registry refuses what is larger than 10 MB.
        let archive = archives().join(format!("{name}-{}.crate", super::VERSION));
        assert!(fs::metadata(archive).unwrap().len() < 3_000_000, "{name}");
    }
}

/// Reads the files below `base/part`, by their paths from `base`.
fn read(base: &Path, part: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let path = base.join(part);
    if path.is_file() {
        files.insert(part.to_owned(), fs::read(path).unwrap());
        return;
    }
    for entry in fs::read_dir(path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        read(base, format!("{part}/{name}").trim_start_matches('/'), files);
    }
}
