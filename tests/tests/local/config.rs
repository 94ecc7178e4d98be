//! The configuration as the command takes it: which source wins, and what a mistake says.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use papyra_tests::command::{names, run};
use papyra_tests::place::{Place, line, lines};
use serde_json::{Value, json};

/// Every setting with a word that it does not allow, and what the message must say is allowed.
const WRONG: [(&str, &str, &str); 32] = [
    ("store", "floppy:a", "known are"),
    ("route.default", "floppy:a", "known are"),
    ("route.dead_letters", "floppy:a", "known are"),
    ("profile", "pinot", "bunyan, ecs, caddy"),
    ("kind_field", "", "name of a field"),
    ("time_field", "", "name of a field"),
    ("time_format", "fortnights", "nanoseconds or rfc3339"),
    ("retention.max_records", "many", "whole number"),
    ("retention.max_age", "soon", "30d"),
    ("retention.max_total_bytes", "big", "10MiB"),
    ("retention.events.max_records", "-1", "whole number"),
    ("retention.audits.max_age", "-3d", "negative"),
    ("retention.metrics.max_total_bytes", "-1", "negative"),
    ("jobs", "0", "1 to 256"),
    ("sync", "sometimes", "interval:200"),
    ("quarantine_dir", "", "directory"),
    ("index", "always", "maintenance, recorder or never"),
    ("startup.mode", "fail_on_anomalies", "ignore, scan-only, fail or recover"),
    ("startup.recovery_mode", "ignore", "repair or quarantine"),
    ("startup.timeout", "2h", "100ms to 1h"),
    ("engine.memory_limit", "1MiB", "40MiB to 4GiB"),
    ("engine.storage_timeout", "0", "100ms to 1h"),
    ("engine.cache_dir", "", "directory"),
    ("log.format", "xml", "text or json"),
    ("log.level", "verbose", "error, warn, info"),
    ("recorder.queue_records", "0", "1 to 100000000"),
    ("recorder.queue_bytes", "1KiB", "16MiB to 64GiB"),
    ("recorder.overflow", "block", "drop-newest or drop-oldest"),
    ("recorder.index_every", "0", "1s to 1h"),
    ("recorder.loss_records", "1", "true or false"),
    ("serve.address", "localhost", "127.0.0.1:9464"),
    ("serve.check_every", "0", "1s to 1h"),
];

#[test]
fn every_setting_refuses_what_it_does_not_allow_by_file_line_key_and_value() {
    for (key, word, allowed) in WRONG {
        let route = if key.starts_with("route.d") { "route.default = \"memory:\"\n" } else { "" };
        let route = if key == "route.default" { "" } else { route };
        let place = Place::with(&format!("# one\n{route}{key} = \"{word}\"\n"));
        let number = if route.is_empty() { 2 } else { 3 };
        let head = format!("papyra: papyra.toml:{number}: {key} = \"{word}\": ");
        let ended = place.run("config check");
        assert_eq!(ended.code, Some(78), "{key}: {ended:?}");
        assert!(ended.stderr.starts_with(&head), "{head}{ended:?}");
        assert!(ended.stderr.contains(allowed), "{key} should say {allowed}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        // The command it is for refuses as well, whatever its options would make of it.
        let line = if key.starts_with("store") || key.starts_with("route") {
            "persistence scan"
        } else {
            "persistence scan --path papyra.toml"
        };
        let ended = place.run(line);
        assert_eq!(ended.code, Some(78), "{key}: {ended:?}");
        assert!(ended.stderr.starts_with(&head), "{head}{ended:?}");
    }
}

#[test]
fn every_setting_is_tried_wrong() {
    let settings = Place::new().run("config settings --json").document();
    let settings = settings["settings"].as_array().unwrap();
    for setting in settings {
        let key = setting["key"].as_str().unwrap();
        let (head, tail) = key.split_once("KIND").unwrap_or((key, ""));
        let tried =
            WRONG.iter().any(|(tried, ..)| tried.starts_with(head) && tried.ends_with(tail));
        assert!(tried, "{key}");
    }
    // `route.KIND` and `route.default` begin alike.
    assert!(WRONG.len() >= settings.len(), "{}", settings.len());
}

#[test]
fn a_wrong_variable_is_named() {
    let place = Place::new();
    let ended =
        run(place.command("persistence scan --path a").env("PAPYRA_RETENTION_MAX_AGE", "soon"));
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(
        ended.says(&["PAPYRA_RETENTION_MAX_AGE: retention.max_age = \"soon\"", "30d"]),
        "{ended:?}"
    );
    let ended = run(place.command("config check").env("PAPYRA_STOER", "a"));
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.says(&["PAPYRA_STOER", "did you mean `PAPYRA_STORE`"]), "{ended:?}");
    let ended = run(place.command("config check").env("PAPYRA_SERVICE_HOST", "10.0.0.1"));
    assert_eq!(ended.code, Some(0), "a cluster sets what it likes: {ended:?}");
}

