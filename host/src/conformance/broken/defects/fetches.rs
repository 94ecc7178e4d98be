//! Consumer groups that hand out or acknowledge wrongly.

use super::super::wrapped_groups::{Call, Fetch};
use super::super::wrapper::go;
use super::{Case, On, case};
use crate::store::groups::{Delivered, PendingFilter, Source, Wait};
use crate::store::{Payload, StoreError, StoreErrorKind};

fn bytes(found: &Delivered) -> Vec<u8> {
    match &found.data {
        Payload::Text(text) => text.clone().into_bytes(),
        Payload::Raw(bytes) => bytes.clone(),
    }
}

/// Fetches, and acknowledges it at once.
async fn fetch_and_ack(call: Call<'_>, fetch: Fetch) -> Result<Delivered, StoreError> {
    let found = call.fetch(fetch).await?;
    let ids: Vec<String> = found.frames.iter().map(|frame| frame.id.clone()).collect();
    call.ack(&ids).await?;
    Ok(found)
}

const ALL: u32 = 10_000;

async fn all_pending(call: Call<'_>) -> Result<Vec<String>, StoreError> {
    let filter = PendingFilter {
        start: "-".to_owned(),
        end: "+".to_owned(),
        count: ALL,
        min_idle_ms: 0,
        consumer: None,
    };
    let found = call.groups.list_pending(call.kind, call.group, &filter).await?;
    Ok(found.into_iter().map(|entry| entry.id).collect())
}

