//! `index` and `verify`: what was changed is found out, and what can be kept elsewhere proves it.

use std::fs;
use std::path::Path;

use papyra_tests::command::{names, papyra, persistence, run};
use papyra_tests::numbered;

/// The exit code of `verify`, and what it prints.
fn verify(path: &Path, options: &[&str]) -> (Option<i32>, String) {
    let ended = run(persistence("verify", path).args(options));
    (ended.code, ended.stdout + &ended.stderr)
}

fn text(numbers: std::ops::Range<u64>) -> String {
    numbers.map(numbered::line).collect()
}

#[test]
fn the_first_change_is_found_by_several_jobs_and_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let sound = text(0..150_000);
    fs::write(&path, &sound).unwrap();
    let heads = ["1", "2", "7"].map(|jobs| {
        let index = ["--head", "--full", "--jobs", jobs];
        run(persistence("index", &path).args(index)).stdout
    });
    assert!(heads.iter().all(|head| head == &heads[0] && head.len() > 65), "{heads:?}");
    let line = sound.lines().nth(100_000).unwrap();
    fs::write(&path, sound.replacen(line, &line.replace('1', "2"), 1)).unwrap();
    for jobs in ["1", "3"] {
        let ended = run(persistence("verify", &path).args(["--json", "--jobs", jobs]));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let found = &ended.document()["difference"];
        let lines = ["first_line", "last_line"].map(|name| found[name].as_u64().unwrap());
        assert!((lines[0]..=lines[1]).contains(&100_001), "{found}");
        assert!(lines[1] - lines[0] < 50_000, "{found}");
    }
    let (code, said) = verify(&path, &[]);
    assert!(code == Some(2) && said.contains("it is not what it was"), "{said}");
    assert!(said.contains("read --kind audit"), "{said}");
}

#[test]
fn an_anchor_notes_what_it_has_compared() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let anchor = dir.path().join("heads");
    let options = ["--anchor", anchor.to_str().unwrap()];
    for to in [10, 20, 20] {
        fs::write(&path, text(0..to)).unwrap();
        let (code, said) = verify(&path, &options);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.contains("nothing was noted before"), to == 10, "{said}");
    }
    let noted = fs::read_to_string(&anchor).unwrap();
    assert_eq!(noted.lines().count(), 3, "{noted}");
    // Nobody needs an index for that.
    assert_eq!(names(dir.path()), ["heads", "journal"]);
    fs::write(&path, text(1..30)).unwrap();
    let (code, said) = verify(&path, &options);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(fs::read_to_string(&anchor).unwrap(), noted, "nothing is noted of it");
}

#[test]
fn without_anything_to_compare_with_it_says_what_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    assert_eq!(verify(&path, &[]).0, Some(66), "there is no such journal");
    fs::write(&path, text(0..10)).unwrap();
    let (code, said) = verify(&path, &[]);
    assert!(code == Some(66) && said.contains("`papyra persistence index`"), "{said}");
    let (code, said) = verify(&path, &["--head", "soon"]);
    assert!(code == Some(64) && said.contains("LENGTH:HASH"), "{said}");
    let indexed = run(persistence("index", &path).arg("--no-hash"));
    assert!(indexed.stdout.contains("none, for nothing was hashed"), "{indexed:?}");
    assert_eq!(verify(&path, &[]).0, Some(66));
    run(persistence("index", &path).arg("--quiet"));
    assert_eq!(verify(&path, &["--quiet"]), (Some(0), String::new()));
    run(persistence("index", &path).arg("--drop"));
    assert_eq!(names(dir.path()), ["journal"]);
    let memory = ["persistence", "index", "--store", "memory:"];
    assert_eq!(run(std::process::Command::new(papyra()).args(memory)).code, Some(64));
}

#[test]
fn a_compaction_by_the_index_leaves_what_an_old_head_proves_of_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fs::write(&path, text(0..150_000)).unwrap();
    let head = run(persistence("index", &path).arg("--head")).stdout;
    let head = ["--head", head.trim_end()];
    let compact = ["--max-records", "100000", "--json"];
    let done = run(persistence("compact", &path).args(compact)).document();
    assert_eq!((&done["records_after"], &done["changed"]), (&100_000.into(), &true.into()));
    let (read, all) = (done["indexed_bytes"].as_u64().unwrap(), done["bytes_before"].as_u64());
    assert!(read > all.unwrap() / 3, "{done}");
    for jobs in ["1", "2"] {
        let (code, said) = verify(&path, &[&head[..], &["--jobs", jobs]].concat());
        assert!(code == Some(3) && said.contains("from there on"), "{said}");
    }
    assert_eq!(verify(&path, &[]).0, Some(0), "the index goes on");
    // What was not told apart from a change is not noted for the next time.
    let heads = dir.path().join("heads");
    fs::write(&heads, format!("2026-01-01T00:00:00Z {} {}\n", head[1], path.display())).unwrap();
    assert_eq!(verify(&path, &["--anchor", heads.to_str().unwrap()]).0, Some(3));
    assert_eq!(fs::read_to_string(&heads).unwrap().lines().count(), 1);
    run(persistence("compact", &path).args(["--max-records", "10"]));
    assert_eq!(verify(&path, &head).0, Some(3), "nothing is left of it");
    fs::write(&path, text(0..10)).unwrap();
    assert_eq!(verify(&path, &head).0, Some(2));
}
