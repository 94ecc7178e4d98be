//! The key in which the engine's index lies, beside the streams.

use super::super::{MAX_INDEX, StoreError};
use super::link::Repeat;
use super::{RedisStore, reply, scripts};

impl RedisStore {
    /// The text that was saved last; none if that is missing or too long to be ours.
    pub(super) async fn read_index(&self) -> Result<String, StoreError> {
        let mut command = redis::cmd("GETRANGE");
        // Both ends are included: one byte too many tells that it is too long.
        command.arg(self.keys.index()).arg(0).arg(MAX_INDEX);
        let reply = self.link.call("read the index", Repeat::Yes, &command).await?;
        let text = reply::text(reply).filter(|text| text.len() <= MAX_INDEX);
        Ok(text.unwrap_or_default())
    }

    /// Replaces what was saved before. An empty text removes it.
    pub(super) async fn write_index(&self, text: &str) -> Result<(), StoreError> {
        if text.is_empty() {
            let mut gone = redis::cmd("UNLINK");
            gone.arg(self.keys.index());
            self.link.call("remove the index", Repeat::Yes, &gone).await?;
            return Ok(());
        }
        let mut call = scripts::save_index(self.keys.index());
        call.arg(text);
        // Saving the same twice is saving it once.
        self.link.call("keep an index", Repeat::Yes, &call).await?;
        // Nobody reads any more what versions before 0.2 kept; a user who may not remove it leaves it.
        let mut old = redis::cmd("UNLINK");
        old.arg(self.keys.checkpoint());
        let _ = self.link.call("remove the old index", Repeat::Yes, &old).await;
        Ok(())
    }
}