pub const CASES: &[Case] = &[
    case("fetch-order", On::Streams, "the newest entries are handed out first", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let mut found = call.fetch(fetch).await?;
                found.frames.reverse();
                Ok(found)
            })
        };
    }),
    case("fetch-order", On::Streams, "line ends lie between fetched entries", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let mut found = call.fetch(fetch).await?;
                let (all, mut joined, mut from) = (bytes(&found), Vec::new(), 0);
                for frame in &mut found.frames {
                    joined.extend_from_slice(&all[from..frame.end as usize]);
                    joined.push(b'\n');
                    from = frame.end as usize;
                    frame.end = joined.len() as u32;
                }
                found.data = Payload::Raw(joined);
                Ok(found)
            })
        };
    }),
    case("fetch-count", On::Streams, "all there is, is handed out", |d| {
        d.groups.fetch = |call, mut fetch| {
            fetch.count = ALL;
            go(call.fetch(fetch))
        };
    }),
    case("fetch-count", On::Streams, "one entry more than asked for is handed out", |d| {
        d.groups.fetch = |call, mut fetch| {
            fetch.count += 1;
            go(call.fetch(fetch))
        };
    }),
    case("fetch-once", On::Streams, "entries are handed out twice", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                if matches!(fetch.source, Source::Fresh) && call.base.next() % 2 == 1 {
                    call.groups.set_id(call.kind, call.group, "0").await?;
                }
                call.fetch(fetch).await
            })
        };
    }),
    case("fetch-once", On::Streams, "every consumer gets all entries", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let seen = call.base.text().clone();
                if matches!(fetch.source, Source::Fresh) && !seen.contains(&fetch.consumer) {
                    call.base.text().push_str(&fetch.consumer);
                    call.groups.set_id(call.kind, call.group, "0").await?;
                }
                call.fetch(fetch).await
            })
        };
    }),
    case("fetch-deliveries", On::Streams, "a fresh entry is said to be delivered twice", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let mut found = call.fetch(fetch).await?;
                found.frames.iter_mut().for_each(|frame| frame.deliveries += 1);
                Ok(found)
            })
        };
    }),
    case("fetch-deliveries", On::Streams, "an entry is always delivered for the first time", |d| {
        d.groups.claim = |call, claim| {
            go(async move {
                let mut found = call.claim(claim).await?;
                found.frames.iter_mut().for_each(|frame| frame.deliveries = 1);
                Ok(found)
            })
        };
    }),
    case("fetch-pending", On::Streams, "what is handed out is acknowledged at once", |d| {
        d.groups.fetch = |call, fetch| go(fetch_and_ack(call, fetch));
    }),
    case("fetch-pending", On::Streams, "the next fetch acknowledges the one before", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                if matches!(fetch.source, Source::Fresh) {
                    let ids = all_pending(call).await.unwrap_or_default();
                    call.ack(&ids).await?;
                }
                call.fetch(fetch).await
            })
        };
    }),
    case("fetch-own", On::Streams, "own pending entries are those of all consumers", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                if matches!(fetch.source, Source::OwnPending(_)) {
                    let ids = all_pending(call).await?;
                    let name = fetch.consumer.as_str();
                    return call.groups.claim(call.kind, call.group, name, 0, &ids).await;
                }
                call.fetch(fetch).await
            })
        };
    }),
    case("fetch-own", On::Streams, "own pending entries always start at the first", |d| {
        d.groups.fetch = |call, mut fetch| {
            if let Source::OwnPending(after) = &mut fetch.source {
                "0".clone_into(after);
            }
            go(call.fetch(fetch))
        };
    }),
    case("fetch-own", On::Streams, "own pending entries are fresh ones", |d| {
        d.groups.fetch = |call, mut fetch| {
            fetch.source = Source::Fresh;
            go(call.fetch(fetch))
        };
    }),
    case("fetch-wait", On::Streams, "an empty group is an error", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let found = call.fetch(fetch).await?;
                if found.frames.is_empty() && found.deleted.is_empty() {
                    return Err(StoreError::new(StoreErrorKind::Unavailable, "nothing yet"));
                }
                Ok(found)
            })
        };
    }),
    case("fetch-wait", On::Streams, "a fetch that may wait does not", |d| {
        d.groups.fetch = |call, mut fetch| {
            fetch.wait = Wait::None;
            go(call.fetch(fetch))
        };
    }),
    case("fetch-wait", On::Streams, "own pending entries are waited for", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let own = matches!(fetch.source, Source::OwnPending(_));
                let wait = fetch.wait;
                let found = call.fetch(fetch).await?;
                if let (true, true, Wait::Millis(wait)) = (own, found.frames.is_empty(), wait) {
                    tokio::time::sleep(std::time::Duration::from_millis(wait.into())).await;
                }
                Ok(found)
            })
        };
    }),
    case("fetch-deleted", On::Streams, "pending entries that are gone are left out", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let mut found = call.fetch(fetch).await?;
                found.deleted.clear();
                Ok(found)
            })
        };
    }),
    case("fetch-deleted", On::Streams, "pending entries that are gone have no payload", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                let mut found = call.fetch(fetch).await?;
                let end = bytes(&found).len() as u32;
                for id in std::mem::take(&mut found.deleted) {
                    let frame = crate::store::groups::DeliveredFrame {
                        id,
                        end,
                        missing: true,
                        deliveries: 1,
                    };
                    found.frames.push(frame);
                }
                Ok(found)
            })
        };
    }),
    case("ack-count", On::Streams, "an acknowledgement counts all ids", |d| {
        d.groups.ack = |call, ids| go(async move { call.ack(ids).await.map(|_| ids.len() as u64) });
    }),
    case("ack-count", On::Streams, "an acknowledgement counts nothing", |d| {
        d.groups.ack = |call, ids| go(async move { call.ack(ids).await.map(|_| 0) });
    }),
    case("ack-effect", On::Streams, "an acknowledgement has no effect", |d| {
        d.groups.ack = |call, ids| {
            go(async move {
                let all = all_pending(call).await.unwrap_or_default();
                Ok(ids.iter().filter(|id| all.contains(id)).count() as u64)
            })
        };
    }),
    case("ack-effect", On::Streams, "an acknowledgement is of all before it as well", |d| {
        d.groups.ack = |call, ids| {
            go(async move {
                let all = all_pending(call).await.unwrap_or_default();
                let last = all.iter().rposition(|id| ids.contains(id));
                let count = call.ack(ids).await?;
                call.ack(&all[..last.map_or(0, |last| last + 1)]).await?;
                Ok(count)
            })
        };
    }),
    case("ack-effect", On::Streams, "acknowledging in an unknown group is an error", |d| {
        d.groups.ack = |call, ids| {
            go(async move {
                call.groups.summarize_pending(call.kind, call.group).await?;
                call.ack(ids).await
            })
        };
    }),
    case("pending-summary", On::Streams, "the summary counts consumers, not entries", |d| {
        d.groups.summarize = |call| {
            go(async move {
                let mut found = call.groups.summarize_pending(call.kind, call.group).await?;
                found.count = found.consumers.len() as u64;
                Ok(found)
            })
        };
    }),
    case("pending-summary", On::Streams, "least and greatest id are mixed up", |d| {
        d.groups.summarize = |call| {
            go(async move {
                let mut found = call.groups.summarize_pending(call.kind, call.group).await?;
                std::mem::swap(&mut found.min, &mut found.max);
                Ok(found)
            })
        };
    }),
    case("pending-summary", On::Streams, "one consumer is left out", |d| {
        d.groups.summarize = |call| {
            go(async move {
                let mut found = call.groups.summarize_pending(call.kind, call.group).await?;
                found.consumers.pop();
                Ok(found)
            })
        };
    }),
];
