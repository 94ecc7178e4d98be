//! What counts as calendar time.

/// 2000-01-01T00:00:00Z. Earlier timestamps come from clocks that count from boot, which Papyra for
/// Python writes by default; no age can be told from them.
pub const PLAUSIBLE_FROM: f64 = 946_684_800.0;

/// How far ahead of the host's clock a timestamp may be.
const AHEAD: f64 = 86_400.0;

/// 2100-01-01T00:00:00Z, to tell the unit of a number from its size.
const LATEST: f64 = 4_102_444_800.0;

/// What a timestamp can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The calendar time of something that has happened.
    Calendar,
    /// No calendar time: there is no number, or it counts from boot.
    None,
    /// More than a day ahead of the clock.
    Future,
}

/// Whether a timestamp is one of this century. In another unit it is none.
pub fn is_plausible(timestamp: f64) -> bool {
    (PLAUSIBLE_FROM..LATEST).contains(&timestamp)
}

/// Whether a timestamp is more than a day ahead of the clock.
pub fn is_ahead(timestamp: f64, now: f64) -> bool {
    timestamp > now + AHEAD
}

impl Moment {
    pub fn of(timestamp: Option<f64>, now: f64) -> Self {
        match timestamp {
            Some(timestamp) if is_ahead(timestamp, now) => Self::Future,
            Some(timestamp) if timestamp >= PLAUSIBLE_FROM => Self::Calendar,
            _ => Self::None,
        }
    }
}

/// For people: the likely reason why records have no time, or such a timestamp from the future.
pub fn note(from_future: Option<f64>, likely: Option<&str>) -> String {
    if let Some(profile) = likely {
        return format!(
            "the records look like those of {profile}: read them with the profile {profile} \
             (--profile {profile})"
        );
    }
    let Some(timestamp) = from_future else { return String::new() };
    let units = [(1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")];
    let looks = |(per_second, _): &&(f64, &str)| is_plausible(timestamp / per_second);
    match units.iter().find(looks) {
        Some((_, unit)) => format!(
            "timestamps such as {timestamp} look like {unit}, but records give seconds; no age limit \
             applies to them"
        ),
        None => format!(
            "timestamps such as {timestamp} lie ahead of this host's clock; no age limit applies to them"
        ),
    }
}

/// WASI's time in seconds since the epoch, in steps of a microsecond: what a number can hold, and what
/// people can read.
pub fn seconds(seconds: u64, nanoseconds: u32) -> f64 {
    seconds as f64 + f64::from(nanoseconds / 1000) / 1e6
}
