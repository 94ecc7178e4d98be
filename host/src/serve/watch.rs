//! One watched store: its last check, repeated in the background.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::lags::Lags;
use super::window::{Window, name};
use crate::engine::Engine;
use crate::journal::{
    Journal, RecoveryMode, Retention, ScanReport, StartupMode, StartupOptions, StartupOutcome,
};
use crate::metrics::StoreLook;
use crate::store::groups::GroupInfo;
use crate::store::{Kind, ReadOnlyStore, Store};

/// A check is not waited for longer than this.
const CHECK_LIMIT: Duration = Duration::from_secs(3600);

/// Time limit for listing consumer groups, and the maximum number shown per kind.
const GROUPS_LIMIT: Duration = Duration::from_secs(5);
const MAX_GROUPS: usize = 100;

/// Checking takes at most a tenth of the time.
const PAUSE_FACTOR: u32 = 10;

/// Views within this duration share what was read.
const FRESH: Duration = Duration::from_secs(1);

/// Maximum number of older windows that links lead to.
const OLDER: usize = 64;

/// A store and the result of its last check.
pub(super) struct Watched {
    store: Arc<dyn Store>,
    journal: Journal,
    mode: StartupMode,
    look: RwLock<Arc<Look>>,
    lags: Mutex<Lags>,
    /// The newest window, and when it was read.
    newest: tokio::sync::Mutex<Option<(Instant, Arc<Window>)>>,
    /// Cursors of older windows; an address is too short for a cursor.
    older: Mutex<VecDeque<(String, String)>>,
}

/// The result of the last check.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub backend: String,
    pub location: String,
    /// End and duration of the check; absent before the first one.
    pub checked: Option<(SystemTime, Duration)>,
    /// Its outcome, or the reason why there is none.
    pub outcome: Result<StartupOutcome, String>,
    /// The counts of the check, or of the last one that could count.
    pub scan: Option<ScanReport>,
    /// Consumer groups, by kind.
    pub groups: Vec<(Kind, GroupInfo)>,
}

impl Look {
    /// Returns whether a system may start.
    pub fn is_ready(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|outcome| *outcome != StartupOutcome::Refused)
    }

    /// As metrics.
    pub fn figures(&self) -> StoreLook {
        StoreLook {
            location: self.location.clone(),
            up: self.outcome.is_ok(),
            ready: Some(self.is_ready()),
            checked: self.checked,
            scan: self.scan.clone(),
            groups: self.groups.clone(),
        }
    }

    /// One line for people.
    pub fn verdict(&self) -> String {
        match &self.outcome {
            Err(reason) => reason.clone(),
            Ok(StartupOutcome::Ignored) => "not looked at".to_owned(),
            Ok(StartupOutcome::Absent) => "does not exist yet".to_owned(),
            Ok(StartupOutcome::Healthy | StartupOutcome::Recovered) => "healthy".to_owned(),
            Ok(StartupOutcome::Tolerated) => "anomalies, which are accepted".to_owned(),
            Ok(StartupOutcome::Refused) => "anomalies".to_owned(),
        }
    }
}

impl Watched {
    pub fn new(engine: &Engine, store: Arc<dyn Store>) -> Self {
        let description = store.describe();
        let look = Look {
            backend: description.backend,
            location: description.location,
            checked: None,
            outcome: Err("not checked yet".to_owned()),
            scan: None,
            groups: Vec::new(),
        };
        Self {
            journal: Journal::new(engine, ReadOnlyStore::new(store.clone())),
            store,
            mode: StartupMode::Fail,
            look: RwLock::new(Arc::new(look)),
            lags: Mutex::default(),
            newest: tokio::sync::Mutex::default(),
            older: Mutex::default(),
        }
    }

    pub fn with_retention(&self, retention: Retention) -> Self {
        let journal = self.journal.clone().with_retention(retention);
        Self { journal, ..self.copy() }
    }

    pub fn with_mode(&self, mode: StartupMode) -> Self {
        Self { mode, ..self.copy() }
    }

    fn copy(&self) -> Self {
        Self {
            store: self.store.clone(),
            journal: self.journal.clone(),
            mode: self.mode,
            look: RwLock::new(self.look()),
            lags: Mutex::default(),
            newest: tokio::sync::Mutex::default(),
            older: Mutex::default(),
        }
    }

    pub fn look(&self) -> Arc<Look> {
        self.look.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest records, or an older window by its name.
    pub async fn window(&self, older: &str) -> Result<Arc<Window>, String> {
        if !older.is_empty() {
            let cursor = self.cursor(older).ok_or("this link is too old; start again at /")?;
            return self.read(Some(cursor)).await;
        }
        let mut newest = self.newest.lock().await;
        if let Some((_, window)) = newest.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
            return Ok(window.clone());
        }
        let window = self.read(None).await?;
        *newest = Some((Instant::now(), window.clone()));
        Ok(window)
    }

    async fn read(&self, cursor: Option<String>) -> Result<Arc<Window>, String> {
        let window =
            Window::read(&self.journal, cursor).await.map_err(|error| error.to_string())?;
        if let Some(cursor) = &window.older {
            let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
            let name = name(cursor);
            older.retain(|(known, _)| *known != name);
            older.push_front((name, cursor.clone()));
            older.truncate(OLDER);
        }
        Ok(Arc::new(window))
    }

    fn cursor(&self, wanted: &str) -> Option<String> {
        let older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        older.iter().find(|(name, _)| name == wanted).map(|(_, cursor)| cursor.clone())
    }

    /// The lag of a group at each of the last checks.
    pub fn lags(&self, kind: Kind, group: &str) -> Vec<Option<u64>> {
        self.lags.lock().unwrap_or_else(PoisonError::into_inner).of(kind, group)
    }

    /// Checks again and again.
    pub async fn keep_checking(self: Arc<Self>, every: Duration) {
        loop {
            let took = self.check().await;
            tokio::time::sleep(every.max(took * PAUSE_FACTOR)).await;
        }
    }

    async fn check(&self) -> Duration {
        let began = Instant::now();
        let recovery = RecoveryMode::Repair; // never comes to it: the mode is not `Recover`
        let options = StartupOptions { mode: self.mode, recovery, ..StartupOptions::default() };
        let report = self.journal.startup_check(options, Some(CHECK_LIMIT)).await;
        let took = began.elapsed();
        let mut look = (*self.look()).clone();
        look.checked = Some((SystemTime::now(), took));
        look.groups = self.groups().await;
        self.lags.lock().unwrap_or_else(PoisonError::into_inner).add(&look.groups);
        match report {
            Ok(report) => {
                look.outcome = Ok(report.outcome);
                look.scan = report.scan;
            }
            Err(error) => {
                tracing::warn!(location = %look.location, %error, "check failed");
                look.outcome = Err(error.to_string());
            }
        }
        *self.look.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(look);
        took
    }

    async fn groups(&self) -> Vec<(Kind, GroupInfo)> {
        let Some(groups) = self.store.groups() else { return Vec::new() };
        let mut found = Vec::new();
        for kind in Kind::ALL {
            match tokio::time::timeout(GROUPS_LIMIT, groups.list_groups(kind)).await {
                Ok(Ok(of_kind)) => {
                    found.extend(of_kind.into_iter().take(MAX_GROUPS).map(|group| (kind, group)));
                }
                Ok(Err(error)) => tracing::warn!(%error, "cannot list consumer groups"),
                Err(_) => tracing::warn!("listing consumer groups took too long"),
            }
        }
        found
    }
}
