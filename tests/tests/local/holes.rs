//! Sparse files, as `copytruncate` leaves them under a writer that does not append.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};

use papyra_tests::command::{names, persistence, run};
use papyra_tests::place::{Place, line};

#[test]
fn a_hole_is_quarantined_as_a_hole() {
    const HOLE: u64 = 1 << 30;
    let place = Place::new();
    let path = place.path("app.ndjson");
    let records = [line("event", 1_763_700_001), line("event", 1_763_700_002)].concat();
    let file = fs::File::create(&path).unwrap();
    file.write_all_at(records.as_bytes(), HOLE).unwrap();
    if file.metadata().unwrap().blocks() > 2048 {
        eprintln!("not tested: this file system has no holes");
        return;
    }
    let dir = place.path("quarantine");
    let options = ["--no-audit", "--mode", "quarantine", "--quarantine-dir", dir.to_str().unwrap()];
    let ended = run(persistence("recover", &path).args(options));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(place.text("app.ndjson"), records);
    let kept = fs::metadata(dir.join(&names(&dir)[0])).unwrap();
    assert_eq!(kept.len(), HOLE);
    assert!(kept.blocks() < 2048, "{} KiB on disk", kept.blocks() / 2);
}
