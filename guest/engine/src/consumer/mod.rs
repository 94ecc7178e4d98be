//! Consuming records in groups, so that each is done by somebody and none blocks the others.
//!
//! An entry that is no record is quarantined and acknowledged. A record that has been delivered too
//! often goes to the dead letters; its last last_delivery it has alone. A group that does not exist is made. What the backend hands out is
//! always returned: what nobody has been told of would stay pending until somebody looks.

pub mod check;
mod dead_letter;
mod groups;
mod last_delivery;
mod work;

pub use self::groups::{
    ack, create_group, delete_consumer, delete_group, list_consumers, list_groups, list_pending,
    set_id, summarize_pending,
};
pub use self::work::Pace;
use self::work::Work;
pub use crate::bindings::exports::papyra::persistence::consumer::{Batch, Subscription};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::groups::{AutoClaimed, ConsumerGroups, Delivered, Source, Wait};

impl Subscription {
    fn check(&self) -> Outcome<()> {
        check::name("group", &self.group)?;
        check::name("consumer", &self.consumer)?;
        check::start(&self.start)?;
        self.resume.as_deref().map_or(Ok(()), check::id)?;
        check::count(self.count)
    }
}

/// `auto-claim` can look at many entries and find none. This often it is asked to go on.
const ROUNDS: u32 = 64;

/// The next records. `pace` is what earlier calls have learnt about their size.
pub fn next<H: ConsumerGroups>(
    host: &mut H,
    subscription: &Subscription,
    mut source: Source,
    pace: &mut Pace,
) -> Outcome<Batch> {
    subscription.check()?;
    if let Source::OwnPending(after) = &source
        && after != "0"
    {
        check::id(after)?;
    }
    if matches!(source, Source::OwnPending(_)) {
        pace.be_careful();
    }
    let mut work = Work::new(subscription);
    let mut wait = match subscription.wait {
        // To some backends 0 means for ever.
        Wait::Millis(0) => Wait::None,
        wait => wait,
    };
    while let Some(count) = work.ask(pace) {
        let count = match &source {
            Source::Fresh => Some(subscription.fresh_at_once(count)),
            Source::OwnPending(after) => {
                let at_once = subscription.own_at_once(host, after, count, &work);
                work.tolerate(at_once)?
            }
        };
        let Some(count @ 1..) = count else { break };
        let fetched = match work.is_untouched() {
            true => fetch_or_make(host, subscription, &source, count, wait, &mut work),
            false => fetch(host, subscription, &source, count, Wait::None),
        };
        let fetched = fetched.inspect_err(|_| pace.slow_down());
        let Some(delivered) = work.tolerate(fetched)? else { break };
        let got = delivered.frames.len() + delivered.deleted.len();
        work.take(host, delivered, pace)?;
        if got < count as usize {
            break;
        }
        wait = Wait::None;
        if let (Source::OwnPending(after), Some(last)) = (&mut source, work.last()) {
            *after = last;
        }
    }
    work.finish(String::new())
}

fn fetch<H: ConsumerGroups>(
    host: &mut H,
    subscription: &Subscription,
    source: &Source,
    count: u32,
    wait: Wait,
) -> Outcome<Delivered> {
    let Subscription { kind, group, consumer, .. } = subscription;
    Ok(host.fetch(*kind, group, consumer, source, count, wait)?)
}

/// Asking first and making the group only when it is missing saves a round trip on every call.
fn fetch_or_make<H: ConsumerGroups>(
    host: &mut H,
    subscription: &Subscription,
    source: &Source,
    count: u32,
    wait: Wait,
    work: &mut Work<'_>,
) -> Outcome<Delivered> {
    match fetch(host, subscription, source, count, wait) {
        Err(Failure { code: FailureCode::NotFound, .. }) => {
            let Subscription { kind, group, start, resume, .. } = subscription;
            let start = resume.as_ref().unwrap_or(start);
            if host.ensure_group(*kind, group, start)? {
                work.made(start);
            }
            fetch(host, subscription, source, count, wait)
        }
        fetched => fetched,
    }
}

