//! The ends of what Redis has: the last id, the last database, the last byte of memory.

use std::process::Command;

use papyra_persistence::journal::{CompactOptions, Limits, Retention, ScanOptions};
use papyra_persistence::{Engine, Journal};
use papyra_tests::command::{self, Ended};
use papyra_tests::redis::{Aof, Server, append, lines, records};

const EVENTS: &str = "papyra:local:events";
const LAST: &str = "18446744073709551615-18446744073709551615";
const SECOND_LAST: &str = "18446744073709551615-18446744073709551614";

fn persistence(words: &[&str], url: &str) -> Ended {
    let mut command = Command::new(command::papyra());
    command.arg("persistence").args(words).args(["--store", url]);
    command::run(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_with_the_last_possible_id_is_read_and_removed_like_others() {
    let engine = Engine::new().unwrap();
    for ids in [&[LAST][..], &["5-0", LAST], &["5-0", SECOND_LAST, LAST]] {
        let server = Server::start(Aof::Off, &[]);
        let all = records("event", 0..ids.len() as u32);
        for (id, record) in ids.iter().zip(&all) {
            server.cli(&["xadd", EVENTS, id, "data", record]);
        }
        let store = server.store();
        let journal = Journal::new(&engine, store.clone());
        let report = journal.scan(ScanOptions { max_findings: 9, sample: None }).await.unwrap();
        assert_eq!((report.records, report.damaged), (ids.len() as u64, 0), "{ids:?}");
        let read = persistence(&["read"], &server.url());
        assert_eq!(read.stdout.lines().collect::<Vec<_>>(), all, "{ids:?}");
        let newest = persistence(&["read", "--reverse", "--limit", "1"], &server.url());
        assert_eq!(newest.stdout.trim_end(), all[ids.len() - 1], "{ids:?}");
        server.cli(&["xgroup", "create", EVENTS, "g", "0"]);
        let none = Retention {
            journal: Limits { max_records: Some(0), ..Limits::default() },
            per_kind: Vec::new(),
        };
        let journal = journal.with_retention(none);
        for (force, left) in [(false, ids.len()), (true, 0)] {
            let options =
                CompactOptions { force, record_audit: false, ..CompactOptions::default() };
            journal.compact(options).await.unwrap();
            assert_eq!(server.cli(&["xlen", EVENTS]), left.to_string(), "{ids:?} {force}");
        }
        assert!(lines(&store).await.is_empty());

        // Without a group, where it is done by trimming otherwise.
        server.cli(&["del", EVENTS]);
        for (id, record) in ids.iter().zip(&all) {
            server.cli(&["xadd", EVENTS, id, "data", record]);
        }
        let ended = persistence(&["compact", "--max-records", "0", "--no-audit"], &server.url());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(server.cli(&["xlen", EVENTS]), "0", "{ids:?}");
    }
}

#[test]
fn a_damaged_entry_with_the_last_possible_id_is_quarantined() {
    let server = Server::start(Aof::Off, &[]);
    server.cli(&["xadd", EVENTS, "5-0", "data", &records("event", 0..1)[0]]);
    server.cli(&["xadd", EVENTS, LAST, "data", "{"]);
    let url = server.url();
    assert_eq!(persistence(&["scan"], &url).code, Some(2));
    let words = ["recover", "--mode", "quarantine", "--no-audit"];
    let ended = persistence(&words, &url);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(server.cli(&["xlen", EVENTS]), "1");
    let kept = server.cli(&["xrange", "papyra:local:quarantine:papyra_local_events", "-", "+"]);
    assert!(kept.contains(LAST), "{kept}");
}

#[test]
fn a_database_that_does_not_exist_is_wrong_usage() {
    let server = Server::start(Aof::Off, &[]);
    let url = format!("redis://127.0.0.1:{}/99", server.port);
    let ended = persistence(&["scan"], &url);
    assert!(ended.code == Some(64) && ended.says(&["no database of that number"]), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_evicts_journals_is_warned_of_in_one_line() {
    let server = Server::start(Aof::Off, &[]);
    append(&server.store(), papyra_persistence::Kind::Event, &records("event", 0..3))
        .await
        .unwrap();
    let url = server.url();
    let set = |name: &str, value: &str| server.cli(&["config", "set", name, value]);
    set("maxmemory", "100mb");
    server.cli(&["acl", "setuser", "plain", "on", ">pw", "~*", "+@all", "-info"]);
    server.cli(&["acl", "setuser", "blind", "on", ">pw", "~*", "+@all", "-info", "-config"]);
    let by = |user: &str| format!("redis://{user}:pw@127.0.0.1:{}", server.port);
    for (policy, warned) in [("allkeys-lru", true), ("allkeys-random", true), ("noeviction", false)]
    {
        set("maxmemory-policy", policy);
        for words in [&["startup-check"][..], &["inspect"]] {
            for url in [&url, &by("plain")] {
                let ended = persistence(words, url);
                assert_eq!(ended.code, Some(0), "{ended:?}");
                assert_eq!(ended.says(&["warning", policy, "noeviction"]), warned, "{ended:?}");
                assert_eq!(ended.stderr.lines().count(), usize::from(warned), "{ended:?}");
            }
        }
    }
    set("maxmemory-policy", "allkeys-lru");
    for ended in [persistence(&["inspect"], &by("blind")), persistence(&["inspect", "-q"], &url)] {
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    }
}