#[test]
fn an_unknown_key_names_the_nearest_and_everything_wrong_is_listed() {
    let place = Place::with("[retention]\nmax_agee = \"30d\"\n\n[log]\nformat = true\n[[jobs]]\n");
    let ended = place.run("config check");
    assert_eq!(ended.code, Some(78));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    assert!(ended.says(&["papyra.toml:2: there is no setting `retention.max_agee`"]), "{ended:?}");
    assert!(ended.says(&["did you mean `retention.max_age`?"]), "{ended:?}");
    assert!(ended.says(&["papyra.toml:5: log.format: write a string; text or json"]), "{ended:?}");
    assert!(ended.says(&["papyra.toml:6: jobs: "]), "{ended:?}");
    let document = place.run("config check --json").document();
    assert_eq!((&document["ok"], &document["exit"]), (&json!(false), &json!(78)));
    assert_eq!(document["file"], "papyra.toml");
    let fault = &document["faults"].as_array().unwrap().iter().find(|f| f["nearest"].is_string());
    assert_eq!(
        fault.unwrap()["origin"],
        json!({"source": "file", "file": "papyra.toml", "line": 2})
    );
}

#[test]
fn what_is_not_a_configuration_file_is_refused_by_name() {
    let place = Place::with("jobs = \n");
    let ended = place.run("persistence scan --path a --json");
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.says(&["papyra.toml:1: this is not TOML"]), "{ended:?}");
    let document = ended.document();
    assert_eq!(document["code"], "configuration");
    assert_eq!(document["line"], 1);
    for (file, words) in [
        ("gone.toml", ["gone.toml", "No such file"]),
        (".", ["cannot read", "directory"]),
        ("/dev/zero", ["/dev/zero", "1 MiB"]),
    ] {
        let ended = place.run(&format!("persistence scan --path a --config {file}"));
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.says(&words), "{ended:?}");
    }
    fs::write(place.path("latin.toml"), b"\n# caf\xe9\n").unwrap();
    let ended = place.run("--config latin.toml config check");
    assert!(ended.code == Some(78) && ended.says(&["latin.toml:2", "UTF-8"]), "{ended:?}");
}

#[test]
fn the_first_file_there_is_counts_and_a_named_one_before_all() {
    let place = Place::new();
    let home = place.path("home/.config/papyra");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("papyra.toml"), "jobs = 1\n").unwrap();
    let jobs = |command: &mut Command| {
        run(command).document()["settings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|setting| setting["key"] == "jobs")
            .unwrap()["value"]
            .clone()
    };
    let show = || place.command("config show --json");
    assert_eq!(jobs(&mut show()), 1);
    place.put("papyra.toml", "jobs = 2\n");
    assert_eq!(jobs(&mut show()), 2);
    place.put("other.toml", "jobs = 3\n");
    assert_eq!(jobs(show().env("PAPYRA_CONFIG", "other.toml")), 3);
    place.put("third.toml", "jobs = 4\n");
    let mut named = show();
    assert_eq!(jobs(named.args(["--config", "third.toml"]).env("PAPYRA_CONFIG", "other.toml")), 4);
    assert_eq!(jobs(show().env("PAPYRA_JOBS", "5")), 5);
    let mut flag = show();
    assert_eq!(jobs(flag.args(["--jobs", "6"]).env("PAPYRA_JOBS", "5")), 6);
}

