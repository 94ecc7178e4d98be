//! An index saves reading, and changes no answer.

use papyra_engine::health::recover::{RecoverOptions, Recovery, RecoveryMode};
use papyra_engine::health::startup::{self, StartupMode, StartupOptions};
use papyra_engine::health::{inspect, scan};
use papyra_engine::host::{Host, Position, Range};
use papyra_engine::index::{Builder, Index, Member};
use papyra_engine::json::Kind;
use papyra_engine::operations;
use papyra_engine::read::query::{self, Order, Selection};
use papyra_engine::read::select::Filter;
use papyra_engine::retention::compact::{self, CompactOptions, Compaction};
use papyra_engine::retention::{Limits, Retention, survey};
use papyra_engine::testing::{COMPACT, Lines, NOW, Streams, record};
use papyra_engine::walk::partition::write_result;
use papyra_engine::walk::{self, NEXT, View};
use proptest::prelude::*;

/// Keeps an index of small blocks.
fn index<H: Host>(host: &mut H, least: u64) {
    let view = View::open(host).unwrap();
    let mut members = Vec::new();
    for segment in &view.members {
        let mut builder = Builder::new(true).of_size(least, 2 * least);
        let mut member = Member::default();
        let range = Range { start: segment.start, end: segment.end };
        let framing = view.description.framing;
        let _ = walk::forward(host, segment, framing, range, &mut |host: &mut H, entry| {
            let built = builder.add(host, segment, framing, entry).unwrap();
            built.into_iter().for_each(|built| member.push(built));
            NEXT
        });
        builder.finish().into_iter().for_each(|last| member.push(last));
        members.push(member);
    }
    let index = Index::of(host, &view, members).unwrap();
    assert_eq!(Index::parse(&index.write().unwrap()).as_ref(), Some(&index));
    host.save_index(&index.write().unwrap()).unwrap();
}

/// A line: a record of a kind and time, or something else.
fn line() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(&["event", "audit", "dead_letter", "metric", "other"][..]);
    let time = prop_oneof![
        8 => (0..1000_u32).prop_map(|ago| NOW - f64::from(ago)),
        1 => Just(NOW + 200_000.0),
        1 => Just(17.5),
    ];
    prop_oneof![
        12 => (kind, time, 0..80_usize).prop_map(|(kind, time, filler)| record(kind, time, filler)),
        1 => Just("garbage\n".to_owned()),
        1 => Just("{\"kind\": \"event\", \"timestamp\": \"soon\"}\n".to_owned()),
        1 => Just("{\"kind\": \"event\", \"timestamp\": 1e999}\n".to_owned()),
    ]
}

/// What happens to a journal, or to its index, after that was made.
#[derive(Clone, Debug)]
enum Event {
    Append(Vec<String>),
    Rotate(String),
    /// The first line goes.
    Rewrite,
    Truncate(usize),
    Recover(RecoveryMode),
    /// A byte of the index becomes another one.
    Damage(usize),
    CutIndex(usize),
    /// The index is that of another journal.
    Foreign(Vec<String>),
}

fn event() -> impl Strategy<Value = Event> {
    let lines = || prop::collection::vec(line(), 0..30);
    prop_oneof![
        4 => lines().prop_map(Event::Append),
        1 => line().prop_map(Event::Rotate),
        1 => Just(Event::Rewrite),
        1 => (0..4000_usize).prop_map(Event::Truncate),
        1 => Just(Event::Recover(RecoveryMode::Repair)),
        1 => Just(Event::Recover(RecoveryMode::Quarantine)),
        2 => any::<usize>().prop_map(Event::Damage),
        1 => any::<usize>().prop_map(Event::CutIndex),
        1 => lines().prop_map(Event::Foreign),
    ]
}

fn happen(host: &mut Lines, event: &Event, least: u64) {
    match event {
        Event::Append(lines) => host.data.extend(lines.concat().bytes()),
        Event::Rotate(first) => host.rotate(first),
        Event::Rewrite => {
            let end = host.data.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            host.data.drain(..end);
        }
        Event::Truncate(by) => host.data.truncate(host.data.len().saturating_sub(*by)),
        Event::Recover(mode) => drop(recover(host, *mode)),
        Event::Damage(at) => {
            let mut bytes = std::mem::take(&mut host.index).into_bytes();
            let at = at % bytes.len();
            bytes[at] = if bytes[at] == b'1' { b'7' } else { b'1' };
            host.index = String::from_utf8(bytes).unwrap();
        }
        Event::CutIndex(to) => host.index.truncate(to % host.index.len()),
        Event::Foreign(lines) => {
            let mut other = Lines::new(lines.concat());
            index(&mut other, least);
            host.index = other.index;
        }
    }
}

