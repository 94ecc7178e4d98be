//! Stores that describe themselves wrongly.

use super::{Case, On, case};
use crate::store::Layout;

pub const CASES: &[Case] = &[
    case("describe-constant", On::Lines, "the location changes with every call", |d| {
        d.describe = |base, mut it| {
            it.location = format!("a test, asked {} times", base.next());
            it
        };
    }),
    case("describe-constant", On::Streams, "it is volatile when asked again", |d| {
        d.describe = |base, mut it| {
            it.volatile = base.next() > 0;
            it
        };
    }),
    case("describe-complete", On::Lines, "the backend has no name", |d| {
        d.describe = |_, mut it| {
            it.backend.clear();
            it
        };
    }),
    case("describe-complete", On::Streams, "the location is blank", |d| {
        d.describe = |_, mut it| {
            it.location = "  ".to_owned();
            it
        };
    }),
    case("describe-secrets", On::Streams, "the location has a password", |d| {
        d.describe = |_, mut it| {
            it.location = "redis://papyra:hunter2@db:6379/0".to_owned();
            it
        };
    }),
    case("describe-secrets", On::Lines, "the location has a password without a user", |d| {
        d.describe = |_, mut it| {
            it.location = "https://:hunter2@db/journal".to_owned();
            it
        };
    }),
    case("layout-parallel", On::Lines, "lines are said to lie in parallel", |d| {
        d.describe = |_, mut it| {
            it.layout = Layout::Parallel;
            it
        };
    }),
    case("layout-parallel", On::Streams, "there are more than 256 parallel segments", |d| {
        d.segments = |_, mut segments| {
            let first = segments[0].clone();
            for number in 0..256 {
                let mut more = first.clone();
                more.name = format!("{}-{number}", first.name);
                more.partition = Some(number);
                segments.push(more);
            }
            segments
        };
    }),
];
