use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::command::{Ended, papyra, run};
use papyra_tests::documents;
use papyra_tests::generate::Generator;
use papyra_tests::portable::component;

/// Returns a program from `host/examples`.
fn example(name: &str) -> PathBuf {
    papyra().with_file_name("examples").join(name)
}

fn ours(dir: &Path, path: &str) -> Ended {
    run(Command::new(papyra()).args(["persistence", "scan", "--path", path]).current_dir(dir))
}

fn theirs(dir: &Path, arguments: &[&str]) -> Ended {
    let program = std::fs::canonicalize(component("papyra-command.wasm")).unwrap();
    run(Command::new(example("wasi_run")).arg(program).args(arguments).current_dir(dir))
}

#[test]
fn the_program_prints_and_ends_as_the_command_does() {
    let dir = tempfile::tempdir().unwrap();
    let sound = Generator::new(11).journal(500);
    let mut damaged = sound.clone();
    damaged.extend_from_slice(b"garbage\n{\"timestamp\": 1}\n\xff\n{\"kind\": \"eve");
    // Larger than the read-ahead, with lines that do not fit into it.
    let mut large = Generator::new(12).journal(5_000);
    large.extend_from_slice(&damaged);
    large.extend_from_slice(&[b'x'; 3 << 20]);
    large.extend_from_slice(&[b'\n', 0xff, 0xc3]);
    large.extend_from_slice(&sound);
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    let none = Vec::new();
    for (name, bytes) in [
        ("sound.ndjson", &sound),
        ("logs/it's.ndjson", &damaged),
        ("large.ndjson", &large),
        ("empty.ndjson", &none),
    ] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let (ours, theirs) = (ours(dir.path(), name), theirs(dir.path(), &["scan", name]));
        assert_eq!(theirs.stdout, ours.stdout, "{theirs:?}");
        assert_eq!(theirs.code, ours.code, "{name}: {theirs:?}");
        assert_eq!(theirs.stderr, "");
    }
    // Paths that cannot be scanned: the same codes, and text on standard error only.
    for name in ["missing.ndjson", "logs"] {
        let (ours, theirs) = (ours(dir.path(), name), theirs(dir.path(), &["scan", name]));
        assert_eq!(theirs.code, ours.code, "{name}: {theirs:?} {ours:?}");
        assert!(theirs.stdout.is_empty() && theirs.stderr.starts_with("papyra: "), "{theirs:?}");
    }
    assert_eq!(theirs(dir.path(), &["scan", "../elsewhere"]).code, Some(77), "outside");
    for wrong in [&["scan"][..], &[], &["compact", "sound.ndjson"], &["scan", "--help"]] {
        assert_eq!(theirs(dir.path(), wrong).code, Some(64), "{wrong:?}");
    }
}

#[test]
fn the_linker_in_the_page_is_that_of_an_example_that_works() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.ndjson"), "{\"kind\": \"event\", \"timestamp\": 1}\nx\n")
        .unwrap();
    let ended = run(Command::new(example("own_linker")).arg("app.ndjson").current_dir(dir.path()));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, "34: malformed_json\n");

    let source = include_str!("../../../../host/examples/own_linker.rs");
    let mut rest = source.lines().map(str::trim);
    let blocks =
        documents::blocks("docs/embedding.md", "A wasmtime `Linker` of your own", "rust,ignore");
    let [block] = &blocks[..] else { panic!("one block") };
    for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert!(rest.any(|here| here == line), "the example lacks `{line}`, or has it elsewhere");
    }
}