#[test]
fn a_file_that_others_can_write_is_not_obeyed_unless_it_is_named() {
    let place = Place::with("jobs = 2\n");
    fs::set_permissions(place.path("papyra.toml"), Permissions::from_mode(0o666)).unwrap();
    let ended = place.run("config check");
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.says(&["papyra.toml", "everybody can change it", "--config"]), "{ended:?}");
    assert_eq!(place.run("--config papyra.toml config check").code, Some(0));
    // Only root can give a file to a group that is not its own.
    if chown(place.path("papyra.toml"), None, Some(54_321)).is_ok() {
        fs::set_permissions(place.path("papyra.toml"), Permissions::from_mode(0o664)).unwrap();
        let ended = place.run("config check");
        assert!(ended.code == Some(78) && ended.says(&["group 54321 can change it"]), "{ended:?}");
    }
    let place = Place::with("engine.cache_dir = \"c\"\n");
    let ended = place.run("config check");
    assert!(ended.code == Some(78) && ended.says(&["papyra.toml:1", "--config"]), "{ended:?}");
    assert_eq!(place.run("--config papyra.toml config check").code, Some(0));
}

#[test]
fn show_says_where_each_value_comes_from_and_can_be_read_back() {
    let place = Place::with("sync = \"never\"\n\n[log]\nlevel = \"info\"\n");
    let mut command = place.command("config show --origin --max-age 7d --path a");
    let ended = run(command.env("PAPYRA_JOBS", "3"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for (setting, origin) in [
        ("sync = \"never\"", "papyra.toml:1"),
        ("log.level = \"info\"", "papyra.toml:4"),
        ("jobs = 3", "PAPYRA_JOBS"),
        ("retention.max_age = \"7d\"", "--max-age"),
        ("store = \"a\"", "--path"),
        ("startup.mode = \"fail\"", "default"),
    ] {
        let line = ended.stdout.lines().find(|line| line.starts_with(setting));
        assert!(line.is_some_and(|line| line.ends_with(&format!("# {origin}"))), "{ended:?}");
    }
    place.put("papyra.toml", &ended.stdout);
    let again = place.run("config show");
    assert_eq!(again.code, Some(0), "{again:?}");
    let bare = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  #").next().unwrap().trim_end().to_owned()).collect()
    };
    assert_eq!(bare(&again.stdout), bare(&ended.stdout));
}

#[test]
fn no_password_is_ever_shown() {
    let place = Place::with("store = \"redis://user:hunter2@127.0.0.1:1/0\"\n");
    for line in [
        "config show --origin",
        "config show --json",
        "config check",
        "persistence scan",
        "persistence scan --json -vvv",
        "persistence scan --store redis://:hunter2@127.0.0.1:1",
        "persistence scan --store redsi://:hunter2@127.0.0.1:1",
        "persistence scan --store redis:/:hunter2@127.0.0.1:1",
        "config show --store redis:hunter2@127.0.0.1:1",
        "config show --json --store redis://user:hunter2",
        "config show --store redis://127.0.0.1:1?pw=hunter2",
    ] {
        let ended = run(place.command(line).env("PAPYRA_REDIS_PASSWORD", "hunter2"));
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!all.contains("hunter2"), "{line}: {all}");
    }
    let shown = run(place.command("config show").env("PAPYRA_REDIS_PASSWORD", "hunter2"));
    assert!(shown.stdout.contains("redis://***@127.0.0.1:1/0"), "{shown:?}");
    assert!(shown.stdout.contains("PAPYRA_REDIS_PASSWORD is set"), "{shown:?}");
}

#[test]
fn without_a_store_nothing_is_guessed() {
    let place = Place::new();
    for operation in ["scan", "recover", "inspect", "startup-check", "read", "append"] {
        let ended = place.run(&format!("persistence {operation}"));
        assert_eq!(ended.code, Some(64), "{operation}: {ended:?}");
        assert!(ended.says(&["FILE", "--store", "papyra.toml", "PAPYRA_STORE"]), "{ended:?}");
    }
    assert_eq!(names(&place.path(".")), Vec::<String>::new());
}

