//! The clock of the sandbox. Of WASI the engine imports nothing else, so `wasmtime_wasi` is not needed.

use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::{HasData, Linker};

use super::context::Context;
use crate::bindings::wasi::clocks::wall_clock::{self, Datetime};

/// The time of the operating system.
struct SystemClock;

struct HasClock;

impl HasData for HasClock {
    type Data<'a> = SystemClock;
}

impl wall_clock::Host for SystemClock {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        // A clock that stands before 1970 is one that was never set.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(Datetime { seconds: 0, nanoseconds: 1_000 })
    }
}

/// Adds the clock to the linker of the engine's own instances.
pub(super) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    wall_clock::add_to_linker::<Context, HasClock>(linker, |_| SystemClock)
}
