//! Which servers are trusted, and what is said of those that are not.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use papyra_persistence::store::{Kind, RedisConfig, RedisStore, StoreErrorKind};
use papyra_tests::command::{self, Ended};
use papyra_tests::redis::{Certificates, Server, append, lines, records};

const HERE: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost";
const ELSEWHERE: &str = "subjectAltName=DNS:redis.example";

fn scan(server: &Server, parameters: &str) -> Ended {
    let url = format!("rediss://127.0.0.1:{}?{parameters}", server.port);
    command::run(Command::new(command::papyra()).args(["persistence", "scan", "--store", &url]))
}

fn ca(path: &Path) -> String {
    format!("ca={}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_trusted_where_it_is_given() {
    for kind in ["", "\nbasicConstraints=critical,CA:TRUE", "\nbasicConstraints=CA:FALSE"] {
        let certificates = Certificates::self_signed(&format!("{HERE}{kind}"), 2);
        let server = certificates.server(false);
        let mut config = RedisConfig::new(format!("rediss://127.0.0.1:{}", server.port));
        config.ca = Some(certificates.path("ca.crt"));
        let store = RedisStore::new(config).unwrap();
        append(&store, Kind::Event, &records("event", 0..9)).await.unwrap();
        assert_eq!(lines(&store).await, records("event", 0..9), "{kind}");
        let waiting = "consume";
        let url =
            format!("rediss://localhost:{}?{}", server.port, ca(&certificates.path("ca.crt")));
        let mut command = Command::new(command::papyra());
        command.args(["persistence", waiting, "--group", "g", "--consumer", "c", "--store", &url]);
        let ended = command::run(&mut command);
        assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 9), "{ended:?}");
    }
}

#[test]
fn a_server_that_is_not_trusted_is_denied_at_once_with_the_reason() {
    let here = Certificates::make();
    let (expired, elsewhere) =
        (Certificates::self_signed(HERE, -1), Certificates::self_signed(ELSEWHERE, 2));
    let other = Certificates::self_signed(HERE, 2);
    let authority = format!("{HERE}\nbasicConstraints=critical,CA:TRUE");
    let authority = Certificates::self_signed(&authority, 2);
    for (certificates, trusted, reason) in [
        (&here, String::new(), "with `ca`"),
        (&here, ca(&other.path("ca.crt")), "with `ca`"),
        (&authority, String::new(), "with `ca`"),
        (&expired, ca(&expired.path("ca.crt")), "expired"),
        (&elsewhere, ca(&elsewhere.path("ca.crt")), "another name"),
    ] {
        let server = certificates.server(false);
        let start = Instant::now();
        let ended = scan(&server, &trusted);
        assert!(ended.code == Some(77) && ended.says(&[reason]), "{reason}: {ended:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let mut command = Command::new(command::papyra());
        let url = format!("rediss://127.0.0.1:{}?{trusted}", server.port);
        command.args(["persistence", "append", "--json", "--store", &url]);
        let line = records("event", 0..1)[0].clone() + "\n";
        let error = command::run_with(&mut command, line.as_bytes()).document();
        let error = if error["error"].is_object() { &error["error"] } else { &error };
        assert_eq!(
            (&error["exit"], &error["retryable"], &error["written"]),
            (&77.into(), &false.into(), &"none".into()),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_does_not_trust_is_denied_too() {
    let certificates = Certificates::make();
    let server = certificates.server(false);
    let url = format!("redis+cluster://127.0.0.1:{}", server.port);
    let mut config = RedisConfig::new(url);
    config.tls = true;
    let store = RedisStore::new(config).unwrap();
    let error = append(&store, Kind::Event, &records("event", 0..1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Denied, "{}", error.one_line());
}

#[test]
fn a_server_that_asks_for_a_certificate_says_so() {
    let certificates = Certificates::make();
    let server = certificates.server(true);
    let trusted = ca(&certificates.path("ca.crt"));
    let ended = scan(&server, &trusted);
    assert!(ended.code == Some(77) && ended.says(&["`cert` and `key`"]), "{ended:?}");
    let path = |name: &str| certificates.path(name).display().to_string();
    let own = format!("{trusted}&cert={}&key={}", path("server.crt"), path("server.key"));
    assert_eq!(scan(&server, &own).code, Some(66), "no journal yet");
}

#[test]
fn files_are_checked_before_anything_is_connected() {
    let certificates = Certificates::make();
    let other = Certificates::self_signed(HERE, 2);
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    fs::write(&text, "no PEM\n").unwrap();
    let path = |path: &Path| path.display().to_string();
    let (crt, key) =
        (path(&certificates.path("server.crt")), path(&certificates.path("server.key")));
    let wrong_key = path(&other.path("server.key"));
    let (text, missing) = (path(&text), path(&dir.path().join("missing")));
    for (parameters, words) in [
        (format!("ca={missing}"), [missing.as_str(), "cannot be read"]),
        (format!("ca={text}"), [text.as_str(), "BEGIN CERTIFICATE"]),
        (format!("ca={key}"), [key.as_str(), "BEGIN CERTIFICATE"]),
        (format!("cert={text}&key={key}"), [text.as_str(), "BEGIN CERTIFICATE"]),
        (format!("cert={crt}&key={text}"), [text.as_str(), "private key"]),
        (format!("cert={crt}&key={wrong_key}"), [wrong_key.as_str(), "not the key"]),
    ] {
        // Nobody listens at port 1: that would be 69.
        let url = format!("rediss://127.0.0.1:1?{parameters}");
        let scan = ["persistence", "scan"];
        let mut command = Command::new(command::papyra());
        let ended = command::run(command.args(scan).args(["--store", &url]));
        assert!(ended.code == Some(64) && ended.says(&words), "{parameters}: {ended:?}");
        let file = dir.path().join("papyra.toml");
        fs::write(&file, format!("store = \"{url}\"\n")).unwrap();
        let mut command = Command::new(command::papyra());
        let ended = command::run(command.args(scan).env("PAPYRA_CONFIG", &file));
        assert!(ended.code == Some(78) && ended.says(&words), "{parameters}: {ended:?}");
    }
}
