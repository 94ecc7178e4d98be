//! A store that returns garbage, across the boundary of the sandbox: the engine answers with a failure, and
//! never traps, goes in circles or takes more memory than it may.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use papyra_persistence::journal::{
    CompactOptions, FailureCode, InspectOptions, Limits, Order, RecoverOptions, RecoveryMode,
    Retention, ScanOptions, Selection, StartupMode, StartupOptions,
};
use papyra_persistence::store::{
    Chunk, Description, Framing, Layout, Payload, Position, Rewrite, RewriteOptions, Role, Run,
    Segment, Snapshot, Store, StoreError, StoreErrorKind,
};
use papyra_persistence::{Engine, Journal, JournalError};
use papyra_tests::damage::damage;
use papyra_tests::generate::Generator;
use papyra_tests::hostile::store::HostileStore;
use papyra_tests::random::Random;
use papyra_tests::watch;

const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";
const OPERATIONS: [&str; 7] =
    ["scan", "recover", "compact", "query", "inspect", "startup-check", "append"];

fn selection(order: Order) -> Selection {
    Selection { order, limit: None, ..Selection::default() }
}

async fn run(journal: &Journal, name: &str, random: &mut Random) -> Result<(), JournalError> {
    let max_findings = [0, 5, 10_000][random.below(3)];
    let sample = random.once_in(3).then_some(7);
    let mode = [RecoveryMode::Repair, RecoveryMode::Quarantine][random.below(2)];
    let dry_run = random.once_in(2);
    match name {
        "scan" => journal.scan(ScanOptions { max_findings, sample }).await.map(drop),
        "recover" => journal
            .recover(RecoverOptions {
                mode,
                dry_run,
                max_findings,
                record_audit: true,
                allow_loss: false,
            })
            .await
            .map(drop),
        "compact" => {
            let (force, keep_quarantine) = (random.once_in(2), random.once_in(2));
            let options = CompactOptions {
                dry_run,
                force,
                keep_quarantine,
                as_of: None,
                record_audit: true,
                allow_expire_all: false,
                full: false,
            };
            journal.compact(options).await.map(drop)
        }
        "query" => {
            let order = [Order::OldestFirst, Order::NewestFirst][random.below(2)];
            let mut pages = journal.query(selection(order));
            // A hostile store never runs out of records.
            for _ in 0..5 {
                if pages.next().await?.is_none() {
                    break;
                }
            }
            Ok(())
        }
        "inspect" => journal.inspect(InspectOptions { limit: 100 }).await.map(drop),
        "startup-check" => {
            let modes = [StartupMode::ScanOnly, StartupMode::Fail, StartupMode::Recover];
            let mode_of_start = modes[random.below(3)];
            let options = StartupOptions {
                mode: mode_of_start,
                recovery: mode,
                full: dry_run,
                record_audit: true,
            };
            journal.startup_check(options, None).await.map(drop)
        }
        "append" => journal.append_lines(RECORD).await.map(drop),
        other => panic!("{other}"),
    }
}

fn half() -> Retention {
    let journal = Limits { max_records: Some(3), ..Limits::default() };
    Retention { journal, ..Retention::default() }
}

fn started() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_hostile_store_gets_failures_and_never_a_trap_or_an_endless_loop() {
    let engine = Engine::new().unwrap();
    watch::cases("hostile stores of a sandbox", move |seed| {
        let mut random = Random::new(seed);
        let text = damage(&Generator::with_pool(seed, 8).journal(30), seed).bytes;
        let store = HostileStore::new(text, seed);
        let journal = Journal::new(&engine, store.clone()).with_retention(half()).with_jobs(1);
        started().block_on(async {
            for _ in 0..12 {
                store.reset();
                let name = OPERATIONS[random.below(OPERATIONS.len())];
                let result = run(&journal, name, &mut random).await;
                let trapped = matches!(result, Err(JournalError::Trap { .. }));
                assert!(!trapped, "{name}: {result:?}");
            }
        });
    });
}

/// What a store of [`Fixed`] does wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Every call fails so.
    Fails(StoreErrorKind),
    /// No chunk is the last one.
    NeverLast,
    /// Chunks are empty, and more is said to follow.
    Empty,
    /// Chunks are longer than asked for, and than an instance could hold.
    Flood,
    /// Chunks begin somewhere else.
    Elsewhere,
    /// Chunks have one byte.
    Drops,
}

/// Two records and a damaged line, and one fault.
#[derive(Clone)]
struct Fixed(Fault);

const JOURNAL: [&str; 3] = [RECORD, "garbage\n", RECORD];

