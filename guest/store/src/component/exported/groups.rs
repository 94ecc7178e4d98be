//! Files have no consumer groups, and say so.

use papyra_engine::groups::{
    self, ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary, Source, Wait,
};
use papyra_engine::json::Kind;

use crate::component::Component;
use crate::component::exports::papyra::persistence::claims::{self, AutoClaimed};
use crate::component::exports::papyra::persistence::groups::{Delivered, Guest};
use crate::component::exports::papyra::persistence::storage::StorageError;

type Partition = Option<u32>;

fn no_groups<T>() -> Result<T, StorageError> {
    Ok(groups::no_groups()?)
}

impl Guest for Component {
    fn ensure_group(_: Kind, _: Partition, _: String, _: String) -> Result<bool, StorageError> {
        no_groups()
    }

    fn fetch(
        _: Kind,
        _: Partition,
        _: String,
        _: String,
        _: Source,
        _: u32,
        _: Wait,
    ) -> Result<Delivered, StorageError> {
        no_groups()
    }

    fn ack(_: Kind, _: Partition, _: String, _: Vec<String>) -> Result<u64, StorageError> {
        no_groups()
    }

    fn summarize_pending(_: Kind, _: Partition, _: String) -> Result<PendingSummary, StorageError> {
        no_groups()
    }

    fn list_groups(_: Kind, _: Partition) -> Result<Vec<GroupInfo>, StorageError> {
        no_groups()
    }

    fn list_consumers(_: Kind, _: Partition, _: String) -> Result<Vec<ConsumerInfo>, StorageError> {
        no_groups()
    }

    fn delete_group(_: Kind, _: Partition, _: String) -> Result<bool, StorageError> {
        no_groups()
    }

    fn delete_consumer(_: Kind, _: Partition, _: String, _: String) -> Result<u64, StorageError> {
        no_groups()
    }

    fn set_id(_: Kind, _: Partition, _: String, _: String) -> Result<(), StorageError> {
        no_groups()
    }

    fn quarantine(
        _: Kind,
        _: Partition,
        _: String,
        _: String,
        _: String,
    ) -> Result<(), StorageError> {
        no_groups()
    }
}

impl claims::Guest for Component {
    fn list_pending(
        _: Kind,
        _: Partition,
        _: String,
        _: PendingFilter,
    ) -> Result<Vec<PendingEntry>, StorageError> {
        no_groups()
    }

    fn claim(
        _: Kind,
        _: Partition,
        _: String,
        _: String,
        _: u64,
        _: Vec<String>,
    ) -> Result<Delivered, StorageError> {
        no_groups()
    }

    fn auto_claim(
        _: Kind,
        _: Partition,
        _: String,
        _: String,
        _: u64,
        _: String,
        _: u32,
    ) -> Result<AutoClaimed, StorageError> {
        no_groups()
    }
}
