//! Claims that are wrong.

use super::super::wrapper::go;
use super::{Case, On, case};

pub const CASES: &[Case] = &[
    case("claims-unknown", On::Streams, "a group that does not exist has nothing pending", |d| {
        d.groups.list_pending = |call, filter| {
            go(async move {
                let found = call.groups.list_pending(call.kind, call.group, &filter).await;
                Ok(found.unwrap_or_default())
            })
        };
    }),
    case("claims-unknown", On::Streams, "claiming makes the group", |d| {
        d.groups.claim = |call, claim| {
            go(async move {
                call.groups.ensure_group(call.kind, call.group, "0").await?;
                call.claim(claim).await
            })
        };
    }),
    case("pending-order", On::Streams, "pending entries are listed newest first", |d| {
        d.groups.list_pending = |call, filter| {
            go(async move {
                let mut found = call.groups.list_pending(call.kind, call.group, &filter).await?;
                found.reverse();
                Ok(found)
            })
        };
    }),
    case("pending-order", On::Streams, "pending entries are listed by consumer", |d| {
        d.groups.list_pending = |call, filter| {
            go(async move {
                let mut found = call.groups.list_pending(call.kind, call.group, &filter).await?;
                found.sort_by(|a, b| b.consumer.cmp(&a.consumer));
                Ok(found)
            })
        };
    }),
    case("pending-filter", On::Streams, "the entries of all consumers are listed", |d| {
        d.groups.list_pending = |call, mut filter| {
            filter.consumer = None;
            go(async move { call.groups.list_pending(call.kind, call.group, &filter).await })
        };
    }),
    case("pending-filter", On::Streams, "the count does not matter", |d| {
        d.groups.list_pending = |call, mut filter| {
            filter.count = 10_000;
            go(async move { call.groups.list_pending(call.kind, call.group, &filter).await })
        };
    }),
    case("pending-filter", On::Streams, "the end of the range is not included", |d| {
        d.groups.list_pending = |call, filter| {
            go(async move {
                let mut found = call.groups.list_pending(call.kind, call.group, &filter).await?;
                found.retain(|entry| entry.id != filter.end);
                Ok(found)
            })
        };
    }),
    case("pending-filter", On::Streams, "entries that are not idle are listed", |d| {
        d.groups.list_pending = |call, mut filter| {
            filter.min_idle_ms = 0;
            go(async move { call.groups.list_pending(call.kind, call.group, &filter).await })
        };
    }),
    case("claim-idle", On::Streams, "entries are claimed that are not idle", |d| {
        d.groups.claim = |call, mut claim| {
            claim.min_idle_ms = 0;
            go(call.claim(claim))
        };
    }),
    case("claim-idle", On::Streams, "entries are claimed that are not idle, on a walk", |d| {
        d.groups.auto_claim = |call, mut claim| {
            claim.min_idle_ms = 0;
            go(call.auto_claim(claim))
        };
    }),
    case("claim-owner", On::Streams, "claimed entries stay with their consumer", |d| {
        d.groups.claim = |call, mut claim| {
            go(async move {
                let filter = crate::store::groups::PendingFilter {
                    start: claim.ids.first().cloned().unwrap_or_default(),
                    end: "+".to_owned(),
                    count: 1,
                    min_idle_ms: 0,
                    consumer: None,
                };
                let found = call.groups.list_pending(call.kind, call.group, &filter).await?;
                if let Some(first) = found.first() {
                    claim.consumer.clone_from(&first.consumer);
                }
                call.claim(claim).await
            })
        };
    }),
    case("claim-owner", On::Streams, "claimed entries are pending no longer", |d| {
        d.groups.claim = |call, claim| {
            go(async move {
                let found = call.claim(claim).await?;
                let ids: Vec<String> = found.frames.iter().map(|one| one.id.clone()).collect();
                call.ack(&ids).await?;
                Ok(found)
            })
        };
    }),
    case("claim-unknown-ids", On::Streams, "ids that are not pending are said to be gone", |d| {
        d.groups.claim = |call, claim| {
            go(async move {
                let ids = claim.ids.clone();
                let mut found = call.claim(claim).await?;
                let handed = |id: &String| found.frames.iter().any(|frame| frame.id == *id);
                let missing: Vec<String> = ids.into_iter().filter(|id| !handed(id)).collect();
                found.deleted = missing;
                Ok(found)
            })
        };
    }),
    case("claim-unknown-ids", On::Streams, "entries that are gone are not listed", |d| {
        d.groups.claim = |call, claim| {
            go(async move {
                let mut found = call.claim(claim).await?;
                found.deleted.clear();
                Ok(found)
            })
        };
    }),
    case("auto-claim-walk", On::Streams, "the walk never ends", |d| {
        d.groups.auto_claim = |call, claim| {
            go(async move {
                let start = claim.start.clone();
                let mut found = call.auto_claim(claim).await?;
                if found.next == "0-0" {
                    found.next = start;
                }
                Ok(found)
            })
        };
    }),
    case("auto-claim-walk", On::Streams, "the walk ends after its first step", |d| {
        d.groups.auto_claim = |call, claim| {
            go(async move {
                let mut found = call.auto_claim(claim).await?;
                "0-0".clone_into(&mut found.next);
                Ok(found)
            })
        };
    }),
    case("auto-claim-walk", On::Streams, "the walk takes all at once", |d| {
        d.groups.auto_claim = |call, mut claim| {
            claim.count = 10_000;
            go(call.auto_claim(claim))
        };
    }),
];
