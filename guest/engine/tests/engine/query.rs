//! Selecting records, and going on where the last page ended.

use papyra_engine::health::recover::{RecoverOptions, RecoveryMode};
use papyra_engine::json::Kind;
use papyra_engine::operations;
use papyra_engine::read::query::{self, Order, Page, Selection};
use papyra_engine::read::select::{FieldMatch, Filter};
use papyra_engine::retention::compact::{self, CompactOptions};
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{Lines, NOW, record};

fn ask(host: &mut Lines, selection: &Selection) -> Page {
    query::query(host, selection, &Retention::default()).unwrap()
}

fn all(order: Order) -> Selection {
    Selection { filter: Filter::default(), limit: None, order, no_index: false, cursor: None }
}

fn numbered(count: usize, filler: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            let text = format!("{n} {}", "x".repeat(filler));
            format!("{{\"kind\":\"event\",\"timestamp\":{NOW:?},\"n\":{n},\"text\":\"{text}\"}}\n")
        })
        .collect()
}

#[test]
fn pages_put_together_are_the_whole_answer_in_both_orders() {
    let lines = numbered(3000, 1500);
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut host = Lines::new(lines.concat());
        let mut selection = all(order);
        let (mut records, mut pages) = (Vec::new(), 0);
        loop {
            let page = ask(&mut host, &selection);
            assert!(page.records.len() <= 1 << 20);
            records.extend(page.records.split_inclusive('\n').map(str::to_owned));
            pages += 1;
            if page.end {
                break;
            }
            selection.cursor = Some(page.cursor);
        }
        if order == Order::NewestFirst {
            records.reverse();
        }
        assert_eq!(records, lines);
        assert!(pages > 3);
    }
}

#[test]
fn the_newest_records_of_a_large_store_are_read_from_its_end_alone() {
    let lines = numbered(40_000, 200);
    let mut host = Lines::new(lines.concat());
    let page = ask(&mut host, &Selection { limit: Some(100), ..all(Order::OldestFirst) });
    assert_eq!(page.records, lines[39_900..].concat());
    // Some are small, for the marks by which the cursor is found again.
    assert!(host.reads < 16, "{} reads", host.reads);
}

#[test]
fn following_returns_each_record_once_across_appends_recovery_and_compaction() {
    let lines = numbered(1000, 30);
    let mut host = Lines::new(lines[..500].concat());
    let mut selection = Selection { limit: Some(10), ..all(Order::OldestFirst) };
    let first = ask(&mut host, &selection);
    assert_eq!(first.records, lines[490..500].concat());

    selection.cursor = Some(first.cursor);
    let idle = ask(&mut host, &selection);
    assert_eq!((idle.count, idle.end), (0, true));

    selection.cursor = Some(idle.cursor);
    host.data.extend(b"garbage\n");
    host.data.extend(lines[500..600].concat().bytes());
    let more = ask(&mut host, &selection);
    assert_eq!((more.records, more.damaged), (lines[500..600].concat(), 1));

    selection.cursor = Some(more.cursor);
    let limits = Limits { max_records: Some(50), ..Limits::default() };
    let policy = Retention::new(limits, &[]).unwrap();
    let options = CompactOptions {
        dry_run: false,
        force: false,
        keep_quarantine: false,
        as_of: None,
        record_audit: false,
        allow_expire_all: true,
        full: false,
    };
    assert!(compact::compact(&mut host, &policy, options).unwrap().changed);
    host.data.extend(lines[600..700].concat().bytes());
    let more = ask(&mut host, &selection);
    assert_eq!(more.records, lines[600..700].concat());

    selection.cursor = Some(more.cursor);
    host.data.splice(0..0, *b"garbage\n");
    host.data.extend(lines[700..800].concat().bytes());
    let options = RecoverOptions {
        mode: RecoveryMode::Repair,
        dry_run: false,
        max_findings: 0,
        record_audit: false,
        allow_loss: false,
    };
    assert!(operations::recover(&mut host, options).unwrap().changed);
    assert_eq!(ask(&mut host, &selection).records, lines[700..800].concat());
}

/// Damage of one kind looks alike: what was looked at last and is gone must not be taken for what came
/// later.
#[test]
fn damage_that_is_quarantined_takes_no_record_along() {
    let lines = numbered(30, 5);
    let mut host = Lines::new(lines[..10].concat() + "garbage\n");
    for limit in [None, Some(0)] {
        host.data = (lines[..10].concat() + "garbage\n").into_bytes();
        let mut selection = Selection { limit, ..all(Order::OldestFirst) };
        let page = ask(&mut host, &selection);
        assert_eq!(page.count, if limit.is_none() { 10 } else { 0 });
        selection.cursor = Some(page.cursor);

        let options = RecoverOptions {
            mode: RecoveryMode::Repair,
            dry_run: false,
            max_findings: 0,
            record_audit: false,
            allow_loss: false,
        };
        assert!(operations::recover(&mut host, options).unwrap().changed);
        host.data.extend((lines[10..20].concat() + "garbage\n" + &lines[20..].concat()).bytes());
        assert_eq!(ask(&mut host, &selection).records, lines[10..].concat(), "{limit:?}");
    }
}

