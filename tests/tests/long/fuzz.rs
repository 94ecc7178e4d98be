//! Random journals and a hostile store, fed to the engine as it runs natively, for as long as
//! `PAPYRA_FUZZ_SECONDS` says.

mod worst;

use papyra_engine::failure::{FailureCode, Outcome};
use papyra_engine::health::inspect;
use papyra_engine::health::recover::{RecoverOptions, Recovery, RecoveryMode};
use papyra_engine::health::scan::{self, ScanOptions, ScanReport};
use papyra_engine::health::startup::{self, StartupMode, StartupOptions};
use papyra_engine::host::Host;
use papyra_engine::json::Kind;
use papyra_engine::operations;
use papyra_engine::read::query::{self, Order, Selection};
use papyra_engine::read::select::{FieldMatch, Filter};
use papyra_engine::retention::compact::{self, CompactOptions};
use papyra_engine::retention::survey;
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::Lines;
use papyra_engine::walk::partition;
use papyra_engine::write::append::{self, Draft};
use papyra_tests::damage::damage;
use papyra_tests::generate::Generator;
use papyra_tests::hostile::Hostile;
use papyra_tests::random::Random;
use papyra_tests::watch;

const ALL: ScanOptions = ScanOptions { max_findings: 10_000, sample: None };

#[test]
fn any_bytes_are_judged_alike_by_scan_read_recovery_and_serde_json() {
    watch::cases("random journals", |seed| {
        let mut random = Random::new(seed);
        let journal = journal(&mut random);
        let largest = [1, 5, 80, 3_000, 1 << 20][random.below(5)];
        let open = |data: &[u8]| {
            let mut random = Random::new(seed);
            Lines::new(data).reading(move || random.between(1, largest))
        };
        let records = records(&journal);
        let lines = journal.split_inclusive(|byte| *byte == b'\n').count();

        let mut host = open(&journal);
        let report = scan::scan(&mut host, ALL).unwrap();
        let tally = &report;
        assert_eq!((tally.bytes, tally.entries), (journal.len() as u64, lines as u64));
        assert_eq!(tally.records, records.len() as u64, "{:?}", report.findings);
        assert_eq!(report.findings_total, tally.anomalies.iter().map(|of| of.count).sum::<u64>());
        let open_end = records.last().is_some_and(|last| journal.ends_with(last));
        let unsound = lines - records.len();
        assert_eq!(tally.damaged, (unsound + usize::from(open_end)) as u64);
        assert_eq!(in_shares(&mut host, 1 + random.below(9) as u32), report, "in shares");
        assert!(scan::scan(&mut host, ScanOptions { sample: Some(3), ..ALL }).is_ok());

        let forward = answer(&mut host, Order::OldestFirst, &Retention::default());
        assert_eq!(forward, (joined(records.iter()), unsound as u64), "oldest first");
        let backward = answer(&mut host, Order::NewestFirst, &Retention::default());
        assert_eq!(backward, (joined(records.iter().rev()), unsound as u64), "newest first");
        let seen = inspect::inspect(&mut host, u64::MAX, &Retention::default()).unwrap();
        assert_eq!((seen.records, seen.damaged), (tally.records, tally.damaged));
        assert_eq!((&host.data, host.rewrites), (&journal, 0), "looking changes nothing");

        for mode in [RecoveryMode::Repair, RecoveryMode::Quarantine] {
            check_recovery(open(&journal), &report, mode);
        }
        check_compaction(open(&journal), random.below(records.len() + 2) as u64);
    });
}

/// Records of every writer, and dead letters with a record in them.
fn records_to_tear() -> Vec<Vec<u8>> {
    let mut generator = Generator::with_pool(23, 200);
    let mut all = Vec::new();
    for number in 0..200 {
        let mut record = Vec::new();
        generator.line(&mut record);
        record.pop();
        if number % 5 == 0 {
            let (front, back) =
                (&b"{\"kind\":\"dead_letter\",\"record\":"[..], b",\"timestamp\":1763700000}");
            record = [front, &record, back].concat();
        }
        all.push(record);
    }
    all
}

