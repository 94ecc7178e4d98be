//! What is wrong with an engine or a store reaches the caller as a typed error: the process lives, and
//! the next call works.

use std::fs;
use std::future::pending;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use papyra_persistence::journal::{
    CompactOptions, FailureCode, FieldMatch, InspectOptions, Limits, Order, RecoverOptions,
    RecoveryMode, Retention, ScanOptions, Selection, StartupOptions,
};
use papyra_persistence::store::{
    Chunk, Description, FileStore, MemoryStore, Position, Rewrite, RewriteOptions, Run, Segment,
    Snapshot, Store, StoreError,
};
use papyra_persistence::{Engine, EngineError, Journal, JournalError};
use papyra_tests::command::names;
use papyra_tests::generate::Generator;

const SCAN: ScanOptions = ScanOptions { max_findings: 5, sample: None };
const RECOVER: RecoverOptions = RecoverOptions {
    mode: RecoveryMode::Repair,
    dry_run: false,
    max_findings: 5,
    record_audit: true,
    allow_loss: false,
};
const COMPACT: CompactOptions = CompactOptions {
    dry_run: false,
    force: false,
    keep_quarantine: false,
    as_of: None,
    record_audit: true,
    allow_expire_all: false,
    full: false,
};
const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";

fn half() -> Retention {
    let journal = Limits { max_records: Some(1000), ..Limits::default() };
    Retention { journal, ..Retention::default() }
}

fn everything() -> Selection {
    Selection {
        kinds: Vec::new(),
        since: None,
        until: None,
        matching: Vec::new(),
        limit: None,
        order: Order::OldestFirst,
        no_index: false,
        cursor: None,
    }
}

#[test]
fn what_is_no_engine_is_refused_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("engine.wasm");
    let load = || Engine::builder().no_cache().component(&file).build().map(drop);
    assert!(matches!(load(), Err(EngineError::Read { path, .. }) if path == file));
    let cut = &Engine::component_bytes()[..Engine::component_bytes().len() / 2];
    let mut flipped = Engine::component_bytes().to_vec();
    flipped[4..8].copy_from_slice(&[0xff; 4]);
    for bytes in [
        b"".as_slice(),
        b"not wasm at all",
        b"\0asm\x01\0\0\0",   // an empty module
        b"\0asm\x0d\0\x01\0", // an empty component: it lacks our exports
        cut,
        &flipped,
    ] {
        fs::write(&file, bytes).unwrap();
        let error = load().unwrap_err();
        assert!(matches!(error, EngineError::Load(_)), "{error:?}");
        assert!(std::error::Error::source(&error).is_some(), "it says why");
    }
    assert!(Engine::builder().component("/dev/null").build().is_err());
}

#[tokio::test]
async fn an_engine_without_memory_traps_by_the_name_of_the_operation_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let long = format!("{{\"kind\": \"event\", \"text\": \"{}\"}}\n", "x".repeat(12 << 20));
    let bytes = [RECORD, &long, "garbage\n", RECORD].concat();
    fs::write(&path, &bytes).unwrap();
    let store = FileStore::open(&path);

    let small = Engine::builder().memory_limit(6 << 20).build().unwrap();
    let journal = Journal::new(&small, store.clone()).with_retention(half());
    // The newest records fit, so that what follows is no matter of an engine that never starts.
    let sample = ScanOptions { sample: Some(1), ..SCAN };
    assert_eq!(journal.scan(sample).await.unwrap().records, 1);
    let trapped = [
        ("scan", journal.scan(SCAN).await.map(drop)),
        ("recover", journal.recover(RECOVER).await.map(drop)),
        ("compact", journal.compact(COMPACT).await.map(drop)),
        ("read", journal.query(everything()).next().await.map(drop)),
        ("inspect", journal.inspect(InspectOptions { limit: 1000 }).await.map(drop)),
        ("startup-check", journal.startup_check(StartupOptions::default(), None).await.map(drop)),
        ("append", journal.append_lines(&long).await.map(drop)),
    ];
    for (name, result) in trapped {
        let error = result.expect_err(name);
        let JournalError::Trap { operation, .. } = &error else { panic!("{name}: {error:?}") };
        assert_eq!(*operation, name);
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes.as_bytes());
    assert_eq!(names(dir.path()), ["journal.ndjson"], "no temporaries");
    // The same journal, after seven traps, and another one with the usual limits.
    assert_eq!(journal.append_lines(RECORD).await.unwrap().records, 1);
    let journal = Journal::new(&Engine::new().unwrap(), store);
    assert_eq!(journal.scan(SCAN).await.unwrap().damaged, 1);
    assert_eq!(journal.recover(RECOVER).await.unwrap().removed_entries, 1);
    assert_eq!(journal.append_lines(RECORD).await.unwrap().records, 1);
}

