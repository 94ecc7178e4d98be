//! What the limits of this process leave: threads that it may still start, and address space.
//!
//! tokio, rayon and wasmtime panic or wait for ever where a thread cannot be started, so this is found
//! out before they try.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::ptr;
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// The kernel takes a moment to forget a thread that has ended.
const FORGET: Duration = Duration::from_millis(200);

/// Returns the number of threads, `max` at most, that this process can start now. It starts them and ends
/// them again: how many others the same user or control group runs could not be told otherwise.
///
/// Costs about 20 µs for each thread.
#[must_use]
pub fn spare_threads(max: usize) -> usize {
    let before = thread_count();
    let gate = RwLock::new(());
    let started = thread::scope(|scope| {
        let closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let start = || thread::Builder::new().spawn_scoped(scope, || drop(gate.read())).is_ok();
        let started = (0..max).take_while(|_| start()).count();
        drop(closed);
        started
    });
    let deadline = Instant::now() + FORGET;
    while thread_count() > before && Instant::now() < deadline {
        thread::sleep(Duration::from_micros(50));
    }
    started
}

/// The threads of this process, and a constant; always the same where there is no `/proc`.
fn thread_count() -> u64 {
    fs::metadata("/proc/self/task").map_or(0, |metadata| metadata.nlink())
}

/// Returns true if this many bytes of address space can be reserved now. Takes no memory.
#[must_use]
#[allow(unsafe_code, reason = "asking for address space is a system call that gives a pointer")]
pub fn can_reserve(bytes: u64) -> bool {
    let Ok(length) = usize::try_from(bytes) else { return false };
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: The address is left to the kernel, so nothing that exists is mapped over, and nothing of the
    // new mapping is used before it is removed.
    unsafe {
        match mmap_anonymous(ptr::null_mut(), length, ProtFlags::empty(), flags) {
            Ok(start) => munmap(start, length).is_ok(),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlimited_process_has_what_it_asks_for() {
        assert_eq!(spare_threads(0), 0);
        assert_eq!(spare_threads(9), 9);
        assert!(can_reserve(1 << 20));
        assert!(!can_reserve(1 << 60), "no machine has so many addresses");
    }
}
