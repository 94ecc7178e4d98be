//! Consumer groups that are kept wrongly.

use super::super::wrapper::go;
use super::{Case, On, case};
use crate::store::Kind;
use crate::store::groups::{Source, Wait};

use super::super::wrapped_groups::Fetch;

pub const CASES: &[Case] = &[
    case("group-ensure", On::Streams, "ensuring a group resets it", |d| {
        d.groups.ensure = |call, start| {
            go(async move {
                let created = call.groups.ensure_group(call.kind, call.group, start).await?;
                if !created {
                    call.groups.set_id(call.kind, call.group, start).await?;
                }
                Ok(created)
            })
        };
    }),
    case("group-ensure", On::Streams, "a group is always said to be new", |d| {
        d.groups.ensure = |call, start| {
            go(async move {
                call.groups.ensure_group(call.kind, call.group, start).await?;
                Ok(true)
            })
        };
    }),
    case("group-start", On::Streams, "a group that starts now starts at the beginning", |d| {
        d.groups.ensure = |call, start| {
            let start = if start == "$" { "0" } else { start };
            call.groups.ensure_group(call.kind, call.group, start)
        };
    }),
    case(
        "group-start",
        On::Streams,
        "a group starts after all entries, whatever it is told",
        |d| {
            d.groups.ensure = |call, _| call.groups.ensure_group(call.kind, call.group, "$");
        },
    ),
    case("group-start", On::Streams, "a group starts with the entry it should start after", |d| {
        d.groups.ensure = |call, start| {
            go(async move {
                let before = match start.split_once('-') {
                    Some((major, minor)) if minor != "0" => {
                        format!("{major}-{}", minor.parse::<u64>().unwrap_or(1) - 1)
                    }
                    _ => start.to_owned(),
                };
                call.groups.ensure_group(call.kind, call.group, &before).await
            })
        };
    }),
    case("group-unknown", On::Streams, "fetching makes the group", |d| {
        d.groups.fetch = |call, fetch| {
            go(async move {
                call.groups.ensure_group(call.kind, call.group, "0").await?;
                call.fetch(fetch).await
            })
        };
    }),
    case("group-unknown", On::Streams, "a group that does not exist has no consumers", |d| {
        d.groups.list_consumers = |call| {
            go(async move {
                let found = call.groups.list_consumers(call.kind, call.group).await;
                Ok(found.unwrap_or_default())
            })
        };
    }),
    case("group-independent", On::Streams, "an acknowledgement counts for all groups", |d| {
        d.groups.ack = |call, ids| {
            go(async move {
                let count = call.ack(ids).await?;
                for group in call.groups.list_groups(call.kind).await? {
                    call.groups.ack(call.kind, &group.name, ids).await?;
                }
                Ok(count)
            })
        };
    }),
    case("group-independent", On::Streams, "all kinds are one stream", |d| {
        d.groups.ensure = |call, start| call.groups.ensure_group(Kind::Event, call.group, start);
        d.groups.fetch = |mut call, fetch| {
            call.kind = Kind::Event;
            go(call.fetch(fetch))
        };
        d.groups.list_groups = |call| call.groups.list_groups(Kind::Event);
        d.groups.ack = |call, ids| call.groups.ack(Kind::Event, call.group, ids);
    }),
    case("group-list", On::Streams, "no group is listed", |d| {
        d.groups.list_groups = |_| go(async { Ok(Vec::new()) });
    }),
    case("group-list", On::Streams, "what is not known to lag is said to lag by 0", |d| {
        d.groups.list_groups = |call| {
            go(async move {
                let mut groups = call.groups.list_groups(call.kind).await?;
                groups.iter_mut().for_each(|group| group.lag = Some(0));
                Ok(groups)
            })
        };
    }),
    case("group-list", On::Streams, "pending entries are counted as of one consumer", |d| {
        d.groups.list_groups = |call| {
            go(async move {
                let mut groups = call.groups.list_groups(call.kind).await?;
                groups.iter_mut().for_each(|group| group.pending = group.pending.min(1));
                Ok(groups)
            })
        };
    }),
    case("consumer-list", On::Streams, "only the first consumer is listed", |d| {
        d.groups.list_consumers = |call| {
            go(async move {
                let mut found = call.groups.list_consumers(call.kind, call.group).await?;
                found.truncate(1);
                Ok(found)
            })
        };
    }),
    case("consumer-list", On::Streams, "every consumer has all pending entries", |d| {
        d.groups.list_consumers = |call| {
            go(async move {
                let mut found = call.groups.list_consumers(call.kind, call.group).await?;
                let all = found.iter().map(|consumer| consumer.pending).sum();
                found.iter_mut().for_each(|consumer| consumer.pending = all);
                Ok(found)
            })
        };
    }),
    case("group-delete", On::Streams, "a group that is deleted stays", |d| {
        d.groups.delete_group = |call| {
            go(async move {
                let groups = call.groups.list_groups(call.kind).await?;
                Ok(groups.iter().any(|group| group.name == call.group))
            })
        };
    }),
    case("group-delete", On::Streams, "a group that is deleted keeps its pending entries", |d| {
        d.groups.delete_group = |call| {
            go(async move {
                // It is hidden, and comes back with the next `ensure_group`.
                let groups = call.groups.list_groups(call.kind).await?;
                let there = groups.iter().any(|group| group.name == call.group);
                call.base.text().push_str(call.group);
                Ok(there)
            })
        };
        d.groups.list_groups = |call| {
            go(async move {
                let mut groups = call.groups.list_groups(call.kind).await?;
                let hidden = call.base.text().clone();
                groups.retain(|group| group.name != hidden);
                Ok(groups)
            })
        };
        d.groups.ensure = |call, start| {
            go(async move {
                let hidden = std::mem::take(&mut *call.base.text());
                let created = call.groups.ensure_group(call.kind, call.group, start).await?;
                Ok(created || hidden == call.group)
            })
        };
    }),
    case("group-delete", On::Streams, "a group that never was is said to be deleted", |d| {
        d.groups.delete_group = |call| {
            go(async move {
                call.groups.delete_group(call.kind, call.group).await?;
                Ok(true)
            })
        };
    }),
    case("consumer-delete", On::Streams, "deleting a consumer counts no entries", |d| {
        d.groups.delete_consumer = |call, name| {
            go(async move {
                call.groups.delete_consumer(call.kind, call.group, name).await?;
                Ok(0)
            })
        };
    }),
    case("consumer-delete", On::Streams, "a consumer that is deleted stays", |d| {
        d.groups.delete_consumer = |call, name| {
            go(async move {
                let found = call.groups.list_consumers(call.kind, call.group).await?;
                let mut of = found.iter().filter(|consumer| consumer.name == name);
                Ok(of.next().map_or(0, |consumer| consumer.pending))
            })
        };
    }),
    case("group-set-id", On::Streams, "moving a group does nothing", |d| {
        d.groups.set_id = |_, _| go(async { Ok(()) });
    }),
    case("group-set-id", On::Streams, "moving a group goes to the end", |d| {
        d.groups.set_id = |call, _| call.groups.set_id(call.kind, call.group, "$");
    }),
    case("group-quarantine", On::Streams, "an entry is acknowledged without a copy", |d| {
        d.groups.quarantine =
            |call, id, _| go(async move { call.ack(&[id.to_owned()]).await.map(drop) });
    }),
    case("group-quarantine", On::Streams, "an entry is copied and stays pending", |d| {
        d.groups.quarantine = |call, id, reason| {
            go(async move {
                call.groups.quarantine(call.kind, call.group, id, reason).await?;
                // Pending again, with all others.
                let fetch = Fetch {
                    consumer: "one".to_owned(),
                    source: Source::Fresh,
                    count: 10_000,
                    wait: Wait::None,
                };
                call.groups.set_id(call.kind, call.group, "0").await?;
                call.fetch(fetch).await.map(drop)
            })
        };
    }),
    case("group-quarantine", On::Streams, "an entry that is gone cannot be acknowledged", |d| {
        d.groups.quarantine = |call, id, reason| {
            go(async move {
                let view = call.base.store.snapshot().await?;
                let of = |one: &&crate::store::Segment| one.kind == Some(call.kind);
                if let Some(found) = view.segments().iter().find(of) {
                    let chunk = view.read(&found.name, found.start, u32::MAX).await?;
                    let named = |at: crate::store::Position| format!("{}-{}", at.major, at.minor);
                    if !chunk.frames.iter().any(|frame| named(frame.at) == id) {
                        return Ok(());
                    }
                }
                call.groups.quarantine(call.kind, call.group, id, reason).await
            })
        };
    }),
];
