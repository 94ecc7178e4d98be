//! Stores whose list of segments is wrong.

use super::{Case, On, case};
use crate::store::{Kind, Role};

pub const CASES: &[Case] = &[
    case("segment-names", On::Lines, "a stray has the name of the active segment", |d| {
        d.segments = |_, mut segments| {
            let mut stray = segments[0].clone();
            stray.role = Role::Stray;
            segments.push(stray);
            segments
        };
    }),
    case("segment-names", On::Parts, "all parts have one name", |d| {
        d.segments = |_, mut segments| {
            let name = segments[0].name.clone();
            segments.iter_mut().for_each(|segment| segment.name.clone_from(&name));
            segments
        };
    }),
    case("segment-roles", On::Lines, "no segment is active", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.role = Role::Sealed);
            segments
        };
    }),
    case("segment-roles", On::Parts, "sealed segments stay active", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.role = Role::Active);
            segments
        };
    }),
    case("segment-roles", On::Streams, "one of the parallel segments is sealed", |d| {
        d.segments = |_, mut segments| {
            if let Some(last) = segments.last_mut() {
                last.role = Role::Sealed;
            }
            segments
        };
    }),
    case("segment-numbers", On::Lines, "the active segment has number 1", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.number += 1);
            segments
        };
    }),
    case("segment-numbers", On::Parts, "segments are listed newest first", |d| {
        d.segments = |_, mut segments| {
            segments.reverse();
            segments
        };
    }),
    case("segment-numbers", On::Parts, "all sealed segments have number 1", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.number = segment.number.min(1));
            segments
        };
    }),
    case("segment-bounds", On::Lines, "a segment ends where it starts", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.end = segment.start);
            segments
        };
    }),
    case("segment-bounds", On::Lines, "a segment ends after its last byte", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.end.minor += 7);
            segments
        };
    }),
    case("segment-bounds", On::Streams, "a stream starts before its first entry", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.start.major -= 1);
            segments
        };
    }),
    case("segment-bounds", On::Streams, "a stream ends at its last entry", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.end.minor -= 1);
            segments
        };
    }),
    case("segment-bytes", On::Lines, "the size is that of the first line", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.bytes = segment.bytes.min(40));
            segments
        };
    }),
    case("segment-bytes", On::Parts, "sizes count a line end too many", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.bytes += 1);
            segments
        };
    }),
    case("segment-entries", On::Streams, "one entry too many is counted", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| {
                segment.entries = segment.entries.map(|entries| entries + 1);
            });
            segments
        };
    }),
    case("segment-entries", On::Lines, "a count that is not known is given as 0", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.entries = Some(0));
            segments
        };
    }),
    case("segment-kind", On::Streams, "kinds are mixed up", |d| {
        d.segments = |_, mut segments| {
            for segment in &mut segments {
                segment.kind = match segment.kind {
                    Some(Kind::Event) => Some(Kind::Metric),
                    Some(Kind::Metric) => Some(Kind::Event),
                    other => other,
                };
            }
            segments
        };
    }),
    case("segment-kind", On::Lines, "a segment of all kinds is said to hold events", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.kind = Some(Kind::Event));
            segments
        };
    }),
    case("segment-pinned", On::Streams, "nothing is pinned", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.pinned = None);
            segments
        };
    }),
    case("segment-pinned", On::Streams, "pending entries are not pinned", |d| {
        d.segments = |_, mut segments| {
            for segment in &mut segments {
                segment.pinned = segment.pinned.map(|_| segment.end);
            }
            segments
        };
    }),
    case("segment-pinned", On::Streams, "all entries are pinned for ever", |d| {
        d.segments = |_, mut segments| {
            segments.iter_mut().for_each(|segment| segment.pinned = Some(segment.start));
            segments
        };
    }),
];
