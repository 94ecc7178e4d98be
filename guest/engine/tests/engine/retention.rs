//! Retention, as reads and compaction apply it, against a model that keeps everything in a list.

use papyra_engine::failure::FailureCode;
use papyra_engine::health::inspect;
use papyra_engine::json::Kind;
use papyra_engine::read::query::{self, Order, Selection};
use papyra_engine::read::select::Filter;
use papyra_engine::retention::compact::{self, CompactOptions, Compaction};
use papyra_engine::retention::survey;
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{COMPACT, Lines, NOW, record};
use papyra_engine::walk::partition::{self, write_result};
use proptest::prelude::*;

const RUN: CompactOptions = COMPACT;

/// One line of a journal: a record, or damage.
#[derive(Clone, Debug)]
struct Line {
    kind: Option<Kind>,
    age: f64,
    text: String,
}

fn line() -> impl Strategy<Value = Line> {
    let kind = prop_oneof![
        4 => Just("event"), 2 => Just("audit"), 1 => Just("dead_letter"), 1 => Just("metric"),
        1 => Just("unheard-of")
    ];
    // Now and then a clock that counts from boot, from which no age can be told.
    let age = prop_oneof![8 => 0.0..200.0_f64, 1 => Just(NOW - 5.0)];
    prop_oneof![
        9 => (kind, age, 0..80_usize).prop_map(|(kind, age, filler)| Line {
            kind: Kind::parse(kind),
            age,
            text: record(kind, NOW - age, filler),
        }),
        1 => prop_oneof![Just("garbage\n"), Just("\n"), Just("[]\n")]
            .prop_map(|text| Line { kind: None, age: -1.0, text: text.to_owned() }),
    ]
}

fn is_record(line: &Line) -> bool {
    line.age >= 0.0
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

type Policy = (Limits, Vec<(Kind, Limits)>);

fn policy() -> impl Strategy<Value = Policy> {
    let per_kind = prop_oneof![
        2 => Just(Vec::new()),
        1 => (0..4_usize, limits()).prop_map(|(kind, limits)| vec![(Kind::ALL[kind], limits)]),
        1 => (limits(), limits())
            .prop_map(|(a, b)| vec![(Kind::Event, a), (Kind::Audit, b)]),
    ];
    (limits(), per_kind)
}

/// Which lines retention leaves, written down as the documentation says it.
fn model(lines: &[Line], (journal, per_kind): &Policy) -> Vec<bool> {
    let mut keep = vec![true; lines.len()];
    let (mut count, mut bytes) = (0, 0);
    let mut per: std::collections::BTreeMap<Kind, (u64, u64, bool)> = Default::default();
    let mut full = false;
    for (index, line) in lines.iter().enumerate().rev() {
        if full {
            keep[index] = false;
            continue;
        }
        if !is_record(line) {
            continue;
        }
        let of_kind = line
            .kind
            .and_then(|kind| per_kind.iter().find(|(k, _)| *k == kind))
            .map(|(_, limits)| *limits)
            .unwrap_or_default();
        let usable = line.age < 1e8;
        let too_old = |limits: &Limits| limits.max_age_seconds.is_some_and(|max| line.age > max);
        if usable && (too_old(journal) || too_old(&of_kind)) {
            keep[index] = false;
            continue;
        }
        let size = line.text.len() as u64;
        let exceeds = |limits: &Limits, count: u64, bytes: u64| {
            limits.max_records.is_some_and(|max| count + 1 > max)
                || (count > 0 && limits.max_total_bytes.is_some_and(|max| bytes + size > max))
        };
        if let Some(kind) = line.kind {
            let (count, bytes, full) = per.entry(kind).or_default();
            if *full || exceeds(&of_kind, *count, *bytes) {
                *full = true;
                keep[index] = false;
                continue;
            }
        }
        if exceeds(journal, count, bytes) {
            full = true;
            keep[index] = false;
            continue;
        }
        count += 1;
        bytes += size;
        if let Some(kind) = line.kind {
            let entry = per.entry(kind).or_default();
            entry.0 += 1;
            entry.1 += size;
        }
    }
    keep
}

fn join<'a>(lines: impl IntoIterator<Item = &'a Line>) -> String {
    lines.into_iter().map(|line| line.text.as_str()).collect()
}

fn kept(lines: &[Line], keep: &[bool]) -> String {
    join(lines.iter().zip(keep).filter(|(_, keep)| **keep).map(|(line, _)| line))
}

fn retention((journal, per_kind): &Policy) -> Retention {
    Retention::new(*journal, per_kind).unwrap()
}

fn read_all(host: &mut Lines, policy: &Retention, order: Order, limit: Option<u64>) -> Vec<String> {
    let mut selection =
        Selection { filter: Filter::default(), limit, order, no_index: false, cursor: None };
    let mut records = Vec::new();
    loop {
        let page = query::query(host, &selection, policy).unwrap();
        assert_eq!(page.records.lines().count(), page.count as usize);
        records.extend(page.records.lines().map(str::to_owned));
        if page.end {
            return records;
        }
        selection.cursor = Some(page.cursor);
    }
}