/// Rewriting moves a record towards the start only.
#[test]
fn of_records_that_are_alike_the_one_is_found_that_was_looked_at() {
    let lines = numbered(30, 5);
    let alike = &lines[29];
    let mut host = Lines::new("garbage\n".to_owned() + &lines[..10].concat() + alike);
    let page = ask(&mut host, &all(Order::OldestFirst));
    let options = RecoverOptions {
        mode: RecoveryMode::Repair,
        dry_run: false,
        max_findings: 0,
        record_audit: false,
        allow_loss: false,
    };
    assert!(operations::recover(&mut host, options).unwrap().changed);
    let later = lines[10..20].concat() + alike + &lines[20..25].concat();
    host.data.extend(later.bytes());
    let selection = Selection { cursor: Some(page.cursor), ..all(Order::OldestFirst) };
    assert_eq!(ask(&mut host, &selection).records, later);
}

#[test]
fn when_the_last_record_has_been_compacted_away_following_goes_on_with_the_oldest_left() {
    let lines = numbered(10, 5);
    let mut host = Lines::new(lines[..3].concat());
    let page = ask(&mut host, &all(Order::OldestFirst));
    host.data = lines[5..].concat().into_bytes();
    let selection = Selection { cursor: Some(page.cursor), ..all(Order::OldestFirst) };
    assert_eq!(ask(&mut host, &selection).records, lines[5..].concat());
}

#[test]
fn a_whole_record_without_newline_is_returned_once() {
    let lines = numbered(2, 5);
    let mut host = Lines::new(lines[0].trim_end());
    let page = ask(&mut host, &all(Order::OldestFirst));
    assert_eq!(page.records, lines[0]);
    host.data = lines.concat().into_bytes();
    let selection = Selection { cursor: Some(page.cursor), ..all(Order::OldestFirst) };
    assert_eq!(ask(&mut host, &selection).records, lines[1]);
}

#[test]
fn no_records_at_first_still_lets_one_follow_what_comes() {
    let lines = numbered(3, 5);
    for limit in [None, Some(0)] {
        let mut host = Lines::new(lines[0].as_str());
        let mut selection = Selection { limit, ..all(Order::OldestFirst) };
        if limit.is_none() {
            host.data.clear();
        }
        let page = ask(&mut host, &selection);
        assert_eq!((page.count, page.end), (0, true));
        host.data = lines.concat().into_bytes();
        selection.cursor = Some(page.cursor);
        let expected = if limit.is_none() { lines.concat() } else { lines[1..].concat() };
        assert_eq!(ask(&mut host, &selection).records, expected);
    }
}

#[test]
fn conditions_select_by_kind_time_and_field() {
    let mut data = String::new();
    data += "{\"kind\":\"event\",\"timestamp\":1,\"actor\":\"user/1\",\"payload\":{\"n\":1,\"ok\":true}}\n";
    data +=
        "{\"kind\":\"audit\",\"timestamp\":2,\"actor\":\"user/\\u0032\",\"payload\":{\"n\":1.0}}\n";
    data += "{\"kind\":\"metric\",\"timestamp\":3,\"payload.n\":\"dotted\",\"x\":null}\n";
    let lines: Vec<_> = data.lines().collect();
    let matching = |kinds: Vec<Kind>, since, until, fields: &[(&str, &str)]| {
        let fields = fields
            .iter()
            .map(|(field, value)| FieldMatch {
                field: (*field).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let filter = Filter::new(kinds, since, until, fields).unwrap();
        let selection = Selection { filter, ..all(Order::OldestFirst) };
        ask(&mut Lines::new(data.clone()), &selection).records
    };
    let join = |picked: &[usize]| -> String {
        picked.iter().map(|index| format!("{}\n", lines[*index])).collect()
    };
    assert_eq!(matching(vec![Kind::Audit, Kind::Metric], None, None, &[]), join(&[1, 2]));
    assert_eq!(matching(vec![], Some(2.0), Some(2.0), &[]), join(&[1]));
    assert_eq!(matching(vec![], None, None, &[("actor", "user/2")]), join(&[1]));
    assert_eq!(matching(vec![], None, None, &[("payload.n", "1")]), join(&[0, 1]));
    assert_eq!(matching(vec![], None, None, &[("payload.n", "dotted")]), join(&[2]));
    assert_eq!(matching(vec![], None, None, &[("payload.ok", "true")]), join(&[0]));
    assert_eq!(matching(vec![], None, None, &[("x", "null")]), join(&[2]));
    assert_eq!(matching(vec![], None, None, &[("missing", "1")]), "");
}

#[test]
fn whatever_is_a_record_can_be_looked_into() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for value in [deep.as_str(), "1e400", "NaN", r#""\ud83d""#] {
        let data = format!("{{\"kind\":\"event\",\"timestamp\":1,\"v\":{value},\"tag\":\"x\"}}\n");
        let condition = FieldMatch { field: "tag".to_owned(), value: "x".to_owned() };
        let filter = Filter::new(Vec::new(), None, None, vec![condition]).unwrap();
        let selection = Selection { filter, ..all(Order::OldestFirst) };
        assert_eq!(ask(&mut Lines::new(data.clone()), &selection).records, data);
    }
}

#[test]
fn a_cursor_that_is_none_is_refused() {
    for cursor in ["", "{}", "null", "{\"version\":99}"] {
        let selection = Selection { cursor: Some(cursor.to_owned()), ..all(Order::OldestFirst) };
        let refused = query::query(&mut Lines::new(""), &selection, &Retention::default());
        assert!(refused.is_err(), "{cursor}");
    }
}

#[test]
fn a_record_with_carriage_return_is_returned_as_it_is() {
    let line = record("event", NOW, 3).replace('\n', "\r\n");
    assert_eq!(ask(&mut Lines::new(line.as_str()), &all(Order::OldestFirst)).records, line);
}
