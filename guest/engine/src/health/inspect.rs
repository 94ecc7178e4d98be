//! An overview that costs the same however large the store is: of everything, if there is an index, otherwise of
//! the newest entries.

pub use crate::bindings::exports::papyra::persistence::journal::Inspection;
use crate::failure::Outcome;
use crate::health::tally::Tally;
use crate::host::{Framing, Host};
use crate::index::{Index, Part, Passed, Pieces};
use crate::retention::{Retainer, Retention, Verdict};
use crate::time::{self, Moment};
use crate::walk::{Entry, NEXT, STOP, View};

/// How many entries are looked at, from the oldest on, to find one with a usable timestamp.
const OLDEST_AMONG: u32 = 100;

/// How many bytes of lines, or entries of streams, are read to count what the index cannot tell.
const LITTLE: u64 = 16 << 20;
const FEW: u64 = 20_000;

/// How many entries beyond the limit are looked at for one more visible record. Where so many are damaged
/// or hidden, more is taken to be there: the cost must not depend on how much retention hides.
const BEYOND: u32 = 1000;

pub fn inspect<H: Host>(host: &mut H, limit: u64, policy: &Retention) -> Outcome<Inspection> {
    let view = View::open(host)?;
    view.require_order()?;
    let now = host.now();
    if let Some(tally) = exactly(host, &view, policy, now)? {
        let oldest = tally.span.oldest;
        return Ok(inspection(&view, &tally, false, oldest));
    }
    let mut retainer = Retainer::new(now);
    let mut tally = Tally::default();
    let (mut sampled, mut beyond) = (false, 0);
    let _ = view.backward(host, &mut |_: &mut H, _, entry: &Entry<'_>| {
        let enough = tally.records >= limit;
        beyond += u32::from(enough);
        let verdict = match &entry.envelope {
            Some(envelope) => retainer.admit(policy, envelope, entry.stored),
            None => Verdict::Visible,
        };
        match verdict {
            Verdict::Full => return STOP,
            // Neither damage nor what is hidden is an older record.
            Verdict::Visible if enough && entry.envelope.is_some() => sampled = true,
            Verdict::Visible => {
                tally.add(entry, now);
                tally.damaged += u64::from(entry.anomalies.is_damage());
            }
            Verdict::Expired | Verdict::KindFull => {}
        }
        sampled |= beyond >= BEYOND;
        if sampled { STOP } else { NEXT }
    })?;
    let oldest = if sampled { oldest(host, &view, policy, now)? } else { tally.span.oldest };
    Ok(inspection(&view, &tally, sampled, oldest))
}

fn inspection(view: &View, tally: &Tally, sampled: bool, oldest: Option<f64>) -> Inspection {
    Inspection {
        backend: view.description.backend.clone(),
        location: view.description.location.clone(),
        segments: u32::try_from(view.members.len()).unwrap_or(u32::MAX),
        bytes: view.bytes(),
        records: tally.records,
        kinds: tally.kinds.counts(),
        damaged: tally.damaged,
        sampled,
        oldest,
        newest: tally.span.newest,
        untimed: tally.untimed,
        from_future: tally.from_future,
        time_note: time::note(tally.future, tally.likely.as_deref()),
    }
}

/// Counts everything, if the index leaves little to read and nothing is hidden.
fn exactly<H: Host>(
    host: &mut H,
    view: &View,
    policy: &Retention,
    now: f64,
) -> Outcome<Option<Tally>> {
    if !policy.is_empty() {
        return Ok(None);
    }
    let Some(index) = Index::load(host) else { return Ok(None) };
    let known = index.matching(host, view)?;
    let pieces = Pieces::without(known, |block| block.speaks_for_itself(now));
    let Some(start) = view.start() else { return Ok(None) };
    let mut tally = Tally::default();
    for (_, block) in known.iter().flat_map(Part::blocks) {
        if block.speaks_for_itself(now) {
            tally.merge(&block.tally());
        }
    }
    // Those of streams, if it counts them.
    let entries = view.members.iter().map(|segment| segment.entries).sum::<Option<u64>>();
    let little = match view.description.framing {
        Framing::Lines => {
            let members = view.members.iter().enumerate();
            members.map(|(of, one)| pieces.left_of(of, one)).sum::<u64>() <= LITTLE
        }
        Framing::Entries => entries.is_some_and(|all| all.saturating_sub(tally.entries) <= FEW),
    };
    if !little {
        return Ok(None);
    }
    let _ = pieces.forward_from(host, view, start, &mut |_: &mut H, passed: Passed<'_>| {
        if let Passed::Entry(_, entry) = passed {
            tally.add(entry, now);
            tally.damaged += u64::from(entry.anomalies.is_damage());
        }
        NEXT
    })?;
    // Some that the index knows are gone.
    let miscounted = entries.is_some_and(|entries| entries != tally.entries);
    Ok(Some(tally).filter(|_| !miscounted))
}

/// The first usable timestamp of the store that is not too old.
fn oldest<H: Host>(
    host: &mut H,
    view: &View,
    policy: &Retention,
    now: f64,
) -> Outcome<Option<f64>> {
    let mut seen = 0;
    let mut oldest = None;
    let _ = view.forward(host, &mut |_: &mut H, _, entry: &Entry<'_>| {
        seen += 1;
        let visible = entry.envelope.filter(|envelope| !policy.expires(envelope, now));
        let timestamp = visible.and_then(|envelope| envelope.timestamp);
        oldest = timestamp.filter(|_| Moment::of(timestamp, now) == Moment::Calendar);
        if oldest.is_some() || seen >= OLDEST_AMONG { STOP } else { NEXT }
    })?;
    Ok(oldest)
}
