//! The exported interface `consumer`.

use std::cell::Cell;

use super::Component;
use crate::bindings::exports::papyra::persistence::consumer::Guest;
use crate::consumer::{self, Batch, Pace, Subscription};
use crate::failure::Outcome;
use crate::groups::{
    ConsumerGroups, ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary, Source,
};
use crate::json::Kind;

thread_local! {
    static PACE: Cell<Pace> = Cell::default();
}

/// Runs one operation with what this instance has learnt about the size of entries.
fn paced<T>(run: impl FnOnce(&mut Pace) -> T) -> T {
    let mut pace = PACE.get();
    let result = run(&mut pace);
    PACE.set(pace);
    result
}

impl<H: ConsumerGroups + Default> Guest for Component<H> {
    fn next(subscription: Subscription, source: Source) -> Outcome<Batch> {
        paced(|pace| consumer::next(&mut H::default(), &subscription, source, pace))
    }

    fn ack(kind: Kind, group: String, ids: Vec<String>) -> Outcome<u64> {
        consumer::ack(&mut H::default(), kind, &group, &ids)
    }

    fn summarize_pending(kind: Kind, group: String) -> Outcome<PendingSummary> {
        consumer::summarize_pending(&mut H::default(), kind, &group)
    }

    fn list_pending(
        kind: Kind,
        group: String,
        filter: PendingFilter,
    ) -> Outcome<Vec<PendingEntry>> {
        consumer::list_pending(&mut H::default(), kind, &group, &filter)
    }

    fn claim(subscription: Subscription, min_idle_ms: u64, ids: Vec<String>) -> Outcome<Batch> {
        paced(|pace| consumer::claim(&mut H::default(), &subscription, min_idle_ms, &ids, pace))
    }

    fn claim_idle(subscription: Subscription, min_idle_ms: u64, start: String) -> Outcome<Batch> {
        paced(|pace| {
            consumer::claim_idle(&mut H::default(), &subscription, min_idle_ms, &start, pace)
        })
    }

    fn list_groups(kind: Kind) -> Outcome<Vec<GroupInfo>> {
        consumer::list_groups(&mut H::default(), kind)
    }

    fn list_consumers(kind: Kind, group: String) -> Outcome<Vec<ConsumerInfo>> {
        consumer::list_consumers(&mut H::default(), kind, &group)
    }

    fn create_group(kind: Kind, group: String, start: String) -> Outcome<bool> {
        consumer::create_group(&mut H::default(), kind, &group, &start)
    }

    fn set_id(kind: Kind, group: String, id: String) -> Outcome<()> {
        consumer::set_id(&mut H::default(), kind, &group, &id)
    }

    fn delete_group(kind: Kind, group: String) -> Outcome<bool> {
        consumer::delete_group(&mut H::default(), kind, &group)
    }

    fn delete_consumer(kind: Kind, group: String, consumer: String) -> Outcome<u64> {
        consumer::delete_consumer(&mut H::default(), kind, &group, &consumer)
    }
}
