//! The commands for consumer groups, on stores that have none.

use papyra_tests::command::{persistence, run};

const COMMANDS: [(&str, &[&str]); 10] = [
    ("consume", &["--group", "g", "--consumer", "c"]),
    ("groups", &["list"]),
    ("groups", &["describe", "--group", "g"]),
    ("groups", &["create", "--group", "g"]),
    ("groups", &["pending", "--group", "g"]),
    ("groups", &["claim", "--group", "g", "--consumer", "c", "--min-idle", "5s"]),
    ("groups", &["ack", "--group", "g", "1-0"]),
    ("groups", &["set-id", "--group", "g", "--to", "0"]),
    ("groups", &["delete", "--group", "g"]),
    ("groups", &["delete-consumer", "--group", "g", "--consumer", "c"]),
];

#[test]
fn a_store_without_groups_is_refused_with_the_name_of_one_that_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    let record = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";
    std::fs::write(&path, record).unwrap();
    for (operation, args) in COMMANDS {
        for json in [false, true] {
            let mut command = std::process::Command::new(papyra_tests::command::papyra());
            command.arg("persistence").arg(operation).args(args).arg("--path").arg(&path);
            if json {
                command.arg("--json");
            }
            let ended = run(&mut command);
            assert_eq!(ended.code, Some(64), "{operation} {args:?}: {ended:?}");
            assert!(ended.says(&["file store", "no consumer groups", "redis"]), "{ended:?}");
            if json {
                let error = ended.document();
                assert_eq!(error["code"], "unsupported");
            } else {
                assert_eq!(ended.stdout, "");
            }
        }
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), record);
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    for args in [
        &["--group", "g"][..],
        &["--group", "", "--consumer", "c"],
        &["--group", "g", "--consumer", "c", "--count", "0"],
        &["--group", "g", "--consumer", "c", "--count", "10001"],
        &["--group", "g", "--consumer", "c", "--wait", "0"],
        &["--group", "g", "--consumer", "c", "--wait", "soon"],
        &["--group", "g", "--consumer", "c", "--start", "yesterday"],
        &["--group", "g", "--consumer", "c", "--follow", "--wait", "5s"],
        &["--group", "g", "--consumer", "c", "--kind", "evnt"],
    ] {
        let ended = run(persistence("consume", "a").args(args));
        assert_eq!(ended.code, Some(64), "{args:?}: {ended:?}");
    }
}
