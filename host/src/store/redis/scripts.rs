//! The scripts that run inside Redis. A script sees one moment and nothing comes in between: that makes
//! "check, then remove" and "copy, then remove" safe while others write and consume.
//!
//! Their comments are here rather than in the files, since the whole text goes to Redis with each call.
//!
//! Scripts take a bounded number of entries at a time, so that they do not hold up the server.

use redis::Cmd;

/// `needed(stream)`: the first entry that a group has not been given or not acknowledged, or `nil`.
/// `less(a, b)`: order of ids. Their halves have 64 bits and do not fit into Lua's numbers.
const NEEDED: &str = include_str!("scripts/needed.lua");

/// `copy(quarantine, stream, entry, reason)`: quarantines an entry with its id and all its fields,
/// after those that say where it comes from. A stream takes only ascending ids, so an entry that is
/// quarantined late gets another one; its own is in the field `id` in any case. Lua can pass on 8,000
/// values at once; an entry with more has all of them in the one field `packed`, as an array in
/// MessagePack. Returns an error reply or `nil`.
const COPY: &str = include_str!("scripts/copy.lua");

/// `KEYS`: stream. `ARGV`: line's number in its batch, kind, line. The sequence numbers begin with
/// the microsecond, so that entries of different streams keep the order in which they were written;
/// the next id of `*` follows.
const FIRST: &str = include_str!("scripts/first.lua");

/// `KEYS`: stream. `ARGV`: pairs of ids. Returns the number of ranges without an entry before the
/// first that holds one.
const GAPS: &str = include_str!("scripts/gaps.lua");

/// `KEYS`: stream. `ARGV`: the id before which everything goes, `~` or `=`, whether to spare entries
/// that groups need. Returns how many went; nothing if it is forced and there are groups, whose losses
/// only removing one by one can count.
const TRIM: &str = include_str!("scripts/trim.lua");

/// `KEYS`: stream, and quarantine if entries are to be quarantined. `ARGV`: whether to spare entries that
/// groups need, or to acknowledge those that go; the maximum number of entries; pairs of ids. Returns the
/// number of entries that went, the number of ranges that are finished, and, when forced, the groups that
/// have lost entries with the number for each. An entry is acknowledged before it goes: where the user may not
/// do either, it is still there for the next who may.
const REMOVE: &str = include_str!("scripts/remove.lua");

/// `KEYS`: quarantine. `ARGV`: stream, id, reason or nothing, then fields. Copies an entry that lies
/// on another server, unless that has been done before: under its own id, or as one of the last 100 under
/// another. An entry of another origin can have the same id, and is no copy.
const KEEP: &str = include_str!("scripts/keep.lua");

/// `KEYS`: stream, quarantine. `ARGV`: group, id, reason. Quarantines an entry and acknowledges it.
const QUARANTINE: &str = include_str!("scripts/quarantine.lua");

/// `KEYS`: index. `ARGV`: text. Replaces a text and nothing of another type.
const SAVE_INDEX: &str = include_str!("scripts/save_index.lua");

/// A call of a script; its arguments are added to it.
fn eval(libraries: &[&str], script: &str, keys: &[&str]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(libraries.concat() + script).arg(keys.len()).arg(keys);
    command
}

pub fn first(stream: &str) -> Cmd {
    eval(&[], FIRST, &[stream])
}

pub fn gaps(stream: &str) -> Cmd {
    eval(&[], GAPS, &[stream])
}

pub fn trim(stream: &str) -> Cmd {
    eval(&[NEEDED], TRIM, &[stream])
}

pub fn remove(stream: &str, quarantine: Option<&str>) -> Cmd {
    let keys: Vec<&str> = [stream].into_iter().chain(quarantine).collect();
    eval(&[NEEDED, COPY], REMOVE, &keys)
}

pub fn save_index(key: &str) -> Cmd {
    eval(&[], SAVE_INDEX, &[key])
}

pub fn keep(quarantine: &str) -> Cmd {
    eval(&[COPY], KEEP, &[quarantine])
}

pub fn quarantine(stream: &str, quarantine: &str) -> Cmd {
    eval(&[COPY], QUARANTINE, &[stream, quarantine])
}
