//! The command on the logs of other programs, as they wrote them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::command::{self, Ended, run};
use papyra_tests::portable::root;
use serde_json::Value;

const PRESETS: [&str; 8] = ["pino", "bunyan", "ecs", "zap", "slog", "caddy", "docker", "journald"];

fn log(name: &str) -> PathBuf {
    root().join(format!("tests/foreign-logs/{name}.ndjson"))
}

fn papyra(directory: &Path, line: &str) -> Ended {
    let mut command = Command::new(command::papyra());
    run(command.args(line.split_whitespace()).current_dir(directory))
}

#[test]
fn each_preset_reads_the_log_of_its_program() {
    let here = root();
    for name in PRESETS {
        let path = log(name);
        let path = path.display();
        let scan = papyra(&here, &format!("persistence scan --path {path} --profile {name}"));
        assert_eq!(scan.code, Some(0), "{name}: {scan:?}");
        let read = papyra(&here, &format!("persistence read --store file:{path}?profile={name}"));
        assert_eq!(read.stdout, fs::read_to_string(log(name)).unwrap(), "{name}");

        let plain = papyra(&here, &format!("persistence scan --path {path}"));
        assert_eq!(plain.code, Some(2), "{name}: {plain:?}");
        assert!(plain.stdout.contains(&format!("(--profile {name})")), "{name}: {plain:?}");
        assert!(!plain.stdout.contains("recover"), "{name}: nothing is to be repaired: {plain:?}");
    }
}

#[test]
fn fields_can_be_named_one_by_one() {
    let here = root();
    for (name, fields) in [
        ("structlog", "--time-field timestamp --time-format rfc3339"),
        ("winston", "--time-field timestamp --time-format rfc3339"),
        ("python-json-logger", "--time-field created"),
        ("pino", "--profile zap --time-field time --time-format milliseconds"),
    ] {
        let path = log(name);
        let scan = papyra(&here, &format!("persistence scan --path {} {fields}", path.display()));
        assert_eq!(scan.code, Some(0), "{name}: {scan:?}");
    }
}

#[test]
fn the_configuration_names_the_program_and_an_option_another() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(log("pino"), dir.path().join("pino.ndjson")).unwrap();
    fs::copy(log("slog"), dir.path().join("slog.ndjson")).unwrap();
    let config = "profile = \"pino\"\ntime_format = \"milliseconds\"\n";
    fs::write(dir.path().join("papyra.toml"), config).unwrap();
    for line in ["scan --path pino.ndjson", "scan --path slog.ndjson --profile slog"] {
        let scan = papyra(dir.path(), &format!("persistence {line}"));
        assert_eq!(scan.code, Some(0), "{line}: {scan:?}");
    }
}

#[test]
fn what_has_no_profile_is_refused() {
    let here = root();
    for line in [
        "scan --store memory: --profile pino",
        "scan --store memory:?profile=pino",
        "scan --store redis://127.0.0.1:1 --time-field ts",
        "scan --path a --profile nobody",
        "scan --store file:a?time_format=fortnights",
        "scan --store file:a?profile=pino --profile pino",
    ] {
        let ended = papyra(&here, &format!("persistence {line}"));
        assert_eq!(ended.code, Some(64), "{line}: {ended:?}");
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{line}: {ended:?}");
    }
}

#[test]
fn recovery_keeps_the_records_and_leaves_no_audit_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.ndjson");
    let text = fs::read_to_string(log("pino")).unwrap();
    fs::write(&path, format!("torn{text}more")).unwrap();
    let line = "persistence recover --path web.ndjson --profile pino --json";
    let ended = papyra(dir.path(), line);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(report.to_string().contains("audit records have the form of Papyra"), "{report}");
}
