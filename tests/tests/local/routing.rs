//! What a route does with each operation: every kind in its store, every store looked at.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use papyra_tests::command::{names, run_with};
use papyra_tests::place::{Place, line, lines};
use papyra_tests::redis::{Aof, Server};
use serde_json::json;

const ROUTE: &str =
    "[route]\nevents = \"events.ndjson\"\nmetrics = \"none\"\ndefault = \"rest.ndjson\"\n";

#[test]
fn each_kind_is_written_to_its_store_and_read_back_in_the_order_of_time() {
    let place = Place::with(ROUTE);
    let input = line("event", 4)
        + &line("metric", 1)
        + &line("audit", 2)
        + &line("event", 6)
        + &line("dead_letter", 5);
    let ended = place.append(&input);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("events.ndjson: appended 2 records"), "{ended:?}");
    assert!(ended.stdout.contains("metric: dropped 1 record"), "{ended:?}");
    assert_eq!(place.text("events.ndjson"), lines("event", &[4, 6]));
    assert_eq!(place.text("rest.ndjson"), line("audit", 2) + &line("dead_letter", 5));
    let merged = line("audit", 2) + &line("event", 4) + &line("dead_letter", 5) + &line("event", 6);
    assert_eq!(place.run("persistence read").stdout, merged);
    assert_eq!(
        place.run("persistence read --limit 2").stdout,
        line("dead_letter", 5) + &line("event", 6)
    );
    assert_eq!(place.run("persistence read --limit 1 --reverse").stdout, line("event", 6));
    assert_eq!(place.run("persistence read --kind audit").stdout, line("audit", 2));
    let document = place.run("persistence read --json").document();
    assert_eq!((&document["schema"], &document["count"]), (&json!("papyra.read/2"), &json!(4)));
    assert_eq!(document["stores"].as_array().unwrap().len(), 2);
    assert!(document["stores"][0]["cursor"].is_string());
}

#[test]
fn suspect_records_go_by_their_kind_and_without_one_where_events_go() {
    let place = Place::with(ROUTE);
    let suspects = [
        "{\"kind\": \"audit\", \"timestamp\": NaN}\n",
        "{\"timestamp\": 1763700000}\n",
        "{\"kind\": \"metric\", \"timestamp\": \"now\"}\n",
    ];
    let input = suspects.concat() + &line("event", 4);
    assert_eq!(place.append(&input).code, Some(64));
    let command = &mut place.command("persistence append --lenient --json");
    let ended = run_with(command, input.as_bytes());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let document = ended.document();
    assert_eq!((&document["suspects"], &document["dropped"]), (&json!(3), &json!(1)));
    assert_eq!(place.text("events.ndjson"), suspects[1].to_owned() + &line("event", 4));
    assert_eq!(place.text("rest.ndjson"), suspects[0]);
}

#[test]
fn every_operation_goes_to_all_stores_and_the_most_serious_end_counts() {
    let place = Place::with(ROUTE);
    place.put("events.ndjson", &format!("{}oops\n", line("event", 1)));
    place.put("rest.ndjson", &line("audit", 2));
    let ended = place.run("persistence scan");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("events.ndjson: 1 damaged"), "{ended:?}");
    assert!(ended.stdout.contains("recover --store events.ndjson --dry-run"), "{ended:?}");
    assert!(ended.stdout.contains("\nrest.ndjson: healthy"), "{ended:?}");
    let document = place.run("persistence scan --json").document();
    assert_eq!(document["schema"], "papyra.scan/2");
    let stores = document["stores"].as_array().unwrap();
    assert_eq!(stores[0]["route"], json!(["event"]));
    assert_eq!((&stores[0]["damaged"], &stores[1]["healthy"]), (&json!(1), &json!(true)));
    assert_eq!((&document["discarded"], &document["exit"]), (&json!(["metric"]), &json!(2)));
    let one = place.run("persistence scan --path rest.ndjson --json").document();
    assert!(one.get("stores").is_none() && one["healthy"] == true, "{one}");

    // A store that fails does not stop the others, and its failure is the more serious end.
    fs::remove_file(place.path("events.ndjson")).unwrap();
    for (operation, code) in [
        ("scan", 66),
        ("inspect", 66),
        ("recover", 66),
        ("compact --max-records 9", 66),
        ("read", 66),
        ("startup-check", 0),
    ] {
        let ended = place.run(&format!("persistence {operation}"));
        assert_eq!(ended.code, Some(code), "{operation}: {ended:?}");
        let goes_on = ended.stdout.contains("rest.ndjson") || ended.stdout == line("audit", 2);
        assert!(goes_on, "{operation}: {ended:?}");
        assert!(code == 0 || ended.says(&["events.ndjson"]), "{operation}: {ended:?}");
        let document = place.run(&format!("persistence {operation} --json")).document();
        assert_eq!(document["stores"].as_array().map(Vec::len), Some(2), "{operation}: {document}");
        assert!(code == 0 || document["stores"][0]["error"]["exit"] == 66, "{document}");
    }
}

