//! One instance of the engine, for one operation or for one writer.

use wasmtime::Store;

use super::JournalError;
use crate::bindings::exports::papyra::persistence::consumer::Guest as Consumer;
use crate::bindings::exports::papyra::persistence::journal::{Counters, Guest};
use crate::bindings::{self, papyra::persistence::types::Failure};
use crate::engine::{Cancelled, Context, Engine, Work};

/// What a call into the engine returns: a trap outside, an expected failure inside.
pub(crate) type Called<T> = wasmtime::Result<Result<T, Failure>>;

/// What generated functions run on.
pub(crate) type Instance = Store<Context>;

pub(crate) struct Session {
    store: Instance,
    instance: bindings::Engine,
}

impl Session {
    pub async fn open(engine: &Engine, work: Work) -> Result<Self, JournalError> {
        let limits = engine.limits();
        let mut store = Store::new(engine.pre().engine(), Context::new(work, limits));
        store.limiter(|context| &mut context.limits);
        let instance = engine.pre().instantiate_async(&mut store).await;
        let instance = instance.map_err(|source| JournalError::trap("instantiate", source))?;
        Ok(Self { store, instance })
    }

    /// Runs one exported function. After a trap the instance is poisoned and must be dropped, which
    /// is what the caller does with a session whose call returned [`JournalError::Trap`].
    pub async fn call<T>(
        &mut self,
        operation: &'static str,
        run: impl AsyncFnOnce(&Guest, &mut Store<Context>) -> Called<T>,
    ) -> Result<T, JournalError> {
        let journal = self.instance.papyra_persistence_journal();
        judge(operation, run(journal, &mut self.store).await)
    }

    /// As [`call`](Self::call), for the functions of consumer groups.
    pub async fn consume<T>(
        &mut self,
        operation: &'static str,
        run: impl AsyncFnOnce(&Consumer, &mut Store<Context>) -> Called<T>,
    ) -> Result<T, JournalError> {
        let consumer = self.instance.papyra_persistence_consumer();
        judge(operation, run(consumer, &mut self.store).await)
    }

    /// The instance's counters, which start at zero for every session.
    pub async fn counters(&mut self) -> Option<Counters> {
        self.instance.papyra_persistence_journal().call_metrics(&mut self.store).await.ok()
    }

    /// Resets the instance's counters, after they have been added up elsewhere.
    pub async fn reset_counters(&mut self) {
        let journal = self.instance.papyra_persistence_journal();
        let _ = journal.call_reset_metrics(&mut self.store).await;
    }
}

fn judge<T>(operation: &'static str, called: Called<T>) -> Result<T, JournalError> {
    match called {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(JournalError::Failure { operation, failure }),
        Err(error) if error.is::<Cancelled>() => Err(JournalError::Cancelled { operation }),
        Err(error) => Err(JournalError::trap(operation, error)),
    }
}
