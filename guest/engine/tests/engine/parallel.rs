//! Segments side by side give the same answers as one file with the same records in order.

use papyra_engine::failure::FailureCode;
use papyra_engine::health::inspect;
use papyra_engine::health::scan::{self, ScanOptions};
use papyra_engine::host::Host;
use papyra_engine::json::Kind;
use papyra_engine::read::query::{self, Order, Selection};
use papyra_engine::read::select::Filter;
use papyra_engine::retention::compact::{self, CompactOptions};
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{COMPACT, Lines, NOW, record};
use papyra_engine::testing::{Streams, at};
use proptest::prelude::*;

const RUN: CompactOptions = COMPACT;

/// An entry, the stream it lies in, and how far it is from the entry before.
fn entry() -> impl Strategy<Value = (String, usize, u64)> {
    let kind = prop_oneof![4 => 0..4_usize, 1 => Just(4_usize)];
    let age = prop_oneof![8 => 0.0..200.0_f64, 1 => Just(NOW - 5.0)];
    let names = ["event", "audit", "dead_letter", "metric", "unheard-of"];
    prop_oneof![
        9 => (kind, age, 0..80_usize, 0..4_usize, 0..3_u64, 0..10_u8).prop_map(
            move |(kind, age, filler, anywhere, step, stray)| {
                // Now and then a record lies in the stream of another kind.
                let stream = if kind == 4 || stray == 0 { anywhere } else { kind };
                (record(names[kind], NOW - age, filler), stream, step)
            }
        ),
        1 => (prop_oneof![Just("garbage\n"), Just("\n"), Just("[]\n")], 0..4_usize, 0..3_u64)
            .prop_map(|(text, stream, step)| (text.to_owned(), stream, step)),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        proptest::option::of(0..30_u64),
        proptest::option::of(0.0..200.0_f64),
        proptest::option::of(0..3000_u64),
    )
        .prop_map(|(max_records, max_age_seconds, max_total_bytes)| Limits {
            max_records,
            max_age_seconds,
            max_total_bytes,
        })
}

fn policy() -> impl Strategy<Value = Retention> {
    let per_kind = prop_oneof![
        2 => Just(Vec::new()),
        1 => (0..4_usize, limits()).prop_map(|(kind, limits)| vec![(Kind::ALL[kind], limits)]),
        1 => (limits(), limits()).prop_map(|(a, b)| vec![(Kind::Event, a), (Kind::Audit, b)]),
    ];
    (limits(), per_kind).prop_map(|(journal, per_kind)| Retention::new(journal, &per_kind).unwrap())
}

/// The same entries side by side and in one file. Streams share positions now and then.
fn both(entries: &[(String, usize, u64)], largest_chunk: usize) -> (Streams, Lines) {
    let mut streams = Streams { largest_chunk, ..Streams::new() };
    let mut lines = String::new();
    let (mut position, mut last_stream) = (at(1, 0), None);
    for (text, stream, step) in entries {
        if *step > 0 || last_stream.is_some_and(|last| last >= *stream) {
            position = match step {
                2 => at(position.major + 1, 0),
                _ => at(position.major, position.minor + 1),
            };
        }
        last_stream = Some(*stream);
        streams.push(*stream, position, text.trim_end_matches('\n'));
        lines += text;
    }
    (streams, Lines::new(lines))
}

