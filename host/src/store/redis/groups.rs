//! Consumer groups: those of Redis, one to one.

mod delivered;

use std::time::Duration;

use async_trait::async_trait;
use redis::{Pipeline, RedisError, Value};

use self::delivered::{Counts, Entries};
use super::super::groups::{
    AutoClaimed, ConsumerGroups, ConsumerInfo, ConsumerPending, Delivered, GroupInfo, GroupLoss,
    PendingEntry, PendingFilter, PendingSummary, Source, Wait,
};
use super::super::{Kind, StoreError, StoreErrorKind};
use super::failure::{code, is_missing_key, store_error};
use super::link::Repeat;
use super::{RedisStore, id, reply, scripts};

/// A wait for ever is made of waits of this length, so that a server that has gone away without a
/// word is noticed.
const ROUND: Duration = Duration::from_secs(20);

const FETCH: &str = "fetch entries";
const CLAIM: &str = "claim entries";

impl RedisStore {
    /// A transaction, and the replies to its commands; the first of them that is an error ends it.
    async fn all(&self, doing: &str, commands: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let replies = self.link.transact(doing, commands).await?;
        let replies = reply::array(replies).ok_or_else(|| reply::unexpected("EXEC"))?;
        let failed = replies.iter().find_map(|reply| match reply {
            Value::ServerError(error) => Some(error.clone()),
            _ => None,
        });
        match failed {
            None => Ok(replies),
            Some(error) => Err(store_error(doing, self.link.location(), RedisError::from(error))),
        }
    }

    /// A transaction, and the replies to its commands, whatever they are.
    async fn replies(
        &self,
        doing: &str,
        commands: &Pipeline,
    ) -> Result<std::vec::IntoIter<Value>, StoreError> {
        let replies = self.link.transact(doing, commands).await?;
        Ok(reply::array(replies).unwrap_or_default().into_iter())
    }

    async fn fetch_fresh(
        &self,
        kind: Kind,
        (group, consumer): (&str, &str),
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StoreError> {
        let key = self.keys.of(kind);
        let read = |block: Option<Duration>| {
            let mut command = redis::cmd("XREADGROUP");
            command.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(count);
            if let Some(block) = block {
                command.arg("BLOCK").arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX));
            }
            command.arg("STREAMS").arg(key).arg(">");
            command
        };
        let reply = match wait {
            Wait::None | Wait::Millis(0) => self.link.call(FETCH, Repeat::No, &read(None)).await?,
            Wait::Millis(millis) => {
                let wait = Duration::from_millis(millis.into());
                self.link.waiting(FETCH, wait, &read(Some(wait))).await?
            }
            Wait::Forever => loop {
                match self.link.waiting(FETCH, ROUND, &read(Some(ROUND))).await? {
                    Value::Nil => {}
                    reply => break reply,
                }
            },
        };
        let entries = Entries::read(reply).ok_or_else(|| reply::unexpected("XREADGROUP"))?;
        Ok(entries.delivered(&Counts::all(1)))
    }

    async fn fetch_pending(
        &self,
        kind: Kind,
        (group, consumer): (&str, &str),
        count: u32,
        after: &str,
    ) -> Result<Delivered, StoreError> {
        let key = self.keys.of(kind);
        let after = id::format(checked(after)?);
        let mut commands = Pipeline::new();
        commands.atomic();
        commands.cmd("XREADGROUP").arg("GROUP").arg(group).arg(consumer);
        commands.arg("COUNT").arg(count).arg("STREAMS").arg(key).arg(&after);
        // The same entries, with how often they have been delivered.
        commands.cmd("XPENDING").arg(key).arg(group).arg(format!("({after}")).arg("+");
        commands.arg(count).arg(consumer);
        let mut replies = self.all(FETCH, &commands).await?.into_iter();
        let entries = replies.next().and_then(Entries::read);
        let counts = replies.next().and_then(Counts::read);
        let (entries, counts) =
            entries.zip(counts).ok_or_else(|| reply::unexpected("XREADGROUP"))?;
        Ok(entries.delivered(&counts))
    }

    /// How often these have been delivered; 0 for not known, since delivered entries must not be lost
    /// over that.
    async fn counts(&self, kind: Kind, group: &str, ids: &[String]) -> Counts {
        if ids.is_empty() {
            return Counts::all(0);
        }
        let mut commands = Pipeline::new();
        commands.atomic();
        pending_each(&mut commands, self.keys.of(kind), group, ids);
        let replies = self.all(CLAIM, &commands).await;
        let unexpected = || reply::unexpected("XPENDING");
        let counts = replies.and_then(|each| Counts::read_each(each).ok_or_else(unexpected));
        counts.unwrap_or_else(|error| {
            tracing::warn!(%error, "it is not known how often claimed entries were delivered");
            Counts::all(0)
        })
    }

    /// Those of `ids` that are no entries any more; none if that cannot be found out, since delivered
    /// entries must not be lost over that.
    async fn gone(&self, kind: Kind, ids: Vec<String>) -> Vec<String> {
        if ids.is_empty() {
            return ids;
        }
        let mut commands = Pipeline::new();
        commands.atomic();
        for id in &ids {
            commands.cmd("XRANGE").arg(self.keys.of(kind)).arg(id).arg(id);
        }
        let found = match self.all(CLAIM, &commands).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "it is not known which of the entries to claim are gone");
                return Vec::new();
            }
        };
        let gone = |(id, entry)| reply::array(entry).is_some_and(|e| e.is_empty()).then_some(id);
        ids.into_iter().zip(found).filter_map(gone).collect()
    }
}

