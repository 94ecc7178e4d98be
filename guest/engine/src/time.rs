//! What counts as calendar time.

/// 2000-01-01T00:00:00Z. Earlier timestamps come from clocks that count from boot, which Papyra for
/// Python writes by default; no age can be told from them.
pub const PLAUSIBLE_FROM: f64 = 946_684_800.0;

/// How far ahead of the host's clock a timestamp may be before it is remarked on.
pub const PLAUSIBLE_AHEAD: f64 = 86_400.0;

/// Whether an age can be told from this timestamp.
pub fn is_usable(timestamp: f64) -> bool {
    timestamp >= PLAUSIBLE_FROM
}

/// Whether this can be the calendar time of something that has happened.
pub fn is_plausible(timestamp: f64, now: f64) -> bool {
    is_usable(timestamp) && timestamp <= now + PLAUSIBLE_AHEAD
}

/// WASI's time in seconds since the epoch, in steps of a microsecond: what a number can hold, and what
/// people can read.
pub fn seconds(seconds: u64, nanoseconds: u32) -> f64 {
    seconds as f64 + f64::from(nanoseconds / 1000) / 1e6
}