fn read(
    host: &mut impl Host,
    policy: &Retention,
    order: Order,
    limit: Option<u64>,
) -> (String, u64) {
    let mut selection =
        Selection { filter: Filter::default(), limit, order, no_index: false, cursor: None };
    let (mut records, mut damaged) = (String::new(), 0);
    loop {
        let page = query::query(host, &selection, policy).unwrap();
        records += &page.records;
        damaged += page.damaged;
        if page.end {
            return (records, damaged);
        }
        selection.cursor = Some(page.cursor);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn reading_does_not_depend_on_where_records_lie(
        entries in prop::collection::vec(entry(), 0..60), policy in policy(), chunk in 1..8_usize,
    ) {
        let (mut streams, mut file) = both(&entries, chunk);
        let limits = (0..=entries.len() as u64 + 1).map(Some).chain([None]);
        for limit in limits {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                prop_assert_eq!(
                    read(&mut streams, &policy, order, limit),
                    read(&mut file, &policy, order, limit)
                );
            }
        }
        let mut a = inspect::inspect(&mut streams, 10, &policy).unwrap();
        let b = inspect::inspect(&mut file, 10, &policy).unwrap();
        (a.backend, a.location) = (b.backend.clone(), b.location.clone());
        (a.segments, a.bytes) = (b.segments, b.bytes);
        prop_assert_eq!(a, b);
    }

    #[test]
    fn compaction_does_not_depend_on_where_records_lie(
        entries in prop::collection::vec(entry(), 0..60), policy in policy(), chunk in 1..8_usize,
    ) {
        prop_assume!(!policy.is_empty());
        let (mut streams, mut file) = both(&entries, chunk);
        let mut a = compact::compact(&mut streams, &policy, RUN).unwrap();
        let b = compact::compact(&mut file, &policy, RUN).unwrap();
        prop_assert_eq!(streams.lines().into_bytes(), file.data.clone());
        (a.backend, a.location) = (b.backend.clone(), b.location.clone());
        a.rewritten = b.rewritten.clone();
        prop_assert_eq!(a, b);
    }

    #[test]
    fn what_is_pinned_stays_and_is_counted(
        entries in prop::collection::vec(entry(), 0..60), policy in policy(),
        pins in prop::array::uniform4(proptest::option::of(0..40_u64)), chunk in 1..8_usize,
    ) {
        prop_assume!(!policy.is_empty());
        let (mut free, _) = both(&entries, chunk);
        compact::compact(&mut free, &policy, RUN).unwrap();
        let (mut streams, _) = both(&entries, chunk);
        streams.pinned = pins.map(|pin| pin.map(|major| at(major, 0)));
        let before = streams.streams.clone();
        let dry = compact::compact(
            &mut streams, &policy, CompactOptions { dry_run: true, ..RUN }
        ).unwrap();
        let done = compact::compact(&mut streams, &policy, RUN).unwrap();
        prop_assert_eq!(
            (dry.pinned_kept, dry.records_after, dry.bytes_after),
            (done.pinned_kept, done.records_after, done.bytes_after)
        );
        let mut needed = 0;
        for (index, stream) in before.iter().enumerate() {
            for entry in stream {
                let goes = !free.streams[index].contains(entry);
                let pinned = streams.pinned[index].is_some_and(|pin| entry.0 >= pin);
                let stays = streams.streams[index].contains(entry);
                prop_assert_eq!(stays, !goes || pinned);
                let text = entry.1.as_deref().unwrap_or_default();
                needed += u64::from(goes && pinned && text.starts_with(b"{"));
            }
        }
        prop_assert_eq!((done.pinned_kept, done.pinned_removed), (needed, 0));

        let (mut forced, _) = both(&entries, chunk);
        forced.pinned = streams.pinned;
        let done =
            compact::compact(&mut forced, &policy, CompactOptions { force: true, ..RUN }).unwrap();
        prop_assert_eq!(forced.lines(), free.lines());
        prop_assert_eq!((done.pinned_kept, done.pinned_removed), (0, needed));
    }

    #[test]
    fn approximate_trimming_is_reported_as_it_happened(
        entries in prop::collection::vec(entry(), 0..60), policy in policy(), spares in 1..9_usize,
        force in any::<bool>(), pin in 0..40_u64,
    ) {
        prop_assume!(!policy.is_empty());
        let (mut streams, _) = both(&entries, 5);
        streams.spares = spares;
        streams.pinned = [Some(at(pin, 0)); 4];
        let before = streams.lines();
        let dry = CompactOptions { force, dry_run: true, ..RUN };
        let planned = compact::compact(&mut streams, &policy, dry).unwrap().changed;
        let done =
            compact::compact(&mut streams, &policy, CompactOptions { force, ..RUN }).unwrap();
        let after = streams.lines();
        prop_assert_eq!(done.note.starts_with("nothing was removed"), planned && !done.changed);
        prop_assert_eq!(done.note.starts_with("nothing to remove"), !planned);
        prop_assert_eq!(done.bytes_before, before.len() as u64);
        prop_assert_eq!(done.bytes_after, after.len() as u64);
        let records = |text: &str| text.lines().filter(|line| line.starts_with('{')).count() as u64;
        prop_assert_eq!((done.records_before, done.records_after), (records(&before), records(&after)));
        prop_assert_eq!(done.changed, before != after);
        if !force {
            prop_assert_eq!(done.pinned_removed, 0);
        }
    }
}

#[test]
fn pages_of_a_large_store_put_together_are_the_whole_answer() {
    let mut streams = Streams::new();
    let mut lines = Vec::new();
    for n in 0..3000_u64 {
        let kind = Kind::ALL[(n * n % 7 % 4) as usize];
        let line = record(kind.as_str(), NOW + n as f64, 1500);
        streams.push(kind.index(), at(n, 0), line.trim_end());
        lines.push(line);
    }
    let policy = Retention::default();
    assert_eq!(read(&mut streams, &policy, Order::OldestFirst, None).0, lines.concat());
    lines.reverse();
    assert_eq!(read(&mut streams, &policy, Order::NewestFirst, None).0, lines.concat());
}

