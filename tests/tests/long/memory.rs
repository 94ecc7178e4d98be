//! The command's memory does not depend on the size of the journal or of a line. `PAPYRA_LARGE=1`
//! tries 3 GB and a line of 1 GiB.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use papyra_tests::command;
use papyra_tests::generate::Generator;
use papyra_tests::process::apart;

/// What the command may use, whatever it works on.
const RESIDENT: u64 = 128 << 20;
/// The longest record there may be.
const LARGEST: usize = 16 << 20;

fn size(usual: u64, large: u64) -> u64 {
    if std::env::var_os("PAPYRA_LARGE").is_some_and(|word| word == "1") { large } else { usual }
}

#[test]
fn memory_does_not_grow_with_the_journal() {
    if !apart("memory::memory_does_not_grow_with_the_journal") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let mut generator = Generator::new(1);
    let half = size(200 << 20, 3_000_000_000) / 2;
    let first = generator.write(&mut out, half).unwrap();
    out.write_all(b"this is not a record\n").unwrap();
    generator.write(&mut out, half).unwrap();
    out.into_inner().unwrap();
    check_all(&path, &dir.path().join("quarantine"), first.records);
}

#[test]
fn memory_does_not_grow_with_a_line() {
    if !apart("memory::memory_does_not_grow_with_a_line") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let mut generator = Generator::new(2);
    generator.write(&mut out, 100_000).unwrap();
    out.write_all(b"{\"kind\": \"event\", \"timestamp\": 1700000000, \"text\": \"").unwrap();
    for _ in 0..size(200, 1024) {
        out.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    out.write_all(b"\"}\n").unwrap();
    let last = generator.write(&mut out, 100_000).unwrap();
    out.into_inner().unwrap();
    check_all(&path, &dir.path().join("quarantine"), last.records);
}

#[test]
fn records_of_the_largest_size_fit_into_the_sandbox_one_after_the_other() {
    if !apart("memory::records_of_the_largest_size_fit_into_the_sandbox_one_after_the_other") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let mut generator = Generator::new(3);
    let first = generator.write(&mut out, 100_000).unwrap();
    let (begin, end) = (b"{\"kind\": \"event\", \"timestamp\": 1700000000, \"text\": \"", b"\"}\n");
    for more in [0, 1, 0] {
        out.write_all(begin).unwrap();
        out.write_all(&vec![b'x'; LARGEST - begin.len() - 2 + more]).unwrap();
        out.write_all(end).unwrap();
    }
    generator.write(&mut out, 100_000).unwrap();
    out.into_inner().unwrap();
    check_all(&path, &dir.path().join("quarantine"), first.records);
}

/// Every operation that reads it all, and at last those that change it.
fn check_all(path: &Path, quarantine: &Path, keep: u64) {
    let quarantine = quarantine.to_str().unwrap();
    let keep = (keep / 2).to_string();
    // The first start compiles the engine, which is not what is measured here.
    command::run(&mut command::persistence("inspect", "/dev/null"));
    let quarantine = ["--mode", "quarantine", "--quarantine-dir", quarantine];
    for (operation, options, code) in [
        ("inspect", &[][..], 0),
        ("inspect", &["--show-metrics", "--limit", "1000000000"], 0),
        ("scan", &[], 2),
        ("scan", &["--jobs", "1"], 2),
        ("read", &[], 0),
        ("read", &["--reverse"], 0),
        ("read", &["--json", "--where", "no.such=field"], 0),
        ("startup-check", &[], 2),
        ("compact", &["--max-records", &keep, "--dry-run"], 0),
        ("recover", &quarantine, 0),
        ("scan", &[], 0),
        ("compact", &["--max-records", &keep], 0),
    ] {
        let mut command = command::persistence(operation, path);
        let (status, peak) = command::peak(command.args(["--quiet"]).args(options));
        assert_eq!(status.code(), Some(code), "{operation} {options:?}");
        eprintln!("{operation} {options:?}: {} MiB", peak >> 20);
        assert!(peak <= RESIDENT, "{operation} {options:?}: {} MiB resident", peak >> 20);
    }
}
