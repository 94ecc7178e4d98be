//! A batch in the making.

use super::check::{self, parse_id};
use super::dead_letter;
use super::{Batch, Subscription};
use crate::MAX_ENTRY;
use crate::anomaly::Anomaly;
use crate::failure::{Failure, Outcome};
use crate::groups::{ConsumerGroups, Delivered, DeliveredFrame};
use crate::host::Run;
use crate::json::{Damage, Kind, Validator, Verdict};

/// About how many bytes of records one batch holds.
const BATCH: usize = 1 << 20;

/// How large entries are thought to be before any has been seen.
const UNKNOWN: usize = 16 << 10;

/// Dead letters are written as soon as they are this long together: beside the entries that they hold,
/// more would not fit into the sandbox.
const LETTERS: usize = 1 << 20;

/// How large entries are, from what came so far.
///
/// A backend hands out entries by their number, whatever their size, so a batch is kept to its size by
/// asking for as many as will probably fit: few at first, and at most twice as many from call to call.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    entry: usize,
    /// Some have been seen.
    known: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { entry: UNKNOWN, known: false }
    }
}

impl Pace {
    fn saw(&mut self, delivered: &Delivered) {
        if let Some(average) = delivered.data.len().checked_div(delivered.frames.len()) {
            self.entry = average.max(self.entry / 2).max(1);
            self.known = true;
        }
    }

    /// A call has failed, perhaps because too much came at once: next time one entry is asked for.
    pub fn slow_down(&mut self) {
        self.entry = BATCH;
    }

    /// Before entries are asked for again that were handed out before: if nothing is known of them, they can
    /// be pending because they were too large to come at once.
    pub fn be_careful(&mut self) {
        if !self.known {
            self.slow_down();
        }
    }

    fn fits(self, room: usize) -> u32 {
        u32::try_from(room / self.entry).unwrap_or(u32::MAX)
    }
}

pub(super) struct Work<'s> {
    subscription: &'s Subscription,
    batch: Batch,
    left: u32,
    touched: bool,
    /// Holds a record that is handed out for the last time: nothing is to follow.
    alone: bool,
    last: Option<(u64, u64)>,
    validator: Validator,
}

/// What is to be done with entries that are not handed to the consumer.
#[derive(Default)]
struct Poison {
    aside: Vec<(String, String)>,
    letters: String,
    lettered: Vec<String>,
}

impl<'s> Work<'s> {
    pub fn new(subscription: &'s Subscription) -> Self {
        Self::of_at_most(subscription, subscription.count as usize)
    }

    pub fn of_at_most(subscription: &'s Subscription, count: usize) -> Self {
        Self {
            subscription,
            batch: Batch {
                records: String::new(),
                count: 0,
                quarantined: Vec::new(),
                dead_lettered: Vec::new(),
                deleted: Vec::new(),
                last: None,
                next: String::new(),
                made: None,
                partial_failure: None,
            },
            left: u32::try_from(count).unwrap_or(u32::MAX).min(check::MAX_COUNT),
            touched: false,
            alone: false,
            last: None,
            validator: Validator::default(),
        }
    }

    /// Nothing has been handed out yet.
    pub fn is_untouched(&self) -> bool {
        !self.touched
    }

    /// Some record will be handed out.
    pub fn has_records(&self) -> bool {
        self.batch.count > 0
    }

    pub fn made(&mut self, start: &str) {
        self.batch.made = Some(start.to_owned());
    }

    /// How many entries to ask for next, if any more.
    pub fn ask(&self, pace: &Pace) -> Option<u32> {
        let room = BATCH.checked_sub(self.batch.records.len()).filter(|room| *room > 0)?;
        if self.left == 0 || self.alone || self.batch.partial_failure.is_some() {
            return None;
        }
        Some(pace.fits(room).clamp(1, self.left))
    }

