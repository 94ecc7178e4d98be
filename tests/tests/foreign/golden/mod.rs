//! The vectors in `tests/golden`: the answers of the engine, byte for byte, in every host.
//! `PAPYRA_GOLDEN=bless` writes the answers of the native engine into the files; review the difference.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod case;
mod foreign;
mod native;
mod sandbox;

use std::fs;
use std::path::PathBuf;

use case::{Case, Reply, Step, numbers};
use papyra_persistence::FileStore;
use papyra_tests::embed::Host;
use papyra_tests::portable::{Loaded, State, Still, component};
use serde_json::Value;
use wasmtime_wasi::WasiCtxBuilder;

/// A host that runs the engine on a journal.
trait Subject {
    async fn call(&mut self, step: &Step) -> Reply;
    /// Returns the journal as it is now, and the whole quarantine.
    fn bytes(&self) -> (Vec<u8>, Vec<u8>);
}

/// Returns the outcome of every step, as it stands in a case.
async fn play(case: &Case, subject: &mut impl Subject) -> Vec<Value> {
    let (mut before, mut aside) = subject.bytes();
    assert!(before == case.journal && aside.is_empty());
    let mut outcomes = Vec::new();
    for step in &case.steps {
        let reply = subject.call(step).await;
        let (after, quarantined) = subject.bytes();
        outcomes.push(case::outcome(reply, &before, &after, &quarantined[aside.len()..]));
        (before, aside) = (after, quarantined);
    }
    outcomes
}

fn cases() -> Vec<(PathBuf, Case)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().map(|path| (path.clone(), Case::read(&path))).collect()
}

fn check(path: &std::path::Path, case: &Case, outcomes: &[Value]) {
    for (number, (step, found)) in case.steps.iter().zip(outcomes).enumerate() {
        let step_name = format!("{} step {}", path.display(), number + 1);
        assert!(
            numbers(&step.expected) == numbers(found),
            "{step_name}: expected\n{:#}\nfound\n{found:#}",
            step.expected
        );
    }
}

#[tokio::test]
async fn the_native_engine_gives_what_the_vectors_say() {
    for (path, mut case) in cases() {
        let outcomes = play(&case, &mut native::Native::new(&case)).await;
        if std::env::var_os("PAPYRA_GOLDEN").is_some_and(|value| value == "bless") {
            case.bless(&path, outcomes);
        } else {
            check(&path, &case, &outcomes);
        }
    }
}

#[tokio::test]
async fn the_sandboxed_engine_on_a_file_of_the_host_gives_what_the_vectors_say() {
    let loaded = Loaded::new(&component("papyra-engine.wasm"), true).unwrap();
    for (path, case) in cases() {
        let dir = sandbox::folder(&case);
        let file = dir.path().join("golden.ndjson");
        let store = FileStore::builder(file).quarantine_dir(dir.path().join("quarantine")).build();
        let mut wasi = WasiCtxBuilder::new();
        wasi.wall_clock(Still(case.clock));
        let state = State::with(wasi, store);
        let mut subject = sandbox::Sandbox::new(&loaded, state, dir).await;
        check(&path, &case, &play(&case, &mut subject).await);
    }
}

#[tokio::test]
async fn the_component_over_wasi_gives_what_the_vectors_say() {
    let loaded = Loaded::new(&component("papyra-wasi.wasm"), false).unwrap();
    for (path, case) in cases() {
        let dir = sandbox::folder(&case);
        let mut wasi = WasiCtxBuilder::new();
        wasi.wall_clock(Still(case.clock));
        wasi.env("PAPYRA_PATH", "golden.ndjson").env("PAPYRA_QUARANTINE_DIR", "quarantine");
        let state = State::wasi(wasi, dir.path());
        let mut subject = sandbox::Sandbox::new(&loaded, state, dir).await;
        check(&path, &case, &play(&case, &mut subject).await);
    }
}

async fn check_host(host: Host) {
    let mut driver = None;
    let rotating = if host.is_wasi() { vec![false] } else { vec![false, true] };
    for rotating in rotating {
        for (path, case) in cases() {
            let mut subject = foreign::Foreign::new(host, driver.take(), &case, rotating);
            check(&path, &case, &play(&case, &mut subject).await);
            driver = Some(subject.into_driver());
        }
    }
}

#[tokio::test]
async fn the_engine_in_node_gives_what_the_vectors_say() {
    check_host(Host::Node).await;
}

#[tokio::test]
async fn the_engine_in_python_gives_what_the_vectors_say() {
    check_host(Host::Python).await;
}

#[tokio::test]
async fn the_component_over_wasi_in_node_gives_what_the_vectors_say() {
    check_host(Host::NodeWasi).await;
}