#[test]
fn the_configured_store_and_its_limits_are_used_and_options_are_stronger() {
    let place = Place::with("store = \"app.ndjson\"\n[retention]\nmax_records = 2\n");
    assert_eq!(place.append(&lines("event", &[1, 2, 3])).code, Some(0));
    assert_eq!(place.run("persistence read").stdout, lines("event", &[2, 3]));
    assert_eq!(place.run("persistence read --max-records 1").stdout, line("event", 3));
    assert_eq!(place.run("persistence read --no-retention").stdout, lines("event", &[1, 2, 3]));
    let refused = place.run("persistence compact --no-retention");
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert_eq!(place.run("persistence compact --no-audit").code, Some(0));
    assert_eq!(place.text("app.ndjson"), lines("event", &[2, 3]));
    place.put("other.ndjson", &line("audit", 9));
    assert_eq!(place.run("persistence read --path other.ndjson").stdout, line("audit", 9));
    let mut other = place.command("persistence read");
    assert_eq!(run(other.env("PAPYRA_STORE", "file:other.ndjson")).stdout, line("audit", 9));
}

#[test]
fn the_startup_check_does_what_is_configured() {
    let place = Place::with(
        "store = \"app.ndjson\"\nquarantine_dir = \"quarantine\"\n[startup]\nmode = \"recover\"\n\
         recovery_mode = \"quarantine\"\n",
    );
    place.put("app.ndjson", &format!("{}oops\n", line("event", 1)));
    assert_eq!(place.run("persistence startup-check --mode fail").code, Some(2));
    let ended = place.run("persistence startup-check --no-audit");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(place.text("app.ndjson"), line("event", 1));
    assert_eq!(names(&place.path("quarantine")).len(), 1);
    place.put(
        "papyra.toml",
        "store = \"a\"\n[startup]\nmode = \"recover\"\nrecovery_mode = \"quarantine\"\n",
    );
    let ended = place.run("config check");
    assert!(
        ended.code == Some(78) && ended.says(&["papyra.toml:4", "quarantine_dir"]),
        "{ended:?}"
    );
}

#[test]
fn a_startup_check_ends_when_its_time_is_over() {
    let place = Place::new();
    place.put("app.ndjson", &line("event", 1));
    // A process that holds the lock keeps a recovery waiting, here for ten minutes.
    let file = fs::File::options().append(true).open(place.path("app.ndjson")).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    place.put("app.ndjson", &format!("{}oops\n", line("event", 1)));
    let ended = place.run(
        "persistence startup-check --store file:app.ndjson?lock_wait=10m --mode recover --timeout 300ms",
    );
    assert_eq!(ended.code, Some(69), "{ended:?}");
    assert!(ended.says(&["did not end within 300ms", "--timeout"]), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    drop(file);
}

#[test]
fn events_are_logged_as_asked_and_standard_output_stays_clean() {
    let place = Place::new();
    place.put("a.ndjson", &line("event", 1));
    let scan = "persistence scan --path a.ndjson";
    let plain = place.run(scan);
    assert_eq!(plain.stderr, "");
    let text = place.run(&format!("{scan} -v"));
    assert!(text.stderr.contains("INFO papyra"), "{text:?}");
    assert_eq!(text.stdout, plain.stdout);
    let json = place.run(&format!("{scan} -vv --log-format json"));
    for event in json.stderr.lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        assert!(event["level"].is_string() && event["target"].is_string(), "{event}");
    }
    assert!(!json.stderr.is_empty());
    let mut filtered = place.command(scan);
    assert!(run(filtered.env("PAPYRA_LOG", "papyra=info")).stderr.contains("INFO"));
    let mut quiet = place.command(&format!("{scan} --quiet"));
    assert_eq!(run(quiet.env("PAPYRA_LOG", "papyra=info")).stderr, "");
    let mut wrong = place.command(scan);
    assert_eq!(run(wrong.env("PAPYRA_LOG", "verbose")).code, Some(78));
}
