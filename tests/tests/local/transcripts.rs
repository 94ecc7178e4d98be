//! The transcripts in `tests/cmd`, in the README and in the pages of `docs/` are what the command
//! really prints. `TRYCMD=overwrite` blesses them.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::command::run as ended;
use papyra_tests::documents;
use papyra_tests::portable::root;
use papyra_tests::redis::{Aof, Server};

/// The page whose transcripts need a Redis.
const GROUPS: &str = "docs/groups.md";

#[test]
fn the_command_prints_what_its_transcripts_say() {
    cases().case(root().join("tests/cmd/*.md")).run();
}

#[test]
fn the_command_prints_what_the_pages_say() {
    let pages = documents::pages().filter(|page| page.text.contains("\n```console\n"));
    let names: Vec<_> = pages.map(|page| page.name).filter(|name| name != GROUPS).collect();
    assert!(names.len() >= 3, "{names:?}");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let _ = fs::remove_dir_all(&home);
    for name in names {
        // A transcript finds its files in a directory beside it.
        let copy = home.join(&name);
        let files = copy.with_extension("in");
        fs::create_dir_all(&files).expect("a directory can be made");
        for journal in ["tests/cmd/damaged.in/app.ndjson", "tests/foreign-logs/web.ndjson"] {
            let journal = root().join(journal);
            let name = journal.file_name().expect("a name");
            fs::copy(&journal, files.join(name)).expect("a file can be copied");
        }
        run(&name, &copy, |text| text, |text| text);
    }
}

#[test]
fn the_command_consumes_as_its_page_says() {
    let server = Server::start(Aof::Off, &[]);
    for n in 0..3 {
        let id = format!("176370000000{n}-0");
        let (time, order) = (1_763_700_000 + n, n + 1);
        let record = format!(r#"{{"kind": "event", "timestamp": {time}, "order": {order}}}"#);
        server.cli(&["xadd", "papyra:local:events", &id, "kind", "event", "data", &record]);
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let (given, url) = ("redis://localhost", server.url());
    // How long the commands take is not what the page is about.
    let (idle, any) = ("idle 0 s", "idle [..]");
    let there = |text: String| text.replace(given, &url).replace(idle, any);
    let back = |text: String| text.replace(&url, given).replace(any, idle);
    run(GROUPS, &home.path().join("groups.md"), there, back);
}

/// Runs the transcripts of a page in a copy, and takes over what was blessed in it.
fn run(
    name: &str,
    copy: &Path,
    there: impl FnOnce(String) -> String,
    back: impl FnOnce(String) -> String,
) {
    let page = root().join(name);
    let text = fs::read_to_string(&page).expect("the page");
    fs::write(copy, there(text)).expect("a file can be written");
    let result = catch_unwind(AssertUnwindSafe(|| cases().case(copy).run()));
    if std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        let blessed = fs::read_to_string(copy).expect("the copy");
        fs::write(&page, back(blessed)).expect("a page can be written");
    }
    result.unwrap_or_else(|panic| resume_unwind(panic));
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    for page in documents::pages() {
        for link in page.links() {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => root().join(&page.name),
                file => root().join(&page.name).with_file_name(file),
            };
            assert!(target.exists(), "{}: there is no {file}", page.name);
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).expect("a page");
                let known = documents::anchors(&text).any(|known| known == anchor);
                assert!(known, "{}: {file} has no heading #{anchor}", page.name);
            }
        }
    }
}

#[test]
fn every_page_is_in_the_guide_and_short_enough_to_read() {
    let guide = include_str!("../../../host/src/guide.rs");
    let readme = documents::text("README.md");
    for page in documents::pages() {
        let most = if page.name == "README.md" { 260 } else { 500 };
        assert!(page.text.lines().count() <= most, "{}: more than {most} lines", page.name);
        if let Some(file) = page.name.strip_prefix("docs/") {
            assert!(guide.contains(&format!("\"{file}\"")), "host/src/guide.rs lacks {file}");
            assert!(readme.contains(&page.name), "the README does not lead to {}", page.name);
        }
    }
}

#[test]
fn the_page_for_operators_lists_every_exit_code() {
    let help = ended(Command::new(command()).arg("--help")).stdout;
    let (_, codes) = help.split_once("Exit codes:\n").expect("the codes");
    let number = |word: &str| word.trim().parse::<u8>().ok();
    let known: BTreeSet<u8> =
        codes.lines().filter_map(|line| number(line.trim().split(' ').next()?)).collect();
    let page = documents::text("docs/operating.md");
    let (_, table) = page.split_once("\n| code |").expect("the table");
    let rows = table.lines().take_while(|line| !line.is_empty());
    let listed: BTreeSet<u8> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|codes| codes.split(',').filter_map(number))
        .collect();
    assert_eq!(listed, known);
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
