//! The operations, each on the store and on the model.

use std::sync::Arc;

use papyra_persistence::journal::{
    CompactOptions, KindLimits, Order, RecoverOptions, RecoveryMode, ScanOptions, StartupOptions,
    StartupOutcome,
};
use papyra_persistence::store::{Framing, Kind, Payload, Position, Snapshot, Store};
use papyra_persistence::{Engine, Journal, Limits, Retention, Selection};
use papyra_tests::random::Random;

use super::expected::{Line, text};
use super::{Model, Place};

/// Every record is one of these old, in seconds, and the limit of age lies in between.
const AGES: [u64; 4] = [10, 1_000, 500_000, 9_000_000];
const MAX_AGE: f64 = 100_000.0;

/// A view that was taken earlier.
struct Held {
    view: Arc<dyn Snapshot>,
    lines: Vec<String>,
    /// Nothing was removed since.
    untouched: bool,
}

/// A sequence that is under way.
pub struct Run<'a> {
    engine: &'a Engine,
    place: &'a Place,
    seed: u64,
    store: Arc<dyn Store>,
    model: Model,
    held: Option<Held>,
    /// What was done, for the report of a failure.
    done: Vec<String>,
    next: u64,
    now: u64,
}

impl<'a> Run<'a> {
    pub fn new(engine: &'a Engine, place: &'a Place, seed: u64) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self {
            engine,
            place,
            seed,
            store: place.open(),
            model: Model::new(engine),
            held: None,
            done: Vec::new(),
            next: 0,
            now: now.as_secs(),
        }
    }

    fn journal(&self) -> Journal {
        Journal::with_store(self.engine, self.store.clone())
    }

    fn same<T: PartialEq + std::fmt::Debug>(&self, what: &str, found: &T, expected: &T) {
        assert!(
            found == expected,
            "seed {}, {what}:\nfound    {found:?}\nexpected {expected:?}\nafter\n  {}",
            self.seed,
            self.done.join("\n  ")
        );
    }

    pub async fn step(&mut self, random: &mut Random) {
        match random.below(20) {
            0..=5 => self.append(random).await,
            6 => self.damage(random).await,
            7..=10 => self.query(random).await,
            11..=13 => self.compact(random).await,
            14 => self.recover(random).await,
            15 => self.scan().await,
            16 | 17 => self.start_up(random).await,
            18 => self.hold().await,
            _ => {
                self.done.push("open anew".to_owned());
                self.store = self.place.open();
            }
        }
    }

    fn record(&mut self, kind: Kind, random: &mut Random) -> Line {
        self.next += 1;
        let time = self.now - AGES[random.below(AGES.len())];
        let filler = random.pick(&["", "ü", "a longer text that takes some space", "\\u00fc\\n"]);
        let text = format!(
            r#"{{"kind": "{}", "timestamp": {time}, "n": {}, "x": "{filler}"}}"#,
            kind.name(),
            self.next
        );
        Line { kind, text, damaged: false }
    }

    pub async fn append(&mut self, random: &mut Random) {
        let mixed = self.place.keeps_mixed_batches && random.once_in(2);
        let first = Kind::ALL[random.below(4)];
        let mut batch = Vec::new();
        for _ in 0..random.between(1, 8) {
            let kind = if mixed { Kind::ALL[random.below(4)] } else { first };
            batch.push(self.record(kind, random));
        }
        self.done.push(format!("append {}", shown(&batch)));
        let lines: String = batch.iter().map(|line| format!("{}\n", line.text)).collect();
        let appended = self.journal().append_lines(&lines).await.unwrap();
        self.same("records appended", &appended.records, &(batch.len() as u64));
        self.same("bytes appended", &appended.bytes, &(lines.len() as u64));
        self.model.lines.extend(batch);
    }

    /// A line that the engine would not let through.
    async fn damage(&mut self, random: &mut Random) {
        let kind = Kind::ALL[random.below(4)];
        let text = random.pick(&["{\"kind\": \"ev", "no record", "[1]", "\u{0}\u{0}"]).to_owned();
        self.done.push(format!("damage {}", kind.name()));
        let run = papyra_persistence::store::Run { kind, lines: 1 };
        self.store.append(format!("{text}\n"), &[run]).await.unwrap();
        self.model.lines.push(Line { kind, text, damaged: true });
    }

    async fn query(&mut self, random: &mut Random) {
        // What counts of damaged lines towards the limits is for tests of the engine.
        let retention = match self.model.damaged() {
            0 if random.once_in(2) => retention(random),
            _ => Retention::default(),
        };
        let time = |random: &mut Random| {
            let near = self.now - AGES[random.below(AGES.len())];
            random.once_in(3).then_some(near as f64 + 0.5 - random.below(2) as f64)
        };
        let selection = Selection {
            kinds: (0..random.below(3)).map(|_| Kind::ALL[random.below(4)]).collect(),
            since: time(random),
            until: time(random),
            limit: random.once_in(2).then(|| random.below(10) as u64),
            order: [Order::OldestFirst, Order::NewestFirst][random.below(2)],
            ..Selection::default()
        };
        self.done.push(format!("query {selection:?} {retention:?}"));
        let expected = self.model.answer(&retention, selection.clone()).await;
        let found = text(&self.journal().with_retention(retention), selection).await;
        self.same("the answer", &found, &expected);
    }

    async fn compact(&mut self, random: &mut Random) {
        if self.model.damaged() > 0 {
            self.recover(random).await;
        }
        let retention = retention(random);
        let dry_run = random.once_in(4);
        let keep_quarantine = random.once_in(4);
        self.done.push(format!("compact {dry_run} {keep_quarantine} {retention:?}"));
        let before = self.model.lines.len() as u64;
        let all = self.model.lines.clone();
        self.model.compact(&retention).await;
        let after = self.model.lines.len() as u64;
        let options = CompactOptions {
            dry_run,
            keep_quarantine,
            record_audit: false,
            allow_expire_all: true,
            full: false,
            ..CompactOptions::default()
        };
        let journal = self.journal().with_retention(retention);
        let report = journal.compact(options).await.unwrap();
        self.same("records", &(report.records_before, report.records_after), &(before, after));
        self.same("a change", &report.changed, &(before != after));
        if dry_run {
            self.model.lines = all;
        } else {
            self.touch();
        }
    }

    async fn recover(&mut self, random: &mut Random) {
        let quarantine = random.once_in(2);
        let mode = if quarantine { RecoveryMode::Quarantine } else { RecoveryMode::Repair };
        self.done.push(format!("recover {mode:?}"));
        let options = RecoverOptions {
            mode,
            dry_run: false,
            max_findings: 5,
            record_audit: false,
            // What does not look like a journal is for tests of the engine.
            allow_loss: true,
        };
        let report = self.journal().recover(options).await.unwrap();
        let damaged = self.model.damaged();
        self.same("entries removed", &report.removed_entries, &damaged);
        self.same("anomalies left", &report.remaining, &0);
        self.model.lines.retain(|line| !line.damaged);
        self.touch();
    }

    fn touch(&mut self) {
        if let Some(held) = &mut self.held {
            held.untouched = false;
        }
    }

    async fn scan(&mut self) {
        self.done.push("scan".to_owned());
        let report = self.journal().scan(ScanOptions::default()).await.unwrap();
        let records = self.model.records().count() as u64;
        let found = (report.records, report.damaged, report.suspect, report.structural);
        self.same("the scan", &found, &(records, self.model.damaged(), 0, 0));
        for count in report.kinds {
            let records = self.model.records().filter(|line| line.kind == count.kind).count();
            let expected = (records as u64, self.model.bytes(count.kind));
            self.same(count.kind.name(), &(count.records, count.bytes), &expected);
        }
    }

    /// Checkpoints make no difference to what a check finds.
    async fn start_up(&mut self, random: &mut Random) {
        let options = StartupOptions { full: random.once_in(4), ..StartupOptions::default() };
        self.done.push(format!("check, full: {}", options.full));
        let report = self.journal().startup_check(options, None).await.unwrap();
        let expected = match self.model.damaged() {
            0 => StartupOutcome::Healthy,
            _ => StartupOutcome::Refused,
        };
        self.same("the outcome", &report.outcome, &expected);
        let scan = report.scan.unwrap();
        let records = self.model.records().count() as u64;
        self.same("the check", &(scan.records, scan.damaged), &(records, self.model.damaged()));
    }

    /// Looks through the view that was taken the last time, and takes another one.
    async fn hold(&mut self) {
        if let Some(held) = &self.held
            && (held.untouched || self.place.views_outlive_rewrites)
        {
            let found = lines(&*self.store, &*held.view).await;
            self.same("the older view", &sorted(found), &held.lines);
        }
        self.done.push("take a view".to_owned());
        let view = self.store.snapshot().await.unwrap();
        self.held = Some(Held { view, lines: self.expected(), untouched: true });
    }

    fn expected(&self) -> Vec<String> {
        sorted(self.model.lines.iter().map(|line| line.text.clone()).collect())
    }

    /// At the end: every byte, and what a new handle makes of it.
    pub async fn check(&mut self) {
        self.hold().await;
        self.store = self.place.open();
        let view = self.store.snapshot().await.unwrap();
        let found = lines(&*self.store, &*view).await;
        self.same("every line", &sorted(found), &self.expected());
        let none = Retention::default();
        let expected = self.model.answer(&none, Selection::default()).await;
        self.same("all", &text(&self.journal(), Selection::default()).await, &expected);
        self.scan().await;
    }
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn shown(batch: &[Line]) -> String {
    let shown = batch.iter().map(|line| format!("\n    {}", line.text));
    shown.collect()
}

