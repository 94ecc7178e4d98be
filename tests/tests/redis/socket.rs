//! A server at a Unix socket, and passwords from files.

use std::process::Command;

use papyra_persistence::store::{Kind, RedisConfig, RedisStore, Registry};
use papyra_tests::command::{self, Ended};
use papyra_tests::redis::{Aof, Server, append, lines, records};

fn papyra(words: &[&str]) -> Ended {
    command::run(Command::new(command::papyra()).arg("persistence").args(words))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_a_server_like_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r@d:s.sock");
    let path = path.to_str().unwrap();
    let server = Server::start(Aof::Off, &["--unixsocket", path]);
    server.cli(&["acl", "setuser", "me", "on", ">p/w", "~*", "+@all"]);
    let encoded = path.replace('@', "%40").replace(':', "%3A");

    let url = format!("redis+unix:{encoded}");
    let store = RedisStore::new(RedisConfig::new(url.clone())).unwrap();
    append(&store, Kind::Event, &records("event", 0..3)).await.unwrap();
    assert_eq!(server.cli(&["xlen", "papyra:local:events"]), "3");
    let there = Registry::standard().open(&url).unwrap();
    assert_eq!(lines(&*there).await, records("event", 0..3));
    let location = there.describe().location;
    assert_eq!(location, url, "it can be typed again");

    let other = format!("redis+unix://me:p%2Fw@{encoded}?db=2&system_id=x");
    let store = Registry::standard().open(&other).unwrap();
    append(&*store, Kind::Event, &records("event", 0..1)).await.unwrap();
    assert_eq!(server.cli(&["-n", "2", "xlen", "papyra:x:events"]), "1");
    let shown = store.describe().location;
    assert_eq!(shown, format!("redis+unix:{encoded}?db=2&system_id=x"));
    let ended = papyra(&["scan", "--store", &other]);
    assert!(ended.code == Some(0) && !ended.stdout.contains("p%2Fw"), "{ended:?}");

    let file = dir.path().join("papyra.toml");
    std::fs::write(&file, format!("store = \"{url}\"\n")).unwrap();
    let mut command = Command::new(command::papyra());
    command.args(["persistence", "scan"]).env("PAPYRA_CONFIG", &file);
    let ended = command::run(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    drop(server);
    let ended = papyra(&["scan", "--store", &url]);
    assert!(ended.code == Some(69) && ended.says(&["can be reached"]), "{ended:?}");
}

#[test]
fn a_line_end_in_a_password_file_is_no_part_of_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Aof::Off, &["--requirepass", "s3cret"]);
    server.cli(&["xadd", "papyra:local:events", "*", "data", &records("event", 0..1)[0]]);
    let file = dir.path().join("password");
    let url = |file: &std::path::Path| {
        format!("redis://127.0.0.1:{}?password_file={}", server.port, file.display())
    };
    for (content, code) in
        [("s3cret", 0), ("s3cret\n", 0), ("s3cret\r\n", 0), (" s3cret\n", 77), ("", 64), ("\n", 64)]
    {
        std::fs::write(&file, content).unwrap();
        let ended = papyra(&["scan", "--store", &url(&file)]);
        assert_eq!(ended.code, Some(code), "{content:?}: {ended:?}");
        assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
    }
    let ended = papyra(&["scan", "--store", &url(&dir.path().join("missing"))]);
    assert!(ended.code == Some(64) && ended.says(&["missing", "cannot be read"]), "{ended:?}");
}
