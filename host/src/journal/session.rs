//! One instance of the engine, for one operation or for one writer.

use std::pin::Pin;

use wasmtime::Store;

use super::{
    Appended, CompactOptions, Compaction, Draft, IndexOptions, IndexReport, InspectOptions,
    Inspection, JournalError, Loss, Page, RecoverOptions, Recovery, Retention, ScanOptions,
    ScanReport, Selection, StartupOptions, StartupReport, VerifyOptions, VerifyReport,
};
use crate::bindings::exports::papyra::persistence::consumer::{Batch, Subscription};
use crate::bindings::exports::papyra::persistence::journal::{Counters, Partition};
use crate::bindings::papyra::persistence::groups::Source;
use crate::bindings::{self, papyra::persistence::types::Failure};
use crate::engine::{Cancelled, Context, Engine, Work};
use crate::store::Kind;
use crate::store::groups::{ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary};

/// What a call into the engine returns: a trap outside, an expected failure inside.
type Called<T> = wasmtime::Result<Result<T, Failure>>;

/// What is to come of a call.
type Reply<'s, T> = Pin<Box<dyn Future<Output = T> + Send + 's>>;

pub(crate) struct Session {
    store: Store<Context>,
    instance: bindings::Engine,
}

/// Makes each exported function a method, which takes the name of the operation first. After a trap the
/// instance is poisoned and must be dropped, which is what the caller does with a session whose call
/// returned [`JournalError::Trap`].
///
/// They are no `async fn`: the body of one is compiled again in every program that awaits it, and here it
/// would bring wasmtime's code for the call along.
macro_rules! exports {
    ($($interface:ident {
        $($name:ident, $function:ident($($argument:ident: $type:ty),*) -> $result:ty;)*
    })*) => {
        impl Session {$($(
            pub fn $name<'s>(
                &'s mut self,
                operation: &'static str,
                $($argument: $type),*
            ) -> Reply<'s, Result<$result, JournalError>> {
                Box::pin(async move {
                    let exports = self.instance.$interface();
                    judge(operation, exports.$function(&mut self.store, $($argument),*).await)
                })
            }
        )*)*}
    };
}

exports! {
    papyra_persistence_journal {
        scan, call_scan(options: ScanOptions) -> ScanReport;
        scan_partition, call_scan_partition(partition: &'s Partition, options: ScanOptions) -> String;
        scan_conclude, call_scan_conclude(parts: &'s [String], options: ScanOptions) -> ScanReport;
        recover, call_recover(options: RecoverOptions) -> Recovery;
        compact, call_compact(retention: &'s Retention, options: CompactOptions) -> Compaction;
        survey_partitions, call_survey_partitions(
            most: u32, retention: &'s Retention, options: CompactOptions
        ) -> Vec<Partition>;
        survey_partition, call_survey_partition(
            partition: &'s Partition, retention: &'s Retention, as_of: f64
        ) -> String;
        compact_surveyed, call_compact_surveyed(
            surveys: &'s [String], retention: &'s Retention, options: CompactOptions
        ) -> Compaction;
        partitions, call_partitions(most: u32) -> Vec<Partition>;
        index, call_index(options: IndexOptions) -> IndexReport;
        index_partitions, call_index_partitions(
            most: u32, options: IndexOptions
        ) -> Vec<Partition>;
        index_partition, call_index_partition(
            partition: &'s Partition, options: IndexOptions
        ) -> String;
        index_conclude, call_index_conclude(
            parts: &'s [String], options: IndexOptions
        ) -> IndexReport;
        drop_index, call_drop_index() -> ();
        verify, call_verify(options: &'s VerifyOptions) -> VerifyReport;
        verify_partition, call_verify_partition(partition: &'s Partition) -> String;
        verify_conclude, call_verify_conclude(
            parts: &'s [String], options: &'s VerifyOptions
        ) -> VerifyReport;
        startup_check, call_startup_check(options: StartupOptions) -> StartupReport;
        inspect, call_inspect(options: InspectOptions, retention: &'s Retention) -> Inspection;
        query, call_query(selection: &'s Selection, retention: &'s Retention) -> Page;
        append, call_append(drafts: &'s [Draft]) -> Appended;
        append_lines, call_append_lines(lines: &'s str, lenient: bool) -> Appended;
        record_loss, call_record_loss(loss: &'s Loss) -> Appended;
    }
    papyra_persistence_consumer {
        next, call_next(subscription: &'s Subscription, source: &'s Source) -> Batch;
        claim, call_claim(
            subscription: &'s Subscription, min_idle_ms: u64, ids: &'s [String]
        ) -> Batch;
        claim_idle, call_claim_idle(
            subscription: &'s Subscription, min_idle_ms: u64, start: &'s str
        ) -> Batch;
        ack, call_ack(kind: Kind, group: &'s str, ids: &'s [String]) -> u64;
        summarize_pending, call_summarize_pending(kind: Kind, group: &'s str) -> PendingSummary;
        list_pending, call_list_pending(
            kind: Kind, group: &'s str, filter: &'s PendingFilter
        ) -> Vec<PendingEntry>;
        list_groups, call_list_groups(kind: Kind) -> Vec<GroupInfo>;
        list_consumers, call_list_consumers(kind: Kind, group: &'s str) -> Vec<ConsumerInfo>;
        create_group, call_create_group(kind: Kind, group: &'s str, start: &'s str) -> bool;
        set_id, call_set_id(kind: Kind, group: &'s str, start: &'s str) -> ();
        delete_group, call_delete_group(kind: Kind, group: &'s str) -> bool;
        delete_consumer, call_delete_consumer(
            kind: Kind, group: &'s str, consumer: &'s str
        ) -> u64;
    }
}

impl Session {
    pub fn open(engine: &Engine, work: Work) -> Reply<'_, Result<Self, JournalError>> {
        Box::pin(async move {
            let limits = engine.limits();
            let mut store = Store::new(engine.pre().engine(), Context::new(work, limits));
            store.limiter(|context| &mut context.limits);
            let instance = engine.pre().instantiate_async(&mut store).await;
            let instance = instance.map_err(|source| JournalError::trap("instantiate", source))?;
            Ok(Self { store, instance })
        })
    }

    /// The instance's counters, which start at zero for every session.
    pub fn counters(&mut self) -> Reply<'_, Option<Counters>> {
        Box::pin(async {
            self.instance.papyra_persistence_journal().call_metrics(&mut self.store).await.ok()
        })
    }

    /// Resets the instance's counters, after they have been added up elsewhere.
    pub fn reset_counters(&mut self) -> Reply<'_, ()> {
        Box::pin(async {
            let journal = self.instance.papyra_persistence_journal();
            let _ = journal.call_reset_metrics(&mut self.store).await;
        })
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