fn pending_each(commands: &mut Pipeline, key: &str, group: &str, ids: &[String]) {
    for id in ids {
        commands.cmd("XPENDING").arg(key).arg(group).arg(id).arg(id).arg(1);
    }
}

/// Ids are guest-controlled.
fn checked(text: &str) -> Result<super::super::Position, StoreError> {
    id::parse(text.as_bytes()).ok_or_else(|| {
        let message = "an entry's id is two numbers, such as 1763700000123-0";
        StoreError::new(StoreErrorKind::Failed, message)
    })
}

#[async_trait]
impl ConsumerGroups for RedisStore {
    fn losses(&self) -> Vec<GroupLoss> {
        self.losses.list()
    }

    async fn ensure_group(&self, kind: Kind, group: &str, start: &str) -> Result<bool, StoreError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(self.keys.of(kind)).arg(group).arg(start).arg("MKSTREAM");
        match self.link.call("make a consumer group", Repeat::No, &command).await {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == Some("BUSYGROUP") => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn fetch(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StoreError> {
        match source {
            Source::Fresh => self.fetch_fresh(kind, (group, consumer), count, wait).await,
            Source::OwnPending(after) => {
                self.fetch_pending(kind, (group, consumer), count, &after).await
            }
        }
    }

    async fn ack(&self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut command = redis::cmd("XACK");
        command.arg(self.keys.of(kind)).arg(group).arg(ids);
        let reply = self.link.call("acknowledge entries", Repeat::No, &command).await?;
        reply::number(&reply).ok_or_else(|| reply::unexpected("XACK"))
    }

    async fn summarize_pending(
        &self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StoreError> {
        let mut command = redis::cmd("XPENDING");
        command.arg(self.keys.of(kind)).arg(group);
        let reply = self.link.call("look at pending entries", Repeat::Yes, &command).await?;
        summary(reply).ok_or_else(|| reply::unexpected("XPENDING"))
    }

    async fn list_pending(
        &self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StoreError> {
        let mut command = redis::cmd("XPENDING");
        command.arg(self.keys.of(kind)).arg(group).arg("IDLE").arg(idle(filter.min_idle_ms));
        command.arg(&filter.start).arg(&filter.end).arg(filter.count);
        command.arg(filter.consumer.as_deref());
        let reply = self.link.call("look at pending entries", Repeat::Yes, &command).await?;
        let entries = reply::array(reply).unwrap_or_default().into_iter().map(delivered::pending);
        entries.collect::<Option<_>>().ok_or_else(|| reply::unexpected("XPENDING"))
    }

    async fn claim(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StoreError> {
        let key = self.keys.of(kind);
        let ids: Vec<String> =
            ids.iter().map(|id| checked(id).map(id::format)).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(Entries::default().delivered(&Counts::all(0)));
        }
        let mut commands = Pipeline::new();
        commands.atomic();
        commands.cmd("XCLAIM").arg(key).arg(group).arg(consumer).arg(idle(min_idle_ms)).arg(&ids);
        pending_each(&mut commands, key, group, &ids);
        let mut replies = self.all(CLAIM, &commands).await?.into_iter();
        let entries = replies.next().and_then(Entries::list);
        let counts = Counts::read_each(replies);
        let (mut entries, counts) =
            entries.zip(counts).ok_or_else(|| reply::unexpected("XCLAIM"))?;
        let missing = ids.into_iter().filter(|id| !entries.contains(id)).collect();
        entries.deleted.extend(self.gone(kind, missing).await);
        Ok(entries.delivered(&counts))
    }

    async fn auto_claim(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        start: &str,
        count: u32,
    ) -> Result<AutoClaimed, StoreError> {
        let mut command = redis::cmd("XAUTOCLAIM");
        command.arg(self.keys.of(kind)).arg(group).arg(consumer).arg(idle(min_idle_ms));
        command.arg(id::format(checked(start)?)).arg("COUNT").arg(count);
        let reply = self.link.call(CLAIM, Repeat::No, &command).await?;
        let (next, entries) = claimed(reply).ok_or_else(|| reply::unexpected("XAUTOCLAIM"))?;
        let counts = self.counts(kind, group, &entries.ids()).await;
        Ok(AutoClaimed { entries: entries.delivered(&counts), next })
    }

    async fn list_groups(&self, kind: Kind) -> Result<Vec<GroupInfo>, StoreError> {
        let mut command = redis::cmd("XINFO");
        command.arg("GROUPS").arg(self.keys.of(kind));
        let reply = match self.link.call("list consumer groups", Repeat::Yes, &command).await {
            Err(error) if is_missing_key(&error) => return Ok(Vec::new()),
            reply => reply?,
        };
        reply::array(reply)
            .and_then(|groups| groups.iter().map(group_info).collect())
            .ok_or_else(|| reply::unexpected("XINFO"))
    }

    async fn list_consumers(
        &self,
        kind: Kind,
        group: &str,
    ) -> Result<Vec<ConsumerInfo>, StoreError> {
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(self.keys.of(kind)).arg(group);
        let reply = self.link.call("list the consumers of a group", Repeat::Yes, &command).await?;
        reply::array(reply)
            .and_then(|consumers| consumers.iter().map(consumer_info).collect())
            .ok_or_else(|| reply::unexpected("XINFO"))
    }

    async fn delete_group(&self, kind: Kind, group: &str) -> Result<bool, StoreError> {
        const DOING: &str = "delete a consumer group";
        let key = self.keys.of(kind);
        let mut commands = Pipeline::new();
        commands.atomic().cmd("EXISTS").arg(key);
        commands.cmd("XGROUP").arg("DESTROY").arg(key).arg(group);
        let mut replies = self.replies(DOING, &commands).await?;
        match (replies.next().as_ref().and_then(reply::number), replies.next()) {
            (Some(0), _) => Ok(false),
            (_, Some(Value::ServerError(error))) => {
                Err(store_error(DOING, self.link.location(), error.into()))
            }
            (_, gone) => Ok(gone.as_ref().and_then(reply::number) == Some(1)),
        }
    }

    async fn delete_consumer(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
    ) -> Result<u64, StoreError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("DELCONSUMER").arg(self.keys.of(kind)).arg(group).arg(consumer);
        // Once more would report that nothing was pending.
        let reply = self.link.call("delete a consumer", Repeat::No, &command).await?;
        reply::number(&reply).ok_or_else(|| reply::unexpected("XGROUP"))
    }

    async fn set_id(&self, kind: Kind, group: &str, id: &str) -> Result<(), StoreError> {
        const DOING: &str = "move a consumer group";
        let key = self.keys.of(kind);
        let mut commands = Pipeline::new();
        commands.atomic().cmd("EXISTS").arg(key);
        commands.cmd("XGROUP").arg("SETID").arg(key).arg(group).arg(id);
        let mut replies = self.replies(DOING, &commands).await?;
        match (replies.next().as_ref().and_then(reply::number), replies.next()) {
            (Some(0), _) => Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!("there is no stream {key}, so it has no consumer group {group:?}"),
            )),
            (_, Some(Value::ServerError(error))) => {
                Err(store_error(DOING, self.link.location(), error.into()))
            }
            _ => Ok(()),
        }
    }

    async fn quarantine(
        &self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        const DOING: &str = "quarantine an entry";
        let key = self.keys.of(kind);
        let id = id::format(checked(id)?);
        let quarantine = self.keys.quarantine(key);
        if !self.link.is_cluster() {
            let mut call = scripts::quarantine(key, &quarantine);
            call.arg(group).arg(&id).arg(reason);
            // Once more copies it once more at worst; the entry is pending until the first is done.
            return self.link.call(DOING, Repeat::Yes, &call).await.map(drop);
        }
        let mut read = redis::cmd("XRANGE");
        read.arg(key).arg(&id).arg(&id);
        let found = self.link.call(DOING, Repeat::Yes, &read).await?;
        for entry in reply::array(found).unwrap_or_default() {
            self.keep(key, &quarantine, entry, reason).await?;
        }
        self.ack(kind, group, &[id]).await.map(drop)
    }
}

/// Redis takes signed milliseconds.
fn idle(millis: u64) -> u64 {
    millis.min(i64::MAX as u64)
}

fn summary(reply: Value) -> Option<PendingSummary> {
    let mut parts = reply::array(reply)?.into_iter();
    let count = reply::number(&parts.next()?)?;
    let (min, max) = (parts.next().and_then(reply::text), parts.next().and_then(reply::text));
    let consumer = |value| {
        let mut parts = reply::array(value)?.into_iter();
        let consumer = delivered::lossy(parts.next()?)?;
        Some(ConsumerPending { consumer, count: reply::number(&parts.next()?)? })
    };
    let consumers = parts.next().and_then(reply::array).unwrap_or_default();
    let consumers = consumers.into_iter().map(consumer).collect::<Option<_>>()?;
    Some(PendingSummary { count, min, max, consumers })
}

/// Where to go on, and what was claimed.
fn claimed(reply: Value) -> Option<(String, Entries)> {
    let mut parts = reply::array(reply)?.into_iter();
    let next = reply::text(parts.next()?)?;
    let mut entries = Entries::list(parts.next()?)?;
    // Before version 7 Redis did not say.
    let deleted = parts.next().and_then(reply::array).unwrap_or_default();
    entries.deleted.extend(deleted.into_iter().filter_map(reply::text));
    Some((next, entries))
}

fn consumer_info(value: &Value) -> Option<ConsumerInfo> {
    let field = |name| reply::field(value.clone(), name);
    let number = |name| field(name).as_ref().and_then(reply::number);
    Some(ConsumerInfo {
        name: field("name").and_then(delivered::lossy)?,
        pending: number("pending")?,
        idle_ms: number("idle")?,
        // Since version 7.2, and -1 for one that was never handed anything.
        inactive_ms: number("inactive"),
    })
}

fn group_info(value: &Value) -> Option<GroupInfo> {
    let field = |name| reply::field(value.clone(), name);
    let number = |name| field(name).as_ref().and_then(reply::number);
    Some(GroupInfo {
        name: field("name").and_then(delivered::lossy)?,
        consumers: number("consumers")?,
        pending: number("pending")?,
        last_delivered: field("last-delivered-id").and_then(reply::text)?,
        lag: number("lag"),
    })
}
