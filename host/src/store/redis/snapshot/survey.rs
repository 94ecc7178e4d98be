//! The present state of a stream, read by plain commands: permission to read is enough.

use redis::Value;

use super::super::super::{Kind, Position, Role, Segment, StoreError};
use super::super::failure::{code, is_missing_key};
use super::super::id::{self, Shift};
use super::super::link::{Link, Repeat};
use super::super::reply;

const DOING: &str = "look at the journal";

/// A stream as a segment, and how its ids become positions.
pub struct Surveyed {
    pub segment: Segment,
    pub shift: Shift,
}

/// The present state of a stream; `None` if there is none.
///
/// One `XINFO` tells everything that has to belong together, so no transaction is needed, which a user
/// may not be permitted.
pub async fn survey(link: &Link, kind: Kind, key: &str) -> Result<Option<Surveyed>, StoreError> {
    let mut command = redis::cmd("XINFO");
    command.arg("STREAM").arg(key).arg("FULL").arg("COUNT").arg(1);
    let (reply, bytes) = tokio::join!(link.call(DOING, Repeat::Yes, &command), memory(link, key));
    let reply = match reply {
        Err(error) if is_missing_key(&error) => return Ok(None),
        reply => reply?,
    };
    let seen = Seen::read(&reply).ok_or_else(|| reply::unexpected("XINFO"))?;
    let shift = match seen.last == id::LAST && seen.length > 0 {
        true => shift(link, key).await?,
        false => Shift::default(),
    };
    let end = id::after(shift.position(seen.last));
    let pinned = seen.needed.map(|needed| shift.position(needed));
    let segment = Segment {
        name: key.to_owned(),
        role: Role::Active,
        number: 0,
        start: seen.first.map_or(end, |first| shift.position(first)),
        end,
        bytes: if seen.length == 0 { 0 } else { bytes? },
        entries: Some(seen.length),
        kind: Some(kind),
        partition: None,
        pinned: pinned.filter(|pinned| id::key(*pinned) < id::key(end)),
    };
    Ok(Some(Surveyed { segment, shift }))
}

/// The memory that a stream takes; 0 where that may not be asked.
async fn memory(link: &Link, key: &str) -> Result<u64, StoreError> {
    let mut command = redis::cmd("MEMORY");
    command.arg("USAGE").arg(key);
    match link.call(DOING, Repeat::Yes, &command).await {
        Err(error) if matches!(code(&error), Some("NOPERM" | "ERR")) => Ok(0),
        reply => Ok(reply::number(&reply?).unwrap_or(0)),
    }
}

/// How the ids of a stream that holds the last possible one become positions.
async fn shift(link: &Link, key: &str) -> Result<Shift, StoreError> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(key).arg("+").arg("-").arg("COUNT").arg(2);
    let newest = reply::array(link.call(DOING, Repeat::Yes, &command).await?);
    let newest = newest.ok_or_else(|| reply::unexpected("XREVRANGE"))?;
    Ok(Shift::of_newest(newest.iter().filter_map(reply::id_of)))
}

/// The facts of one `XINFO STREAM … FULL`.
struct Seen {
    length: u64,
    last: Position,
    first: Option<Position>,
    /// Before here, no consumer group needs anything.
    needed: Option<Position>,
}

impl Seen {
    fn read(reply: &Value) -> Option<Self> {
        let field = |name| reply::field(reply.clone(), name);
        let entries = reply::array(field("entries")?)?;
        let first = match entries.first() {
            Some(entry) => Some(reply::id_of(entry)?),
            None => None,
        };
        let groups = reply::array(field("groups")?)?;
        let needed = groups.iter().map(needed).collect::<Option<Vec<_>>>()?;
        Some(Self {
            length: reply::number(&field("length")?)?,
            last: id::parse(&reply::bytes(field("last-generated-id")?)?)?,
            first,
            needed: needed.into_iter().min_by_key(|at| id::key(*at)),
        })
    }
}

/// Returns the first id that a group needs: its oldest pending entry, or what follows the entry that it
/// was given last.
fn needed(group: &Value) -> Option<Position> {
    let field = |name| reply::field(group.clone(), name);
    let delivered = id::parse(&reply::bytes(field("last-delivered-id")?)?)?;
    let pending = reply::array(field("pending").or_else(|| field("pel"))?)?;
    let next = id::after(delivered);
    match pending.first() {
        Some(oldest) => Some(id::least(next, reply::id_of(oldest)?)),
        None => Some(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_group_needs_its_oldest_pending_entry_or_what_was_not_delivered() {
        let group = |delivered: &str, pending: &[&str]| {
            let line = |id: &&str| Value::Array(vec![bulk(id), bulk("c"), Value::Int(1)]);
            let pending = Value::Array(pending.iter().map(line).collect());
            Value::Array(vec![bulk("last-delivered-id"), bulk(delivered), bulk("pending"), pending])
        };
        let at = |major, minor| Some(Position { major, minor });
        assert_eq!(needed(&group("7-0", &["3-0"])), at(3, 0));
        assert_eq!(needed(&group("7-0", &[])), at(7, 1));
        // Moved back with `XGROUP SETID`.
        assert_eq!(needed(&group("1-0", &["3-0"])), at(1, 1));
        assert_eq!(needed(&Value::Array(Vec::new())), None);
    }
}
