use std::fs;
use std::process::Command;

use papyra_tests::portable::{build, component, root, tool};
use papyra_tests::scale;

const NAMES: [&str; 3] = ["papyra-engine.wasm", "papyra-wasi.wasm", "papyra-command.wasm"];

#[test]
fn builds_at_two_places_give_the_same_bytes() {
    // The library was built with an engine from a directory of its own.
    let engine = fs::read(component(NAMES[0])).unwrap();
    assert!(engine == papyra_persistence::Engine::component_bytes());
    // The others are only built once, so no path may get into them that is another one elsewhere.
    let home = std::env::home_dir().unwrap();
    let places = [root().canonicalize().unwrap(), std::env::temp_dir(), home.join(".cargo")];
    let rustc = text(Command::new("rustc").args(["--print", "sysroot"]));
    for name in NAMES {
        let bytes = fs::read(component(name)).unwrap();
        let says = |path: &str| memchr::memmem::find(&bytes, path.as_bytes()).is_some();
        assert!(says("/cargo/registry/"), "{name}: paths in it are replaced, and found");
        for place in places.iter().map(|place| place.to_str().unwrap()).chain([rustc.trim()]) {
            assert!(!says(place), "{name} says {place}");
        }
    }
}

#[test]
fn builds_from_clean_give_the_same_bytes() {
    for _ in 0..scale::clean_builds() {
        let again = tempfile::tempdir().unwrap();
        build("--all", again.path());
        for name in NAMES {
            let (one, other) = (fs::read(component(name)), fs::read(again.path().join(name)));
            assert!(one.unwrap() == other.unwrap(), "{name} differs");
        }
    }
}

fn text(command: &mut Command) -> String {
    let output = command.output().expect("it is there: `make setup` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_made_of_the_engine_imports_wasi_and_nothing_that_has_to_be_supplied() {
    for (name, exports) in [
        ("papyra-wasi.wasm", &["papyra:persistence/journal@", "papyra:persistence/consumer@"][..]),
        ("papyra-command.wasm", &["wasi:cli/run@"]),
    ] {
        let wit = text(tool("wasm-tools").args(["component", "wit"]).arg(component(name)));
        let world = wit.split("\n}").next().unwrap();
        let lines = |word| world.lines().filter_map(move |line| line.trim().strip_prefix(word));
        let foreign: Vec<_> = lines("import ").filter(|name| !name.starts_with("wasi:")).collect();
        // Names of types, which WIT imports from where they are declared. There is no function in it.
        assert_eq!(foreign, ["papyra:persistence/types@0.2.0;"], "{name}");
        assert!(lines("import ").all(|name| !name.contains("sockets") && !name.contains("random")));
        let found: Vec<_> = lines("export ").collect();
        assert_eq!(found.len(), exports.len(), "{name}: {found:?}");
        assert!(found.iter().zip(exports).all(|(found, export)| found.starts_with(export)));
    }
    let types = fs::read_to_string(root().join("wit/types.wit")).unwrap();
    assert!(!types.contains("func("), "types only");
}

#[test]
fn dist_has_checksums_and_says_what_is_in_it() {
    let out = tempfile::tempdir().unwrap();
    let before = NAMES.map(|name| fs::read(component(name)).unwrap());
    let script = root().join("guest/dist.sh");
    text(Command::new("sh").arg(script).arg(out.path()).arg(root().join("target/dist")));
    text(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(out.path()));
    let sizes = fs::read_to_string(out.path().join("SIZES.md")).unwrap();
    for (name, before) in NAMES.into_iter().zip(before) {
        assert!(fs::read(out.path().join(name)).unwrap() == before, "{name}: encoded once more");
        assert!(sizes.contains(name), "{sizes}");
        let show = text(
            tool("wasm-tools").args(["metadata", "show", "--json"]).arg(out.path().join(name)),
        );
        for said in ["Apache-2.0", env!("CARGO_PKG_VERSION"), "https://", "\"papyra-"] {
            assert!(show.contains(said), "{name} does not say {said}");
        }
    }
}
