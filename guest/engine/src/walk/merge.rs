//! Framed segments that lie side by side, as one sequence: merged by position, and where two entries
//! have the same one, by the order of their segments.
//!
//! Each segment is pulled on its own, so what is held at once is a chunk per segment.

use super::framed::EntryCursor;
use super::{Entry, NEXT, STOP, Step};
use crate::host::{Host, Position};
use crate::json::Validator;

/// Visits the entries of all cursors, oldest first, with the index of each cursor.
pub(super) fn forward<H: Host>(
    host: &mut H,
    cursors: &mut [EntryCursor<'_>],
    visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
) -> Step {
    merge(host, cursors, |candidate, best| candidate < best, visit)
}

/// Visits the entries of all cursors, newest first, with the index of each cursor.
pub(super) fn backward<H: Host>(
    host: &mut H,
    cursors: &mut [EntryCursor<'_>],
    visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
) -> Step {
    merge(host, cursors, |candidate, best| candidate > best, visit)
}

fn merge<H: Host>(
    host: &mut H,
    cursors: &mut [EntryCursor<'_>],
    is_before: impl Fn((Position, usize), (Position, usize)) -> bool,
    visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
) -> Step {
    let mut validator = Validator::default();
    loop {
        let mut next: Option<(Position, usize)> = None;
        for (index, cursor) in cursors.iter_mut().enumerate() {
            if let Some(position) = cursor.head(host)?
                && next.is_none_or(|next| is_before((position, index), next))
            {
                next = Some((position, index));
            }
        }
        let Some((_, index)) = next else { return NEXT };
        let Some(cursor) = cursors.get_mut(index) else { return NEXT };
        let visit = &mut |host: &mut H, entry: &Entry<'_>| visit(host, index, entry);
        if cursor.step(host, &mut validator, visit)?.is_break() {
            return STOP;
        }
    }
}