fn recover(host: &mut Lines, mode: RecoveryMode) -> Recovery {
    let (dry_run, max_findings, record_audit, allow_loss) = (false, 0, true, true);
    let options = RecoverOptions { mode, dry_run, max_findings, record_audit, allow_loss };
    operations::recover(host, options).unwrap()
}

/// What a query returns.
fn answer<H: Host>(
    host: &mut H,
    selection: &Selection,
    policy: &Retention,
) -> (String, u32, u64, bool) {
    let page = query::query(host, selection, policy).unwrap();
    (page.records, page.count, page.damaged, page.end)
}

/// The verdict of a check, as text.
fn check(host: &mut Lines, full: bool) -> String {
    let (mode, recovery) = (StartupMode::ScanOnly, RecoveryMode::Repair);
    let options = StartupOptions { mode, recovery, full, record_audit: false };
    let report = startup::startup_check(host, options).unwrap();
    format!("{:?} {:?}", report.outcome, report.scan)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 10_000 }))]

    #[test]
    fn no_answer_depends_on_the_index(
        lines in prop::collection::vec(line(), 1..80),
        events in prop::collection::vec(event(), 0..3),
        least in 50..2000_u64,
        kinds in prop::collection::vec(prop::sample::select(&Kind::ALL[..]), 0..2),
        since in prop::option::of(0..1000_u32),
        until in prop::option::of(0..1000_u32),
        limit in prop::option::of(0..20_u64),
        newest_first in any::<bool>(),
        age in prop::option::of(1..1000_u32),
        most in prop::option::of(1..40_u64),
    ) {
        let mut host = Lines::new(lines.concat());
        index(&mut host, least);
        for event in &events {
            if !host.index.is_empty() {
                happen(&mut host, event, least);
            }
        }
        let [since, until] = [since, until].map(|ago| ago.map(|ago| NOW - f64::from(ago)));
        let order = if newest_first { Order::NewestFirst } else { Order::OldestFirst };
        let filter = Filter::new(kinds, since, until, Vec::new()).unwrap();
        let with = Selection { filter, limit, order, no_index: false, cursor: None };
        let without = Selection { no_index: true, ..with.clone() };
        let limits = Limits { max_records: most, max_age_seconds: age.map(f64::from), ..Limits::NONE };
        for policy in [Retention::default(), Retention::new(limits, &[]).unwrap()] {
            let (with, without) =
                (answer(&mut host, &with, &policy), answer(&mut host, &without, &policy));
            prop_assert_eq!(with, without);
        }

        let policy = Retention::default();
        let with = inspect::inspect(&mut host, u64::MAX, &policy).unwrap();
        let kept = std::mem::take(&mut host.index);
        let without = inspect::inspect(&mut host, u64::MAX, &policy).unwrap();
        prop_assert_eq!(with, without);
        host.index = kept;
        let with = check(&mut host, false);
        let again = check(&mut host, false);
        prop_assert_eq!((&with, &again), (&check(&mut host, true), &with));
    }
}