#[test]
fn following_misses_nothing_that_arrives_at_a_position_another_stream_has_passed() {
    let line = |n: u32| record("event", NOW + f64::from(n), 0);
    let mut streams = Streams::new();
    streams.push(2, at(1000, 0), line(1).trim_end());
    let policy = Retention::default();
    let mut selection = Selection {
        filter: Filter::default(),
        limit: None,
        order: Order::OldestFirst,
        no_index: false,
        cursor: None,
    };
    let page = query::query(&mut streams, &selection, &policy).unwrap();
    assert_eq!(page.records, line(1));

    selection.cursor = Some(page.cursor);
    streams.push(0, at(1000, 0), line(2).trim_end());
    streams.push(1, at(999, 7), line(3).trim_end());
    let page = query::query(&mut streams, &selection, &policy).unwrap();
    assert_eq!(page.records, line(3) + &line(2));

    selection.cursor = Some(page.cursor);
    streams.streams[0].clear();
    streams.push(0, at(1001, 0), line(4).trim_end());
    let page = query::query(&mut streams, &selection, &policy).unwrap();
    assert_eq!(page.records, line(4), "the last entry that was returned is gone");
}

#[test]
fn a_limit_of_none_follows_only_what_comes_afterwards() {
    let line = |n: u32| record("event", NOW + f64::from(n), 0);
    let mut streams = Streams::new();
    streams.push(1, at(5, 0), line(1).trim_end());
    let mut selection = Selection {
        filter: Filter::default(),
        limit: Some(0),
        order: Order::OldestFirst,
        no_index: false,
        cursor: None,
    };
    let page = query::query(&mut streams, &selection, &Retention::default()).unwrap();
    assert_eq!((page.count, page.end), (0, true));
    streams.push(0, at(4, 0), line(2).trim_end());
    streams.push(1, at(5, 1), line(3).trim_end());
    selection.cursor = Some(page.cursor);
    let page = query::query(&mut streams, &selection, &Retention::default()).unwrap();
    assert_eq!(page.records, line(2) + &line(3));
}

#[test]
fn what_goes_from_the_oldest_end_is_one_range_although_ids_have_gaps() {
    let mut streams = Streams { largest_chunk: 3, ..Streams::new() };
    for n in 0..100 {
        streams.push(0, at(1000 * n, 0), record("event", NOW, 10).trim_end());
    }
    let limits = Limits { max_records: Some(40), ..Limits::default() };
    let policy = Retention::new(limits, &[]).unwrap();
    let done = compact::compact(&mut streams, &policy, RUN).unwrap();
    assert_eq!((done.records_after, streams.streams[0].len(), streams.ranges), (40, 40, 1));
}

#[test]
fn an_entry_with_a_raw_line_end_is_damaged_and_one_without_data_too() {
    let mut streams = Streams::new();
    streams.push(0, at(1, 0), record("event", NOW, 1));
    streams.streams[0].push((at(2, 0), None));
    streams.push(0, at(3, 0), record("event", NOW, 1).trim_end());
    let options = ScanOptions { max_findings: 9, sample: None };
    let report = scan::scan(&mut streams, options).unwrap();
    assert_eq!((report.records, report.damaged), (1, 2));
    let names: Vec<_> = report.findings.iter().map(|finding| finding.anomaly.as_str()).collect();
    assert_eq!(names, ["joined_records", "missing_data"]);
}

#[test]
fn entries_that_do_not_fit_beside_each_other_are_read_when_their_turn_comes() {
    let mut streams = Streams::new();
    let mut lines = String::new();
    for n in 0..8_u64 {
        let kind = Kind::ALL[n as usize % 4];
        let line = record(kind.as_str(), NOW, 3 << 20);
        streams.push(kind.index(), at(n, 0), line.trim_end());
        lines += &line;
    }
    let read = read(&mut streams, &Retention::default(), Order::OldestFirst, None).0;
    assert!(read == lines);
}

#[test]
fn too_many_segments_side_by_side_are_refused() {
    let mut many = Streams { segments: 257, ..Streams::new() };
    let refused = inspect::inspect(&mut many, 1, &Retention::default());
    assert_eq!(refused.unwrap_err().code, FailureCode::Unsupported);
}