#[tokio::test]
async fn an_engine_that_cannot_even_start_is_an_error_of_the_call() {
    let tiny = Engine::builder().memory_limit(64 << 10).build().unwrap();
    let journal = Journal::new(&tiny, MemoryStore::new());
    for _ in 0..3 {
        assert!(matches!(journal.scan(SCAN).await, Err(JournalError::Trap { .. })));
        assert!(matches!(journal.append_lines(RECORD).await, Err(JournalError::Trap { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cancels_finds_the_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let mut generator = Generator::new(4);
    let mut bytes = Vec::new();
    while bytes.len() < 12 << 20 {
        bytes.extend(generator.journal(5_000));
        bytes.extend_from_slice(b"garbage\n");
    }
    fs::write(&path, &bytes).unwrap();
    let engine = Engine::new().unwrap();
    for after in [0, 3 << 20, 8 << 20] {
        let journal = Journal::new(&engine, FileStore::open(&path))
            .with_retention(half())
            .with_progress(move |progress| match progress.bytes_done > after {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
        for (name, result) in [
            ("scan", journal.scan(SCAN).await.map(drop)),
            ("recover", journal.recover(RECOVER).await.map(drop)),
            ("compact", journal.compact(COMPACT).await.map(drop)),
        ] {
            let cancelled =
                matches!(result, Err(JournalError::Cancelled { operation }) if operation == name);
            assert!(cancelled, "{name} after {after}: {result:?}");
        }
        // A rewrite that was given up is cleared away by a thread that nobody waits for.
        let until = Instant::now() + Duration::from_secs(5);
        while names(dir.path()).len() > 1 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(names(dir.path()), ["journal.ndjson"]);
        assert!(fs::read(&path).unwrap() == bytes, "after {after}");
    }
    let journal = Journal::new(&engine, FileStore::open(&path));
    assert!(journal.recover(RECOVER).await.unwrap().changed);
}

#[tokio::test]
async fn an_operation_that_never_waits_leaves_others_their_turns() {
    let engine = Engine::new().unwrap();
    let journal = Journal::new(&engine, MemoryStore::new());
    let mut generator = Generator::new(5);
    for _ in 0..4 {
        let lines = String::from_utf8(generator.journal(2_000)).unwrap();
        journal.append_lines(&lines).await.unwrap();
    }
    let nothing = FieldMatch { field: "nosuch".to_owned(), value: "1".to_owned() };
    let selection = Selection { matching: vec![nothing], ..everything() };
    let mut turns = 0;
    let others = async {
        loop {
            turns += 1;
            tokio::task::yield_now().await;
        }
    };
    let mut pages = journal.query(selection);
    let page = tokio::select! {
        page = pages.next() => page.unwrap().unwrap(),
        () = others => unreachable!("it goes on for ever"),
    };
    assert!(page.end && page.count == 0, "{page:?}");
    assert!(turns > 4, "{turns} turns in 5 MB, of which the engine takes 1 MiB at a time");
}

/// A store that answers until it is told to hang.
#[derive(Clone)]
struct Hanging {
    inner: MemoryStore,
    snapshots: Arc<AtomicBool>,
    reads: Arc<AtomicBool>,
    appends: Arc<AtomicBool>,
}

async fn hang_if(hangs: &AtomicBool) {
    if hangs.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}

#[async_trait::async_trait]
impl Store for Hanging {
    fn describe(&self) -> Description {
        Description { volatile: false, ..self.inner.describe() }
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        hang_if(&self.appends).await;
        self.inner.append(lines, runs).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        hang_if(&self.snapshots).await;
        let inner = self.inner.snapshot().await?;
        Ok(Arc::new(HangingSnapshot { inner, reads: self.reads.clone() }))
    }
}

struct HangingSnapshot {
    inner: Arc<dyn Snapshot>,
    reads: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Snapshot for HangingSnapshot {
    fn segments(&self) -> &[Segment] {
        self.inner.segments()
    }

    async fn read(&self, name: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        hang_if(&self.reads).await;
        self.inner.read(name, at, most).await
    }

    async fn read_back(&self, name: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        hang_if(&self.reads).await;
        self.inner.read_back(name, at, most).await
    }

    async fn rewrite(
        &self,
        name: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        self.inner.rewrite(name, options).await
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_unavailable_in_bounded_time() {
    let engine = Engine::builder().storage_timeout(Duration::from_millis(50)).build().unwrap();
    let store = Hanging {
        inner: MemoryStore::new(),
        snapshots: Arc::default(),
        reads: Arc::default(),
        appends: Arc::default(),
    };
    let journal = Journal::new(&engine, store.clone()).with_retention(half());
    journal.append_lines(RECORD).await.unwrap();
    for hangs in [&store.snapshots, &store.reads] {
        hangs.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let all = tokio::time::timeout(Duration::from_secs(10), async {
            [
                ("scan", journal.scan(SCAN).await.map(drop)),
                ("recover", journal.recover(RECOVER).await.map(drop)),
                ("compact", journal.compact(COMPACT).await.map(drop)),
                ("read", journal.query(everything()).next().await.map(drop)),
                ("inspect", journal.inspect(InspectOptions { limit: 10 }).await.map(drop)),
            ]
        });
        for (name, result) in all.await.expect("no call waits for ever") {
            let error = result.expect_err(name);
            assert_eq!(error.code(), Some(FailureCode::Unavailable), "{name}: {error}");
        }
        assert!(began.elapsed() < Duration::from_secs(5));
        hangs.store(false, Ordering::Relaxed);
    }
    store.appends.store(true, Ordering::Relaxed);
    let error = journal.append_lines(RECORD).await.unwrap_err();
    assert_eq!(error.code(), Some(FailureCode::Unavailable));
    store.appends.store(false, Ordering::Relaxed);
    journal.append_lines(RECORD).await.unwrap();
    assert_eq!(journal.scan(SCAN).await.unwrap().records, 2, "it works again");
}
