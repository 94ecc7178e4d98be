//! The command on a set of rotating files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use papyra_persistence::store::{Durability, RotatingStore, Store};
use papyra_tests::command::{papyra, run};
use papyra_tests::numbered;

#[tokio::test(flavor = "multi_thread")]
async fn following_goes_on_across_rotations() {
    const RECORDS: u64 = 300;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let builder = RotatingStore::builder(&path).durability(Durability::Never);
    let store = builder.max_bytes(2_000).max_files(60).build();
    store.append(numbered::line(0), &[]).await.unwrap();
    let url = format!("rotating:{}?max_files=60", path.display());
    let mut follower = Command::new(papyra())
        .args(["persistence", "read", "--follow", "--store", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(follower.stdout.take().unwrap());
    let reading = tokio::task::spawn_blocking(move || {
        let lines = stdout.lines().take(RECORDS as usize).map(|line| line.unwrap() + "\n");
        lines.collect::<String>()
    });
    let began = Instant::now();
    for number in 1..RECORDS {
        store.append(numbered::line(number), &[]).await.unwrap();
        if number % 40 == 0 {
            // It looks five times a second.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    let text = tokio::time::timeout(Duration::from_secs(60), reading).await;
    let _ = follower.kill();
    let _ = follower.wait();
    let text = text.expect("it goes on").unwrap();
    assert!(numbered::numbers(text.as_bytes()).into_iter().eq(0..RECORDS));
    assert!(path.with_extension("9").exists(), "after {:?}", began.elapsed());
}

#[test]
fn a_parallel_scan_names_file_line_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    // Larger than what one instance looks at alone.
    let good: String = (0..12_000).map(numbered::line).collect();
    for number in [1, 2, 4] {
        let bad = format!("{good}{{broken\n{good}");
        fs::write(path.with_extension(number.to_string()), bad).unwrap();
    }
    fs::write(&path, "").unwrap();
    let url = format!("rotating:{}", path.display());
    let scan = ["persistence", "scan", "--json", "--jobs", "3", "--store", &url];
    let ended = run(Command::new(papyra()).args(scan));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let document = ended.document();
    assert_eq!(document["records"], 6 * 12_000);
    assert_eq!(document["segments"], 4);
    let findings = document["findings"].as_array().unwrap();
    let at = |finding: &serde_json::Value| {
        (
            finding["segment"].as_str().unwrap().to_owned(),
            finding["line"].as_u64(),
            finding["offset"].as_u64(),
        )
    };
    let offset = Some(good.len() as u64);
    for (finding, name) in findings.iter().zip(["journal.4", "journal.2", "journal.1"]) {
        assert_eq!(at(finding), (name.to_owned(), Some(12_001), offset));
    }
    assert_eq!(findings[3]["anomaly"], "gap_in_rotation");
    assert_eq!(findings.len(), 4);
}

/// Some of the files go unrewritten, one goes whole, the rest stays as it is.
#[test]
fn recovery_and_compaction_leave_files_alone_that_have_nothing_to_lose() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let file = |number: u64| path.with_extension(number.to_string());
    let lines = |from: u64| (from..from + 50).map(numbered::line).collect::<String>();
    fs::write(file(3), lines(0)).unwrap();
    fs::write(file(2), lines(50) + "{broken\n").unwrap();
    fs::write(file(1), lines(100)).unwrap();
    fs::write(&path, lines(150)).unwrap();
    let inode =
        |path: &std::path::Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let (first, last) = (inode(&file(3)), inode(&file(1)));
    let url = format!("rotating:{}", path.display());
    let command = |operation: &str, rest: &[&str]| {
        let mut command = Command::new(papyra());
        command.args(["persistence", operation, "--store", &url]).args(rest);
        run(&mut command)
    };
    assert_eq!(command("recover", &["--no-audit"]).code, Some(0));
    assert_eq!((inode(&file(3)), inode(&file(1))), (first, last));
    assert_eq!(fs::read_to_string(file(2)).unwrap(), lines(50));
    let ended = command("compact", &["--no-audit", "--max-records", "120", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.document()["records_after"], 120);
    assert!(!file(3).exists());
    assert_eq!(inode(&file(1)), last);
    assert_eq!(numbered::numbers(&fs::read(file(2)).unwrap()).len(), 20);
}

#[test]
fn recovery_clears_away_what_a_killed_rotation_has_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let url = format!("rotating:{}", path.display());
    let code = |operation: &str| {
        let mut command = Command::new(papyra());
        run(command.args(["persistence", operation, "--store", &url])).code
    };
    for content in ["", "half"] {
        fs::write(&path, numbered::line(0)).unwrap();
        fs::write(dir.path().join(".journal.papyra-next"), content).unwrap();
        assert_eq!(code("scan"), Some(2));
        assert_eq!(code("recover"), Some(0));
        assert_eq!(code("scan"), Some(0));
        assert_eq!(code("startup-check"), Some(0));
    }
}
