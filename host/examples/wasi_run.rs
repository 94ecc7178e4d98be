//! Runs a WASI program that is a component, as `wasmtime run --dir . PROGRAM ARGUMENT…` does:
//!
//! ```text
//! cargo run --release --example wasi_run -- dist/papyra-command.wasm scan app.ndjson
//! ```

use std::process::ExitCode;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::{add_to_linker_async, bindings::Command};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

struct State(WasiCtx, ResourceTable);

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.0, table: &mut self.1 }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let program = arguments.first().ok_or("usage: wasi_run PROGRAM ARGUMENT...")?;

    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker_async(&mut linker)?;
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().inherit_env().args(&arguments);
    wasi.preopened_dir(".", ".", FsPerms::ReadWrite)?;
    let mut store = Store::new(&engine, State(wasi.build(), ResourceTable::new()));
    let component = Component::from_file(&engine, program)?;
    let command = Command::instantiate_async(&mut store, &component, &linker).await?;
    match command.wasi_cli_run().call_run(&mut store).await {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(())) => Ok(ExitCode::FAILURE),
        Err(error) => match error.downcast::<I32Exit>() {
            Ok(I32Exit(code)) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
            Err(error) => Err(error.into()),
        },
    }
}
