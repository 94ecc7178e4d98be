//! `papyra serve`: what it answers, and that it changes nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use papyra_tests::command::names;
use papyra_tests::process::apart;
use papyra_tests::redis::{Aof, Server};
use papyra_tests::served::Served;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000, \"text\": \"<script>\"}
";

#[test]
fn probes_and_metrics_follow_what_is_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, RECORD.repeat(3)).unwrap();
    let served = Served::start(&path);
    assert_eq!(served.get("/healthz").0, 200);
    assert!(served.wait_for("/readyz", 200).contains("app.ndjson: healthy"));
    let metrics = served.get("/metrics").1;
    assert!(metrics.contains("kind=\"event\"} 3.0\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");

    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(format!("garbage\n{RECORD}").as_bytes()).unwrap();
    assert!(served.wait_for("/readyz", 503).contains("anomalies"));
    let metrics = served.get("/metrics").1;
    assert!(metrics.contains("anomaly=\"malformed_json\"} 1.0\n"), "{metrics}");
    assert!(metrics.contains("kind=\"event\"} 4.0\n"), "{metrics}");
}

#[test]
fn a_store_that_is_missing_or_lost_is_said_and_the_server_lives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later.ndjson");
    let served = Served::start(&path);
    assert!(served.wait_for("/readyz", 200).contains("does not exist yet"));
    assert_eq!(served.get("/").0, 200);
    fs::create_dir(&path).unwrap();
    assert!(served.wait_for("/readyz", 503).contains("directory"));
    assert!(served.get("/metrics").1.contains("papyra_store_up{"));
}

#[test]
fn nothing_that_is_asked_for_changes_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    let before = format!("{RECORD}torn");
    fs::write(&path, &before).unwrap();
    let served = Served::start(&path);
    served.wait_for("/readyz", 503);
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/record?id=0",
        "/page.js",
        "/nowhere",
        "/../../etc/passwd",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            served.ask(&format!("{method} {path}"), "localhost");
        }
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert_eq!(names(dir.path()), ["app.ndjson"]);
}

#[test]
fn a_foreign_name_for_loopback_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, RECORD).unwrap();
    let served = Served::start(&path);
    let (status, answer) = served.ask("GET /", "evil.example");
    assert_eq!(status, 421, "{answer}");
    assert!(!answer.contains("script"), "{answer}");
    assert_eq!(served.ask("GET /", "127.0.0.1:9464").0, 200);
}

/// As many open files as a process may have by default.
const FILES: u64 = 1024;

#[test]
fn connections_that_ask_nothing_do_not_keep_the_probes_from_being_answered() {
    const NAME: &str =
        "serve::connections_that_ask_nothing_do_not_keep_the_probes_from_being_answered";
    if !apart(NAME) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, RECORD).unwrap();
    // What the server inherits is not what this process needs.
    let own = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), ..own }).unwrap();
    let served = Served::start(&path);
    setrlimit(Resource::Nofile, Rlimit { current: own.maximum, ..own }).unwrap();
    let half_asked = |_| {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").unwrap();
        stream
    };
    let held: Vec<_> = (0..FILES + 76).map(half_asked).collect();
    // Generous: two times five seconds on an idle machine.
    let mut probe = TcpStream::connect(&served.address).unwrap();
    probe.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    probe.write_all(ask).unwrap();
    let mut answer = String::new();
    probe.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(held);
}

#[test]
fn groups_are_shown_with_what_is_pending_and_how_far_they_are_behind() {
    let server = Server::start(Aof::Off, &[]);
    let events = "papyra:local:events";
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.cli(&["xadd", events, "*", "data", RECORD.trim_end()]));
    }
    server.cli(&["xgroup", "create", events, "bill<ing", "0"]);
    server.cli(&["xreadgroup", "group", "bill<ing", "b1", "count", "3", "streams", events, ">"]);
    server.cli(&["xack", events, "bill<ing", &ids[0]]);
    // What lies between its place and the end cannot be told once something there was removed.
    server.cli(&["xgroup", "create", events, "unsure", &ids[2]]);
    server.cli(&["xdel", events, &ids[3]]);

    let served = Served::with(["--store", &server.url()]);
    let answer = served.wait_for("/readyz", 200);
    assert!(answer.contains("healthy"), "{answer}");
    let metrics = served.get("/metrics").1;
    let value = |name: &str, group: &str| {
        let found = metrics.lines().find(|line| {
            line.contains(name)
                && line.contains(&format!("group=\"{group}\""))
                && line.contains("event")
        });
        found.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(value("group_pending_entries", "bill<ing").as_deref(), Some("2.0"), "{metrics}");
    assert_eq!(value("group_pending_entries", "unsure").as_deref(), Some("0.0"));
    assert_eq!(value("group_lag_entries", "unsure"), None, "unknown is absent and not 0");
    let page = served.get("/").1;
    assert!(page.contains("bill&lt;ing") && !page.contains("bill<ing"), "{page}");
    let row = page.split("<tr>").find(|row| row.contains("unsure")).unwrap();
    assert!(row.contains("unknown"), "{row}");
    let keys = server.cli(&["keys", "*"]);
    assert_eq!(keys, events, "nothing was written");
    assert_eq!(server.cli(&["xpending", events, "bill<ing"]).lines().next(), Some("2"));
}
