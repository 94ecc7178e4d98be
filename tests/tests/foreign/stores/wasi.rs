//! The store over WASI, in wasmtime.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use papyra_persistence::bindings::papyra::persistence::storage::{AppendError, StorageError};
use papyra_persistence::conformance::Fixture;
use papyra_persistence::store::{
    Chunk, Description, Edit, Position, Rewrite, RewriteOptions, Rewritten, Run, Segment, Snapshot,
    Store, StoreError, StoreErrorKind,
};
use papyra_persistence::{Engine, Journal};
use papyra_tests::command::names;
use papyra_tests::portable::{Loaded, State, component};
use papyra_tests::{scale, survival};
use tokio::sync::Mutex;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower};
use wasmtime_wasi::WasiCtxBuilder;

use super::{Files, Opened};

static LOADED: LazyLock<Loaded> =
    LazyLock::new(|| Loaded::new(&component("papyra-wasi-store.wasm"), false).unwrap());

/// One instance of the store's component.
struct Inner {
    store: wasmtime::Store<State>,
    instance: Instance,
}

impl Inner {
    async fn open(WasiStore { dir, max_bytes, .. }: &WasiStore) -> Self {
        let mut wasi = WasiCtxBuilder::new();
        wasi.env("PAPYRA_PATH", "journal.ndjson").env("PAPYRA_QUARANTINE_DIR", "quarantine");
        if let Some(bytes) = max_bytes {
            wasi.env("PAPYRA_MAX_BYTES", bytes.to_string()).env("PAPYRA_MAX_FILES", "1000");
        }
        let mut store = wasmtime::Store::new(&LOADED.engine, State::wasi(wasi, dir));
        let instance = LOADED.pre.instantiate_async(&mut store).await.unwrap();
        Self { store, instance }
    }

    /// Calls a function of the exported `storage`. A trap fails the test.
    async fn call<P, R>(&mut self, name: &str, parameters: P) -> R
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Lift + Send + Sync + 'static,
        (R,): ComponentNamedList + Lift,
    {
        let Self { store, instance } = self;
        let interface = "papyra:persistence/storage@0.2.0";
        let storage = instance.get_export_index(&mut *store, None, interface).unwrap();
        let function = instance.get_export_index(&mut *store, Some(&storage), name).unwrap();
        let function = instance.get_typed_func::<P, (R,)>(&mut *store, function).unwrap();
        function.call_async(&mut *store, parameters).await.unwrap().0
    }
}

type Answer<T> = Result<T, StorageError>;

fn ours<T>(answer: Answer<T>) -> Result<T, StoreError> {
    answer.map_err(|error| {
        let (kind, message) = match error {
            StorageError::Unavailable(message) => (StoreErrorKind::Unavailable, message),
            StorageError::Full(message) => (StoreErrorKind::Full, message),
            StorageError::Locked(message) => (StoreErrorKind::Locked, message),
            StorageError::Denied(message) => (StoreErrorKind::Denied, message),
            StorageError::NotFound(message) => (StoreErrorKind::NotFound, message),
            StorageError::Unsupported(message) => (StoreErrorKind::Unsupported, message),
            StorageError::Corrupt(message) => (StoreErrorKind::Corrupt, message),
            StorageError::Failed(message) => (StoreErrorKind::Failed, message),
        };
        StoreError::new(kind, message)
    })
}

/// The component as a store of the host: one instance writes, and each snapshot has its own.
struct WasiStore {
    dir: PathBuf,
    /// How large files may be; `None`: there is one.
    max_bytes: Option<u64>,
    writer: Mutex<Option<Inner>>,
}

impl WasiStore {
    fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), max_bytes: None, writer: Mutex::new(None) }
    }

    fn rotating(dir: &Path) -> Self {
        Self { max_bytes: Some(200_000), ..Self::new(dir) }
    }
}

impl Opened for WasiStore {}

#[async_trait]
impl Store for WasiStore {
    fn describe(&self) -> Description {
        Description {
            backend: "wasi".to_owned(),
            location: "journal.ndjson".to_owned(),
            framing: papyra_persistence::store::Framing::Lines,
            layout: papyra_persistence::store::Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        let mut kept = self.writer.lock().await;
        // An instance whose call was dropped cannot be entered again.
        let mut writer = match kept.take() {
            Some(writer) => writer,
            None => Inner::open(self).await,
        };
        type Appended = Result<(), AppendError>;
        let done = writer.call::<_, Appended>("append", (lines.as_str(), runs)).await;
        *kept = Some(writer);
        done.or_else(|AppendError { error, written }| {
            ours::<()>(Err(error)).map_err(|error| error.wrote(written))
        })
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let mut inner = Inner::open(self).await;
        assert_eq!(inner.call::<_, Description>("describe", ()).await, self.describe());
        let segments = ours(inner.call::<_, Answer<Vec<Segment>>>("segments", ()).await)?;
        Ok(Arc::new(View { segments, inner: Arc::new(Mutex::new(inner)) }))
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        ours(Inner::open(self).await.call::<_, Answer<String>>("load-index", ()).await)
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        let mut inner = Inner::open(self).await;
        ours(inner.call::<_, Answer<()>>("save-index", (text.as_str(),)).await)
    }
}

struct View {
    segments: Vec<Segment>,
    inner: Arc<Mutex<Inner>>,
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        let mut inner = self.inner.lock().await;
        ours(inner.call::<_, Answer<Chunk>>("read", (segment, at, most)).await)
    }

    async fn read_back(&self, segment: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        let mut inner = self.inner.lock().await;
        ours(inner.call::<_, Answer<Chunk>>("read-back", (segment, at, most)).await)
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let mut inner = self.inner.lock().await;
        ours(inner.call::<_, Answer<()>>("rewrite-begin", (segment, options)).await)?;
        Ok(Box::new(Open { inner: Some(self.inner.clone()) }))
    }
}

