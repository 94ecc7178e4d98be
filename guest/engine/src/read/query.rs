//! Returning records, a page at a time.
//!
//! Newest first is one walk back that also applies retention. Oldest first walks back only to find
//! where to begin, which takes no longer than the answer is long, and then goes forward.

use crate::bindings::exports::papyra::persistence::journal;
pub use crate::bindings::exports::papyra::persistence::journal::{Order, Page};
use crate::failure::{Failure, Outcome};
use crate::host::{Host, Position, Segment};
use crate::index::{Index, Passed, Pieces};
use crate::json::Kind;
use crate::read::cursor::Cursor;
use crate::read::landmarks::{Landmarks, Side};
use crate::read::select::Filter;
use crate::retention::{Retainer, Retention, Verdict};
use crate::walk::{Entry, NEXT, STOP, Step, StorePosition, View};

/// About how many bytes of records one page holds.
const PAGE: usize = 1 << 20;

/// The selection of a caller, checked.
#[derive(Clone, Debug)]
pub struct Selection {
    pub filter: Filter,
    pub limit: Option<u64>,
    pub order: Order,
    pub no_index: bool,
    pub cursor: Option<String>,
}

impl TryFrom<journal::Selection> for Selection {
    type Error = Failure;

    fn try_from(selection: journal::Selection) -> Outcome<Self> {
        let journal::Selection { kinds, since, until, matching, limit, order, no_index, cursor } =
            selection;
        let filter = Filter::new(kinds, since, until, matching)?;
        Ok(Self { filter, limit, order, no_index, cursor })
    }
}

pub fn query<H: Host>(host: &mut H, selection: &Selection, policy: &Retention) -> Outcome<Page> {
    let view = View::open(host)?;
    view.require_order()?;
    let cursor = match &selection.cursor {
        Some(text) => Some(Cursor::parse(text)?),
        None => None,
    };
    let pieces = pieces(host, &view, selection, policy)?;
    match selection.order {
        Order::NewestFirst => newest_first(host, &view, &pieces, selection, policy, cursor),
        Order::OldestFirst => oldest_first(host, &view, &pieces, selection, policy, cursor),
    }
}

/// What has to be read. Where limits count records, all that is newer than an answer does.
fn pieces<H: Host>(
    host: &mut H,
    view: &View,
    selection: &Selection,
    policy: &Retention,
) -> Outcome<Pieces> {
    let helps = selection.filter.is_selective() && !selection.no_index && !policy.counts();
    let index = if helps { Index::load(host) } else { None };
    let Some(index) = index else { return Ok(Pieces::default()) };
    let known = index.matching(host, view)?;
    Ok(Pieces::without(known, |block| selection.filter.rules_out(block)))
}

/// A page that is being filled.
struct Filling<'q> {
    filter: &'q Filter,
    left: Option<u64>,
    page: Page,
    reached: Reached,
}

/// How far the walk has come.
#[derive(Clone, Copy)]
struct Reached {
    place: Option<StorePosition>,
    /// The same, but not beyond the last sound record, if one was passed.
    sound: Option<StorePosition>,
}

impl Reached {
    fn from(place: Option<StorePosition>) -> Self {
        Self { place, sound: None }
    }

    /// The entry, unless it is sound records that were passed and not read.
    fn entry<'e>(&mut self, passed: Passed<'e>) -> Option<(usize, &'e Entry<'e>)> {
        match passed {
            Passed::Entry(index, entry) => Some((index, entry)),
            Passed::UpTo(place) => {
                *self = Self { place: Some(place), sound: Some(place) };
                None
            }
        }
    }

    fn pass(&mut self, place: StorePosition, entry: &Entry<'_>) {
        self.place = Some(place);
        if entry.envelope.is_some() {
            self.sound = Some(place);
        }
    }
}

impl Filling<'_> {
    fn is_full(&self, more: usize) -> bool {
        self.page.count > 0 && self.page.records.len() + more > PAGE
    }

    fn has_room(&self) -> bool {
        self.left != Some(0)
    }

    fn take(&mut self, entry: &Entry<'_>) -> Outcome<()> {
        let Some(envelope) = &entry.envelope else {
            self.page.damaged += 1;
            return Ok(());
        };
        if !self.filter.accepts(entry.bytes, envelope) {
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
        self.page.times.push(envelope.timestamp.unwrap_or(f64::NAN));
        self.page.count += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(())
    }

    fn finish<H: Host>(
        self,
        host: &mut H,
        view: &View,
        mut cursor: Cursor,
        order: Order,
        end: bool,
    ) -> Outcome<Page> {
        let side = order.looked_at();
        cursor.place = go_on_from(host, view, self.reached, side, cursor.place.take())?;
        let end = end || self.left == Some(0);
        // The limit is of what was there to begin with: whoever asks again follows what is appended.
        cursor.left = self.left.filter(|_| !end || order == Order::NewestFirst);
        Ok(Page { cursor: cursor.write()?, end, ..self.page })
    }
}

