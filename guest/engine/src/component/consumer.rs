//! The exported interface `consumer`: convert and call.

use std::cell::Cell;

use super::Component;
use super::exports::papyra::persistence::consumer::{self as wit, Guest};
use super::papyra::persistence::{groups, types};
use crate::consumer::{self, Batch, Pace, Subscription};
use crate::groups::ConsumerGroups;

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
    fn next(
        subscription: wit::Subscription,
        source: groups::Source,
    ) -> Result<wit::Batch, types::Failure> {
        let subscription = subscription.into();
        let batch =
            paced(|pace| consumer::next(&mut H::default(), &subscription, source.into(), pace));
        Ok(batch?.into())
    }

    fn ack(kind: types::Kind, group: String, ids: Vec<String>) -> Result<u64, types::Failure> {
        Ok(consumer::ack(&mut H::default(), kind.into(), &group, &ids)?)
    }

    fn summarize_pending(
        kind: types::Kind,
        group: String,
    ) -> Result<groups::PendingSummary, types::Failure> {
        Ok(consumer::summarize_pending(&mut H::default(), kind.into(), &group)?.into())
    }

    fn list_pending(
        kind: types::Kind,
        group: String,
        filter: groups::PendingFilter,
    ) -> Result<Vec<groups::PendingEntry>, types::Failure> {
        let entries =
            consumer::list_pending(&mut H::default(), kind.into(), &group, &filter.into())?;
        Ok(entries.into_iter().map(Into::into).collect())
    }

    fn claim(
        subscription: wit::Subscription,
        min_idle_ms: u64,
        ids: Vec<String>,
    ) -> Result<wit::Batch, types::Failure> {
        let subscription = subscription.into();
        let batch = paced(|pace| {
            consumer::claim(&mut H::default(), &subscription, min_idle_ms, &ids, pace)
        });
        Ok(batch?.into())
    }

    fn claim_idle(
        subscription: wit::Subscription,
        min_idle_ms: u64,
        start: String,
    ) -> Result<wit::Batch, types::Failure> {
        let subscription = subscription.into();
        let batch = paced(|pace| {
            consumer::claim_idle(&mut H::default(), &subscription, min_idle_ms, &start, pace)
        });
        Ok(batch?.into())
    }

    fn list_groups(kind: types::Kind) -> Result<Vec<groups::GroupInfo>, types::Failure> {
        let groups = consumer::list_groups(&mut H::default(), kind.into())?;
        Ok(groups.into_iter().map(Into::into).collect())
    }

    fn create_group(
        kind: types::Kind,
        group: String,
        start: String,
    ) -> Result<bool, types::Failure> {
        Ok(consumer::create_group(&mut H::default(), kind.into(), &group, &start)?)
    }

    fn set_id(kind: types::Kind, group: String, id: String) -> Result<(), types::Failure> {
        Ok(consumer::set_id(&mut H::default(), kind.into(), &group, &id)?)
    }
}

impl From<wit::Subscription> for Subscription {
    fn from(subscription: wit::Subscription) -> Self {
        let wit::Subscription { kind, group, consumer, start, resume, count, wait, max_deliveries } =
            subscription;
        let (kind, wait) = (kind.into(), wait.into());
        Self { kind, group, consumer, start, resume, count, wait, max_deliveries }
    }
}

impl From<Batch> for wit::Batch {
    fn from(batch: Batch) -> Self {
        let Batch {
            records,
            count,
            quarantined,
            dead_lettered,
            deleted,
            last,
            next,
            made,
            partial_failure,
        } = batch;
        let partial_failure = partial_failure.map(Into::into);
        Self {
            records,
            count,
            quarantined,
            dead_lettered,
            deleted,
            last,
            next,
            made,
            partial_failure,
        }
    }
}
