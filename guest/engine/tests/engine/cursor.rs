//! Going on where the last page ended, whatever has happened to the store since.

use papyra_engine::health::recover::{RecoverOptions, RecoveryMode};
use papyra_engine::host::Host;
use papyra_engine::json::Kind;
use papyra_engine::operations;
use papyra_engine::read::query::{self, Order, Page, Selection};
use papyra_engine::read::select::Filter;
use papyra_engine::retention::compact::{self, CompactOptions};
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{Lines, NOW};

const ORDERS: [Order; 2] = [Order::OldestFirst, Order::NewestFirst];

fn line(kind: &str, n: usize, filler: usize) -> String {
    let text = "x".repeat(filler);
    format!("{{\"kind\":\"{kind}\",\"timestamp\":{NOW:?},\"n\":{n},\"text\":\"{text}\"}}\n")
}

fn lines(kind: &str, numbers: std::ops::Range<usize>, filler: usize) -> Vec<String> {
    numbers.map(|n| line(kind, n, filler)).collect()
}

fn all(order: Order) -> Selection {
    Selection { filter: Filter::default(), limit: None, order, no_index: false, cursor: None }
}

/// One page, and the selection for the next one.
fn page(host: &mut impl Host, selection: &mut Selection, policy: &Retention) -> Page {
    let page = query::query(host, selection, policy).unwrap();
    selection.cursor = Some(page.cursor.clone());
    page
}

/// The records up to the end of the answer, oldest first. Between pages something happens.
fn read<H: Host>(
    host: &mut H,
    order: Order,
    policy: &Retention,
    mut meanwhile: impl FnMut(&mut H),
) -> Vec<String> {
    let mut selection = all(order);
    let mut records = Vec::new();
    loop {
        let page = page(host, &mut selection, policy);
        records.extend(page.records.split_inclusive('\n').map(str::to_owned));
        if page.end {
            break;
        }
        meanwhile(host);
    }
    if order == Order::NewestFirst {
        records.reverse();
    }
    records
}

fn recover(host: &mut impl Host, mode: RecoveryMode) {
    let options = RecoverOptions {
        mode,
        dry_run: false,
        max_findings: 0,
        record_audit: false,
        allow_loss: true,
    };
    assert!(operations::recover(host, options).unwrap().changed);
}

fn compact(host: &mut impl Host, policy: &Retention) {
    let options = CompactOptions {
        dry_run: false,
        force: false,
        keep_quarantine: false,
        as_of: None,
        record_audit: false,
        allow_expire_all: true,
        full: false,
    };
    assert!(compact::compact(host, policy, options).unwrap().changed);
}

fn at_most(max_records: u64, kind: Kind) -> Retention {
    let limits = Limits { max_records: Some(max_records), ..Limits::default() };
    Retention::new(Limits::default(), &[(kind, limits)]).unwrap()
}

/// Events and metrics in turns.
fn mixed(count: usize) -> Vec<String> {
    (0..count).map(|n| line(if n % 2 == 0 { "event" } else { "metric" }, n, 1500)).collect()
}

#[test]
fn a_limit_per_kind_loses_nothing_when_a_repair_moves_the_records() {
    let records = mixed(3000);
    let policy = at_most(700, Kind::Metric);
    for order in ORDERS {
        let mut host = Lines::new("garbage\n".repeat(100_000) + &records.concat());
        let expected = read(&mut host, order, &policy, |_| ());
        assert_eq!(expected.len(), 1500 + 700);
        let mut repaired = false;
        let got = read(&mut host, order, &policy, |host| {
            if !std::mem::replace(&mut repaired, true) {
                recover(host, RecoveryMode::Repair);
            }
        });
        assert!(got == expected, "{order:?}: {} records", got.len());
    }
}

#[test]
fn a_limit_per_kind_loses_nothing_when_the_files_are_rotated() {
    let records = mixed(3000);
    let policy = at_most(700, Kind::Metric);
    for order in ORDERS {
        let files = records.chunks(1000).map(<[String]>::concat);
        let mut host = Lines::in_files(files);
        let expected = read(&mut host, order, &policy, |_| ());
        assert_eq!(expected.len(), 1500 + 700);
        let mut got = read(&mut host, order, &policy, |host| host.rotate(&line("audit", 0, 3)));
        got.retain(|record| !record.contains("audit"));
        assert!(got == expected, "{order:?}: {} records", got.len());
    }
}