/// The age limit is compared with ages computed in floating point; ages right at the limit are left
/// to the test of the exact edge.
fn away_from_the_edge(lines: &[Line], (journal, per_kind): &Policy) -> bool {
    let ages = per_kind.iter().map(|(_, limits)| limits).chain([journal]);
    let ages: Vec<_> = ages.filter_map(|limits| limits.max_age_seconds).collect();
    lines.iter().all(|line| ages.iter().all(|age| (line.age - age).abs() > 1e-5))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn compaction_removes_exactly_what_the_model_hides(
        lines in prop::collection::vec(line(), 0..60), policy in policy(), read in 1..400_usize
    ) {
        prop_assume!(away_from_the_edge(&lines, &policy));
        let retention = retention(&policy);
        prop_assume!(!retention.is_empty());
        let keep = model(&lines, &policy);
        let data = join(&lines);
        let mut host = Lines::new(data.clone()).reading_at_most(read);

        let dry = compact::compact(&mut host, &retention, CompactOptions { dry_run: true, ..RUN });
        let dry = dry.unwrap();
        prop_assert_eq!(&host.data, data.as_bytes());
        let done = compact::compact(&mut host, &retention, RUN).unwrap();
        let left = String::from_utf8(host.data.clone()).unwrap();
        prop_assert_eq!(&left, &kept(&lines, &keep));
        prop_assert_eq!(Compaction { dry_run: false, ..dry }, done.clone());

        let records = lines.iter().filter(|line| is_record(line)).count() as u64;
        let remain = lines.iter().zip(&keep).filter(|(l, k)| is_record(l) && **k).count() as u64;
        prop_assert_eq!((done.records_before, done.records_after), (records, remain));
        prop_assert_eq!(
            (done.bytes_before as usize, done.bytes_after as usize), (data.len(), left.len())
        );
        prop_assert_eq!(done.changed, data != left);
        let damaged = lines.len() as u64 - records;
        prop_assert_eq!(done.damaged_removed + done.damaged_kept, damaged);

        let again = compact::compact(&mut host, &retention, RUN).unwrap();
        prop_assert!(!again.changed, "compacting twice equals compacting once");
    }

    #[test]
    fn reads_return_exactly_what_the_model_shows(
        lines in prop::collection::vec(line(), 0..60), policy in policy(),
        limit in proptest::option::of(0..20_usize), read in 1..400_usize
    ) {
        prop_assume!(away_from_the_edge(&lines, &policy));
        let retention = retention(&policy);
        let keep = model(&lines, &policy);
        let visible: Vec<_> = lines.iter().zip(&keep)
            .filter(|(line, keep)| is_record(line) && **keep)
            .map(|(line, _)| line.text.trim_end().to_owned())
            .collect();
        let newest = &visible[visible.len() - limit.unwrap_or(visible.len()).min(visible.len())..];
        let mut host = Lines::new(join(&lines)).reading_at_most(read);
        let limit = limit.map(|limit| limit as u64);
        prop_assert_eq!(read_all(&mut host, &retention, Order::OldestFirst, limit), newest);
        let mut reversed = read_all(&mut host, &retention, Order::NewestFirst, limit);
        reversed.reverse();
        prop_assert_eq!(reversed, newest);
        let inspection = inspect::inspect(&mut host, 1_000, &retention).unwrap();
        prop_assert_eq!(inspection.records as usize, visible.len());
    }

    #[test]
    fn surveyed_shares_compact_like_one_instance(
        lines in prop::collection::vec(line(), 0..60), policy in policy(), shares in 1..9_u32
    ) {
        let retention = retention(&policy);
        prop_assume!(!retention.is_empty());
        let data = join(&lines);
        let mut alone = Lines::new(data.clone());
        let expected = compact::compact(&mut alone, &retention, RUN).unwrap();
        let mut host = Lines::new(data);
        let parts = partition::partition(&mut host, shares).unwrap();
        let surveys: Vec<_> = parts.iter()
            .map(|part| survey::survey_partition(&mut host, part, &retention, NOW).unwrap())
            .map(|survey| write_result(&survey).unwrap())
            .collect();
        let options = CompactOptions { as_of: Some(NOW), ..RUN };
        let done = compact::compact_surveyed(&mut host, &surveys, &retention, options).unwrap();
        prop_assert_eq!(done, expected);
        prop_assert_eq!(host.data, alone.data);
    }
}

fn limited(max_records: Option<u64>, age: Option<f64>, bytes: Option<u64>) -> Retention {
    let limits = Limits { max_records, max_age_seconds: age, max_total_bytes: bytes };
    Retention::new(limits, &[]).unwrap()
}

