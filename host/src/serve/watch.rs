//! One watched store: its last check, repeated in the background.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::recent::Recent;
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

/// A store and the result of its last check.
pub(super) struct Watched {
    store: Arc<dyn Store>,
    journal: Journal,
    mode: StartupMode,
    look: RwLock<Arc<Look>>,
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
        }
    }

    pub fn look(&self) -> Arc<Look> {
        self.look.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub async fn recent(&self) -> Result<Recent, String> {
        Recent::read(&self.journal).await.map_err(|error| error.to_string())
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