/// What a compaction leaves, and what it says, but for how much it has read.
fn compacted(
    host: &mut Lines,
    policy: &Retention,
    most: Option<u32>,
    full: bool,
) -> (String, Vec<Vec<u8>>) {
    let options = CompactOptions { keep_quarantine: true, as_of: Some(NOW), full, ..COMPACT };
    let done = match most {
        None => compact::compact(host, policy, options),
        Some(most) => {
            compact::survey_partitions(host, most, policy, options).and_then(|partitions| {
                let one =
                    |partition| survey::survey_partition(host, partition, policy, NOW).unwrap();
                let surveys: Vec<_> = partitions.iter().map(one).collect();
                let surveys: Vec<_> =
                    surveys.iter().map(|survey| write_result(survey).unwrap()).collect();
                compact::compact_surveyed(host, &surveys, policy, options)
            })
        }
    };
    assert!(!full || done.as_ref().map_or(0, |done| done.indexed_bytes) == 0);
    let done = done.map(|done| Compaction { indexed_bytes: 0, indexed_blocks: 0, ..done });
    let mut left = host.sealed.clone();
    left.extend([host.data.clone(), host.quarantine.clone()]);
    (format!("{done:?}"), left)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 10_000 }))]

    #[test]
    fn nothing_is_kept_or_removed_otherwise_than_without_the_index(
        lines in prop::collection::vec(line(), 1..80),
        events in prop::collection::vec(event(), 0..3),
        least in 50..2000_u64,
        age in prop::option::of(1..1000_u32),
        age_of_events in prop::option::of(1..1000_u32),
        most in prop::option::of(1..40_u64),
        most_audits in prop::option::of(0..10_u64),
        bytes in prop::option::of(0..4000_u64),
        parts in prop::option::of(1..5_u32),
        full: bool,
    ) {
        let [mut host, mut plain] = [0, 1].map(|_| {
            let mut host = Lines::new(lines.concat());
            index(&mut host, least);
            for event in &events {
                if !host.index.is_empty() {
                    happen(&mut host, event, least);
                }
            }
            host
        });
        plain.index.clear();
        let age = age.map(f64::from);
        let limits =
            Limits { max_records: most, max_age_seconds: age, max_total_bytes: bytes };
        let events = Limits { max_age_seconds: age_of_events.map(f64::from), ..Limits::NONE };
        let audits = Limits { max_records: most_audits, ..Limits::NONE };
        let per_kind = [(Kind::Event, events), (Kind::Audit, audits)];
        let policy = Retention::new(limits, &per_kind).unwrap();
        let expected = compacted(&mut plain, &policy, None, false);
        prop_assert_eq!(compacted(&mut host, &policy, parts, full), expected);
        // And what is left of the index is that of what is left of the journal.
        let policy = Retention::default();
        let with = inspect::inspect(&mut host, u64::MAX, &policy).unwrap();
        host.index.clear();
        prop_assert_eq!(with, inspect::inspect(&mut host, u64::MAX, &policy).unwrap());
    }
}

/// What happens to streams after their index was made.
#[derive(Clone, Debug)]
enum Happening {
    Add(Vec<String>),
    Delete(Vec<usize>),
    Trim(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => prop::collection::vec(line(), 0..30).prop_map(Happening::Add),
        1 => prop::collection::vec(any::<usize>(), 1..9).prop_map(Happening::Delete),
        1 => (0..20_usize).prop_map(Happening::Trim),
    ]
}

/// Entries at positions that ascend, now and then the same in several streams.
fn add(host: &mut Streams, lines: &[String]) {
    let newest = host.streams.iter().flatten().map(|entry| entry.0.major).max();
    for (major, line) in (newest.unwrap_or(0) + 1..).zip(lines) {
        let position = Position { major: major - major % 3 % 2, minor: 0 };
        let kind = Kind::ALL.iter().position(|kind| line.contains(kind.as_str())).unwrap_or(0);
        if host.streams[kind].last().is_none_or(|last| last.0 < position) {
            host.push(kind, position, line.trim_end());
        }
    }
}

