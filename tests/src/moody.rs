//! A store in memory that does what a test tells it to do with the next append.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use papyra_persistence::store::{
    Description, MemoryStore, Run, Snapshot, Store, StoreError, StoreErrorKind,
};

/// The message of a panic that [`Mood::Panics`] asks for.
pub const WISHED: &str = "the store panics, as a test wishes";

/// What appending comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// It works.
    Works,
    /// It never returns, until the mood changes.
    Hangs,
    /// It keeps its whole thread, until the mood changes.
    Blocks,
    /// It fails, and trying again can help.
    Unavailable,
    /// So does this.
    Full,
    /// And this.
    Locked,
    /// It fails for good.
    Failed,
    /// It panics.
    Panics,
}

/// All moods but the good one.
pub const BAD: [Mood; 7] = [
    Mood::Hangs,
    Mood::Blocks,
    Mood::Unavailable,
    Mood::Full,
    Mood::Locked,
    Mood::Failed,
    Mood::Panics,
];

/// The store. Clones share everything.
#[derive(Clone, Default)]
pub struct Moody {
    inner: MemoryStore,
    mood: Arc<AtomicU8>,
    calls: Arc<AtomicU64>,
    text: Arc<Mutex<String>>,
}

impl Moody {
    /// Changes the mood, also for calls that hang.
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// How often append was called.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Everything that was appended.
    pub fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is(&self, mood: Mood) -> bool {
        self.mood.load(Ordering::SeqCst) == mood as u8
    }
}

#[async_trait::async_trait]
impl Store for Moody {
    fn describe(&self) -> Description {
        self.inner.describe()
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        while self.is(Mood::Hangs) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        while self.is(Mood::Blocks) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(!self.is(Mood::Panics), "{WISHED}");
        let failures = [
            (Mood::Unavailable, StoreErrorKind::Unavailable),
            (Mood::Full, StoreErrorKind::Full),
            (Mood::Locked, StoreErrorKind::Locked),
            (Mood::Failed, StoreErrorKind::Failed),
        ];
        if let Some((mood, kind)) = failures.into_iter().find(|(mood, _)| self.is(*mood)) {
            return Err(StoreError::new(kind, format!("the store is in the mood {mood:?}")));
        }
        self.inner.append(lines.clone(), runs).await?;
        self.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&lines);
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }
}