#[test]
fn recovery_and_compaction_work_on_all_stores() {
    let place = Place::with(&format!("{ROUTE}[retention]\nmax_records = 1\n"));
    place.put("events.ndjson", &format!("{}oops\n{}", line("event", 1), line("event", 3)));
    place.put("rest.ndjson", &format!("{}nope\n{}", line("audit", 2), line("audit", 4)));
    let ended = place.run("persistence recover --no-audit --mode quarantine --quarantine-dir q");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(names(&place.path("q")).len(), 2);
    assert_eq!(place.run("persistence compact --no-audit").code, Some(0));
    assert_eq!(place.text("events.ndjson"), line("event", 3));
    assert_eq!(place.text("rest.ndjson"), line("audit", 4));
}

#[test]
fn an_append_that_one_store_refuses_says_what_is_written_where() {
    let place =
        Place::with("[route]\nevents = \"missing/events.ndjson\"\ndefault = \"rest.ndjson\"\n");
    let input = line("event", 1) + &line("audit", 2);
    let ended = place.append(&input);
    assert_eq!(ended.code, Some(66), "{ended:?}");
    assert!(
        ended.says(&[
            "missing/events.ndjson are not written",
            "1 records are written to rest.ndjson"
        ]),
        "{ended:?}"
    );
    assert!(!ended.says(&["nothing was written"]), "something was: {ended:?}");
    assert_eq!(place.text("rest.ndjson"), line("audit", 2));
    // A line that is no record keeps all stores as they are.
    let ended = place.append(&(line("audit", 3) + "{\"kind\": \"evnt\"}\n"));
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.says(&["standard input:2", "nothing was written"]), "{ended:?}");
    assert_eq!(place.text("rest.ndjson"), line("audit", 2));
}

#[test]
fn a_route_without_any_store_drops_and_counts() {
    let place = Place::with("route.default = \"none\"\n");
    let ended =
        run_with(&mut place.command("persistence append --json"), line("event", 1).as_bytes());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.document()["dropped"], 1);
    assert_eq!(place.run("persistence scan").code, Some(66));
    assert_eq!(place.run("persistence startup-check").code, Some(0));
    // One store and a kind that goes nowhere: what is dropped must not land in the store.
    let place = Place::with("route.default = \"a.ndjson\"\nroute.metrics = \"none\"\n");
    place.append(&(line("metric", 1) + &line("event", 2)));
    assert_eq!(place.text("a.ndjson"), line("event", 2));
}

#[test]
fn following_a_route_shows_what_is_appended_to_any_store() {
    let place = Place::with(ROUTE);
    place.append(&(line("event", 1) + &line("audit", 2)));
    let mut child = place
        .command("persistence read --follow")
        .stdin(Stdio::null())
        .stdout(fs::File::create(place.path("out")).unwrap())
        .spawn()
        .unwrap();
    let wait = |expected: &str| {
        let began = Instant::now();
        while place.text("out") != expected {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", place.text("out"));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let first = line("event", 1) + &line("audit", 2);
    wait(&first);
    place.append(&line("event", 3));
    wait(&(first.clone() + &line("event", 3)));
    place.append(&line("audit", 4));
    wait(&(first + &line("event", 3) + &line("audit", 4)));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn two_names_of_one_file_are_refused() {
    let place = Place::with("[route]\nevents = \"a.ndjson\"\ndefault = \"file:./a.ndjson\"\n");
    let ended = place.run("config check");
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.says(&["names the same file"]), "{ended:?}");
}

#[test]
fn an_option_that_only_some_stores_have_is_for_those() {
    let server = Server::start(Aof::Off, &[]);
    let route = format!("[route]\nevents = \"{}\"\ndefault = \"rest.ndjson\"\n", server.url());
    let place = Place::with(&route);
    assert_eq!(place.append(&(line("event", 1) + &line("audit", 2))).code, Some(0));
    place.put("rest.ndjson", &format!("{}nope\n", line("audit", 2)));
    let ended = place.run("persistence recover --no-audit --mode quarantine --quarantine-dir q");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(names(&place.path("q")).len(), 1);
    assert_eq!(place.text("rest.ndjson"), line("audit", 2));
}
