//! Partitions of a store, for work on several instances at once, and what the instances tell each
//! other.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, NEXT, View, forward, line_end};
pub use crate::bindings::exports::papyra::persistence::journal::Partition;
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Framing, Host, Range, Segment};

/// The maximum number of partitions of a store.
const MAX_PARTITIONS: u32 = 4096;

/// Cuts the store into at most `maximum` partitions of about equal size, between entries.
pub fn partition<H: Host>(host: &mut H, maximum: u32) -> Outcome<Vec<Partition>> {
    let view = View::open(host)?;
    let whole = |segment: &Segment| Range { start: segment.start, end: segment.end };
    let ranges: Vec<_> = view.members.iter().map(|segment| (segment, whole(segment))).collect();
    cut(host, view.description.framing, &ranges, maximum)
}

/// Cuts ranges of segments into at most `maximum` partitions of about equal size, between entries.
///
/// # Errors
///
/// Those of reading.
pub fn cut<H: Host>(
    host: &mut H,
    framing: Framing,
    ranges: &[(&Segment, Range)],
    maximum: u32,
) -> Outcome<Vec<Partition>> {
    let maximum = maximum.clamp(1, MAX_PARTITIONS);
    let total: u64 = ranges.iter().map(|(_, range)| range.start.until(range.end)).sum();
    let mut partitions = Vec::new();
    for (segment, range) in ranges {
        let length = range.start.until(range.end);
        let wanted = match framing {
            Framing::Lines => {
                let bytes = u128::from(maximum) * u128::from(length);
                u64::try_from(bytes.div_ceil(u128::from(total.max(1)))).unwrap_or(1)
            }
            Framing::Entries => 1,
        };
        let mut start = range.start;
        for index in 1..=wanted.max(1) {
            let target = range.start.plus(length / wanted.max(1) * index);
            let end = match index == wanted.max(1) {
                true => range.end,
                false if target < start => continue,
                false => line_end(host, segment, target)?,
            };
            if end > start {
                partitions.push(Partition { segment: segment.name.clone(), start, end });
                start = end;
            }
        }
    }
    Ok(partitions)
}

/// Visits the entries of a partition that a caller named, once it has been checked.
pub fn visit_partition<H: Host>(
    host: &mut H,
    partition: &Partition,
    visit: &mut impl FnMut(&mut H, &Segment, Framing, &Entry<'_>) -> Outcome<()>,
) -> Outcome<()> {
    let view = View::open(host)?;
    let framing = view.description.framing;
    let (segment, range) = find(&view, partition)?;
    let _ = forward(host, segment, framing, range, &mut |host: &mut H, entry| {
        visit(host, segment, framing, entry)?;
        NEXT
    })?;
    Ok(())
}

/// Finds a partition that a caller named.
///
/// # Errors
///
/// `InvalidArgument` if it is not of this store.
pub fn find<'v>(view: &'v View, partition: &Partition) -> Outcome<(&'v Segment, Range)> {
    let segment = view.members.iter().find(|segment| segment.name == partition.segment);
    let segment = segment.ok_or_else(|| {
        let message =
            format!("there is no segment {:?}; call `partitions` again", partition.segment);
        Failure::argument(message)
    })?;
    if partition.start < segment.start
        || partition.end > segment.end
        || partition.start > partition.end
    {
        return Err(Failure::argument(
            "the partition lies outside its segment; call `partitions` again",
        ));
    }
    Ok((segment, Range { start: partition.start, end: partition.end }))
}

/// Reads what another instance has written.
pub fn parse_result<T: DeserializeOwned>(result: &str) -> Outcome<T> {
    serde_json::from_str(result).map_err(|error| {
        Failure::argument(format!("not the result of a partition of this engine version: {error}"))
    })
}

/// Writes what another instance will read.
pub fn write_result<T: Serialize>(result: &T) -> Outcome<String> {
    serde_json::to_string(result).map_err(|error| {
        Failure::new(
            FailureCode::Failed,
            format!("cannot hand on the result of a partition: {error}"),
        )
    })
}
