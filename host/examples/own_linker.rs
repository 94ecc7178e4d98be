//! Runs the engine in your own wasmtime: your `Linker`, your `Store`, your limits.
//!
//! ```text
//! cargo run --release --example own_linker -- app.ndjson
//! ```

use papyra_persistence::FileStore;
use papyra_persistence::bindings::EnginePre;
use papyra_persistence::engine::{PapyraCtx, PapyraView, add_to_linker};
use papyra_persistence::journal::ScanOptions;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The state of an instance: a journal, and the clock of WASI.
struct State {
    papyra: PapyraCtx,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl PapyraView for State {
    fn papyra(&mut self) -> &mut PapyraCtx {
        &mut self.papyra
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: own_linker PATH")?;

    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    add_to_linker(&mut linker)?;
    let component = Component::new(&engine, papyra_persistence::Engine::component_bytes())?;
    let pre = EnginePre::new(linker.instantiate_pre(&component)?)?;

    let papyra = PapyraCtx::new(FileStore::open(path));
    let state = State { papyra, wasi: WasiCtx::default(), table: ResourceTable::new() };
    let mut store = Store::new(&engine, state);
    let instance = pre.instantiate_async(&mut store).await?;
    let journal = instance.papyra_persistence_journal();
    // A trap is the outer error, an expected failure the inner one.
    let options = ScanOptions { max_findings: 20, sample: None };
    let report =
        journal.call_scan(&mut store, options).await?.map_err(|failure| failure.message)?;
    let mut out = std::io::stdout().lock();
    for finding in &report.findings {
        let offset = finding.offset.unwrap_or_default();
        std::io::Write::write_fmt(&mut out, format_args!("{offset}: {}\n", finding.anomaly))?;
    }
    Ok(())
}
