//! Whatever lies at the name of the configuration: nothing waits for it.

use std::fs;
use std::process::Command;

use papyra_tests::command::run;
use papyra_tests::place::{Place, line};

#[test]
fn a_configuration_that_nobody_named_is_never_waited_for() {
    let place = Place::new();
    place.put("app.ndjson", &line("event", 1_763_700_001));
    let make = |what: &str| {
        let config = place.path("papyra.toml");
        let _ = fs::remove_file(&config);
        match what {
            "pipe" => assert!(Command::new("mkfifo").arg(config).status().unwrap().success()),
            "directory" => fs::create_dir(config).unwrap(),
            // A device that has no end, and one that waits.
            device => std::os::unix::fs::symlink(device, config).unwrap(),
        }
    };
    for (what, word) in
        [("pipe", "named pipe"), ("/dev/zero", ""), ("/dev/ptmx", ""), ("directory", "directory")]
    {
        make(what);
        for words in ["persistence scan --path app.ndjson", "config show", "config check"] {
            let command = place.command(words);
            let mut limited = Command::new("timeout");
            limited
                .args(["--signal=KILL", "30"])
                .arg(command.get_program())
                .args(command.get_args());
            limited.current_dir(command.get_current_dir().unwrap());
            limited.env("HOME", place.path("home"));
            let ended = run(&mut limited);
            assert_eq!(ended.code, Some(78), "{what}, {words}: {ended:?}");
            assert!(ended.says(&["papyra.toml", word]), "{what}, {words}: {ended:?}");
        }
        if what == "directory" {
            fs::remove_dir(place.path("papyra.toml")).unwrap();
        }
    }
}

#[test]
fn a_configuration_that_was_named_can_be_a_pipe() {
    let place = Place::new();
    let command = place.command("config show");
    let mut shell = Command::new("bash");
    shell
        .arg("-c")
        .arg("\"$0\" config show --config <(echo 'jobs = 7')")
        .arg(command.get_program());
    let ended = run(&mut shell);
    assert!(ended.code == Some(0) && ended.stdout.contains("jobs = 7"), "{ended:?}");
}