#[test]
fn a_torn_record_never_hides_the_one_behind_it_nor_becomes_one() {
    let next = "{\"timestamp\": 1763700001, \"kind\": \"audit\", \"text\": \"a } \\\" { b\"}\n";
    for record in records_to_tear() {
        for length in 1..record.len() {
            let torn = [&record[..length], next.as_bytes()].concat();
            let mut host = Lines::new(torn.clone());
            let (mode, allow_loss) = (RecoveryMode::Repair, true);
            let (dry_run, max_findings, record_audit) = (false, 9, false);
            let options = RecoverOptions { mode, dry_run, max_findings, record_audit, allow_loss };
            let done = operations::recover(&mut host, options).unwrap();
            let what = || format!("torn at {length}: {}", String::from_utf8_lossy(&torn));
            let invented =
                host.data.strip_suffix(next.as_bytes()).unwrap_or_else(|| panic!("{}", what()));
            assert!(done.salvaged <= done.ambiguous + 1, "{}", what());
            for kept in invented.split_inclusive(|byte| *byte == b'\n') {
                let kept = &kept[..kept.len() - 1];
                let at = memchr::memmem::find(&torn, kept).unwrap();
                let follows = torn[at + kept.len()..].trim_ascii_start().first();
                assert!(!matches!(follows, Some(b',' | b'}' | b']')), "{}", what());
            }
        }
    }
}

#[test]
fn a_hostile_store_gets_failures_and_never_a_panic_or_an_endless_loop() {
    watch::cases("hostile stores", |seed| {
        let mut random = Random::new(seed);
        let text = journal(&mut random);
        let mut host = Hostile::new(text, seed);
        let mut cursor = None;
        for _ in 0..20 {
            host.reset();
            let _ = anything(&mut host, &mut random, &mut cursor);
        }
    });
}

fn check_recovery(mut host: Lines, before: &ScanReport, mode: RecoveryMode) {
    let options = RecoverOptions {
        mode,
        dry_run: false,
        max_findings: 10_000,
        record_audit: false,
        allow_loss: false,
    };
    let original = host.data.len();
    let dry = operations::recover(&mut host, RecoverOptions { dry_run: true, ..options });
    let (options, dry) = match dry {
        Err(failure) if failure.code == FailureCode::InvalidArgument => {
            assert_eq!(mode, RecoveryMode::Repair, "{}", failure.message);
            let options = RecoverOptions { allow_loss: true, ..options };
            let dry = RecoverOptions { dry_run: true, ..options };
            (options, operations::recover(&mut host, dry).unwrap())
        }
        dry => (options, dry.unwrap()),
    };
    assert_eq!((host.data.len(), host.rewrites), (original, 0));
    let done = operations::recover(&mut host, options).unwrap();
    assert_eq!(&done.before, before, "recovery sees what the scan saw");
    assert_eq!(done, Recovery { dry_run: false, ..dry }, "{mode:?}: as the dry run said");
    let added = usize::try_from(done.line_ends).unwrap();
    let gone = usize::try_from(done.removed_bytes).unwrap();
    assert_eq!(host.data.len() + gone, original + added);
    if mode == RecoveryMode::Quarantine {
        assert_eq!(host.quarantine.len(), gone);
    }
    let after = scan::scan(&mut host, ALL).unwrap();
    assert_eq!(after.damaged, 0, "{mode:?}: {:?}", after.findings);
    assert!(mode == RecoveryMode::Repair || after.is_healthy(), "{:?}", after.findings);
    let once = host.data.clone();
    let again = operations::recover(&mut host, options).unwrap();
    assert!(!again.changed && host.data == once, "{mode:?}: twice is as good as once");
}

