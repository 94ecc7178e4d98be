//! Users with no more rights than the page about Redis gives them.

use std::process::Command;

use papyra_persistence::journal::ScanOptions;
use papyra_persistence::{Engine, Journal, Kind};
use papyra_tests::command::{self, Ended};
use papyra_tests::portable::root;
use papyra_tests::redis::{Aof, Server, append, records};

const EVENTS: &str = "papyra:local:events";

/// A server with the users of the page, and some events, groups and damage.
async fn server() -> Server {
    let server = Server::start(Aof::Off, &[]);
    let page = std::fs::read_to_string(root().join("docs/redis.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("ACL SETUSER "));
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in lines {
        assert_eq!(server.cli(&line), "OK", "{line:?}");
    }
    append(&server.store(), Kind::Event, &records("event", 0..20)).await.unwrap();
    server
}

struct User<'a> {
    server: &'a Server,
    name: &'static str,
}

impl User<'_> {
    fn runs(&self, words: &[&str], input: &str) -> Ended {
        let url = format!("redis://papyra-{}@127.0.0.1:{}/0", self.name, self.server.port);
        let mut command = Command::new(command::papyra());
        command.env("PAPYRA_REDIS_PASSWORD", "SECRET");
        command.arg("persistence").args(words).args(["--store", &url]);
        command::run_with(&mut command, input.as_bytes())
    }

    fn may(&self, words: &[&str]) {
        let ended = self.runs(words, "");
        assert_eq!(ended.code, Some(0), "{} {words:?}: {ended:?}", self.name);
        assert!(!ended.stderr.contains("WARN"), "{} {words:?}: {ended:?}", self.name);
    }

    fn may_not(&self, words: &[&str], input: &str) {
        let ended = self.runs(words, input);
        let said = ended.code == Some(77) && ended.says(&["lacks a permission"]);
        assert!(said, "{} {words:?}: {ended:?}", self.name);
    }
}

fn line() -> String {
    records("event", 50..51)[0].clone() + "\n"
}

/// How often a script has been called.
fn scripts(server: &Server) -> bool {
    server.cli(&["info", "commandstats"]).contains("cmdstat_eval")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reads_and_does_nothing_else() {
    let server = server().await;
    server.cli(&["xgroup", "create", EVENTS, "g", "0"]);
    server.cli(&["xreadgroup", "group", "g", "c", "count", "2", "streams", EVENTS, ">"]);
    server.cli(&["config", "resetstat"]);
    let reader = User { server: &server, name: "reader" };
    for words in [
        &["scan"][..],
        &["read"],
        &["read", "--reverse"],
        &["inspect"],
        &["metrics"],
        &["compact", "--dry-run", "--max-records", "3"],
        &["groups", "list"],
        &["groups", "describe", "--group", "g"],
        &["groups", "pending", "--group", "g"],
    ] {
        reader.may(words);
    }
    assert!(!scripts(&server), "reading is done by plain commands");
    reader.may_not(&["append"], &line());
    reader.may_not(&["compact", "--max-records", "3", "--force"], "");
    reader.may_not(&["consume", "--group", "g", "--consumer", "c"], "");
    assert_eq!(server.cli(&["xlen", EVENTS]), "20");
    // Another system's journal is none of its business.
    server.cli(&["xadd", "papyra:other:events", "*", "data", "{"]);
    let url = format!("redis://papyra-reader:SECRET@127.0.0.1:{}?system_id=other", server.port);
    let mut command = Command::new(command::papyra());
    let ended = command::run(command.args(["persistence", "scan", "--store", &url]));
    assert_eq!(ended.code, Some(77), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_appends_and_checks_and_does_not_compact() {
    let server = server().await;
    let writer = User { server: &server, name: "writer" };
    let ended = writer.runs(&["append"], &line());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for words in [&["startup-check"][..], &["scan"], &["read"], &["inspect"]] {
        writer.may(words);
    }
    assert_ne!(server.cli(&["get", "papyra:local:index"]), "", "the check has left its index");
    writer.may_not(&["compact", "--max-records", "3"], "");
    assert_eq!(server.cli(&["xlen", EVENTS]), "21");
    server.cli(&["xadd", EVENTS, "*", "data", "{"]);
    server.cli(&["xgroup", "create", EVENTS, "g", "0"]);
    server.cli(&["xreadgroup", "group", "g", "c", "streams", EVENTS, ">"]);
    writer.may_not(&["recover", "--no-audit"], "");
    assert_eq!(
        server.cli(&["xlen", EVENTS]),
        "22",
        "it may not acknowledge, so it does not remove"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_consumes_to_the_end() {
    let server = server().await;
    let consumer = User { server: &server, name: "consumer" };
    let group = ["--group", "g"];
    let with = |words: &[&'static str]| {
        let words = [words, &group[..]].concat();
        consumer.may(&words);
    };
    with(&["groups", "create"]);
    with(&["consume", "--consumer", "a", "--count", "3", "--no-ack"]);
    with(&["groups", "claim", "--consumer", "b", "--min-idle", "0s", "--count", "2"]);
    let first = server.cli(&["xpending", EVENTS, "g", "-", "+", "1"]);
    let first = first.lines().next().unwrap().to_owned();
    let claim = ["groups", "claim", "--group", "g", "--consumer", "b", "--min-idle", "0s", &first];
    consumer.may(&claim);
    with(&["consume", "--consumer", "b", "--own-pending", "--no-ack"]);
    // Too often delivered, and no record.
    with(&["consume", "--consumer", "b", "--own-pending", "--max-deliveries", "1"]);
    server.cli(&["xadd", EVENTS, "*", "data", "{"]);
    with(&["consume", "--consumer", "b", "--count", "100"]);
    let id = server.cli(&["xpending", EVENTS, "g", "-", "+", "1"]);
    let id = id.lines().next().unwrap().to_owned();
    consumer.may(&["groups", "ack", "--group", "g", &id]);
    assert_eq!(server.cli(&["xlen", "papyra:local:dead_letters"]), "2");
    assert_eq!(server.cli(&["xlen", "papyra:local:quarantine:papyra_local_events"]), "1");
    consumer.may_not(&["groups", "delete", "--group", "g"], "");
    consumer.may_not(&["compact", "--max-records", "3"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_do_everything() {
    let server = server().await;
    let operator = User { server: &server, name: "operator" };
    let group = |words: &[&'static str]| operator.may(&[words, &["--group", "g"][..]].concat());
    assert_eq!(operator.runs(&["append"], &line()).code, Some(0));
    group(&["groups", "create"]);
    group(&["consume", "--consumer", "a", "--count", "3"]);
    group(&["groups", "set-id", "--to", "$"]);
    server.cli(&["xadd", EVENTS, "*", "data", "{"]);
    operator.may(&["recover", "--mode", "quarantine"]);
    operator.may(&["compact", "--max-records", "9"]);
    operator.may(&["compact", "--max-records", "2", "--force"]);
    operator.may(&["startup-check", "--mode", "recover"]);
    operator.may(&["groups", "list"]);
    group(&["groups", "delete-consumer", "--consumer", "a", "--force"]);
    group(&["groups", "delete", "--force"]);
    let journal = Journal::new(&Engine::new().unwrap(), server.store());
    let report = journal.scan(ScanOptions { max_findings: 9, sample: None }).await.unwrap();
    assert_eq!(report.damaged, 0);
}
