use papyra::FileStore;
use papyra_tests::embed::readme::{self, printed};
use papyra_tests::portable::{Loaded, State, component, root, tool};
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmtime::Store;
use wasmtime_wasi::WasiCtxBuilder;

const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";

fn composed(dir: &Path, with: &str) -> PathBuf {
    let out = dir.join("composed.wasm");
    let mut wac = tool("wac");
    wac.arg("plug").arg(component("papyra-plugin.wasm"));
    wac.arg("--plug").arg(component(with)).arg("-o").arg(&out);
    let output = wac.output().expect("wac is there: `make setup` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// Calls the plugin as a host does that has never heard of journals.
async fn note(loaded: &Loaded, state: State, lines: &[&str]) -> Vec<Result<u64, String>> {
    let mut store = Store::new(&loaded.engine, state);
    let instance = loaded.pre.instantiate_async(&mut store).await.unwrap();
    let note = instance.get_typed_func::<(&str,), (Result<u64, String>,)>(&mut store, "note");
    let note = note.unwrap();
    let mut answers = Vec::new();
    for line in lines {
        answers.push(note.call_async(&mut store, (line,)).await.unwrap().0);
    }
    answers
}

#[tokio::test]
async fn a_plugin_composed_with_the_engine_works_on_the_store_of_its_host() {
    let dir = tempfile::tempdir().unwrap();
    let plugin = composed(dir.path(), "papyra-engine.wasm");
    assert!(Loaded::new(&plugin, false).is_err(), "it needs a store");
    let loaded = Loaded::new(&plugin, true).unwrap();
    let journal = dir.path().join("app.ndjson");
    let state = State::with(WasiCtxBuilder::new(), FileStore::open(&journal));
    let answers = note(&loaded, state, &[RECORD, "garbage", RECORD]).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(1), &Ok(2)));
    assert!(answers[1].as_ref().unwrap_err().contains("record 1"), "{answers:?}");
    assert_eq!(std::fs::read_to_string(journal).unwrap(), RECORD.repeat(2));
}

#[tokio::test]
async fn a_plugin_composed_with_the_wasi_component_needs_nothing_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = Loaded::new(&composed(dir.path(), "papyra-wasi.wasm"), false).unwrap();
    let mut wasi = WasiCtxBuilder::new();
    wasi.env("PAPYRA_PATH", "app.ndjson");
    let answers = note(&loaded, State::wasi(wasi, dir.path()), &[RECORD, RECORD]).await;
    assert_eq!(answers, [Ok(1), Ok(2)]);
    assert_eq!(std::fs::read_to_string(dir.path().join("app.ndjson")).unwrap(), RECORD.repeat(2));
}

#[test]
fn the_commands_in_the_readme_compose_a_plugin() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["papyra-plugin.wasm", "papyra-wasi.wasm"] {
        std::fs::copy(component(name), dir.path().join(name)).unwrap();
    }
    let [block] = &readme::blocks("A plugin", "sh")[..] else { panic!("one block") };
    let tools = std::fs::canonicalize(root().join("target/tools/bin")).unwrap_or_default();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-ec", block]).env("PATH", path).current_dir(dir.path());
    let wit = printed(&mut shell);
    assert!(wit.contains("export note: func"), "{wit}");
    let world = wit.split("\n}").next().unwrap();
    assert!(!world.contains("import papyra:persistence/storage"), "{world}");
    assert!(!world.contains("import papyra:persistence/journal"), "{world}");
}
