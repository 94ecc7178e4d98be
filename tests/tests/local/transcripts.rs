//! The transcripts in `tests/cmd` and in the README are what the command really prints.
//! `TRYCMD=overwrite cargo test` blesses those in `tests/cmd`.

use std::fs;
use std::path::{Path, PathBuf};

use papyra_tests::redis::{Aof, Server};

/// The part of the README that needs a Redis.
const GROUPS: &str = "\n## Consumer groups\n";

#[test]
fn the_command_prints_what_its_transcripts_say() {
    cases().case(Path::new(env!("CARGO_MANIFEST_DIR")).join("cmd/*.md")).run();
}

/// A transcript finds its files in a directory beside it, so the README is copied to where it has one.
#[test]
fn the_command_prints_what_the_readme_says() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(home.join("README.in")).expect("a directory can be made");
    fs::copy(tests.join("cmd/damaged.in/app.ndjson"), home.join("README.in/app.ndjson"))
        .expect("a file can be copied");
    let (before, _, after) = readme();
    fs::write(home.join("README.md"), before + &after).expect("a file can be written");
    cases().case(home.join("README.md")).run();
}

#[test]
fn the_command_consumes_as_the_readme_says() {
    let server = Server::start(Aof::Off, &[]);
    for n in 0..3 {
        let id = format!("176370000000{n}-0");
        let (time, order) = (1_763_700_000 + n, n + 1);
        let record = format!(r#"{{"kind": "event", "timestamp": {time}, "order": {order}}}"#);
        server.cli(&["xadd", "papyra:local:events", &id, "kind", "event", "data", &record]);
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("groups.md");
    let text = readme().1.replace("redis://localhost", &server.url());
    assert!(text.contains("groups claim"), "the part is there");
    fs::write(&file, text).expect("a file can be written");
    cases().case(&file).run();
}

/// What is before the part about groups, the part, and what is after it.
fn readme() -> (String, String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(path).expect("the README");
    let (before, rest) = text.split_once(GROUPS).expect("a part about groups");
    let end = rest.find("\n## ").expect("a part after that");
    (before.to_owned(), rest[..end].to_owned(), rest[end..].to_owned())
}

fn cases() -> trycmd::TestCases {
    let cases = trycmd::TestCases::new();
    cases.register_bin("papyra", command()).env("COLUMNS", "80");
    // The configuration of whoever runs the tests is not part of the transcripts.
    cases.env("XDG_CONFIG_HOME", "/nonexistent");
    cases
}

/// The command lies beside this test's own `deps` directory, in the same profile.
fn command() -> PathBuf {
    let me = std::env::current_exe().expect("a test has a path");
    let bin =
        me.ancestors().nth(2).map(|target| target.join("papyra")).expect("a target directory");
    assert!(bin.is_file(), "{} is missing: cargo build --release --workspace", bin.display());
    bin
}
