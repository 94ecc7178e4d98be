//! The transcripts in `tests/cmd` and in the README are what the command really prints.
//! `TRYCMD=overwrite cargo test` blesses those in `tests/cmd`.

use std::fs;
use std::path::{Path, PathBuf};

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
    for (from, to) in
        [("../README.md", "README.md"), ("cmd/damaged.in/app.ndjson", "README.in/app.ndjson")]
    {
        fs::copy(tests.join(from), home.join(to)).expect("a file can be copied");
    }
    cases().case(home.join("README.md")).run();
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