#[test]
fn a_limit_per_kind_loses_nothing_when_compaction_removes_what_it_hides() {
    let records = mixed(3000);
    let policy = at_most(700, Kind::Metric);
    for order in ORDERS {
        let mut host = Lines::new(records.concat());
        let expected = read(&mut host, order, &policy, |_| ());
        let mut compacted = false;
        let got = read(&mut host, order, &policy, |host| {
            if !std::mem::replace(&mut compacted, true) {
                compact(host, &policy);
            }
        });
        assert!(got == expected, "{order:?}: {} records", got.len());
    }
}

#[test]
fn following_goes_on_when_the_last_record_is_quarantined() {
    let suspect = line("metric", 0, 5).replace("\"n\":0", "\"n\":NaN");
    let mut host = Lines::new(lines("event", 0..1000, 5).concat() + &suspect);
    let mut selection = Selection { limit: Some(2), ..all(Order::OldestFirst) };
    let policy = Retention::default();
    assert_eq!(page(&mut host, &mut selection, &policy).count, 2);
    recover(&mut host, RecoveryMode::Quarantine);
    assert_eq!(page(&mut host, &mut selection, &policy).records, "");
    let later = line("event", 1000, 5);
    host.data.extend(later.bytes());
    assert_eq!(page(&mut host, &mut selection, &policy).records, later);
}

#[test]
fn pages_go_on_when_their_last_records_are_quarantined() {
    // Suspect records in turns with sound ones, many at a time.
    let kind = |n: usize| if (n / 100).is_multiple_of(2) { "event" } else { "odd" };
    let records: Vec<_> = (0..4000).map(|n| line(kind(n), n, 1500)).collect();
    let sound: Vec<_> = records.iter().filter(|line| line.contains("event")).cloned().collect();
    for order in ORDERS {
        for after in 1..5 {
            let mut host = Lines::new(records.concat());
            let mut pages = 0;
            let mut got = read(&mut host, order, &Retention::default(), |host| {
                pages += 1;
                if pages == after {
                    recover(host, RecoveryMode::Quarantine);
                }
            });
            got.retain(|line| line.contains("event"));
            let distinct: std::collections::HashSet<_> = got.iter().collect();
            assert_eq!(distinct.len(), sound.len(), "{order:?}: some are left out");
            // Marks far away are few, so some are returned again, but not all of them.
            let twice = got.len() - distinct.len();
            assert!(twice <= 400, "{order:?}: {twice} twice");
        }
    }
}

#[test]
fn following_goes_on_although_thousands_of_the_last_records_are_gone() {
    let events = lines("event", 0..20_000, 50);
    let metrics = lines("metric", 0..3000, 50);
    let mut host = Lines::new(events.concat() + &metrics.concat());
    let mut selection = Selection { limit: Some(2), ..all(Order::OldestFirst) };
    let policy = Retention::default();
    page(&mut host, &mut selection, &policy);
    compact(&mut host, &at_most(0, Kind::Metric));
    let again = page(&mut host, &mut selection, &policy).count;
    // As many as lie between the nearest mark that is left and the gap.
    assert!(again < 8000, "{again} records are returned again");
    assert_eq!(page(&mut host, &mut selection, &policy).records, "");
}

#[test]
fn a_cursor_of_an_answer_without_records_does_not_lead_to_hidden_ones() {
    let data = line("event", 0, 5) + &lines("metric", 0..50, 5).concat();
    let limits = Limits { max_records: Some(10), ..Limits::default() };
    let policy = Retention::new(limits, &[]).unwrap();
    let filter = Filter::new(vec![Kind::Event], None, None, vec![]).unwrap();
    let mut selection = Selection { filter, ..all(Order::OldestFirst) };
    let mut host = Lines::new(data);
    assert_eq!(page(&mut host, &mut selection, &policy).records, "");
    assert_eq!(page(&mut host, &mut selection, &policy).records, "", "hidden");
    let later = line("event", 1, 5);
    host.data.extend(later.bytes());
    assert_eq!(page(&mut host, &mut selection, &policy).records, later);
}

#[test]
fn records_that_are_alike_are_all_returned_although_a_repair_moves_them() {
    // As a sampler writes them whose clock counts whole seconds. Pages begin and end among the forty.
    let metric = |second: usize| line("metric", second, 20_000);
    let mut records: Vec<_> = (0..100).map(metric).collect();
    records.splice(30..70, (0..40).map(|_| metric(30)));
    for order in ORDERS {
        let mut host = Lines::new("garbage\n".repeat(200_000) + &records.concat());
        let mut repaired = false;
        let got = read(&mut host, order, &Retention::default(), |host| {
            if !std::mem::replace(&mut repaired, true) {
                recover(host, RecoveryMode::Repair);
            }
        });
        assert!(got == records, "{order:?}: {} of {}", got.len(), records.len());
    }
}

