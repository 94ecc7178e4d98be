//! The sandboxed engine: loading and caching, linking, limits, one instance per task.
//!
//! [`Journal`](crate::Journal) does all of this by itself. If you already have a wasmtime `Linker` and
//! `Store`, put a [`PapyraCtx`] into the data of that store, implement [`PapyraView`], and call
//! [`add_to_linker`]. Your `wasmtime` must then be that of this crate: version 48.

mod code_cache;
mod context;
mod imports;
mod room;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Config;
use wasmtime::component::{Component, HasData, Linker};

use self::code_cache::CodeCache;
pub(crate) use self::context::{Cancelled, Context, Work};
pub use self::context::{PapyraCtx, PapyraCtxBuilder, PapyraView, Progress, ProgressFn};
pub use self::room::{can_reserve, spare_threads};
use crate::bindings::EnginePre;

/// The engine component that this crate was built with.
static COMPONENT: &[u8] = include_bytes!(env!("PAPYRA_ENGINE_WASM"));

/// How long a call of the store may take unless said otherwise.
const STORAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The address space of 64 instances as wasmtime likes it: 4 GiB each, which spares every access to
/// memory a comparison, and what guards them.
const ROOMY: u64 = 64 * (4 << 30);

/// The maximum that a memory reserves where address space is scarce.
const SCARCE: usize = 64 << 20;

/// The compiled engine, ready to be instantiated. Cheap to clone; make one per process.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    pre: EnginePre<Context>,
    limits: Limits,
}

/// What one instance of the engine may use.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub memory: usize,
    pub storage_timeout: Duration,
}

/// Why the engine could not be made ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The component file could not be read.
    #[error("cannot read the engine component {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The component is not an engine, or wasmtime could not compile it.
    #[error("the engine component cannot be loaded")]
    Load(#[source] wasmtime::Error),
}

/// Configures an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineBuilder {
    limits: Limits,
    cache: CacheChoice,
    component: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum CacheChoice {
    UserDirectory,
    Directory(PathBuf),
    Off,
}

impl Engine {
    /// The embedded engine with default limits, its compiled code cached in the user's cache
    /// directory.
    ///
    /// # Errors
    ///
    /// [`EngineError::Load`] if wasmtime does not support this machine.
    pub fn new() -> Result<Self, EngineError> {
        Self::builder().build()
    }

    /// Starts a configuration.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            limits: Limits { memory: 64 << 20, storage_timeout: STORAGE_TIMEOUT },
            cache: CacheChoice::UserDirectory,
            component: None,
        }
    }

    /// The engine component that is embedded in this crate, for tools that inspect it.
    pub fn component_bytes() -> &'static [u8] {
        COMPONENT
    }

    pub(crate) fn pre(&self) -> &EnginePre<Context> {
        &self.0.pre
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl EngineBuilder {
    /// The most linear memory an instance may use, in bytes. Default 64 MiB, which is enough for
    /// every journal; less than 40 MiB can make long entries fail.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// How long one call of the store may take before it counts as unavailable. Default 60 s.
    ///
    /// The steps of a rewrite are not limited, because copying takes as long as the journal is large.
    /// An append that is given up may still be written: a file store finishes what it has queued.
    #[must_use]
    pub fn storage_timeout(mut self, timeout: Duration) -> Self {
        self.limits.storage_timeout = timeout;
        self
    }

    /// Where to keep the compiled code, some 2.5 MB, so that the next start is fast. Default: `papyra` in the user's
    /// cache directory. The directory must belong to this user, and nobody else may be able to write to it. One that
    /// cannot be used only costs the time to compile. At most 8 files are kept, one per build and processor.
    #[must_use]
    pub fn cache_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache = CacheChoice::Directory(directory.into());
        self
    }

    /// Compile anew at every start.
    #[must_use]
    pub fn no_cache(mut self) -> Self {
        self.cache = CacheChoice::Off;
        self
    }

    /// Use the component in this file instead of the embedded one.
    #[must_use]
    pub fn component(mut self, file: impl Into<PathBuf>) -> Self {
        self.component = Some(file.into());
        self
    }

    /// Loads the engine, from the cache if it is there.
    ///
    /// Where the process may not start threads, or has little address space (`ulimit -u`, `ulimit -v`), the
    /// engine is compiled by one thread, and each of its instances reserves no more than the memory limit
    /// instead of 4 GiB. The code for that is slower by some percent, and cached apart.
    ///
    /// # Errors
    ///
    /// [`EngineError::Read`] for a component file that cannot be read, [`EngineError::Load`] for one
    /// that is not an engine.
    pub fn build(self) -> Result<Engine, EngineError> {
        let mut config = Config::new();
        config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
        // A memory image is a file to the kernel, so a limit on file sizes (`ulimit -f`) would keep the
        // engine from starting. Copying its data costs some ten microseconds.
        config.memory_init_cow(false);
        let roomy = can_reserve(ROOMY);
        if !roomy {
            config.memory_reservation(self.limits.memory.min(SCARCE) as u64);
            config.memory_reservation_for_growth(0);
            config.memory_guard_size(64 << 10);
        }
        let given = self.component.as_ref().map(read_component).transpose()?;
        let wasm = given.as_deref().unwrap_or(COMPONENT);
        let (engine, component) =
            prepare(config, roomy, wasm, self.cache.open().as_ref()).map_err(EngineError::Load)?;
        let pre = link_imports(&engine, &component).map_err(EngineError::Load)?;
        Ok(Engine(Arc::new(Inner { pre, limits: self.limits })))
    }
}