#[test]
fn the_newest_record_survives_a_size_limit_that_it_exceeds() {
    let (a, b) = (record("event", NOW, 10), record("event", NOW, 500));
    let mut host = Lines::new(format!("{a}{b}"));
    compact::compact(&mut host, &limited(None, None, Some(100)), RUN).unwrap();
    assert_eq!(host.data, b.as_bytes());
    compact::compact(&mut host, &limited(None, None, Some(0)), RUN).unwrap();
    assert_eq!(host.data, b.as_bytes());
}

#[test]
fn zero_records_means_none() {
    let mut host = Lines::new(record("event", NOW, 10).repeat(5));
    let policy = limited(Some(0), None, None);
    assert_eq!(read_all(&mut host, &policy, Order::OldestFirst, None), Vec::<String>::new());
    compact::compact(&mut host, &policy, RUN).unwrap();
    assert_eq!(host.data, b"");
}

#[test]
fn a_record_exactly_at_the_age_limit_is_kept() {
    let (old, edge) = (record("event", NOW - 60.5, 1), record("event", NOW - 60.0, 1));
    let mut host = Lines::new(format!("{old}{edge}"));
    compact::compact(&mut host, &limited(None, Some(60.0), None), RUN).unwrap();
    assert_eq!(host.data, edge.as_bytes());
}

#[test]
fn a_clock_that_counts_from_boot_expires_nothing_and_is_counted() {
    let mut host = Lines::new(record("event", 2403.198, 1).repeat(3));
    let done = compact::compact(&mut host, &limited(None, Some(60.0), None), RUN).unwrap();
    assert_eq!((done.changed, done.untimed_kept), (false, 3));
    assert_eq!(done.note, "nothing to remove: every record that has an age is within the limits");
    let mut host = Lines::new(record("event", NOW, 1));
    let done = compact::compact(&mut host, &limited(None, Some(60.0), None), RUN).unwrap();
    assert_eq!(done.note, "nothing to remove: every record is within the limits");
}

#[test]
fn milliseconds_are_not_said_to_be_within_an_age_limit() {
    let mut host = Lines::new(record("event", NOW * 1000.0, 1).repeat(2));
    let done = compact::compact(&mut host, &limited(None, Some(60.0), None), RUN).unwrap();
    assert_eq!((done.changed, done.from_future_kept), (false, 2));
    assert_eq!(done.note, "nothing to remove: every record that has an age is within the limits");
}

#[test]
fn a_policy_without_limits_is_refused() {
    let failure = compact::compact(&mut Lines::new(""), &Retention::default(), RUN).unwrap_err();
    assert_eq!(failure.code, FailureCode::InvalidArgument);
}

#[test]
fn ages_are_not_counted_from_the_future() {
    let mut host = Lines::new(record("event", NOW, 100));
    let options = CompactOptions { as_of: Some(NOW + 3600.0), ..RUN };
    let failure =
        compact::compact(&mut host, &limited(None, Some(60.0), None), options).unwrap_err();
    assert_eq!(failure.code, FailureCode::InvalidArgument);
    assert!(failure.message.contains("future"), "{}", failure.message);
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    for age in [f64::NAN, f64::INFINITY, -1.0] {
        let limits = Limits { max_age_seconds: Some(age), ..Limits::default() };
        assert_eq!(Retention::new(limits, &[]).unwrap_err().code, FailureCode::InvalidArgument);
    }
    let twice = [(Kind::Event, Limits::default()); 2];
    assert!(Retention::new(Limits::default(), &twice).is_err());
}

#[test]
fn surveys_that_do_not_cover_the_store_are_refused() {
    let mut host = Lines::new(record("event", NOW, 100).repeat(100));
    let policy = limited(Some(3), None, None);
    let parts = partition::partition(&mut host, 4).unwrap();
    let mut surveys: Vec<_> = parts
        .iter()
        .map(|part| survey::survey_partition(&mut host, part, &policy, NOW).unwrap())
        .map(|survey| write_result(&survey).unwrap())
        .collect();
    surveys.remove(1);
    let refused = compact::compact_surveyed(&mut host, &surveys, &policy, RUN).unwrap_err();
    assert_eq!(refused.code, FailureCode::InvalidArgument);
    assert_eq!(host.rewrites, 0);
}

#[test]
fn large_journals_are_cut_at_the_right_record() {
    let lines: Vec<String> = (0..20_000)
        .map(|n| record("event", NOW - 20_000.0 + f64::from(n), n as usize % 700))
        .collect();
    for keep in [0, 1, 5_000, 10_000, 19_999, 20_000] {
        let mut host = Lines::new(lines.concat());
        let done = compact::compact(&mut host, &limited(Some(keep), None, None), RUN).unwrap();
        let expected = lines[lines.len() - keep as usize..].concat();
        assert!(host.data == expected.as_bytes(), "{keep}");
        assert_eq!(done.records_after, keep);
    }
}
