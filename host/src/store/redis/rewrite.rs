//! Removing entries.

use async_trait::async_trait;
use redis::Value;
use tokio::sync::OwnedMutexGuard;

use super::super::{
    Edit, Position, Purpose, Rewrite, RewriteOptions, Rewritten, Segment, StoreError,
    StoreErrorKind,
};
use super::id::Shift;
use super::link::Repeat;
use super::{RedisStore, id, reply, scripts, snapshot};

/// The most ranges of one rewrite: 64 MiB of them.
const MAX_RANGES: usize = 2 << 20;

/// Ranges in one call of a script.
const RANGES: usize = 256;

/// Entries that one call of a script removes at most.
const ENTRIES: usize = 256;

/// Entries that are quarantined at once where that takes them through here.
const PAGE: usize = 16;

const DOING: &str = "remove entries";

/// An open rewrite. Everything happens in `commit`.
pub struct RedisRewrite {
    store: RedisStore,
    segment: Segment,
    shift: Shift,
    options: RewriteOptions,
    ranges: Vec<Edit>,
    _open: OwnedMutexGuard<()>,
}

impl RedisRewrite {
    pub fn begin(
        store: &RedisStore,
        segment: &Segment,
        shift: Shift,
        options: RewriteOptions,
    ) -> Result<Self, StoreError> {
        let open = store.rewriting.clone().try_lock_owned().map_err(|_| {
            StoreError::new(
                StoreErrorKind::Locked,
                "another rewrite of this journal is open; try again when it is done",
            )
        })?;
        let (store, segment) = (store.clone(), segment.clone());
        Ok(Self { store, segment, shift, options, ranges: Vec::new(), _open: open })
    }

    /// Returns true if entries that a group needs must stay.
    fn spares(&self) -> bool {
        self.options.purpose == Purpose::Compact && !self.options.force
    }