impl Page {
    fn empty() -> Self {
        let (records, times, cursor) = (String::new(), Vec::new(), String::new());
        Self { records, times, count: 0, damaged: 0, cursor, end: false }
    }
}

impl Order {
    /// Where what has been looked at lies, seen from what has not.
    fn looked_at(self) -> Side {
        match self {
            Self::OldestFirst => Side::Older,
            Self::NewestFirst => Side::Newer,
        }
    }
}

/// The landmarks to the place that was reached. The earlier one is as good if it leads there.
fn go_on_from<H: Host>(
    host: &mut H,
    view: &View,
    reached: Reached,
    side: Side,
    earlier: Option<Landmarks>,
) -> Outcome<Option<Landmarks>> {
    let Some(place) = reached.place else { return Ok(None) };
    if let Some(earlier) = &earlier
        && earlier.leads_to(host, view, place)?
    {
        return Ok(Some(earlier.clone()));
    }
    Landmarks::make(host, view, place, side, reached.sound, earlier)
}

fn newest_first<H: Host>(
    host: &mut H,
    view: &View,
    pieces: &Pieces,
    selection: &Selection,
    policy: &Retention,
    cursor: Option<Cursor>,
) -> Outcome<Page> {
    let mut cursor = match cursor {
        Some(cursor) => cursor,
        None => Cursor::new(Retainer::new(host.now()), selection.limit),
    };
    let found = match &cursor.place {
        Some(landmarks) => landmarks.find(host, view)?,
        None => None,
    };
    // If nothing is left of what was looked at, all that is there has not been.
    let from = found.or_else(|| view.end());
    let mut filling = Filling {
        filter: &selection.filter,
        left: cursor.left,
        page: Page::empty(),
        reached: Reached::from(from),
    };
    let mut end = true;
    let retainer = &mut cursor.retainer;
    let mut visit = |_: &mut H, passed: Passed<'_>| -> Step {
        let Some((index, entry)) = filling.reached.entry(passed) else { return NEXT };
        if filling.is_full(entry.bytes.len()) || !filling.has_room() {
            end = false;
            return STOP;
        }
        let verdict = match &entry.envelope {
            Some(envelope) => retainer.admit(policy, envelope, entry.stored),
            None => Verdict::Visible,
        };
        match verdict {
            Verdict::Full => return STOP,
            Verdict::Visible => filling.take(entry)?,
            Verdict::Expired | Verdict::KindFull => {}
        }
        filling.reached.pass(view.place(index, entry), entry);
        NEXT
    };
    if let Some(from) = from {
        let _ = pieces.backward_from(host, view, from, &mut visit)?;
    }
    filling.finish(host, view, cursor, Order::NewestFirst, end)
}

fn oldest_first<H: Host>(
    host: &mut H,
    view: &View,
    pieces: &Pieces,
    selection: &Selection,
    policy: &Retention,
    cursor: Option<Cursor>,
) -> Outcome<Page> {
    let (mut cursor, from) = match cursor {
        Some(cursor) if view.is_parallel() => (cursor, None),
        Some(cursor) => {
            let found = match &cursor.place {
                Some(landmarks) => landmarks.find(host, view)?,
                None => None,
            };
            // If nothing is left of what was looked at, all that is there is newer.
            (cursor, found.or_else(|| view.start()))
        }
        None => begin(host, view, pieces, selection, policy)?,
    };
    let boundaries = find_boundaries(host, view, &mut cursor, from)?;
    let mut filling = Filling {
        filter: &selection.filter,
        left: cursor.left,
        page: Page::empty(),
        reached: Reached::from(from.filter(|_| !view.is_parallel())),
    };
    let starts = where_to_go_on(view, &cursor, from);
    let mut abreast = starts.clone();
    let mut end = true;
    let as_of = cursor.retainer.as_of();
    let mut visit = |_: &mut H, passed: Passed<'_>| -> Step {
        let Some((index, entry)) = filling.reached.entry(passed) else { return NEXT };
        if filling.is_full(entry.bytes.len()) || !filling.has_room() {
            end = false;
            return STOP;
        }
        if let Some(position) = abreast.get_mut(index) {
            *position = entry.end;
        } else {
            filling.reached.pass(view.place_after(index, entry), entry);
        }
        if is_visible(view, &boundaries, as_of, policy, index, entry) {
            filling.take(entry)?;
        }
        NEXT
    };
    if view.is_parallel() {
        let _ = pieces.forward_abreast(host, view, &starts, &mut visit)?;
        let names = view.members.iter().map(|segment| segment.name.clone());
        cursor.abreast = names.zip(abreast).collect();
    } else if let Some(from) = from {
        let _ = pieces.forward_from(host, view, from, &mut visit)?;
    }
    filling.finish(host, view, cursor, Order::OldestFirst, end)
}

