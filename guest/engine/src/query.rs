//! Returning records, a page at a time.
//!
//! Newest first is one walk back that also applies retention. Oldest first walks back only to find
//! where to begin, which takes no longer than the answer is long, and then goes forward.

use crate::cursor::{Anchor, Cursor};
use crate::failure::{Failure, Outcome};
use crate::host::{Host, Position, Segment};
use crate::json::Kind;
use crate::retention::{Admission, Retainer, Retention};
use crate::select::Filter;
use crate::walk::{Entry, NEXT, Place, STOP, Step, View};

/// About how many bytes of records one page holds.
const PAGE: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// Which records to return.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    pub filter: Filter,
    pub limit: Option<u64>,
    pub order: Order,
    pub cursor: Option<String>,
}

/// One page of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub records: String,
    pub count: u32,
    pub damaged: u64,
    pub cursor: String,
    pub end: bool,
}

pub fn query<H: Host>(host: &mut H, selection: &Selection, policy: &Retention) -> Outcome<Page> {
    let view = View::open(host)?;
    view.require_order()?;
    let cursor = match &selection.cursor {
        Some(text) => Some(Cursor::parse(text)?),
        None => None,
    };
    match selection.order {
        Order::NewestFirst => newest_first(host, &view, selection, policy, cursor),
        Order::OldestFirst => oldest_first(host, &view, selection, policy, cursor),
    }
}

/// A page that is being filled.
struct Filling<'q> {
    filter: &'q Filter,
    left: Option<u64>,
    page: Page,
    anchor: Option<Anchor>,
}

impl Filling<'_> {
    fn is_full(&self, more: usize) -> bool {
        self.page.count > 0 && self.page.records.len() + more > PAGE
    }

    fn has_room(&self) -> bool {
        self.left != Some(0)
    }

    fn take(&mut self, entry: &Entry<'_>) -> Outcome<()> {
        let Some(facts) = &entry.facts else {
            self.page.damaged += 1;
            return Ok(());
        };
        if !self.filter.accepts(entry.bytes, facts) {
            return Ok(());
        }
        let text = std::str::from_utf8(entry.bytes)
            .map_err(|error| Failure::argument(format!("a record is not UTF-8: {error}")))?;
        if text.len() > PAGE {
            // Alone on its page. To grow by doubling could take more than the sandbox has.
            self.page.records.reserve_exact(text.len() + 1);
        }
        self.page.records.push_str(text);
        self.page.records.push('\n');
        self.page.count += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(())
    }

    fn finish(self, mut cursor: Cursor, order: Order, end: bool) -> Outcome<Page> {
        cursor.anchor = self.anchor;
        let end = end || self.left == Some(0);
        // The limit is of what was there to begin with: whoever asks again follows what is appended.
        cursor.left = self.left.filter(|_| !end || order == Order::NewestFirst);
        Ok(Page { cursor: cursor.write()?, end, ..self.page })
    }
}

fn newest_first<H: Host>(
    host: &mut H,
    view: &View,
    selection: &Selection,
    policy: &Retention,
    cursor: Option<Cursor>,
) -> Outcome<Page> {
    let mut cursor = match cursor {
        Some(cursor) => cursor,
        None => Cursor::new(Retainer::new(host.now()), selection.limit),
    };
    let mut filling = Filling {
        filter: &selection.filter,
        left: cursor.left,
        page: Page::default(),
        anchor: cursor.anchor.clone(),
    };
    let from = match &cursor.anchor {
        None => view.end(),
        // What retention has removed was older than anything that is left.
        Some(anchor) => anchor.find(host, view)?.map(|found| found.before),
    };
    let mut end = true;
    let retainer = &mut cursor.retainer;
    let mut visit = |_: &mut H, index: usize, entry: &Entry<'_>| -> Step {
        if filling.is_full(entry.bytes.len()) || !filling.has_room() {
            end = false;
            return STOP;
        }
        let admission = match &entry.facts {
            Some(facts) => retainer.admit(policy, facts, entry.stored),
            None => Admission::Visible,
        };
        match admission {
            Admission::Full => return STOP,
            Admission::Visible => filling.take(entry)?,
            Admission::Expired | Admission::KindFull => {}
        }
        if let Some(segment) = view.members.get(index) {
            filling.anchor = Some(Anchor::at(&segment.name, entry, filling.anchor.take()));
        }
        NEXT
    };
    if let Some(from) = from {
        let _ = view.backward_from(host, from, &mut visit)?;
    }
    filling.finish(cursor, Order::NewestFirst, end)
}

