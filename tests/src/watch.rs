//! Runs random cases for a given time, and notices when one of them never ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::scale;

/// No case takes anywhere near so long.
const HANGS: Duration = Duration::from_secs(60);

/// Runs `case` with one seed after the other for [`scale::fuzz_time`].
///
/// # Panics
///
/// If a case panics or hangs; the message has its seed. With `PAPYRA_CASE=seed` only that one runs.
pub fn cases(name: &str, case: impl Fn(u64) + Send + 'static) {
    if let Some(seed) = std::env::var("PAPYRA_CASE").ok().and_then(|seed| seed.parse().ok()) {
        return case(seed);
    }
    let (sender, receiver) = channel();
    let began = Instant::now();
    let worker = thread::spawn(move || {
        let mut random = Random::new(scale::seed());
        let mut count = 0;
        while began.elapsed() < scale::fuzz_time() {
            let seed = random.bits();
            let _ = sender.send(seed);
            if catch_unwind(AssertUnwindSafe(|| case(seed))).is_err() {
                return Err(seed);
            }
            count += 1;
        }
        Ok(count)
    });
    let mut running = 0;
    loop {
        match receiver.recv_timeout(HANGS) {
            Ok(seed) => running = seed,
            Err(RecvTimeoutError::Timeout) => panic!("{name}: PAPYRA_CASE={running} never ends"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match worker.join().expect("panics are caught") {
        Ok(count) => eprintln!("{name}: {count} cases"),
        Err(seed) => panic!("{name} failed; to repeat it: PAPYRA_CASE={seed}"),
    }
}
