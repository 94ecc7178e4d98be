//! Stores that quarantine wrongly.

use super::super::wrapper::go;
use super::{Case, On, case};

pub const CASES: &[Case] = &[
    case("quarantine-exact", On::Lines, "the quarantine ends with a line end of its own", |d| {
        d.quarantine = |mut bytes| {
            bytes.push(b'\n');
            bytes
        };
    }),
    case("quarantine-exact", On::Lines, "the last byte is not quarantined", |d| {
        d.quarantine = |mut bytes| {
            bytes.pop();
            bytes
        };
    }),
    case("quarantine-exact", On::Streams, "the quarantine is in descending order", |d| {
        d.quarantine = |bytes| {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            lines.reverse();
            lines.concat()
        };
    }),
    case("quarantine-exact", On::Parts, "everything is quarantined twice", |d| {
        d.quarantine = |bytes| bytes.repeat(2);
    }),
    case("quarantine-named", On::Lines, "the quarantine is not named", |d| {
        d.commit = |job| {
            go(async move {
                let mut done = job.commit().await?;
                done.quarantine.clear();
                Ok(done)
            })
        };
    }),
    case("quarantine-named", On::Streams, "the name of the quarantine leads nowhere", |d| {
        d.commit = |job| {
            go(async move {
                let mut done = job.commit().await?;
                done.quarantine.iter_mut().for_each(|name| name.push('x'));
                Ok(done)
            })
        };
    }),
    case("quarantine-asked", On::Lines, "a quarantine is kept without being asked for", |d| {
        d.begin = |asked, mut options| {
            options.keep_quarantine = true;
            asked.view.rewrite(asked.segment, options)
        };
    }),
    case("quarantine-asked", On::Streams, "nothing is kept though it was asked for", |d| {
        d.begin = |asked, mut options| {
            options.keep_quarantine = false;
            asked.view.rewrite(asked.segment, options)
        };
    }),
];
