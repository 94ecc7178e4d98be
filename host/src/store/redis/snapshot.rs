//! A view with fixed ends.

mod ahead;
mod page;
mod survey;

use std::sync::Arc;

use async_trait::async_trait;

use self::ahead::Ahead;
use self::page::{Pages, chunk};
use self::survey::Surveyed;
pub use self::survey::survey;
use super::super::{
    Chunk, Kind, Payload, Position, Rewrite, RewriteOptions, Segment, Snapshot, StoreError,
    StoreErrorKind,
};
use super::rewrite::RedisRewrite;
use super::{RedisStore, id};

/// The streams as they were at one moment each.
pub struct RedisSnapshot {
    store: RedisStore,
    segments: Vec<Segment>,
    /// Beside each segment: how its entries are fetched, and what has been fetched ahead.
    readers: Vec<(Arc<Pages>, tokio::sync::Mutex<Ahead>)>,
}

impl RedisSnapshot {
    pub async fn take(store: &RedisStore) -> Result<Self, StoreError> {
        let [a, b, c, d] = Kind::ALL;
        let survey = |kind| survey(&store.link, kind, store.keys.of(kind));
        let (a, b, c, d) = tokio::try_join!(survey(a), survey(b), survey(c), survey(d))?;
        let found: Vec<Surveyed> = [a, b, c, d].into_iter().flatten().collect();
        if found.is_empty() {
            let key = store.keys.of(Kind::Event);
            return Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!(
                    "there is no stream {key}, nor one of the other kinds, at {}; check prefix and \
                     system_id (the first append makes it)",
                    store.link.location()
                ),
            ));
        }
        let reader = |found: &Surveyed| {
            let link = Arc::clone(&store.link);
            (Arc::new(Pages::new(link, found, store.config.max_read)), Default::default())
        };
        let readers = found.iter().map(reader).collect();
        let segments = found.into_iter().map(|found| found.segment).collect();
        Ok(Self { store: store.clone(), segments, readers })
    }

    fn find(
        &self,
        name: &str,
    ) -> Result<(&Segment, &Arc<Pages>, &tokio::sync::Mutex<Ahead>), StoreError> {
        let all = self.segments.iter().zip(&self.readers);
        let found = all.into_iter().find(|(segment, _)| segment.name == name);
        let missing = || {
            StoreError::new(
                StoreErrorKind::NotFound,
                "the journal in Redis has no stream of that name",
            )
        };
        found.map(|(segment, (pages, ahead))| (segment, pages, ahead)).ok_or_else(missing)
    }
}

#[async_trait]
impl Snapshot for RedisSnapshot {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StoreError> {
        let (segment, pages, ahead) = self.find(segment)?;
        if id::key(at) >= id::key(segment.end) {
            return Ok(nothing(segment.end));
        }
        // A second reader of the same stream at the same time reads without pages fetched ahead.
        match ahead.try_lock() {
            Ok(mut ahead) => ahead.read(pages, at, max_bytes).await,
            Err(_) => Ahead::default().read(pages, at, max_bytes).await,
        }
    }

    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        let (segment, pages, _) = self.find(segment)?;
        let before = id::least(before, segment.end);
        if id::key(before) <= id::key(segment.start) {
            return Ok(nothing(before));
        }
        let page = pages.back(before, max_bytes).await?;
        // From the newest end: those that do not fit come with the next call.
        let mut room = max_bytes as usize;
        let fits = |data: &Option<Vec<u8>>| {
            let length = data.as_ref().map_or(0, Vec::len);
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        };
        let fitting = page.entries.iter().rev().map(|entry| &entry.data).map(fits);
        let taken = fitting.take_while(|fits| *fits).count().max(1).min(page.entries.len());
        let skipped = page.entries.len() - taken;
        let last = page.last && skipped == 0;
        Ok(chunk(before, page.entries.into_iter().skip(skipped), last))
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let (segment, pages, _) = self.find(segment)?;
        Ok(Box::new(RedisRewrite::begin(&self.store, segment, pages.shift(), options)?))
    }
}

/// There is nothing in that direction.
fn nothing(start: Position) -> Chunk {
    Chunk { start, data: Payload::Raw(Vec::new()), frames: Vec::new(), last: true }
}