struct Open {
    inner: Option<Arc<Mutex<Inner>>>,
}

#[async_trait]
impl Rewrite for Open {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let inner = self.inner.clone().unwrap();
        let mut inner = inner.lock().await;
        ours(inner.call::<_, Answer<()>>("rewrite-edit", (edits,)).await)
    }

    async fn commit(mut self: Box<Self>) -> Result<Rewritten, StoreError> {
        let inner = self.inner.take().unwrap();
        let mut inner = inner.lock().await;
        ours(inner.call::<_, Answer<Rewritten>>("rewrite-commit", ()).await)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            // Synchronously: the owner of a dropped rewrite may begin another one.
            let abort = async move {
                let mut inner = inner.lock().await;
                let Inner { store, instance } = &mut *inner;
                let interface = "papyra:persistence/storage@0.2.0";
                let storage = instance.get_export_index(&mut *store, None, interface).unwrap();
                let name = "rewrite-abort";
                let abort = instance.get_export_index(&mut *store, Some(&storage), name).unwrap();
                let abort = instance.get_typed_func::<(), ()>(&mut *store, abort).unwrap();
                abort.call_async(&mut *store, ()).await.unwrap();
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(abort));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_over_wasi_passes_the_suite_of_all_stores() {
    pass_the_suite(WasiStore::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_files_over_wasi_pass_the_suite_of_all_stores() {
    pass_the_suite(WasiStore::rotating).await;
}

async fn pass_the_suite(open: fn(&Path) -> WasiStore) {
    let make = async || {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(open(dir.path()));
        Ok(Box::new(Files { dir, store }) as Box<dyn Fixture>)
    };
    // WASI has no locks, and nothing here opens a store twice or makes an append fail.
    let missing = [
        "append-durable",
        "append-written",
        "append-after-failure",
        "rewrite-racing",
        "rewrite-durable",
        "rewrite-pinned",
        "index-durable",
    ];
    super::pass(make, &missing).await;
}

#[test]
fn every_undamaged_record_survives_over_wasi() {
    survives(false, WasiStore::new);
}

#[test]
fn every_undamaged_record_in_a_rotating_set_survives_over_wasi() {
    survives(true, WasiStore::rotating);
}

fn survives(rotating: bool, open: fn(&Path) -> WasiStore) {
    // Before the first call of a store, which must answer in time.
    LazyLock::force(&LOADED);
    let engine = Engine::new().unwrap();
    let count = scale::damage_files().div_ceil(40);
    survival::check_all(count, rotating, || async |dir| Journal::new(&engine, open(dir)));
}

const BACKWARD: RewriteOptions = RewriteOptions {
    purpose: papyra_persistence::store::Purpose::Recover,
    keep_quarantine: false,
    force: false,
};

fn first(bytes: u64) -> [Edit; 1] {
    let at = |minor| Position { major: 0, minor };
    [Edit::removal(at(0), at(bytes))]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symlink_stays_one_and_modes_are_those_of_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("real")).unwrap();
    let real = dir.path().join("real/file.ndjson");
    fs::write(&real, "one\ntwo\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("real/file.ndjson", dir.path().join("journal.ndjson")).unwrap();
    let store = WasiStore::new(dir.path());
    let mut rewrite =
        store.snapshot().await.unwrap().rewrite("journal.ndjson", BACKWARD).await.unwrap();
    rewrite.edit(&first(4)).await.unwrap();
    rewrite.commit().await.unwrap();
    assert_eq!(fs::read(&real).unwrap(), b"two\n");
    assert!(fs::symlink_metadata(dir.path().join("journal.ndjson")).unwrap().is_symlink());
    assert_eq!(names(&dir.path().join("real")), ["file.ndjson"]);
    // WASI has no way to keep it. Should that change, the documentation has to.
    assert_ne!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_temporary_of_a_killed_rewrite_is_reported_and_never_taken_for_free() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("journal.ndjson"), "one\ntwo\n").unwrap();
    let temporary = dir.path().join(".journal.ndjson.papyra-rewrite");
    fs::write(&temporary, "half").unwrap();
    let snapshot = WasiStore::new(dir.path()).snapshot().await.unwrap();
    let roles: Vec<_> = snapshot.segments().iter().map(|segment| segment.role).collect();
    assert_eq!(
        roles,
        [papyra_persistence::store::Role::Active, papyra_persistence::store::Role::Leftover]
    );
    let refused = snapshot.rewrite("journal.ndjson", BACKWARD).await.err().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::Locked);
    assert!(refused.to_string().contains(".journal.ndjson.papyra-rewrite"), "{refused}");
    assert_eq!(fs::read(&temporary).unwrap(), b"half");
    fs::remove_file(temporary).unwrap();
    let rewrite = snapshot.rewrite("journal.ndjson", BACKWARD).await.unwrap();
    assert_eq!(rewrite.commit().await.unwrap().bytes_after, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_regular_file_is_refused_unopened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let store = WasiStore::new(dir.path());
    assert_eq!(store.snapshot().await.err().unwrap().kind(), StoreErrorKind::NotFound);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert_eq!(store.snapshot().await.err().unwrap().kind(), StoreErrorKind::Unsupported);
    let line = "{\"kind\": \"event\", \"timestamp\": 1}\n".to_owned();
    assert_eq!(
        store.append(line.clone(), &[]).await.unwrap_err().kind(),
        StoreErrorKind::Unsupported
    );
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    // A link to an absolute path leaves the sandbox, so wasmtime does not reveal its target.
    assert_eq!(store.append(line, &[]).await.unwrap_err().kind(), StoreErrorKind::Denied);
}
