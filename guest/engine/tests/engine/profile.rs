//! Journals of other programs, as their own libraries write them (see `tests/foreign-logs`).

use papyra_engine::failure::FailureCode;
use papyra_engine::health::recover::{RecoverOptions, RecoveryMode};
use papyra_engine::health::scan::{self, ScanOptions, ScanReport};
use papyra_engine::health::startup::{self, StartupMode, StartupOptions};
use papyra_engine::host::{Profile, TimeFormat};
use papyra_engine::json::Kind;
use papyra_engine::operations;
use papyra_engine::read::query::{self, Order, Page, Selection};
use papyra_engine::read::select::Filter;
use papyra_engine::retention::compact::CompactOptions;
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{COMPACT, Lines, NOW, record};
use papyra_engine::write::append::{self, Accept, Draft};

macro_rules! logs {
    ($($name:literal, $field:literal, $format:ident, $likely:expr;)*) => {
        [$((
            $name,
            include_str!(concat!("../../../../tests/foreign-logs/", $name, ".ndjson")),
            profile($field, TimeFormat::$format),
            $likely,
        )),*]
    };
}

fn profile(time_field: &str, time_format: TimeFormat) -> Profile {
    Profile { kind_field: None, time_field: time_field.to_owned(), time_format }
}

/// Each with the profile that fits, and the preset that it is recognized by.
fn logs() -> [(&'static str, &'static str, Profile, Option<&'static str>); 12] {
    logs![
        "pino", "time", Milliseconds, Some("pino");
        "bunyan", "time", Rfc3339, Some("bunyan");
        "ecs", "@timestamp", Rfc3339, Some("ecs");
        "ecs-python", "@timestamp", Rfc3339, Some("ecs");
        "zap", "ts", Seconds, Some("zap");
        "slog", "time", Rfc3339, Some("slog");
        "caddy", "ts", Seconds, Some("caddy");
        "docker", "time", Rfc3339, Some("docker");
        "journald", "__REALTIME_TIMESTAMP", Microseconds, Some("journald");
        "structlog", "timestamp", Rfc3339, None;
        "python-json-logger", "created", Seconds, None;
        "winston", "timestamp", Rfc3339, None;
    ]
}

fn host(text: &str, profile: Option<&Profile>) -> Lines {
    let mut host = Lines::new(text);
    host.profile = profile.cloned();
    host
}

fn scanned(host: &mut Lines) -> ScanReport {
    scan::scan(host, ScanOptions { max_findings: 100, sample: None }).unwrap()
}

fn since(host: &mut Lines, since: Option<f64>) -> Page {
    let filter = Filter::new(vec![], since, None, vec![]).unwrap();
    let (order, no_index) = (Order::OldestFirst, false);
    let selection = Selection { filter, limit: None, order, no_index, cursor: None };
    query::query(host, &selection, &Retention::default()).unwrap()
}

#[test]
fn a_journal_of_another_program_is_healthy_under_its_profile() {
    for (name, text, profile, likely) in logs() {
        let mut told = host(text, Some(&profile));
        let report = scanned(&mut told);
        assert!(report.is_healthy(), "{name}: {:?}", report.findings);
        assert_eq!((report.records, report.untimed), (text.lines().count() as u64, 0), "{name}");
        let events = report.kinds.iter().find(|of| of.kind == Kind::Event).map(|of| of.records);
        assert_eq!(events, Some(report.records), "{name}");

        let report = scanned(&mut host(text, None));
        assert_eq!(report.suspect, report.records, "{name}: without a profile");
        let note = likely.map_or(String::new(), |likely| {
            format!(
                "the records look like those of {likely}: read them with the profile {likely} \
                 (--profile {likely})"
            )
        });
        assert_eq!(report.time_note, note, "{name}");
    }
}

#[test]
fn since_returns_the_records_from_then_on() {
    for (name, text, profile, _) in logs() {
        let mut told = host(text, Some(&profile));
        let all = since(&mut told, None);
        assert_eq!(all.records, text, "{name}");
        let times: Vec<f64> = all.times.clone();
        for from in &times {
            let page = since(&mut told, Some(*from));
            let expected: String = text
                .split_inclusive('\n')
                .zip(&times)
                .filter_map(|(line, time)| (time >= from).then_some(line))
                .collect();
            assert_eq!(page.records, expected, "{name} {from}");
        }
    }
}

#[test]
fn recovery_keeps_every_whole_record_and_adds_none() {
    for (name, text, profile, _) in logs() {
        let lines: Vec<&str> = text.lines().collect();
        let torn = &lines[1][..lines[1].len() / 2];
        let damaged = format!(
            "{}\n{torn}{}\n\0\0{}\ngarbage\n{}\n",
            lines[0],
            lines[2],
            lines[3],
            lines[4..].join("\n")
        );
        let mut told = host(&damaged, Some(&profile));
        let options = RecoverOptions {
            mode: RecoveryMode::Repair,
            dry_run: false,
            max_findings: 10,
            record_audit: true,
            allow_loss: false,
        };
        let done = operations::recover(&mut told, options).unwrap();
        assert!(done.changed && done.audit.is_empty(), "{name}");
        assert!(
            done.note.contains("audit records have the form of Papyra"),
            "{name}: {}",
            done.note
        );
        let kept = String::from_utf8(told.data.clone()).unwrap();
        let sound = [&lines[..1], &lines[2..]].concat().join("\n") + "\n";
        assert_eq!(kept, sound, "{name}");
        assert!(scanned(&mut told).is_healthy(), "{name}");
    }
}

#[test]
fn compaction_keeps_the_newest_and_writes_no_audit_record() {
    for (name, text, profile, _) in logs() {
        let mut told = host(text, Some(&profile));
        let limits = Limits { max_records: Some(3), ..Limits::default() };
        let policy = Retention::new(limits, &[]).unwrap();
        let options = CompactOptions { record_audit: true, ..COMPACT };
        let done = operations::compact(&mut told, None, &policy, options).unwrap();
        assert!(done.audit.is_empty() && !done.note.is_empty(), "{name}");
        let kept: String = text
            .split_inclusive('\n')
            .rev()
            .take(3)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        assert_eq!(String::from_utf8(told.data.clone()).unwrap(), kept, "{name}");
    }
}

#[test]
fn an_index_that_was_made_under_another_profile_is_not_used() {
    let check = |host: &mut Lines| {
        let options = StartupOptions {
            mode: StartupMode::Fail,
            recovery: RecoveryMode::Repair,
            full: false,
            record_audit: false,
        };
        startup::startup_check(host, options).unwrap()
    };
    let (_, text, profile, _) = &logs()[0];
    let mut told = host(text, None);
    check(&mut told);
    let made = told.index.clone();
    told.profile = Some(profile.clone());
    let report = check(&mut told).scan.unwrap();
    assert!(report.is_healthy() && report.untimed == 0);
    assert_ne!(told.index, made);
}

#[test]
fn typed_records_are_refused_and_lines_are_judged_by_the_profile() {
    let mut told = host("", Some(&profile("time", TimeFormat::Milliseconds)));
    let draft = Draft { kind: Kind::Event, timestamp: None, fields: "{}".to_owned() };
    let refused = append::append(&mut told, &[draft]).unwrap_err();
    assert_eq!(refused.code, FailureCode::InvalidArgument);
    let line = format!("{{\"time\":{}}}\n", NOW * 1e3);
    append::append_lines(&mut told, line.clone(), Accept::Sound).unwrap();
    let refused = append::append_lines(&mut told, record("event", NOW, 1), Accept::Sound);
    assert_eq!(refused.unwrap_err().code, FailureCode::InvalidRecord);
    assert_eq!(told.data, line.as_bytes());
}

#[test]
fn a_field_without_a_name_is_refused() {
    for field in [String::new(), "x".repeat(257)] {
        let mut told = host("{}\n", Some(&profile(&field, TimeFormat::Seconds)));
        let refused = scan::scan(&mut told, ScanOptions { max_findings: 1, sample: None });
        assert_eq!(refused.unwrap_err().code, FailureCode::InvalidArgument);
    }
}
