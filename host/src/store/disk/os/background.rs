//! Work that no append should wait for, on other threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use papyra_file_store::DiskFile;

use super::OsFile;

/// The number of bytes to free at once. Where the file system hands freed blocks back to the device (mount
/// option `discard`), an `fdatasync` that comes meanwhile waits: 11 ms for 50 MB, under 3 ms for this
/// (measured on ext4).
const STEP: u64 = 8 << 20;
/// How long others have the device to themselves between two steps.
const PAUSE: Duration = Duration::from_millis(5);

/// Frees files that have lost their names, since the last close of one frees all of its blocks, and counts the
/// lines of one that will. There is a thread for either while there is something to do.
#[derive(Debug, Default)]
pub(super) struct Background {
    freeing: Mutex<Option<Freeing>>,
    counting: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Freeing {
    /// As long as this is there, there is time for steps and pauses.
    time: Sender<()>,
    thread: JoinHandle<()>,
}

impl Background {
    /// Runs this unless something is being counted already.
    pub fn count(&self, work: Box<dyn FnOnce() + Send>) {
        if self.counting.swap(true, Ordering::Relaxed) {
            return;
        }
        let counting = Arc::clone(&self.counting);
        let count = move || {
            work();
            counting.store(false, Ordering::Relaxed);
        };
        if thread::Builder::new().name("papyra-count".to_owned()).spawn(count).is_err() {
            self.counting.store(false, Ordering::Relaxed);
        }
    }

    /// Frees the file on another thread. There is never more than one: what was dropped before is freed at
    /// once then, so that the space of one file at most is on its way, and the wait is that of one close,
    /// however large the file.
    pub fn free(&self, file: Arc<dyn DiskFile>) {
        let mut freeing = self.freeing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Freeing { time, thread }) = freeing.take() {
            drop(time);
            // All it can tell is that it has ended.
            let _ = thread.join();
        }
        let (time, left) = mpsc::channel();
        let free = move || {
            if let Some(file) = file.as_any().downcast_ref() {
                shrink(file, &left);
            }
        };
        let thread = thread::Builder::new().name("papyra-reclaim".to_owned()).spawn(free);
        // Where no thread can be had, the file was closed with the closure that held it.
        *freeing = thread.ok().map(|thread| Freeing { time, thread });
    }
}

/// Shrinks the file to nothing, step by step, if no other descriptor has it open: a reader keeps all of
/// it, and the last close frees it. The first pause is also for readers that have found the file by its
/// name just before that was gone: when it is over, they have it open.
fn shrink(file: &OsFile, time: &Receiver<()>) {
    let Ok(metadata) = file.metadata() else { return };
    let mut length = metadata.length;
    while length > 0 && time.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        length = length.saturating_sub(STEP);
        if !file.is_ours_alone() || file.set_len(length).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, OpenOptions};
    use std::os::unix::fs::FileExt;
    use std::path::PathBuf;

    use super::*;

    fn dropped(name: &str) -> (OsFile, PathBuf) {
        let name = format!("papyra-reclaim-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, vec![b'x'; 20 << 20]).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        (OsFile::new(file, false).unwrap(), path)
    }

    #[test]
    fn a_file_that_is_open_nowhere_else_is_freed_step_by_step() {
        let (file, path) = dropped("alone");
        fs::remove_file(&path).unwrap();
        let (_time, left) = mpsc::channel();
        shrink(&file, &left);
        assert_eq!(file.metadata().unwrap().length, 0);
    }

    #[test]
    fn a_reader_keeps_what_it_has_open() {
        let (file, path) = dropped("read");
        let reader = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (_time, left) = mpsc::channel();
        shrink(&file, &left);
        drop(file);
        let mut last = [0];
        reader.read_exact_at(&mut last, (20 << 20) - 1).unwrap();
        assert_eq!(last, *b"x");
    }

    #[test]
    fn no_append_waits_for_the_steps_of_the_file_before() {
        let (file, path) = dropped("hurry");
        fs::remove_file(&path).unwrap();
        let (time, left) = mpsc::channel();
        drop(time);
        shrink(&file, &left);
        assert_eq!(file.metadata().unwrap().length, 20 << 20, "closing frees it at once");
    }

    #[test]
    fn another_name_keeps_everything() {
        let (file, path) = dropped("linked");
        let kept = path.with_extension("kept");
        fs::hard_link(&path, &kept).unwrap();
        fs::remove_file(&path).unwrap();
        let (_time, left) = mpsc::channel();
        shrink(&file, &left);
        assert_eq!(fs::metadata(&kept).unwrap().len(), 20 << 20);
        fs::remove_file(&kept).unwrap();
    }
}
