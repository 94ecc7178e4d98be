//! A store with one defect, wrapped around a sound one.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::super::Fixture;
use super::wrapped_groups::{BrokenGroups, GroupDefect};
use crate::store::{
    Chunk, ConsumerGroups, Description, Edit, Position, Rewrite, RewriteOptions, Rewritten, Run,
    Segment, Snapshot, Store, StoreError,
};

/// What a defective operation does instead.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

pub fn go<'a, T>(doing: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> Doing<'a, T> {
    Box::pin(doing)
}

/// The sound store, and what a defect remembers.
pub struct Base {
    pub fixture: Box<dyn Fixture>,
    pub store: Arc<dyn Store>,
    pub count: AtomicU64,
    pub held: Mutex<Vec<(String, Vec<Run>)>>,
    pub text: Mutex<String>,
    pub old: Mutex<Option<Arc<dyn Snapshot>>>,
}

impl Base {
    /// The number of earlier calls of this function, of a defect that counts.
    pub fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    pub fn so_far(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn set(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
    }

    pub fn held(&self) -> MutexGuard<'_, Vec<(String, Vec<Run>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a snapshot; returns the one that was kept first.
    pub fn first(&self, new: Arc<dyn Snapshot>) -> Arc<dyn Snapshot> {
        let mut old = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(old.get_or_insert(new))
    }
}

/// A call of `read` or `read_back` on the sound snapshot.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub base: &'a Base,
    pub view: &'a Arc<dyn Snapshot>,
    pub segment: &'a str,
    pub at: Position,
    pub max: u32,
}

/// The open rewrite of the sound store, and all edits so far.
pub struct Job {
    pub base: Arc<Base>,
    pub view: Arc<dyn Snapshot>,
    pub segment: String,
    pub options: RewriteOptions,
    pub inner: Option<Box<dyn Rewrite>>,
    pub edits: Vec<Edit>,
}

impl Job {
    pub async fn commit(&mut self) -> Result<Rewritten, StoreError> {
        match self.inner.take() {
            Some(inner) => inner.commit().await,
            None => Err(StoreError::new(crate::store::StoreErrorKind::Failed, "it is over")),
        }
    }

    /// Commits other edits in place of those that were asked for.
    pub async fn commit_these(&mut self, edits: &[Edit]) -> Result<Rewritten, StoreError> {
        self.inner = None;
        self.view = self.base.store.snapshot().await?;
        let mut inner = self.view.rewrite(&self.segment, self.options).await?;
        inner.edit(edits).await?;
        inner.commit().await
    }
}

/// What is different from a sound store: one of these.
#[derive(Clone, Copy)]
pub struct Defect {
    pub describe: fn(&Base, Description) -> Description,
    pub append: for<'a> fn(&'a Base, String, &'a [Run]) -> Doing<'a, ()>,
    pub snapshot: for<'a> fn(&'a Base) -> Doing<'a, Arc<dyn Snapshot>>,
    pub segments: fn(&Base, Vec<Segment>) -> Vec<Segment>,
    pub read: for<'a> fn(Asked<'a>) -> Doing<'a, Chunk>,
    pub read_back: for<'a> fn(Asked<'a>) -> Doing<'a, Chunk>,
    pub begin: for<'a> fn(Asked<'a>, RewriteOptions) -> Doing<'a, Box<dyn Rewrite>>,
    pub edit: for<'a> fn(&'a mut Job, &'a [Edit]) -> Doing<'a, ()>,
    pub commit: for<'a> fn(&'a mut Job) -> Doing<'a, Rewritten>,
    pub abandon: fn(&mut Job),
    pub load: for<'a> fn(&'a Base) -> Doing<'a, String>,
    pub save: for<'a> fn(&'a Base, String) -> Doing<'a, ()>,
    pub quarantine: fn(Vec<u8>) -> Vec<u8>,
    pub debris: fn(&Base, Vec<String>) -> Vec<String>,
    pub reopen: for<'a> fn(&'a Base) -> Doing<'a, Arc<dyn Store>>,
    pub groups: GroupDefect,
}