impl Fixed {
    fn fail(&self) -> Result<(), StoreError> {
        match self.0 {
            Fault::Fails(kind) => Err(StoreError::new(kind, "as told")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Fixed {
    fn describe(&self) -> Description {
        Description {
            backend: "fixed".to_owned(),
            location: "nowhere".to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, _: String, _: &[Run]) -> Result<(), StoreError> {
        self.fail()
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.fail()?;
        let bytes = JOURNAL.concat().len() as u64;
        let active = Segment {
            name: "only".to_owned(),
            role: Role::Active,
            number: 0,
            start: Position { major: 0, minor: 0 },
            end: Position { major: 0, minor: bytes },
            bytes,
            entries: None,
            kind: None,
            partition: None,
            pinned: None,
        };
        Ok(Arc::new(FixedView { segments: vec![active], fault: self.0 }))
    }
}

struct FixedView {
    segments: Vec<Segment>,
    fault: Fault,
}

impl FixedView {
    fn chunk(&self, from: u64, to: u64) -> Chunk {
        let whole = JOURNAL.concat().into_bytes();
        let mut data = whole[from as usize..to as usize].to_vec();
        let mut start = from;
        let mut last = false;
        match self.fault {
            Fault::Empty => data.clear(),
            Fault::Flood => data.resize(100 << 20, b'x'),
            Fault::Elsewhere => start += 1,
            Fault::Drops => last = from == to,
            Fault::NeverLast | Fault::Fails(_) => {}
        }
        let start = Position { major: 0, minor: start };
        Chunk { start, data: Payload::Raw(data), frames: Vec::new(), last }
    }
}

#[async_trait]
impl Snapshot for FixedView {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, _: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        let most = if matches!(self.fault, Fault::Drops) { 1 } else { u64::from(most) };
        Ok(self.chunk(at.minor, (at.minor + most).min(self.segments[0].bytes)))
    }

    async fn read_back(&self, _: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        let most = if matches!(self.fault, Fault::Drops) { 1 } else { u64::from(most) };
        Ok(self.chunk(at.minor.saturating_sub(most), at.minor))
    }

    async fn rewrite(&self, _: &str, _: RewriteOptions) -> Result<Box<dyn Rewrite>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "it is not to be rewritten"))
    }
}

#[tokio::test]
async fn each_error_of_a_store_arrives_as_what_it_is() {
    let engine = Engine::new().unwrap();
    for (kind, code) in [
        (StoreErrorKind::Unavailable, FailureCode::Unavailable),
        (StoreErrorKind::Full, FailureCode::Full),
        (StoreErrorKind::Locked, FailureCode::Locked),
        (StoreErrorKind::Denied, FailureCode::Denied),
        (StoreErrorKind::NotFound, FailureCode::NotFound),
        (StoreErrorKind::Unsupported, FailureCode::Unsupported),
        (StoreErrorKind::Corrupt, FailureCode::Corrupt),
        (StoreErrorKind::Failed, FailureCode::Failed),
    ] {
        let store = Fixed(Fault::Fails(kind));
        let journal = Journal::new(&engine, store).with_retention(half());
        for name in OPERATIONS {
            let result = run(&journal, name, &mut Random::new(1)).await;
            if (name, kind) == ("startup-check", StoreErrorKind::NotFound) {
                result.unwrap();
                continue;
            }
            let error = result.expect_err(name);
            assert_eq!(error.code(), Some(code), "{name}: {error}");
            assert!(error.to_string().contains("as told"), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn what_a_store_says_too_much_or_too_little_changes_no_report() {
    let engine = Engine::new().unwrap();
    for fault in [Fault::NeverLast, Fault::Flood, Fault::Drops] {
        let journal = Journal::new(&engine, Fixed(fault));
        let report = journal.scan(ScanOptions { max_findings: 5, sample: None }).await.unwrap();
        assert_eq!((report.records, report.damaged), (2, 1), "{fault:?}");
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let page = journal.query(selection(order)).next().await;
            if matches!(fault, Fault::Flood) {
                // What is too much does not end where reading backward began, as every query does: to
                // find its records, or to remember where to go on.
                assert_eq!(page.unwrap_err().code(), Some(FailureCode::Corrupt));
            } else {
                assert_eq!(page.unwrap().unwrap().records, RECORD.repeat(2), "{fault:?}");
            }
        }
    }
    for fault in [Fault::Empty, Fault::Elsewhere] {
        let journal = Journal::new(&engine, Fixed(fault)).with_retention(half());
        for name in OPERATIONS.iter().filter(|name| **name != "append") {
            let error = run(&journal, name, &mut Random::new(1)).await.expect_err(name);
            assert_eq!(error.code(), Some(FailureCode::Corrupt), "{fault:?}, {name}: {error}");
        }
    }
}