fn befall(host: &mut Streams, happening: &Happening) {
    match happening {
        Happening::Add(lines) => add(host, lines),
        Happening::Trim(count) => {
            for stream in &mut host.streams {
                stream.drain(..(*count).min(stream.len()));
            }
        }
        Happening::Delete(places) => {
            for place in places {
                let stream = &mut host.streams[place % 4];
                if !stream.is_empty() {
                    stream.remove(place / 4 % stream.len());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 10_000 }))]

    #[test]
    fn no_answer_of_streams_depends_on_the_index(
        lines in prop::collection::vec(line(), 1..120),
        happenings in prop::collection::vec(happening(), 0..3),
        least in 50..2000_u64,
        kinds in prop::collection::vec(prop::sample::select(&Kind::ALL[..]), 0..2),
        since in prop::option::of(0..1000_u32),
        until in prop::option::of(0..1000_u32),
        limit in prop::option::of(0..20_u64),
        newest_first in any::<bool>(),
        chunk in prop::option::of(1..5_usize),
    ) {
        let mut host = Streams::new();
        host.largest_chunk = chunk.unwrap_or(usize::MAX);
        add(&mut host, &lines);
        index(&mut host, least);
        for happening in &happenings {
            befall(&mut host, happening);
        }
        let [since, until] = [since, until].map(|ago| ago.map(|ago| NOW - f64::from(ago)));
        let order = if newest_first { Order::NewestFirst } else { Order::OldestFirst };
        let filter = Filter::new(kinds, since, until, Vec::new()).unwrap();
        let with = Selection { filter, limit, order, no_index: false, cursor: None };
        let without = Selection { no_index: true, ..with.clone() };
        let policy = Retention::default();
        let (with, without) =
            (answer(&mut host, &with, &policy), answer(&mut host, &without, &policy));
        prop_assert_eq!(with, without);
        let with = inspect::inspect(&mut host, u64::MAX, &policy).unwrap();
        host.index.clear();
        prop_assert_eq!(with, inspect::inspect(&mut host, u64::MAX, &policy).unwrap());
    }
}

#[test]
fn of_streams_only_what_can_be_in_the_answer_is_read() {
    let mut host = Streams::new();
    for n in 0..40_000_u32 {
        let stream = n as usize % 4;
        let time = NOW - 40_000.0 + f64::from(n);
        let line = record(Kind::ALL[stream].as_str(), time, 250);
        host.push(stream, Position { major: n.into(), minor: 0 }, line.trim_end());
    }
    host.largest_chunk = 100;
    index(&mut host, 1 << 16);
    for (since, until) in [(Some(NOW - 60.0), None), (None, Some(NOW - 39_990.0))] {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let filter = Filter::new(Vec::new(), since, until, Vec::new()).unwrap();
            let selection = Selection { filter, limit: None, order, no_index: false, cursor: None };
            host.reads = 0;
            let page = query::query(&mut host, &selection, &Retention::default()).unwrap();
            assert!(page.end && (10..=60).contains(&page.count), "{}", page.count);
            assert!(host.reads < 60, "{} reads", host.reads);
        }
    }
    host.reads = 0;
    let seen = inspect::inspect(&mut host, 10, &Retention::default()).unwrap();
    assert!(!seen.sampled && seen.records == 40_000 && host.reads < 60, "{} reads", host.reads);
}

/// A journal of some 9 MB, a second a record, and its index.
fn large() -> Lines {
    records(30_000)
}

/// The same of any size.
fn records(count: u32) -> Lines {
    let line = |n: u32| record("event", NOW - f64::from(count) + f64::from(n), 250);
    let mut host = Lines::new((0..count).map(line).collect::<String>());
    check(&mut host, false);
    host.bytes_read = 0;
    host
}

#[test]
fn an_answer_costs_what_is_in_the_answer() {
    for (since, until) in [(Some(NOW - 60.0), None), (None, Some(NOW - 29_990.0))] {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let mut host = large();
            let filter = Filter::new(Vec::new(), since, until, Vec::new()).unwrap();
            let selection = Selection { filter, limit: None, order, no_index: false, cursor: None };
            let page = query::query(&mut host, &selection, &Retention::default()).unwrap();
            assert!(page.end && (10..=60).contains(&page.count), "{}", page.count);
            // The windows, one block, and what the cursor is found again by.
            assert!(host.bytes_read < 2_500_000, "{} bytes were read", host.bytes_read);
        }
    }
}

#[test]
fn an_inspection_counts_everything_and_reads_next_to_nothing() {
    let mut host = large();
    let found = inspect::inspect(&mut host, 1000, &Retention::default()).unwrap();
    assert_eq!((found.records, found.sampled), (30_000, false));
    assert!(host.bytes_read < 500_000, "{} bytes were read", host.bytes_read);
    let options = scan::ScanOptions { max_findings: 0, sample: None };
    assert_eq!(scan::scan(&mut host, options).unwrap().records, 30_000);
}

#[test]
fn an_index_is_small() {
    let mut host = large();
    let index = host.load_index().unwrap();
    assert!(index.len() * 1000 < host.data.len() * 3 / 2, "{} bytes", index.len());
}