    /// The word by which the script knows how to treat consumer groups.
    fn word(&self) -> &'static str {
        match self.options.purpose {
            Purpose::Compact if self.spares() => "spare",
            Purpose::Compact => "force",
            Purpose::Recover => "acknowledge",
        }
    }

    /// The first and the last id of a range.
    fn ids(&self, range: &Edit) -> [String; 2] {
        let last = id::before(range.end).unwrap_or(id::FIRST);
        [range.start, last].map(|position| id::format(self.shift.id(position)))
    }

    /// How many of the first ranges have no entry between and before them, so that trimming does what
    /// they say.
    async fn leading(&self) -> Result<usize, StoreError> {
        let starts = self.ranges.iter().map(|range| range.start);
        let ends = [id::FIRST].into_iter().chain(self.ranges.iter().map(|range| range.end));
        let gaps: Vec<(Position, Position)> = ends.zip(starts).collect();
        let mut leading = 0;
        for some in gaps.chunks(RANGES) {
            let mut call = scripts::gaps(&self.segment.name);
            for (end, start) in some {
                // From a later to an earlier id there is nothing, nor is there ever an entry 0-0.
                let last = id::before(*start).unwrap_or(id::FIRST);
                call.arg(id::format(*end)).arg(id::format(last));
            }
            let reply = self.store.link.call(DOING, Repeat::Yes, &call).await?;
            let empty = reply::number(&reply).ok_or_else(|| reply::unexpected("XRANGE"))?;
            let empty = usize::try_from(empty).unwrap_or(usize::MAX).min(some.len());
            leading += empty;
            if empty < some.len() {
                break;
            }
        }
        Ok(leading)
    }

    /// Removes what lies before the end of the first `count` ranges, all at once. `None`: that would
    /// not tell what groups lose.
    async fn trim(&self, count: usize) -> Result<Option<u64>, StoreError> {
        let Some(last) = count.checked_sub(1).and_then(|last| self.ranges.get(last)) else {
            return Ok(Some(0));
        };
        let mut call = scripts::trim(&self.segment.name);
        call.arg(id::format(last.end));
        call.arg(if self.approximately() { "~" } else { "=" }).arg(self.word());
        let reply = self.store.link.call(DOING, Repeat::Yes, &call).await?;
        match reply {
            Value::Nil => Ok(None),
            reply => reply::number(&reply).map(Some).ok_or_else(|| reply::unexpected("XTRIM")),
        }
    }

    /// Returns true if a few entries too many may stay. Damaged entries may not.
    fn approximately(&self) -> bool {
        self.store.config.approx_trim && self.options.purpose == Purpose::Compact
    }

    /// Removes entries one by one, a bounded number of them at a time.
    async fn remove_each(
        &self,
        mut from: usize,
        quarantine: Option<&str>,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        while from < self.ranges.len() {
            let some: Vec<&Edit> = self.ranges.iter().skip(from).take(RANGES).collect();
            let mut call = scripts::remove(&self.segment.name, quarantine);
            call.arg(self.word()).arg(ENTRIES);
            for range in &some {
                call.arg(&self.ids(range));
            }
            // Doing it again does no harm: what is gone is not found.
            let reply = self.store.link.call(DOING, Repeat::Yes, &call).await?;
            let (count, done, losses) = removed(reply).ok_or_else(|| reply::unexpected("XDEL"))?;
            self.store.losses.add(self.segment.kind, losses);
            if count == 0 && done == 0 {
                return Err(reply::unexpected("XDEL"));
            }
            gone += count;
            from += usize::try_from(done).unwrap_or(usize::MAX).min(some.len());
        }
        Ok(gone)
    }

    /// Copies everything first, since the quarantine of a Cluster lies on another server.
    async fn keep_first(&self, quarantine: &str) -> Result<(), StoreError> {
        for range in &self.ranges {
            let [mut from, last] = self.ids(range);
            loop {
                let mut call = redis::cmd("XRANGE");
                call.arg(&self.segment.name).arg(&from).arg(&last).arg("COUNT").arg(PAGE);
                let reply = self.store.link.call(DOING, Repeat::Yes, &call).await?;
                let entries = reply::array(reply).ok_or_else(|| reply::unexpected("XRANGE"))?;
                let count = entries.len();
                for entry in entries {
                    let at = self.store.keep(&self.segment.name, quarantine, entry, "").await?;
                    from = format!("({}", id::format(at));
                }
                if count < PAGE {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn bytes(&self) -> Result<u64, StoreError> {
        let kind = self.segment.kind.unwrap_or(super::super::Kind::Event);
        let now = snapshot::survey(&self.store.link, kind, &self.segment.name).await?;
        Ok(now.map_or(0, |now| now.segment.bytes))
    }
}

/// Groups and how many entries each has lost.
type Losses = Vec<(String, u64)>;

/// How many entries went, how many ranges are finished, and the losses of groups.
fn removed(reply: Value) -> Option<(u64, u64, Losses)> {
    let mut items = reply::array(reply)?.into_iter();
    let (count, done) = (reply::number(&items.next()?)?, reply::number(&items.next()?)?);
    let mut losses = reply::array(items.next()?)?.into_iter();
    let mut lost = Vec::new();
    while let (Some(group), Some(entries)) = (losses.next(), losses.next()) {
        let group = String::from_utf8_lossy(&reply::bytes(group)?).into_owned();
        lost.push((group, reply::number(&entries)?));
    }
    Some((count, done, lost))
}

impl RedisStore {
    /// Copies an entry to the quarantine on another server, and returns its id.
    pub(super) async fn keep(
        &self,
        stream: &str,
        quarantine: &str,
        entry: Value,
        reason: &str,
    ) -> Result<Position, StoreError> {
        let bad = || reply::unexpected("XRANGE");
        let mut parts = reply::array(entry).ok_or_else(bad)?.into_iter();
        let at =
            parts.next().and_then(reply::bytes).and_then(|id| id::parse(&id)).ok_or_else(bad)?;
        let mut call = scripts::keep(quarantine);
        call.arg(stream).arg(id::format(at)).arg(reason);
        for part in parts.next().and_then(reply::array).ok_or_else(bad)? {
            call.arg(reply::bytes(part).ok_or_else(bad)?);
        }
        self.link.call("quarantine entries", Repeat::Yes, &call).await?;
        Ok(at)
    }
}

#[async_trait]
impl Rewrite for RedisRewrite {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let nonsense = |what: &str| Err(StoreError::new(StoreErrorKind::Failed, what.to_owned()));
        // Guest-controlled.
        for range in edits {
            if range.line_end {
                return nonsense("entries of a stream have no line ends; nothing was changed");
            }
            let earliest = self.ranges.last().map_or(id::FIRST, |last| last.end);
            let (start, end) = (id::key(range.start), id::key(range.end));
            if start < id::key(earliest) || end <= start || end > id::key(self.segment.end) {
                return nonsense("ranges to remove are out of order or outside of the stream");
            }
            if self.ranges.len() == MAX_RANGES {
                return nonsense(
                    "more than two million separate stretches are to be removed at once; nothing \
                     was. Export what is sound and start a new stream",
                );
            }
            self.ranges.push(*range);
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Rewritten, StoreError> {
        let bytes_before = self.bytes().await?;
        let quarantine = self.store.keys.quarantine(&self.segment.name);
        let (removed, quarantine) = match self.options.keep_quarantine && !self.ranges.is_empty() {
            true if self.store.link.is_cluster() => {
                self.keep_first(&quarantine).await?;
                (self.remove_each(0, None).await?, vec![quarantine])
            }
            true => (self.remove_each(0, Some(&quarantine)).await?, vec![quarantine]),
            // Trimming does not acknowledge, so it is for compaction alone.
            // Nor can it remove the last possible id: nothing comes after it.
            false if self.options.purpose == Purpose::Compact && self.shift.is_none() => {
                let leading = self.leading().await?;
                let (trimmed, rest) = match self.trim(leading).await? {
                    Some(trimmed) => (trimmed, leading),
                    None => (0, 0),
                };
                (trimmed + self.remove_each(rest, None).await?, Vec::new())
            }
            false => (self.remove_each(0, None).await?, Vec::new()),
        };
        let bytes_after = self.bytes().await?;
        Ok(Rewritten { bytes_before, bytes_after, removed_entries: Some(removed), quarantine })
    }
}