pub const SOUND: Defect = Defect {
    describe: |_, description| description,
    append: |base, lines, runs| base.store.append(lines, runs),
    snapshot: |base| base.store.snapshot(),
    segments: |_, segments| segments,
    read: |asked| asked.view.read(asked.segment, asked.at, asked.max),
    read_back: |asked| asked.view.read_back(asked.segment, asked.at, asked.max),
    begin: |asked, options| asked.view.rewrite(asked.segment, options),
    edit: |job, edits| {
        go(async move {
            match &mut job.inner {
                Some(inner) => inner.edit(edits).await,
                None => Ok(()),
            }
        })
    },
    commit: |job| go(job.commit()),
    abandon: |_| {},
    load: |base| base.store.load_index(),
    save: |base, text| base.store.save_index(text),
    quarantine: |bytes| bytes,
    debris: |_, names| names,
    reopen: |base| go(async { Ok(Arc::clone(&base.store)) }),
    groups: super::wrapped_groups::SOUND,
};

/// The store with the defect, and its fixture. Clones share everything.
#[derive(Clone)]
pub struct Broken {
    base: Arc<Base>,
    defect: Defect,
    groups: Option<Arc<BrokenGroups>>,
}

impl Broken {
    pub fn new(fixture: Box<dyn Fixture>, defect: Defect) -> Self {
        let store = fixture.store();
        let base = Arc::new(Base {
            fixture,
            store,
            count: AtomicU64::new(0),
            held: Mutex::default(),
            text: Mutex::default(),
            old: Mutex::default(),
        });
        let groups = base.store.groups().is_some();
        let groups = groups.then(|| Arc::new(BrokenGroups::new(Arc::clone(&base), defect.groups)));
        Self { base, defect, groups }
    }
}

#[async_trait]
impl Store for Broken {
    fn describe(&self) -> Description {
        (self.defect.describe)(&self.base, self.base.store.describe())
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        (self.defect.append)(&self.base, lines, runs).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let view = (self.defect.snapshot)(&self.base).await?;
        let segments = (self.defect.segments)(&self.base, view.segments().to_vec());
        Ok(Arc::new(View { broken: self.clone(), view, segments }))
    }

    fn groups(&self) -> Option<&dyn ConsumerGroups> {
        self.groups.as_deref().map(|groups| groups as _)
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        (self.defect.load)(&self.base).await
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        (self.defect.save)(&self.base, text).await
    }
}

struct View {
    broken: Broken,
    view: Arc<dyn Snapshot>,
    segments: Vec<Segment>,
}

impl View {
    fn asked<'a>(&'a self, segment: &'a str, at: Position, max: u32) -> Asked<'a> {
        Asked { base: &self.broken.base, view: &self.view, segment, at, max }
    }
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, max: u32) -> Result<Chunk, StoreError> {
        (self.broken.defect.read)(self.asked(segment, at, max)).await
    }

    async fn read_back(&self, segment: &str, at: Position, max: u32) -> Result<Chunk, StoreError> {
        (self.broken.defect.read_back)(self.asked(segment, at, max)).await
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let begin = self.asked(segment, Position { major: 0, minor: 0 }, 0);
        let inner = Some((self.broken.defect.begin)(begin, options).await?);
        let (base, view) = (Arc::clone(&self.broken.base), Arc::clone(&self.view));
        let segment = segment.to_owned();
        let job = Job { base, view, segment, options, inner, edits: Vec::new() };
        Ok(Box::new(BrokenRewrite { defect: self.broken.defect, job, over: false }))
    }
}

struct BrokenRewrite {
    defect: Defect,
    job: Job,
    over: bool,
}

impl Drop for BrokenRewrite {
    fn drop(&mut self) {
        if !self.over {
            (self.defect.abandon)(&mut self.job);
        }
    }
}

#[async_trait]
impl Rewrite for BrokenRewrite {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        self.job.edits.extend_from_slice(edits);
        (self.defect.edit)(&mut self.job, edits).await
    }

    async fn commit(mut self: Box<Self>) -> Result<Rewritten, StoreError> {
        self.over = true;
        (self.defect.commit)(&mut self.job).await
    }
}

#[async_trait]
impl Fixture for Broken {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn inject(&self, bytes: &[u8]) -> bool {
        self.base.fixture.inject(bytes).await
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        self.base.fixture.quarantine(names).await.map(self.defect.quarantine)
    }

    async fn debris(&self) -> Option<Vec<String>> {
        let names = self.base.fixture.debris().await?;
        Some((self.defect.debris)(&self.base, names))
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        (self.defect.reopen)(&self.base).await.ok()
    }

    async fn fail_next_append(&self) -> bool {
        self.base.fixture.fail_next_append().await
    }
}

/// The result of a future of a store in memory, which never waits.
pub fn now<T>(mut doing: Doing<'_, T>) -> Option<Result<T, StoreError>> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match doing.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => Some(result),
        std::task::Poll::Pending => None,
    }
}