fn oldest_first<H: Host>(
    host: &mut H,
    view: &View,
    selection: &Selection,
    policy: &Retention,
    cursor: Option<Cursor>,
) -> Outcome<Page> {
    let (mut cursor, from) = match cursor {
        Some(cursor) if view.is_parallel() => (cursor, None),
        Some(cursor) => {
            let found = match &cursor.anchor {
                Some(anchor) => anchor.find(host, view)?,
                None => None,
            };
            // If the last record is gone, retention has removed it, and all that is left is newer.
            let from = found.map_or_else(|| view.start(), |found| Some(found.after));
            (cursor, from)
        }
        None => begin(host, view, selection, policy)?,
    };
    let mut filling = Filling {
        filter: &selection.filter,
        left: cursor.left,
        page: Page::default(),
        anchor: cursor.anchor.clone(),
    };
    let starts = where_to_go_on(view, &cursor, from);
    let mut abreast = starts.clone();
    let mut end = true;
    let mut visit = |_: &mut H, index: usize, entry: &Entry<'_>| -> Step {
        if filling.is_full(entry.bytes.len()) || !filling.has_room() {
            end = false;
            return STOP;
        }
        if let Some(position) = abreast.get_mut(index) {
            *position = entry.end;
        }
        if is_visible(view, &cursor, policy, index, entry) {
            filling.take(entry)?;
        }
        if let Some(segment) = view.members.get(index) {
            filling.anchor = Some(Anchor::at(&segment.name, entry, filling.anchor.take()));
        }
        NEXT
    };
    if view.is_parallel() {
        let _ = view.forward_abreast(host, &starts, &mut visit)?;
        let names = view.members.iter().map(|segment| segment.name.clone());
        cursor.abreast = names.zip(abreast).collect();
    } else if let Some(from) = from {
        let _ = view.forward_from(host, from, &mut visit)?;
    }
    filling.finish(cursor, Order::OldestFirst, end)
}

/// A position in each of the segments side by side. A segment that is new to the cursor is read from
/// its start. Empty for a sequence.
fn where_to_go_on(view: &View, cursor: &Cursor, from: Option<Place>) -> Vec<Position> {
    if !view.is_parallel() {
        return Vec::new();
    }
    let place = from.map(|from| view.abreast(from));
    let known = |segment: &Segment| {
        let known = cursor.abreast.iter().find(|(name, _)| *name == segment.name);
        known.map_or(segment.start, |(_, position)| *position)
    };
    let of = |(index, segment): (usize, &Segment)| match &place {
        Some(place) => place.get(index).copied().unwrap_or(segment.start),
        None => known(segment),
    };
    view.members.iter().enumerate().map(of).collect()
}

fn is_visible(
    view: &View,
    cursor: &Cursor,
    policy: &Retention,
    index: usize,
    entry: &Entry<'_>,
) -> bool {
    let Some(facts) = &entry.facts else { return true };
    if policy.expires(facts, cursor.retainer.as_of()) {
        return false;
    }
    let cut = facts.kind.and_then(|kind| cursor.kind_cuts.get(kind.index())?.as_ref());
    let place = cut.and_then(|(segment, position)| {
        Some((view.members.iter().position(|member| member.name == *segment)?, *position))
    });
    place.is_none_or(|cut| view.rank((index, entry.start)) > view.rank(cut))
}

/// Finds the oldest record of the answer by walking back over it.
fn begin<H: Host>(
    host: &mut H,
    view: &View,
    selection: &Selection,
    policy: &Retention,
) -> Outcome<(Cursor, Option<Place>)> {
    let mut cursor = Cursor::new(Retainer::new(host.now()), selection.limit);
    if selection.limit == Some(0) {
        if view.is_parallel() {
            return Ok((cursor, view.end()));
        }
        cursor.anchor = newest(host, view)?;
        return Ok((cursor, None));
    }
    if selection.limit.is_none() && !policy.counts() {
        return Ok((cursor, view.start()));
    }
    let mut from = view.end();
    let mut left = selection.limit;
    let (retainer, kind_cuts) = (&mut cursor.retainer, &mut cursor.kind_cuts);
    let _ = view.backward(host, &mut |_: &mut H, index, entry: &Entry<'_>| {
        let Some(facts) = &entry.facts else { return NEXT };
        match retainer.admit(policy, facts, entry.stored) {
            Admission::Full => return STOP,
            Admission::Expired => return NEXT,
            Admission::KindFull => {
                let segment = view.members.get(index).map(|segment| segment.name.clone());
                note_cut(kind_cuts, facts.kind, segment.zip(Some(entry.start)));
                return NEXT;
            }
            Admission::Visible => {}
        }
        if selection.filter.accepts(entry.bytes, facts) {
            from = Some((index, entry.start));
            left = left.map(|left| left - 1);
        }
        if left == Some(0) { STOP } else { NEXT }
    })?;
    Ok((cursor, from))
}

/// The newest entry, and the newest intact record, for whoever wants only what comes after them.
fn newest<H: Host>(host: &mut H, view: &View) -> Outcome<Option<Anchor>> {
    let mut newest: Option<Anchor> = None;
    let _ = view.backward(host, &mut |_: &mut H, index, entry: &Entry<'_>| {
        let Some(segment) = view.members.get(index) else { return STOP };
        let anchor = newest.get_or_insert_with(|| Anchor::at(&segment.name, entry, None));
        if anchor.supplement(&segment.name, entry) { STOP } else { NEXT }
    })?;
    Ok(newest)
}

/// The first record that is refused for its kind is the newest that is.
fn note_cut(
    cuts: &mut [Option<(String, Position)>; 4],
    kind: Option<Kind>,
    place: Option<(String, Position)>,
) {
    if let Some(cut) = kind.and_then(|kind| cuts.get_mut(kind.index()))
        && cut.is_none()
    {
        *cut = place;
    }
}
