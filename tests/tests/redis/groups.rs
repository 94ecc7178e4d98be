//! The commands for consumer groups on a real Redis: what they say to programs, and their exit codes.

use std::process::Command;

use papyra_tests::command::{self, Ended};
use papyra_tests::redis::{Aof, Server, free_port};
use serde_json::{Value, json};

const EVENTS: &str = "papyra:local:events";

/// `papyra persistence WORDS --store URL --json`.
fn ask(url: &str, words: &[&str]) -> Ended {
    let mut command = Command::new(command::papyra());
    command.arg("persistence").args(words).args(["--json", "--store", url]);
    command::run(&mut command)
}

fn document(url: &str, words: &[&str]) -> Value {
    let ended = ask(url, words);
    assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
    ended.document()
}

fn fill(server: &Server) {
    for n in 1..=4 {
        let record = format!(r#"{{"kind": "event", "timestamp": 1763700000, "n": {n}}}"#);
        server.cli(&["xadd", EVENTS, &format!("{n}-0"), "data", &record]);
    }
}

#[test]
fn programs_can_see_and_steer_groups() {
    let server = Server::start(Aof::Off, &[]);
    fill(&server);
    let url = server.url();
    let (group, consumer) = (["--group", "g"], ["--consumer", "c"]);
    let with = |words: &[&'static str], more: &[&'static str]| {
        document(&url, &[words, &group[..], more].concat())
    };
    assert_eq!(with(&["groups", "create"], &["--start", "1-0"])["made"], true);
    assert_eq!(with(&["groups", "create"], &[])["made"], false);

    let batch = with(&["consume"], &["--consumer", "c", "--count", "2", "--no-ack"]);
    let ids: Vec<&Value> = batch["records"].as_array().unwrap().iter().map(|r| &r["id"]).collect();
    assert_eq!((ids, &batch["count"]), (vec![&json!("2-0"), &json!("3-0")], &json!(2)));
    let pending = with(&["groups", "pending"], &["--from", "3-0"]);
    let entries = pending["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["id"]), (1, &json!("3-0")));
    assert_eq!((&entries[0]["consumer"], &entries[0]["deliveries"]), (&json!("c"), &json!(1)));

    let listed = document(&url, &["groups", "list"]);
    let listed = &listed["groups"][0];
    assert_eq!(
        (&listed["group"], &listed["pending"], &listed["consumers"]),
        (&json!("g"), &json!(2), &json!(1))
    );
    let one = with(&["groups", "describe"], &[]);
    assert_eq!((&one["min_pending"], &one["max_pending"]), (&json!("2-0"), &json!("3-0")));

    let again = with(&["consume"], &["--consumer", "c", "--own-pending"]);
    assert_eq!((&again["count"], &again["records"][0]["deliveries"]), (&json!(2), &json!(2)));
    assert_eq!(with(&["groups", "pending"], &[])["entries"], json!([]), "written, so acknowledged");
    assert_eq!(with(&["groups", "ack"], &["2-0"])["acknowledged"], 0);
    with(&["groups", "set-id"], &["--to", "0"]);
    let all = with(&["consume"], &consumer);
    assert_eq!(all["count"], 4);

    // Delivered too often, and no record.
    server.cli(&["xadd", EVENTS, "9-0", "data", "{"]);
    with(&["groups", "set-id"], &["--to", "3-0"]);
    with(&["consume"], &["--consumer", "c", "--no-ack", "--max-deliveries", "1"]);
    let last = with(&["consume"], &["--consumer", "c", "--own-pending", "--max-deliveries", "1"]);
    assert_eq!((&last["count"], &last["dead_lettered"]), (&json!(0), &json!(["4-0"])));
    let aside = with(&["consume"], &consumer);
    assert_eq!((&aside["count"], &aside["quarantined"]), (&json!(0), &json!(["9-0"])));
    assert_eq!(server.cli(&["xlen", "papyra:local:dead_letters"]), "1");
    assert_eq!(server.cli(&["xlen", "papyra:local:quarantine:papyra_local_events"]), "1");
    assert_eq!(server.cli(&["xpending", EVENTS, "g"]).lines().next(), Some("0"));
}

#[test]
fn what_goes_wrong_has_its_exit_code() {
    let server = Server::start(Aof::Off, &[]);
    let url = server.url();
    let down = format!("redis://127.0.0.1:{}", free_port());
    let consume = ["consume", "--group", "g", "--consumer", "c"];
    let pending = ["groups", "pending", "--group", "g"];
    let describe = ["groups", "describe", "--group", "g"];
    let claim = ["groups", "claim", "--group", "g", "--consumer", "c", "--min-idle", "1s"];
    let ack = ["groups", "ack", "--group", "g", "1-0"];
    for words in [&consume[..], &pending, &describe, &claim, &ack, &["groups", "list"]] {
        assert_eq!(ask(&down, words).code, Some(69), "{words:?}");
    }
    for stream in [false, true] {
        if stream {
            fill(&server);
        }
        for words in [&pending[..], &describe, &claim, &ack] {
            assert_eq!(ask(&url, words).code, Some(66), "{words:?}, with a stream: {stream}");
        }
    }
    server.cli(&["config", "set", "maxmemory", "1"]);
    let ended = ask(&url, &consume);
    assert!(ended.code == Some(73) && ended.document()["code"] == "full", "{ended:?}");
    server.cli(&["config", "set", "maxmemory", "0"]);
    server.cli(&["del", EVENTS]);
    server.cli(&["set", EVENTS, "x"]);
    assert_eq!(ask(&url, &consume).code, Some(1));
    server.cli(&["config", "set", "requirepass", "p"]);
    for words in [&consume[..], &pending, &["groups", "list"]] {
        assert_eq!(ask(&url, words).code, Some(77), "{words:?}");
    }
}

#[test]
fn groups_and_consumers_are_deleted_and_not_with_what_is_pending() {
    let server = Server::start(Aof::Off, &[]);
    fill(&server);
    let url = server.url();
    let with = |words: &[&'static str]| ask(&url, &[words, &["--group", "g"][..]].concat());
    assert_eq!(with(&["groups", "create"]).code, Some(0));
    let consume = ["consume", "--consumer", "c", "--count", "3", "--no-ack"];
    assert_eq!(with(&consume).code, Some(0));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(with(&["consume", "--consumer", "d"]).code, Some(0));

    let one = with(&["groups", "describe"]).document();
    let list = one["consumer_list"].as_array().unwrap();
    assert_eq!((&one["consumers"], list.len()), (&json!(2), 2), "{one}");
    assert_eq!((&list[0]["consumer"], &list[0]["pending"]), (&json!("c"), &json!(3)));
    let idle = |at: usize| list[at]["idle_ms"].as_u64().unwrap();
    assert!(idle(0) >= 1_000 && idle(1) < idle(0), "{one}");
    let mut command = Command::new(command::papyra());
    command.args(["persistence", "groups", "describe", "--group", "g", "--store", &url]);
    let text = command::run(&mut command).stdout;
    assert!(text.contains("c: 3 pending, idle ") && text.contains("d: 0 pending, idle "), "{text}");

    let delete_c = ["groups", "delete-consumer", "--consumer", "c"];
    for refused in [with(&["groups", "delete"]), with(&delete_c)] {
        assert!(
            refused.code == Some(64) && refused.says(&["3 pending entries", "--force"]),
            "{refused:?}"
        );
    }
    assert_eq!(server.cli(&["xpending", EVENTS, "g"]).lines().next(), Some("3"), "still there");
    let gone = with(&["groups", "delete-consumer", "--consumer", "d"]).document();
    assert_eq!((&gone["consumer"], &gone["pending"]), (&json!("d"), &json!(0)));
    assert_eq!(with(&["groups", "delete-consumer", "--consumer", "d"]).code, Some(66));
    let gone = with(&["groups", "delete-consumer", "--consumer", "c", "--force"]).document();
    assert_eq!(gone["pending"], 3);
    assert_eq!(with(&["groups", "delete"]).document()["pending"], 0);
    assert_eq!(server.cli(&["xinfo", "groups", EVENTS]), "");
    assert_eq!(with(&["groups", "delete"]).code, Some(66));
    assert_eq!(server.cli(&["xlen", EVENTS]), "4", "the records stay");

    // With entries pending.
    with(&["groups", "create"]);
    with(&consume);
    let gone = with(&["groups", "delete", "--force"]).document();
    assert_eq!((&gone["group"], &gone["pending"]), (&json!("g"), &json!(3)));
}

#[test]
fn compaction_names_the_group_that_keeps_records() {
    let server = Server::start(Aof::Off, &[]);
    fill(&server);
    let url = server.url();
    for (group, count) in [("slow", "1"), ("quick", "4")] {
        let group = ["--group", group, "--consumer", "c", "--count", count];
        let more: &[&str] = if count == "1" { &["--no-ack"] } else { &[] };
        document(&url, &[&["consume"][..], &group, more].concat());
    }
    // Needs less than the first one, and stands before it in every list.
    document(&url, &["groups", "create", "--group", "late", "--start", "2-0"]);
    let compact = ["compact", "--max-records", "1", "--no-audit"];
    for words in [&[&compact[..], &["--dry-run"]].concat(), &compact.to_vec()] {
        let done = document(&url, words);
        assert_eq!(done["pinned_kept"], 3, "{done}");
        let pins = done["pinned_by"].as_array().unwrap();
        assert_eq!(pins.len(), 1, "{done}");
        let (group, oldest) = (&pins[0]["group"], &pins[0]["oldest_pending"]);
        assert_eq!((group, oldest), (&json!("slow"), &json!("1-0")));
        assert!(done["note"].as_str().unwrap().contains("slow (event)"), "{done}");
        let mut command = Command::new(command::papyra());
        command.arg("persistence").args(words).args(["--store", &url]);
        let text = command::run(&mut command).stdout;
        assert!(text.contains("slow (event) has 1 pending entry, the oldest 1-0"), "{text}");
        assert!(!text.contains("quick"), "{text}");
    }
}