/// At least one limit.
fn retention(random: &mut Random) -> Retention {
    let limits = |random: &mut Random| Limits {
        max_records: random.once_in(2).then(|| random.below(14) as u64),
        max_total_bytes: random.once_in(3).then(|| random.below(1_500) as u64),
        max_age_seconds: random.once_in(3).then_some(MAX_AGE),
    };
    loop {
        let journal = limits(random);
        let kinds = random.below(4).saturating_sub(1);
        let mut per_kind: Vec<KindLimits> = Vec::new();
        for kind in Kind::ALL.into_iter().take(kinds) {
            per_kind.push(KindLimits { kind, limits: limits(random) });
        }
        let all = [journal].into_iter().chain(per_kind.iter().map(|of| of.limits));
        if all.clone().any(|limits| limits != Limits::default()) {
            return Retention { journal, per_kind };
        }
    }
}

/// Every entry of a view, read in small pieces.
async fn lines(store: &dyn Store, view: &dyn Snapshot) -> Vec<String> {
    let framing = store.describe().framing;
    let mut lines = Vec::new();
    for segment in view.segments() {
        let mut at = segment.start;
        let mut bytes = Vec::new();
        loop {
            let chunk = view.read(&segment.name, at, 100).await.unwrap();
            let Payload::Raw(data) = &chunk.data else { panic!("raw bytes") };
            let mut from = 0;
            for frame in &chunk.frames {
                let to = frame.end as usize;
                lines.push(String::from_utf8(data[from..to].to_vec()).unwrap());
                from = to;
                at = Position { major: frame.at.major, minor: frame.at.minor + 1 };
            }
            if framing == Framing::Lines {
                at = Position { major: 0, minor: chunk.start.minor + data.len() as u64 };
                bytes.extend_from_slice(data);
            }
            if chunk.last {
                break;
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}