/// Takes over particular entries.
pub fn claim<H: ConsumerGroups>(
    host: &mut H,
    subscription: &Subscription,
    min_idle_ms: u64,
    ids: &[String],
    pace: &mut Pace,
) -> Outcome<Batch> {
    subscription.check()?;
    check::ids(ids)?;
    pace.be_careful();
    if ids.len() > check::MAX_COUNT as usize {
        let message =
            format!("{} ids at once; at most {} are allowed", ids.len(), check::MAX_COUNT);
        return Err(Failure::argument(message));
    }
    let Subscription { kind, group, consumer, .. } = subscription;
    let mut work = Work::of_at_most(subscription, ids.len());
    let mut left = ids;
    let histories = subscription.histories(host, min_idle_ms, ids)?;
    // Nothing is handed out by asking for less, so what does not fit can be left to the next call.
    while let Some(count) = work.ask(pace) {
        let fitting = left.get(..count as usize).unwrap_or(left);
        let at_once = histories.at_once(fitting, &work);
        let (now, later) = left.split_at_checked(at_once).unwrap_or((left, &[]));
        if now.is_empty() {
            break;
        }
        let claimed = host.claim(*kind, group, consumer, min_idle_ms, now);
        let claimed = claimed.inspect_err(|_| pace.slow_down());
        let Some(delivered) = work.tolerate(claimed.map_err(Failure::from))? else { break };
        work.take(host, delivered, pace)?;
        left = later;
    }
    work.finish(left.first().cloned().unwrap_or_default())
}

/// Takes over whatever has been idle for so long, walking from `start`.
pub fn claim_idle<H: ConsumerGroups>(
    host: &mut H,
    subscription: &Subscription,
    min_idle_ms: u64,
    start: &str,
    pace: &mut Pace,
) -> Outcome<Batch> {
    subscription.check()?;
    if start != "0" {
        check::id(start)?;
    }
    pace.be_careful();
    let mut work = Work::new(subscription);
    let mut next = start.to_owned();
    for _ in 0..ROUNDS {
        let Some(count) = work.ask(pace) else { break };
        let claimed = claim_some(host, subscription, min_idle_ms, &next, count, &work);
        let claimed = claimed.inspect_err(|_| pace.slow_down());
        let Some(Some(claimed)) = work.tolerate(claimed)? else { break };
        check::parse_id(&claimed.next).ok_or_else(|| {
            Failure::contradiction(
                &subscription.group,
                "claiming goes on at something that is no id",
            )
        })?;
        work.take(host, claimed.entries, pace)?;
        next = claimed.next;
        if next == END {
            break;
        }
    }
    work.finish(next)
}

/// Takes over the next that are idle, as many as may be handed out together; `None` if the next one has
/// to wait for another batch.
fn claim_some<H: ConsumerGroups>(
    host: &mut H,
    subscription: &Subscription,
    min_idle_ms: u64,
    next: &str,
    count: u32,
    work: &Work<'_>,
) -> Outcome<Option<AutoClaimed>> {
    let Subscription { kind, group, consumer, .. } = subscription;
    if subscription.max_deliveries == 0 {
        return Ok(Some(host.auto_claim(*kind, group, consumer, min_idle_ms, next, count)?));
    }
    let (ids, next) = subscription.idle_at_once(host, next, min_idle_ms, count, work)?;
    if ids.is_empty() && next != END {
        return Ok(None);
    }
    // By name: what has become idle since, and lies before them, may not be handed out with them.
    let entries = match ids.is_empty() {
        true => Delivered::default(),
        false => host.claim(*kind, group, consumer, min_idle_ms, &ids)?,
    };
    Ok(Some(AutoClaimed { entries, next }))
}

/// Where a walk over pending entries has come to its end.
const END: &str = "0-0";