#[test]
fn a_compaction_reads_what_the_index_does_not_tell() {
    let policy = |limits| Retention::new(limits, &[]).unwrap();
    let by_count = policy(Limits { max_records: Some(60_000), ..Limits::NONE });
    let by_age = policy(Limits { max_age_seconds: Some(60_000.5), ..Limits::NONE });
    for policy in [by_count, by_age] {
        let mut host = records(120_000);
        let size = host.data.len();
        let done = compact::compact(&mut host, &policy, COMPACT).unwrap();
        assert_eq!(done.records_after, 60_000);
        // Windows, the block in which the limit lies, a few times, and one that is sampled.
        assert!(host.bytes_read < size / 3, "{} bytes of {size} were read", host.bytes_read);
        assert!(done.indexed_bytes as usize > size * 4 / 5, "{done:?}");
        // The index goes on.
        host.bytes_read = 0;
        let found = inspect::inspect(&mut host, 10, &Retention::default()).unwrap();
        assert_eq!((found.records, found.sampled), (60_000, false));
        assert!(host.bytes_read < 500_000, "{} bytes were read", host.bytes_read);
        let again = compact::compact(&mut host, &policy, COMPACT).unwrap();
        assert!(!again.changed && again.indexed_bytes > 0, "{again:?}");
    }
}

/// Makes the index say of one block, consistently, that its events are audits.
fn forge(host: &mut Lines, block: usize) {
    let (written, _) = host.index.trim_end().rsplit_once('\n').unwrap();
    let mut index: serde_json::Value = serde_json::from_str(written).unwrap();
    let kinds = index["parts"][0]["seen"]["blocks"][block][4].as_array_mut().unwrap();
    kinds.swap(0, 1);
    let written = index.to_string();
    let sum = papyra_engine::hash::hash(written.as_bytes());
    host.index = format!("{written}\n{sum:016x}\n");
    assert!(Index::parse(&host.index).is_some());
}

#[test]
fn a_recovery_keeps_the_index_of_what_comes_before_its_first_change() {
    let mut host = large();
    let blocks = Index::parse(&host.index).unwrap().number_of_blocks();
    let torn = host.data.len() - 10;
    host.data.truncate(torn);
    check(&mut host, false);
    assert!(recover(&mut host, RecoveryMode::Repair).changed);
    let index = Index::parse(&host.index).unwrap();
    assert!(index.number_of_blocks() + 1 >= blocks, "{blocks} blocks before");
    host.bytes_read = 0;
    check(&mut host, false);
    assert!(host.bytes_read < 3_000_000, "{} bytes were read", host.bytes_read);

    // In the middle, half of the blocks stay.
    let middle = host.data.len() / 2;
    host.data[middle] = b'\n';
    recover(&mut host, RecoveryMode::Quarantine);
    let left = Index::parse(&host.index).unwrap().number_of_blocks();
    assert!((blocks / 2 - 2..=blocks / 2 + 1).contains(&left), "{left} of {blocks} blocks");
}

#[test]
fn a_forged_block_that_is_looked_at_makes_everything_be_read() {
    let by_count = Limits { max_records: Some(10_000), ..Limits::NONE };
    let by_age = Limits { max_age_seconds: Some(10_000.5), ..Limits::NONE };
    // The first block of those that go is sampled. By count, the one with the limit in it is compared as well; by
    // age it is read in the first place, with its neighbour.
    for (limits, looked_at, unasked) in [(by_count, 2, 0), (by_age, 1, 2)] {
        let policy = Retention::new(limits, &[]).unwrap();
        let mut plain = large();
        plain.index.clear();
        let (_, expected) = compacted(&mut plain, &policy, None, false);
        let (mut noticed, mut trusted) = (0, 0);
        let blocks = Index::parse(&large().index).unwrap().number_of_blocks();
        for block in 0..blocks {
            let mut host = large();
            forge(&mut host, block);
            let report = compact::compact(&mut host, &policy, COMPACT).unwrap();
            noticed += usize::from(report.indexed_blocks == 0);
            trusted = trusted.max(report.indexed_blocks as usize);
            assert_eq!((report.indexed_blocks == 0), (report.indexed_bytes == 0));
            assert_eq!(host.data, expected[0], "block {block}");
        }
        assert_eq!((noticed, trusted), (looked_at, blocks - looked_at - unasked), "{limits:?}");
    }
}
