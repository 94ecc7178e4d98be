//! The host, as the bindings reach it.

use std::cell::OnceCell;

use crate::bindings::papyra::persistence::{claims, groups, storage};
use crate::bindings::wasi::clocks::wall_clock;
use crate::groups::{
    AutoClaimed, ConsumerGroups, ConsumerInfo, Delivered, GroupInfo, PendingEntry, PendingFilter,
    PendingSummary, Source, Wait,
};
use crate::host::{
    AppendError, Chunk, Description, Edit, Host, Position, RewriteOptions, Rewritten, Run, Segment,
    StorageError,
};
use crate::json::{Form, Kind};
use crate::time;

/// Every store has one stream per kind so far.
const UNPARTITIONED: Option<u32> = None;

thread_local! {
    /// Asked for often, and never changed.
    static FORM: OnceCell<Form> = const { OnceCell::new() };
}

/// The one store that is bound to this instance, and the clock.
#[derive(Debug, Default)]
pub struct Imports;

impl Host for Imports {
    fn now(&mut self) -> f64 {
        let wall_clock::Datetime { seconds, nanoseconds } = wall_clock::now();
        time::seconds(seconds, nanoseconds)
    }

    fn describe(&mut self) -> Description {
        storage::describe()
    }

    fn form(&mut self) -> Form {
        FORM.with(|form| form.get_or_init(|| Form::of(storage::describe().profile)).clone())
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        storage::segments()
    }

    fn read(&mut self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StorageError> {
        Ok(storage::read(segment, at, max_bytes)?.into())
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StorageError> {
        Ok(storage::read_back(segment, before, max_bytes)?.into())
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), AppendError> {
        storage::append(lines, runs)
    }

    fn rewrite_begin(
        &mut self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<(), StorageError> {
        storage::rewrite_begin(segment, options)
    }

    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        storage::rewrite_edit(edits)
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        storage::rewrite_commit()
    }

    fn rewrite_abort(&mut self) {
        storage::rewrite_abort();
    }

    fn load_index(&mut self) -> Result<String, StorageError> {
        storage::load_index()
    }

    fn save_index(&mut self, text: &str) -> Result<(), StorageError> {
        storage::save_index(text)
    }
}

impl ConsumerGroups for Imports {
    fn ensure_group(&mut self, kind: Kind, group: &str, start: &str) -> Result<bool, StorageError> {
        groups::ensure_group(kind, UNPARTITIONED, group, start)
    }

    fn fetch(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        source: &Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StorageError> {
        Ok(groups::fetch(kind, UNPARTITIONED, group, consumer, source, count, wait)?.into())
    }

    fn ack(&mut self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StorageError> {
        groups::ack(kind, UNPARTITIONED, group, ids)
    }

    fn summarize_pending(
        &mut self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StorageError> {
        groups::summarize_pending(kind, UNPARTITIONED, group)
    }

    fn list_pending(
        &mut self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StorageError> {
        claims::list_pending(kind, UNPARTITIONED, group, filter)
    }

    fn claim(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StorageError> {
        Ok(claims::claim(kind, UNPARTITIONED, group, consumer, min_idle_ms, ids)?.into())
    }

    fn auto_claim(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        start: &str,
        count: u32,
    ) -> Result<AutoClaimed, StorageError> {
        let claims::AutoClaimed { entries, next } =
            claims::auto_claim(kind, UNPARTITIONED, group, consumer, min_idle_ms, start, count)?;
        Ok(AutoClaimed { entries: entries.into(), next })
    }

    fn list_groups(&mut self, kind: Kind) -> Result<Vec<GroupInfo>, StorageError> {
        groups::list_groups(kind, UNPARTITIONED)
    }

    fn list_consumers(
        &mut self,
        kind: Kind,
        group: &str,
    ) -> Result<Vec<ConsumerInfo>, StorageError> {
        groups::list_consumers(kind, UNPARTITIONED, group)
    }

    fn delete_group(&mut self, kind: Kind, group: &str) -> Result<bool, StorageError> {
        groups::delete_group(kind, UNPARTITIONED, group)
    }

    fn delete_consumer(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
    ) -> Result<u64, StorageError> {
        groups::delete_consumer(kind, UNPARTITIONED, group, consumer)
    }

    fn set_id(&mut self, kind: Kind, group: &str, id: &str) -> Result<(), StorageError> {
        groups::set_id(kind, UNPARTITIONED, group, id)
    }

    fn quarantine(
        &mut self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StorageError> {
        groups::quarantine(kind, UNPARTITIONED, group, id, reason)
    }
}
