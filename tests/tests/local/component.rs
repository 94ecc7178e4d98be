//! The finished component: what it may reach, and that nothing else got in.

use std::process::Command;

use papyra_persistence::Engine;

#[test]
fn the_component_imports_the_store_and_the_clock_and_nothing_else() {
    let wit = wit_of_component();
    let mut imports: Vec<_> = wit
        .lines()
        .filter_map(|line| line.trim().strip_prefix("import "))
        .map(|import| import.trim_end_matches(';'))
        .collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "papyra:persistence/claims@0.2.0",
            "papyra:persistence/groups@0.2.0",
            "papyra:persistence/storage@0.2.0",
            "papyra:persistence/types@0.2.0",
            "wasi:clocks/wall-clock@0.2.0",
        ]
    );
    let exports: Vec<_> =
        wit.lines().filter_map(|line| line.trim().strip_prefix("export ")).collect();
    assert_eq!(
        exports,
        ["papyra:persistence/journal@0.2.0;", "papyra:persistence/consumer@0.2.0;"]
    );
}

fn wit_of_component() -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("engine.wasm");
    std::fs::write(&file, Engine::component_bytes()).unwrap();
    let local = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin/wasm-tools");
    let program = if std::path::Path::new(local).exists() { local } else { "wasm-tools" };
    let output = Command::new(program)
        .args(["component", "wit"])
        .arg(&file)
        .output()
        .expect("wasm-tools is there: `make setup` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
