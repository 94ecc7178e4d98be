//! How much of a batch is in the journal after an append that has failed.

use crate::error::Error;

/// How much of a batch is in the journal after an append that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing.
    None,
    /// All of it.
    All,
    /// Its beginning.
    Some,
    /// Nobody can tell.
    Unknown,
}

/// Why nothing is acknowledged.
#[derive(Debug)]
pub struct Failed {
    /// What has failed.
    pub error: Error,
    /// How many bytes of the batches, from the first on, are in the journal; `None` if nobody can tell.
    pub left: Option<u64>,
}

impl Failed {
    /// How much of a batch is in the journal, before which there are so many bytes of the batches that were
    /// appended together.
    pub fn written(&self, lines: &str, before: u64) -> Written {
        let Some(left) = self.left else { return Written::Unknown };
        let bytes = usize::try_from(left.saturating_sub(before)).unwrap_or(usize::MAX);
        match lines.as_bytes().get(..bytes) {
            Some([]) => Written::None,
            Some(part) if part.len() < lines.len() => Written::Some,
            _ => Written::All,
        }
    }
}

impl From<Error> for Failed {
    /// Before anything was written.
    fn from(error: Error) -> Self {
        Self { error, left: Some(0) }
    }
}