/// Where the records of a kind become visible. See [`is_hidden_by`].
type Boundaries = [Option<StorePosition>; 4];

/// Finds the boundaries that the cursor has, and lets those go that have been passed or are gone: what is left of
/// a kind is visible then.
fn find_boundaries<H: Host>(
    host: &mut H,
    view: &View,
    cursor: &mut Cursor,
    from: Option<StorePosition>,
) -> Outcome<Boundaries> {
    let mut boundaries = Boundaries::default();
    for (landmarks, boundary) in cursor.kind_boundaries.iter_mut().zip(&mut boundaries) {
        let Some(known) = landmarks.take() else { continue };
        let found = known.find(host, view)?;
        *boundary =
            found.filter(|boundary| from.is_none_or(|from| view.rank(from) < view.rank(*boundary)));
        if let Some(boundary) = *boundary {
            *landmarks =
                go_on_from(host, view, Reached::from(Some(boundary)), Side::Older, Some(known))?;
        }
    }
    Ok(boundaries)
}

/// A position in each of the segments side by side. A segment that is new to the cursor is read from
/// its start. Empty for a sequence.
fn where_to_go_on(view: &View, cursor: &Cursor, from: Option<StorePosition>) -> Vec<Position> {
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
    boundaries: &Boundaries,
    as_of: f64,
    policy: &Retention,
    index: usize,
    entry: &Entry<'_>,
) -> bool {
    let Some(envelope) = &entry.envelope else { return true };
    if policy.expires(envelope, as_of) {
        return false;
    }
    let boundary = envelope.kind.and_then(|kind| *boundaries.get(kind.index())?);
    boundary.is_none_or(|boundary| !is_hidden_by(view, boundary, view.place(index, entry)))
}

/// A boundary lies just after the newest record that it hides; side by side, where several can have one position,
/// at that record itself.
fn is_hidden_by(view: &View, boundary: StorePosition, record: StorePosition) -> bool {
    match view.is_parallel() {
        false => view.rank(record) < view.rank(boundary),
        true => view.rank(record) <= view.rank(boundary),
    }
}

/// Finds the oldest record of the answer by walking back over it.
fn begin<H: Host>(
    host: &mut H,
    view: &View,
    pieces: &Pieces,
    selection: &Selection,
    policy: &Retention,
) -> Outcome<(Cursor, Option<StorePosition>)> {
    let mut cursor = Cursor::new(Retainer::new(host.now()), selection.limit);
    if selection.limit == Some(0) {
        return Ok((cursor, view.end()));
    }
    if selection.limit.is_none() && !policy.counts() {
        return Ok((cursor, view.start()));
    }
    let mut from = view.end();
    let mut left = selection.limit;
    let mut boundaries = Boundaries::default();
    let retainer = &mut cursor.retainer;
    let mut visit = |_: &mut H, passed: Passed<'_>| -> Step {
        let Passed::Entry(index, entry) = passed else { return NEXT };
        let Some(envelope) = &entry.envelope else { return NEXT };
        match retainer.admit(policy, envelope, entry.stored) {
            Verdict::Full => return STOP,
            Verdict::Expired => return NEXT,
            Verdict::KindFull => {
                note_boundary(view, &mut boundaries, envelope.kind, index, entry);
                return NEXT;
            }
            Verdict::Visible => {}
        }
        if selection.filter.accepts(entry.bytes, envelope) {
            from = Some((index, entry.start));
            left = left.map(|left| left - 1);
        }
        if left == Some(0) { STOP } else { NEXT }
    };
    if let Some(end) = view.end() {
        let _ = pieces.backward_from(host, view, end, &mut visit)?;
    }
    for (landmarks, boundary) in cursor.kind_boundaries.iter_mut().zip(boundaries) {
        if let Some(boundary) = boundary {
            *landmarks = Landmarks::make(host, view, boundary, Side::Older, None, None)?;
        }
    }
    Ok((cursor, from))
}

/// The first record that is refused for its kind is the newest that is.
fn note_boundary(
    view: &View,
    boundaries: &mut Boundaries,
    kind: Option<Kind>,
    index: usize,
    entry: &Entry<'_>,
) {
    if let Some(boundary) = kind.and_then(|kind| boundaries.get_mut(kind.index())) {
        let after = match view.is_parallel() {
            false => view.place_after(index, entry),
            true => view.place(index, entry),
        };
        boundary.get_or_insert(after);
    }
}
