//! Stores that keep the index wrongly.

use std::sync::Arc;

use super::super::lines::Lines;
use super::super::wrapper::{Base, Doing, go};
use super::{Case, On, case};
use crate::store::{Kind, Run, Store, StoreError, StoreErrorKind};

/// Another store with this index.
fn left(base: &Base, index: fn(&str) -> String) -> Doing<'_, Arc<dyn Store>> {
    go(async move {
        let text = base.store.load_index().await?;
        if text.is_empty() {
            return Ok(Arc::clone(&base.store));
        }
        let store = Lines::new(usize::MAX);
        store.save_index(index(&text)).await?;
        Ok(Arc::new(store) as Arc<dyn Store>)
    })
}

pub const CASES: &[Case] = &[
    case("index-none", On::Lines, "a store without an index returns an empty object", |d| {
        d.load = |base| {
            go(async {
                let text = base.store.load_index().await?;
                Ok(if text.is_empty() { "{}".to_owned() } else { text })
            })
        };
    }),
    case("index-none", On::Streams, "a missing index is a failure", |d| {
        d.load = |base| {
            go(async {
                let text = base.store.load_index().await?;
                if text.is_empty() {
                    return Err(StoreError::new(StoreErrorKind::NotFound, "no index"));
                }
                Ok(text)
            })
        };
    }),
    case("index-kept", On::Lines, "the first index is never replaced", |d| {
        d.save = |base, text| {
            go(async move {
                if base.store.load_index().await?.is_empty() {
                    base.store.save_index(text).await?;
                }
                Ok(())
            })
        };
    }),
    case("index-kept", On::Streams, "an index is cut off at 64 KiB", |d| {
        d.save = |base, text| base.store.save_index(text.chars().take(65_536).collect());
    }),
    case("index-kept", On::Lines, "an index is saved and never found again", |d| {
        d.load = |_| go(async { Ok(String::new()) });
    }),
    case("index-kept", On::Parts, "white space around an index is removed", |d| {
        d.save = |base, text| base.store.save_index(text.trim().to_owned());
    }),
    case("index-apart", On::Lines, "an index is an entry of the journal", |d| {
        d.save = |base, text| {
            go(async move {
                let run = [Run { kind: Kind::Audit, lines: 1 }];
                base.store.append("{\"kind\": \"audit\"}\n".to_owned(), &run).await?;
                base.store.save_index(text).await
            })
        };
    }),
    case("index-apart", On::Streams, "an index is listed among the segments", |d| {
        d.save = |base, text| {
            base.next();
            base.store.save_index(text)
        };
        d.segments = |base, mut segments| {
            if base.so_far() > 0 && !segments.is_empty() {
                let mut index = segments[0].clone();
                index.name = "index".to_owned();
                index.end = index.start;
                index.entries = Some(0);
                segments.push(index);
            }
            segments
        };
    }),
    case("index-durable", On::Lines, "half an index is left after a crash", |d| {
        d.reopen = |base| left(base, |text| text.chars().take(text.len() / 2).collect());
    }),
    case("index-durable", On::Parts, "two texts are mixed after a crash", |d| {
        d.reopen = |base| left(base, |text| format!("{text}{text}"));
    }),
];