fn read_component(path: &PathBuf) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|source| EngineError::Read { path: path.clone(), source })
}

/// Takes the compiled component from the cache, or compiles it on all cores and keeps it there.
fn prepare(
    mut config: Config,
    roomy: bool,
    wasm: &[u8],
    cache: Option<&CodeCache>,
) -> wasmtime::Result<(wasmtime::Engine, Component)> {
    config.parallel_compilation(false);
    let engine = wasmtime::Engine::new(&config)?;
    if let Some(component) = cache.and_then(|cache| cache.load(&engine, wasm)) {
        return Ok((engine, component));
    }
    // The compiler has a thread for each core, and cannot do with less.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    config.parallel_compilation(roomy && spare_threads(cores + 1) > cores);
    let engine = wasmtime::Engine::new(&config)?;
    let component = Component::new(&engine, wasm)?;
    if let Some(cache) = cache {
        cache.keep(&engine, wasm, &component);
    }
    Ok((engine, component))
}

fn link_imports(
    engine: &wasmtime::Engine,
    component: &Component,
) -> wasmtime::Result<EnginePre<Context>> {
    use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
    use wasmtime_wasi::p2::bindings::clocks::wall_clock;

    let mut linker = Linker::<Context>::new(engine);
    wall_clock::add_to_linker::<Context, WasiClocks>(&mut linker, Context::clocks)?;
    add_to_linker(&mut linker)?;
    EnginePre::new(linker.instantiate_pre(component)?)
}

/// Adds the imports `storage` and `groups` of the engine to a linker, served by the store in
/// [`PapyraView::papyra`]. The engine also imports `wasi:clocks/wall-clock`, which
/// `wasmtime_wasi` adds. What comes out of the sandbox is checked and clamped, as for
/// [`Journal`](crate::Journal); limits on memory are up to the embedder's store.
///
/// The functions are asynchronous: instantiate and call with the `async` variants.
///
/// # Errors
///
/// If the linker has these interfaces already.
pub fn add_to_linker<T: PapyraView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use crate::bindings::papyra::persistence::{claims, groups, storage};

    storage::add_to_linker::<T, HasPapyra>(linker, T::papyra)?;
    groups::add_to_linker::<T, HasPapyra>(linker, T::papyra)?;
    claims::add_to_linker::<T, HasPapyra>(linker, T::papyra)
}

/// How the generated code finds the context in the data of a store.
struct HasPapyra;

impl HasData for HasPapyra {
    type Data<'a> = &'a mut PapyraCtx;
}

impl CacheChoice {
    /// A cache is a convenience: whatever is wrong with it only costs compile time.
    fn open(&self) -> Option<CodeCache> {
        match self {
            Self::Off => None,
            Self::Directory(directory) => CodeCache::open(directory),
            Self::UserDirectory => CodeCache::open(&user_cache_directory()?),
        }
    }
}

fn user_cache_directory() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    Some(base.join(Path::new("papyra")))
}