    /// A failure after something has been handed out must not hide that: it is told with the batch.
    pub fn tolerate<T>(&mut self, result: Outcome<T>) -> Outcome<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(failure) if self.touched => {
                self.batch.partial_failure.get_or_insert(failure);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The greatest id so far.
    pub fn last(&self) -> Option<String> {
        self.last.map(|(millis, sequence)| format!("{millis}-{sequence}"))
    }

    /// Takes what was handed out: records are kept for the consumer, the rest is settled.
    pub fn take<H: ConsumerGroups>(
        &mut self,
        host: &mut H,
        delivered: Delivered,
        pace: &mut Pace,
    ) -> Outcome<()> {
        pace.saw(&delivered);
        let Delivered { data, frames, deleted } = delivered;
        let handed_out = u32::try_from(frames.len() + deleted.len()).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(handed_out);
        self.touched |= handed_out > 0;
        // Growing step by step would need twice as much, and what is not handed on needs nothing.
        self.batch.records.reserve_exact(self.payload(&frames));
        let mut poison = Poison::default();
        let now = host.now();
        let mut from = 0;
        for frame in &frames {
            let bytes = data.get(from..frame.end as usize);
            let bytes = bytes.ok_or_else(|| self.contradiction("its frames are out of order"))?;
            from = frame.end as usize;
            self.see(&frame.id)?;
            self.sort(frame, bytes, now, &mut poison)?;
            if poison.letters.len() >= LETTERS {
                let settled = self.settle(host, std::mem::take(&mut poison), Vec::new());
                if self.tolerate(settled)?.is_none() {
                    break;
                }
            }
        }
        deleted.iter().try_for_each(|id| self.see(id))?;
        let settled = self.settle(host, poison, deleted);
        self.tolerate(settled).map(|_| ())
    }

    /// How much of a batch these entries take, at most.
    fn payload(&self, frames: &[DeliveredFrame]) -> usize {
        let starts = std::iter::once(0).chain(frames.iter().map(|frame| frame.end));
        let handed_on = starts.zip(frames).filter(|(_, frame)| !self.is_poison(frame));
        handed_on.map(|(start, frame)| frame.end.saturating_sub(start) as usize + 80).sum()
    }

    /// It was handed out so often that it is not handed on.
    fn is_poison(&self, frame: &DeliveredFrame) -> bool {
        let max = u64::from(self.subscription.max_deliveries);
        max > 0 && frame.deliveries > max
    }

    fn contradiction(&self, what: &str) -> Failure {
        Failure::contradiction(&self.subscription.group, what)
    }

    fn see(&mut self, id: &str) -> Outcome<()> {
        let parsed = parse_id(id).ok_or_else(|| self.contradiction("an entry has no sound id"))?;
        self.last = self.last.max(Some(parsed));
        Ok(())
    }

    /// Decides what becomes of an entry.
    fn sort(
        &mut self,
        frame: &DeliveredFrame,
        bytes: &[u8],
        now: f64,
        poison: &mut Poison,
    ) -> Outcome<()> {
        let max = u64::from(self.subscription.max_deliveries);
        let record = match judge(&mut self.validator, frame, bytes) {
            Ok(record) => record,
            Err(anomaly) => {
                poison.aside.push((frame.id.clone(), anomaly.name().to_owned()));
                return Ok(());
            }
        };
        if !self.is_poison(frame) {
            self.alone |= frame.deliveries == max && max > 0;
            self.hand_out(frame, record);
            return Ok(());
        }
        let letter = match self.subscription.kind {
            Kind::DeadLetter => None,
            _ => dead_letter::compose(self.subscription, frame, record, now),
        };
        match letter {
            Some(letter) => {
                match poison.letters.is_empty() {
                    true => poison.letters = letter,
                    false => poison.letters.push_str(&letter),
                }
                poison.lettered.push(frame.id.clone());
            }
            None => {
                let reason = format!("delivered more than {max} times");
                poison.aside.push((frame.id.clone(), reason));
            }
        }
        Ok(())
    }

    fn hand_out(&mut self, frame: &DeliveredFrame, record: &str) {
        let DeliveredFrame { id, deliveries, .. } = frame;
        let records = &mut self.batch.records;
        records.push_str("{\"id\":\"");
        records.push_str(id);
        records.push_str("\",\"deliveries\":");
        records.push_str(&deliveries.to_string());
        records.push_str(",\"record\":");
        records.push_str(record);
        records.push_str("}\n");
        self.batch.count += 1;
    }

    /// Carries out what was decided about entries that are not handed on. Whatever fails leaves the
    /// rest pending, to be met again.
    fn settle<H: ConsumerGroups>(
        &mut self,
        host: &mut H,
        poison: Poison,
        deleted: Vec<String>,
    ) -> Outcome<()> {
        let Subscription { kind, group, .. } = self.subscription;
        if !deleted.is_empty() {
            host.ack(*kind, group, &deleted)?;
            self.batch.deleted.extend(deleted);
        }
        for (id, reason) in poison.aside {
            host.quarantine(*kind, group, &id, &reason)?;
            self.batch.quarantined.push(id);
        }
        if let Ok(lines @ 1..) = u32::try_from(poison.lettered.len()) {
            // In this order a crash in between makes a second letter, in the other it would lose the
            // record.
            host.append(&poison.letters, &[Run { kind: Kind::DeadLetter, lines }])?;
            host.ack(*kind, group, &poison.lettered)?;
            self.batch.dead_lettered.extend(poison.lettered);
        }
        Ok(())
    }

    /// The batch, or the failure that left it empty.
    pub fn finish(mut self, next: String) -> Outcome<Batch> {
        self.batch.last = self.last();
        self.batch.next = next;
        let nothing = self.batch.count == 0
            && self.batch.quarantined.is_empty()
            && self.batch.dead_lettered.is_empty()
            && self.batch.deleted.is_empty();
        match self.batch.partial_failure.take() {
            Some(failure) if nothing => Err(failure),
            partial_failure => Ok(Batch { partial_failure, ..self.batch }),
        }
    }
}

/// The text of a record, or what is wrong with it.
fn judge<'b>(
    validator: &mut Validator,
    frame: &DeliveredFrame,
    bytes: &'b [u8],
) -> Result<&'b str, Anomaly> {
    if frame.missing {
        return Err(Anomaly::MissingData);
    }
    if bytes.len() > MAX_ENTRY {
        return Err(Anomaly::OversizedEntry);
    }
    let line = validator.line(bytes, 0);
    match line.verdict {
        Verdict::Damaged(damage) => Err(damage.into()),
        // An entry has no line ends in it: it could not be handed on as one line.
        Verdict::Record(_) if line.terminated => Err(Damage::Malformed.into()),
        Verdict::Record(_) => std::str::from_utf8(bytes).map_err(|_| Anomaly::InvalidUtf8),
    }
}
