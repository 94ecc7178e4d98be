//! Groups and their pending entries: checked, and handed on.

use super::check;
use crate::failure::Outcome;
use crate::groups::{
    ConsumerGroups, ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary,
};
use crate::json::Kind;

/// Acknowledges, as many at a time as one call may name.
pub fn ack<H: ConsumerGroups>(
    host: &mut H,
    kind: Kind,
    group: &str,
    ids: &[String],
) -> Outcome<u64> {
    check::name("group", group)?;
    check::ids(ids)?;
    let mut acked: u64 = 0;
    for some in ids.chunks(check::MAX_COUNT as usize) {
        acked = acked.saturating_add(host.ack(kind, group, some)?);
    }
    Ok(acked)
}

pub fn summarize_pending<H: ConsumerGroups>(
    host: &mut H,
    kind: Kind,
    group: &str,
) -> Outcome<PendingSummary> {
    check::name("group", group)?;
    Ok(host.summarize_pending(kind, group)?)
}

pub fn list_pending<H: ConsumerGroups>(
    host: &mut H,
    kind: Kind,
    group: &str,
    filter: &PendingFilter,
) -> Outcome<Vec<PendingEntry>> {
    check::name("group", group)?;
    check::bound(&filter.start, "-")?;
    check::bound(&filter.end, "+")?;
    check::count(filter.count)?;
    if let Some(consumer) = &filter.consumer {
        check::name("consumer", consumer)?;
    }
    Ok(host.list_pending(kind, group, filter)?)
}

pub fn list_groups<H: ConsumerGroups>(host: &mut H, kind: Kind) -> Outcome<Vec<GroupInfo>> {
    Ok(host.list_groups(kind)?)
}

/// Returns whether the group is new.
pub fn create_group<H: ConsumerGroups>(
    host: &mut H,
    kind: Kind,
    group: &str,
    start: &str,
) -> Outcome<bool> {
    check::name("group", group)?;
    check::start(start)?;
    Ok(host.ensure_group(kind, group, start)?)
}

pub fn set_id<H: ConsumerGroups>(host: &mut H, kind: Kind, group: &str, id: &str) -> Outcome<()> {
    check::name("group", group)?;
    check::start(id)?;
    Ok(host.set_id(kind, group, id)?)
}

pub fn list_consumers<H: ConsumerGroups>(
    host: &mut H,
    kind: Kind,
    group: &str,
) -> Outcome<Vec<ConsumerInfo>> {
    check::name("group", group)?;
    Ok(host.list_consumers(kind, group)?)
}

/// Returns whether there was such a group.
pub fn delete_group<H: ConsumerGroups>(host: &mut H, kind: Kind, group: &str) -> Outcome<bool> {
    check::name("group", group)?;
    Ok(host.delete_group(kind, group)?)
}

/// Returns how many entries were pending with the consumer.
pub fn delete_consumer<H: ConsumerGroups>(
    host: &mut H,
    kind: Kind,
    group: &str,
    consumer: &str,
) -> Outcome<u64> {
    check::name("group", group)?;
    check::name("consumer", consumer)?;
    Ok(host.delete_consumer(kind, group, consumer)?)
}
