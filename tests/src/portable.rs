//! The components for other hosts, in a wasmtime that knows this project by `add_to_linker` alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use papyra_persistence::engine::{PapyraCtx, PapyraView, add_to_linker};
use papyra_persistence::store::{MemoryStore, Store};
use rustix::fs::{FlockOperation, flock};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime_wasi::clocks::HostWallClock;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Where the repository is.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The file of a component, built from the sources of now.
///
/// # Panics
///
/// If they do not build.
pub fn component(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let dir = BUILT.get_or_init(|| {
        let dir = root().join("target/dist");
        std::fs::create_dir_all(&dir).expect("a directory");
        // Other test programs want the same.
        let lock = File::create(dir.join(".lock")).expect("a lock file");
        flock(&lock, FlockOperation::LockExclusive).expect("a lock");
        build("--tests", &dir);
        dir
    });
    dir.join(name)
}

/// Runs `guest/build.sh`.
///
/// # Panics
///
/// If it fails.
pub fn build(what: &str, dir: &Path) {
    let mut script = Command::new("sh");
    let output = script.arg(root().join("guest/build.sh")).arg(what).arg(dir).output();
    let output = output.expect("sh is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A tool that `make setup` has installed.
pub fn tool(name: &str) -> Command {
    let local = root().join("target/tools/bin").join(name);
    if local.exists() { Command::new(local) } else { Command::new(name) }
}

/// What an instance reaches.
pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    papyra: PapyraCtx,
}

impl State {
    /// A directory, and whatever else WASI gives.
    pub fn wasi(mut wasi: WasiCtxBuilder, dir: &Path) -> Self {
        wasi.preopened_dir(dir, ".", FsPerms::ReadWrite).expect("a directory");
        Self::with(wasi, MemoryStore::new())
    }

    /// A store of ours.
    pub fn with(mut wasi: WasiCtxBuilder, store: impl Store) -> Self {
        Self { wasi: wasi.build(), table: ResourceTable::new(), papyra: PapyraCtx::new(store) }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl PapyraView for State {
    fn papyra(&mut self) -> &mut PapyraCtx {
        &mut self.papyra
    }
}

/// A clock that stands still, in seconds since the epoch.
pub struct Still(pub f64);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs_f64(self.0)
    }
}

/// A compiled component. Only with `ours` is there anything but WASI.
pub struct Loaded {
    /// Where it runs.
    pub engine: Engine,
    /// What it is linked with.
    pub pre: InstancePre<State>,
}

impl Loaded {
    /// Compiles and links.
    ///
    /// # Errors
    ///
    /// If it is no component, or wants what is not there.
    pub fn new(file: &Path, ours: bool) -> wasmtime::Result<Self> {
        let engine = Engine::default();
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        if ours {
            add_to_linker(&mut linker)?;
        }
        let component = Component::from_file(&engine, file)?;
        let pre = linker.instantiate_pre(&component)?;
        Ok(Self { engine, pre })
    }
}
