//! The engine as a component, on a file.

use std::fs;

use papyra_persistence::engine::bindings;
use papyra_persistence::journal::{Failure, InspectOptions};
use papyra_tests::command::names;
use papyra_tests::portable::State;
use tempfile::TempDir;
use wasmtime::{Engine, Store};

use super::Subject;
use super::case::{Call, Case, Reply, Report, Step};

pub fn folder(case: &Case) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("golden.ndjson"), &case.journal).unwrap();
    dir
}

pub struct Sandbox {
    store: Store<State>,
    instance: bindings::Engine,
    dir: TempDir,
}

impl Sandbox {
    pub async fn new(
        engine: &Engine,
        pre: &bindings::EnginePre<State>,
        state: State,
        dir: TempDir,
    ) -> Self {
        let mut store = Store::new(engine, state);
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        Self { store, instance, dir }
    }
}

impl Subject for Sandbox {
    async fn call(&mut self, step: &Step) -> Reply {
        let journal = self.instance.papyra_persistence_journal();
        let store = &mut self.store;
        match &step.call {
            Call::Scan(options) => {
                journal.call_scan(store, *options).await.unwrap().map(Report::Scan)
            }
            Call::Recover(options) => {
                journal.call_recover(store, *options).await.unwrap().map(Report::Recovery)
            }
            Call::Compact(retention, options) => {
                let done = journal.call_compact(store, retention, *options).await.unwrap();
                done.map(Report::Compaction)
            }
            Call::Inspect(limit, retention) => {
                let options = InspectOptions { limit: *limit };
                let done = journal.call_inspect(store, options, retention).await.unwrap();
                done.map(Report::Inspection)
            }
            Call::Append(drafts) => {
                journal.call_append(store, drafts).await.unwrap().map(Report::Appended)
            }
            Call::AppendLines(lines) => {
                journal.call_append_lines(store, lines).await.unwrap().map(Report::Appended)
            }
            Call::StartupCheck(options) => {
                let done = journal.call_startup_check(store, *options).await.unwrap();
                done.map(Report::Startup)
            }
            Call::Query(selection, retention) => {
                let mut selection = selection.clone();
                let mut pages = Vec::new();
                loop {
                    let asked =
                        journal.call_query(&mut *store, &selection, retention).await.unwrap();
                    let page = asked.map_err(|failure: Failure| failure)?;
                    selection.cursor = Some(page.cursor.clone());
                    let end = page.end;
                    pages.push(page);
                    if end {
                        return Ok(Report::Pages(pages));
                    }
                }
            }
        }
    }

    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        contents(&self.dir)
    }
}

/// Returns the journal in a [`folder`], and the whole quarantine.
pub fn contents(dir: &TempDir) -> (Vec<u8>, Vec<u8>) {
    let quarantine = dir.path().join("quarantine");
    let mut aside = Vec::new();
    if quarantine.is_dir() {
        for name in names(&quarantine) {
            aside.extend(fs::read(quarantine.join(name)).unwrap());
        }
    }
    (fs::read(dir.path().join("golden.ndjson")).unwrap(), aside)
}