/// A position in one file says nothing about one in another.
#[test]
fn of_records_that_are_alike_in_several_files_the_one_is_found_that_was_looked_at() {
    let alike = line("metric", 7, 5);
    let older = lines("event", 0..100, 5).concat() + &alike;
    let mut host = Lines::new(older);
    let mut selection = all(Order::OldestFirst);
    let policy = Retention::default();
    assert_eq!(page(&mut host, &mut selection, &policy).count, 101);
    host.rotate("");
    host.rotate("");
    let later =
        lines("event", 100..110, 5).concat() + &alike + &lines("event", 110..120, 5).concat();
    host.data.extend(later.bytes());
    assert_eq!(page(&mut host, &mut selection, &policy).records, later);
}

#[test]
fn a_page_of_damage_alone_is_not_walked_over_again_and_again() {
    let events = lines("event", 0..10, 5).concat();
    let mut host = Lines::new(events.clone() + &"garbage\n".repeat(500_000));
    let mut selection = all(Order::OldestFirst);
    let policy = Retention::default();
    assert_eq!(page(&mut host, &mut selection, &policy).records, events);
    let before = host.reads;
    let idle = page(&mut host, &mut selection, &policy);
    assert_eq!((idle.count, idle.damaged), (0, 0));
    assert!(host.reads - before < 8, "{} reads", host.reads - before);

    recover(&mut host, RecoveryMode::Repair);
    let later = line("event", 10, 5);
    host.data.extend(later.bytes());
    assert_eq!(page(&mut host, &mut selection, &policy).records, later);
}

#[test]
fn a_line_that_was_not_complete_yet_is_looked_at_again() {
    let (first, second) = (line("event", 0, 5), line("event", 1, 5));
    let mut host = Lines::new(first.clone() + second.get(..20).unwrap());
    let mut selection = all(Order::OldestFirst);
    let policy = Retention::default();
    assert_eq!(page(&mut host, &mut selection, &policy).records, first);
    host.data = (first + &second).into_bytes();
    assert_eq!(page(&mut host, &mut selection, &policy).records, second);
}

#[test]
fn a_store_that_was_replaced_is_read_from_its_start() {
    let mut host = Lines::new(lines("event", 0..100, 5).concat());
    let mut selection = all(Order::OldestFirst);
    let policy = Retention::default();
    page(&mut host, &mut selection, &policy);
    let others = lines("audit", 200..300, 7).concat();
    host.data = others.clone().into_bytes();
    assert_eq!(page(&mut host, &mut selection, &policy).records, others);
}

#[test]
fn a_cursor_stays_short() {
    let records: Vec<_> =
        (0..40_000).map(|n| line(Kind::ALL[n % 4].as_str(), n, n % 300)).collect();
    let mut host = Lines::new(records.concat());
    let few = Limits { max_records: Some(500), ..Limits::default() };
    let per_kind = Kind::ALL.map(|kind| (kind, few));
    let policy = Retention::new(Limits::default(), &per_kind).unwrap();
    for order in ORDERS {
        let page = page(&mut host, &mut all(order), &policy);
        assert!(page.cursor.len() < 6000, "{} bytes", page.cursor.len());
    }
}

#[test]
fn a_cursor_of_more_than_a_mebibyte_is_refused() {
    let mut host = Lines::new(lines("event", 0..3, 5).concat());
    let mut selection = all(Order::OldestFirst);
    let cursor = page(&mut host, &mut selection, &Retention::default()).cursor;
    for (length, fits) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        selection.cursor = Some(cursor.clone() + &" ".repeat(length - cursor.len()));
        let answer = query::query(&mut host, &selection, &Retention::default());
        assert_eq!(answer.is_ok(), fits, "{length} bytes");
    }
}

#[test]
fn a_cursor_of_an_earlier_version_is_refused() {
    let mut host = Lines::new(lines("event", 0..3, 5).concat());
    let mut selection = all(Order::OldestFirst);
    let cursor = page(&mut host, &mut selection, &Retention::default()).cursor;
    let version = cursor.find("\"version\":4").expect("the version is written first");
    let earlier = format!("{}3{}", &cursor[..version + 10], &cursor[version + 11..]);
    selection.cursor = Some(earlier);
    assert!(query::query(&mut host, &selection, &Retention::default()).is_err());
}