/// What retention hides from a reader is what compaction removes.
fn check_compaction(mut host: Lines, max_records: u64) {
    let limits = Limits { max_records: Some(max_records), ..Limits::default() };
    let policy = Retention::new(limits, &[]).unwrap();
    let (visible, _) = answer(&mut host, Order::OldestFirst, &policy);
    let (reversed, _) = answer(&mut host, Order::NewestFirst, &policy);
    assert_eq!(visible.lines().rev().collect::<Vec<_>>(), reversed.lines().collect::<Vec<_>>());
    let options = CompactOptions {
        dry_run: false,
        force: false,
        keep_quarantine: true,
        as_of: None,
        record_audit: false,
        allow_expire_all: true,
        full: false,
    };
    let original = host.data.len();
    let done = compact::compact(&mut host, &policy, options).unwrap();
    assert_eq!(done.records_after, max_records.min(done.records_before));
    assert_eq!(host.data.len() + host.quarantine.len(), original);
    let (left, _) = answer(&mut host, Order::OldestFirst, &Retention::default());
    assert_eq!(left, visible, "at most {max_records} records");
}

/// One random operation with random arguments.
fn anything(host: &mut Hostile, random: &mut Random, cursor: &mut Option<String>) -> Outcome<()> {
    let max_findings = random.below(30) as u32;
    let limits = Limits {
        max_records: random.once_in(2).then(|| random.below(20) as u64),
        max_age_seconds: random.once_in(3).then(|| random.unit() * 1e9),
        max_total_bytes: random.once_in(3).then(|| random.below(2000) as u64),
    };
    let policy = Retention::new(limits, &[(Kind::Audit, limits)])?;
    let mode = if random.once_in(2) { RecoveryMode::Repair } else { RecoveryMode::Quarantine };
    let dry_run = random.once_in(3);
    let options = CompactOptions {
        dry_run,
        force: random.once_in(2),
        keep_quarantine: true,
        as_of: None,
        record_audit: false,
        allow_expire_all: true,
        full: false,
    };
    match random.below(9) {
        0 => {
            let sample = random.once_in(3).then(|| random.below(9) as u64);
            scan::scan(host, ScanOptions { max_findings, sample }).map(drop)
        }
        1 => {
            let mut results = Vec::new();
            for part in partition::partition(host, random.below(9) as u32)? {
                let options = ScanOptions { max_findings, sample: None };
                results
                    .push(partition::write_result(&scan::scan_partition(host, &part, options)?)?);
            }
            scan::conclude(host, &results, ALL).map(drop)
        }
        2 => operations::recover(
            host,
            RecoverOptions { mode, dry_run, max_findings, record_audit: false, allow_loss: false },
        )
        .map(drop),
        3 => compact::compact(host, &policy, options).map(drop),
        4 => {
            let parts: Vec<partition::Partition> = partition::partition(host, 3)?;
            let surveys = parts.iter().map(|part| {
                partition::write_result(&survey::survey_partition(host, part, &policy, 1.8e9)?)
            });
            let surveys = surveys.collect::<Outcome<Vec<_>>>()?;
            compact::compact_surveyed(host, &surveys, &policy, options).map(drop)
        }
        5 => inspect::inspect(host, random.below(50) as u64, &policy).map(drop),
        6 => {
            let all = [StartupMode::ScanOnly, StartupMode::Fail, StartupMode::Recover];
            let full = random.below(2) == 0;
            let options = StartupOptions {
                mode: all[random.below(3)],
                recovery: mode,
                full,
                record_audit: random.once_in(2),
            };
            startup::startup_check(host, options).map(drop)
        }
        7 => {
            let fields = "{\"a\": 1}".to_owned();
            let draft = Draft { kind: Kind::Event, timestamp: None, fields };
            append::append(host, &[draft.clone(), draft]).map(drop)
        }
        _ => {
            let order = if random.once_in(2) { Order::OldestFirst } else { Order::NewestFirst };
            let matching = FieldMatch { field: "a.b".to_owned(), value: "1".to_owned() };
            let matching = if random.once_in(3) { vec![matching] } else { Vec::new() };
            let filter = Filter::new(Vec::new(), None, None, matching)?;
            let limit = random.once_in(2).then(|| random.below(9) as u64);
            let given = cursor.take().map(|text| mutated_cursor(text, random));
            let page = query::query(
                host,
                &Selection { filter, limit, order, no_index: false, cursor: given },
                &policy,
            )?;
            *cursor = Some(page.cursor);
            Ok(())
        }
    }
}

