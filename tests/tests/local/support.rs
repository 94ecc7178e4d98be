use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use papyra_persistence::store::Store;
use rustix::fs::{FlockOperation, flock};

/// A directory of its own for each test, gone when the test is.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        Self::under(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    pub fn under(parent: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = parent.join(format!("papyra-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all files below it.
    pub fn files(&self) -> Vec<String> {
        fn below(dir: &Path, names: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    below(&path, names);
                } else {
                    names.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        let mut names = Vec::new();
        below(&self.0, &mut names);
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether a snapshot that had to wait for the lock of the file at `path` still gives a program without
/// locks the time to finish its line.
pub async fn is_patient(store: Arc<dyn Store>, path: &Path) -> bool {
    // That program can be held up for too long itself, but hardly every time.
    for _ in 0..20 {
        fs::write(path, "1\n2").unwrap();
        let writer = File::open(path).unwrap();
        flock(&writer, FlockOperation::LockExclusive).unwrap();
        let store = Arc::clone(&store);
        let looking = tokio::spawn(async move { store.snapshot().await });
        tokio::time::sleep(Duration::from_millis(60)).await;
        drop(writer);
        tokio::time::sleep(Duration::from_millis(5)).await;
        File::options().append(true).open(path).unwrap().write_all(b"\n").unwrap();
        let snapshot = looking.await.unwrap().unwrap();
        if snapshot.segments()[0].bytes == 4 {
            return true;
        }
    }
    false
}
