//! The transcripts in `tests/cmd` are what the command really prints. `TRYCMD=overwrite cargo test`
//! blesses them.

use std::path::Path;

#[test]
fn the_command_prints_what_its_transcripts_say() {
    // Beside this test's own `deps` directory, in the same profile.
    let me = std::env::current_exe().expect("a test has a path");
    let bin =
        me.ancestors().nth(2).map(|target| target.join("papyra")).expect("a target directory");
    assert!(bin.is_file(), "{} is missing: cargo build --release --workspace", bin.display());
    let cases = trycmd::TestCases::new();
    cases
        .register_bin("papyra", bin)
        .env("COLUMNS", "80")
        .case(Path::new(env!("CARGO_MANIFEST_DIR")).join("cmd/*.md"));
    cases.run();
}