/// A cursor in which a number or a byte is another one.
fn mutated_cursor(text: String, random: &mut Random) -> String {
    let mut bytes = text.into_bytes();
    for _ in 0..random.below(4) {
        let digits: Vec<_> = (1..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
        if digits.is_empty() {
            break;
        }
        let at = digits[random.below(digits.len())];
        match random.below(3) {
            0 => bytes[at] = b'0' + random.below(10) as u8,
            1 => bytes[at] ^= 1 << random.below(7),
            _ => drop(bytes.splice(at..=at, *b"18446744073709551615")),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A journal that was damaged once or more, or bytes that never were one.
fn journal(random: &mut Random) -> Vec<u8> {
    const WORDS: [&[u8]; 16] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b":",
        b",",
        b"\n",
        b"NaN",
        b"-Infinity",
        b"1e5",
        b"\\ud800",
        b"\"kind\":\"event\"",
        b"\"timestamp\":1",
        b"\xff",
        b"{\"a\":{}}\n",
    ];
    if random.once_in(4) {
        return (0..random.below(200)).flat_map(|_| WORDS[random.below(16)]).copied().collect();
    }
    let seed = random.bits();
    let mut bytes = match random.below(20) {
        0 => return (0..random.below(3000)).map(|_| random.bits() as u8).collect(),
        _ => Generator::with_pool(seed, 5).journal(1 + random.below(25)),
    };
    if !random.once_in(4) {
        bytes = damage(&bytes, seed).bytes;
    }
    for _ in 0..random.below(6).min(bytes.len()) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = random.bits() as u8,
            1 => bytes[at] = b"\n{}[]\":,\\\r \0eE+-."[random.below(17)],
            2 => drop(bytes.splice(at..at, WORDS[random.below(16)].iter().copied())),
            _ => bytes.truncate(at + 1),
        }
    }
    bytes
}

/// The lines that are records by the word of `serde_json`, without their ends.
fn records(journal: &[u8]) -> Vec<&[u8]> {
    let lines = journal.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    lines.filter(|line| is_record(line)).collect()
}

/// Numbers that JSON lacks and Papyra writes are read as `null`. Lone surrogates and depth are not
/// judged by a value that is ignored.
fn is_record(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let mut standard = String::new();
    for (index, piece) in quoted_apart(text).into_iter().enumerate() {
        match index % 2 {
            0 => standard.push_str(
                &piece
                    .replace("NaN", "null")
                    .replace("-Infinity", "null")
                    .replace("Infinity", "null"),
            ),
            _ => standard.push_str(piece),
        }
    }
    let object = text.trim_start_matches([' ', '\t', '\r']).starts_with('{');
    object && serde_json::from_str::<serde::de::IgnoredAny>(&standard).is_ok()
}

/// What is outside of strings and what is inside, in turn.
fn quoted_apart(text: &str) -> Vec<&str> {
    let (mut pieces, mut from, mut inside, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        let quote = byte == b'"' && !(inside && escaped);
        escaped = inside && byte == b'\\' && !escaped;
        if quote {
            pieces.push(&text[from..at + usize::from(inside)]);
            from = at + usize::from(inside);
            inside = !inside;
        }
    }
    pieces.push(&text[from..]);
    pieces
}

fn in_shares(host: &mut Lines, shares: u32) -> ScanReport {
    let parts = partition::partition(host, shares).unwrap();
    let results: Vec<_> = parts
        .iter()
        .map(|part| {
            partition::write_result(&scan::scan_partition(host, part, ALL).unwrap()).unwrap()
        })
        .collect();
    scan::conclude(host, &results, ALL).unwrap()
}

/// All pages of an answer, and how many damaged entries were passed over.
fn answer<H: Host>(host: &mut H, order: Order, policy: &Retention) -> (String, u64) {
    let (mut text, mut damaged, mut cursor) = (String::new(), 0, None);
    loop {
        let selection =
            Selection { filter: Filter::default(), limit: None, order, no_index: false, cursor };
        let page = query::query(host, &selection, policy).unwrap();
        text.push_str(&page.records);
        damaged += page.damaged;
        if page.end {
            return (text, damaged);
        }
        cursor = Some(page.cursor);
    }
}

fn joined<'a>(lines: impl Iterator<Item = &'a &'a [u8]>) -> String {
    lines.map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect()
}
