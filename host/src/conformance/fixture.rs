//! What the suite asks of the maker of a store.

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::Store;

/// One empty store, with operations that only its maker can offer. Every one of them has a default that
/// says "not possible"; what needs it is then listed as not applicable.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The store. Always the same one.
    fn store(&self) -> Arc<dyn Store>;

    /// Puts raw bytes at the end of the store, past its interface, as a crash or another program
    /// might. Returns false if that is not possible; the checks that need it then do not apply.
    async fn inject(&self, bytes: &[u8]) -> bool {
        let _ = bytes;
        false
    }

    /// Returns true if a snapshot still returns entries that a rewrite has removed. A backend that removes
    /// entries in place cannot do that.
    fn snapshots_outlive_rewrites(&self) -> bool {
        true
    }

    /// Returns true if entries that are appended while a rewrite is committed are kept. A store without
    /// locks cannot do that, and must document that only one process may write.
    fn appends_outlive_commits(&self) -> bool {
        true
    }

    /// Returns the bytes that a rewrite has quarantined under these names, put together; `None` if they
    /// cannot be read here. In a store that frames entries, a line end follows each of them.
    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        let _ = names;
        None
    }

    /// Lists files and keys beside the store that do not belong to it, such as temporaries and quarantine;
    /// `None` if they cannot be listed.
    async fn debris(&self) -> Option<Vec<String>> {
        None
    }

    /// Opens the same place afresh, as another process finds it, or as the next one does after a crash at
    /// this moment: a fixture that can lose what is not durable loses it here, and only in the store that
    /// it returns. `None` if the place cannot be opened a second time.
    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// Makes the next append fail, as a full disk or a lost connection does, and the ones after it work
    /// again. Returns false if that is not possible; the checks that need it then do not apply.
    async fn fail_next_append(&self) -> bool {
        false
    }
}
