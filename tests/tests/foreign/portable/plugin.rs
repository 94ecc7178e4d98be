use papyra_persistence::FileStore;
use papyra_tests::documents;
use papyra_tests::embed::readme::printed;
use papyra_tests::portable::{Loaded, State, component, root, tool};
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmtime::Store;
use wasmtime_wasi::WasiCtxBuilder;

const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";

/// Composes the plugin with an engine.
fn composed(dir: &Path, with: &str) -> PathBuf {
    plug(dir, &component("papyra-plugin.wasm"), &component(with))
}

/// Satisfies the imports of a component with the exports of another.
fn plug(dir: &Path, socket: &Path, plug: &Path) -> PathBuf {
    let out = dir.join(format!("{}-plugged.wasm", socket.file_stem().unwrap().display()));
    let mut wac = tool("wac");
    wac.arg("plug").arg(socket).arg("--plug").arg(plug).arg("-o").arg(&out);
    let output = wac.output().expect("wac is there: `make setup` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// Calls the plugin like a host that knows nothing of journals.
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
    noted_through_wasi(dir.path(), &composed(dir.path(), "papyra-wasi.wasm")).await;
}

#[tokio::test]
async fn a_store_in_a_component_of_its_own_is_composed_with_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, store) = (component("papyra-engine.wasm"), component("papyra-wasi-store.wasm"));
    let engine = plug(dir.path(), &engine, &store);
    let plugin = plug(dir.path(), &component("papyra-plugin.wasm"), &engine);
    noted_through_wasi(dir.path(), &plugin).await;
}

async fn noted_through_wasi(dir: &Path, plugin: &Path) {
    let loaded = Loaded::new(plugin, false).unwrap();
    let mut wasi = WasiCtxBuilder::new();
    wasi.env("PAPYRA_PATH", "app.ndjson");
    let answers = note(&loaded, State::wasi(wasi, dir), &[RECORD, RECORD]).await;
    assert_eq!(answers, [Ok(1), Ok(2)]);
    assert_eq!(std::fs::read_to_string(dir.join("app.ndjson")).unwrap(), RECORD.repeat(2));
}

#[test]
fn the_commands_in_the_page_compose_a_plugin() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["papyra-plugin.wasm", "papyra-wasi.wasm"] {
        std::fs::copy(component(name), dir.path().join(name)).unwrap();
    }
    let [block] = &documents::blocks("docs/wasi.md", "A plugin", "sh")[..] else {
        panic!("one block")
    };
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
