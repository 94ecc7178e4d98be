//! A panic is a fault of ours. It ends the process within seconds, with one line: threads that wait for the
//! one that has panicked would wait for ever.

use std::panic::PanicHookInfo;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::capacity::THREAD_LIMIT;
use crate::exit::Exit;
use crate::output;

/// Time for the rest of the process to wind up.
const WIND_UP: Duration = Duration::from_secs(2);

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// Has every panic, on any thread, end the process.
pub(super) fn end_the_process() {
    std::panic::set_hook(Box::new(|info| {
        if HAPPENED.swap(true, Ordering::SeqCst) {
            return;
        }
        output::eprint_line(&line(&info.to_string(), message(info)));
        let end = || {
            thread::sleep(WIND_UP);
            process::exit(Exit::Failed.code().into());
        };
        if thread::Builder::new().spawn(end).is_err() {
            process::exit(Exit::Failed.code().into());
        }
    }));
}

/// Returns true if any thread has panicked.
pub(super) fn happened() -> bool {
    HAPPENED.load(Ordering::SeqCst)
}

fn message<'i>(info: &'i PanicHookInfo<'_>) -> &'i str {
    info.payload_as_str().unwrap_or_default()
}

/// A library that panics where it gets no thread meets a limit that came after our look at it.
fn line(all: &str, message: &str) -> String {
    if message.contains("WouldBlock") || message.contains("(os error 11)") {
        return format!("cannot start a thread; {THREAD_LIMIT} and run it again");
    }
    format!("internal error, please report it: {}", all.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_no_internal_error() {
        for message in [
            "failed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"Resource\" }",
            "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)",
        ] {
            let line = line("", message);
            assert!(line.contains("ulimit -u") && !line.contains("internal"), "{line}");
        }
        let line = line("panicked at a.rs:1:2:\nindex out of range", "index out of range");
        assert_eq!(
            line,
            "internal error, please report it: panicked at a.rs:1:2: index out of range"
        );
    }
}
