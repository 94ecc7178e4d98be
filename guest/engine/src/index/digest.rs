//! Hashes that an adversary cannot match: BLAKE3 of the stored bytes of each block, and a chain over them.
//!
//! The chain value of a block covers everything before it in its segment. It does not depend on how blocks are
//! joined, or on what is appended later.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Outcome;
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::walk::{self, Entry};

/// Entries are copied together up to so many bytes: BLAKE3 hashes four kilobytes at once, but not twice two.
const TOGETHER: usize = 64 << 10;

/// A BLAKE3 hash. As text 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "&str", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The chain value before the first block.
    pub const BEGINNING: Self = Self([0; 32]);

    /// The chain value after a block.
    #[must_use]
    pub fn followed_by(self, block: Self) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&block.0);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        blake3::Hash::from_bytes(digest.0).to_hex().as_str().to_owned()
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| "a hash has 64 hexadecimal digits")
    }
}

impl TryFrom<&str> for Digest {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Hashes the entries of one block after the other.
#[derive(Debug, Default)]
pub struct Digester {
    hasher: blake3::Hasher,
    together: Vec<u8>,
}

impl Digester {
    /// Adds the next entry, as it is stored.
    ///
    /// # Errors
    ///
    /// Those of reading: of an oversized entry only the beginning is in memory.
    pub fn add<H: Host>(
        &mut self,
        host: &mut H,
        segment: &Segment,
        framing: Framing,
        entry: &Entry<'_>,
    ) -> Outcome<()> {
        if framing == Framing::Entries {
            // Where one ends and the next one begins is not in their bytes.
            let Position { major, minor } = entry.start;
            [major, minor, entry.length].iter().for_each(|word| self.put(&word.to_le_bytes()));
            self.put(entry.bytes);
            return Ok(());
        }
        self.put(entry.bytes);
        let start = entry.start.plus(entry.bytes.len() as u64);
        let end = entry.start.plus(entry.length);
        self.add_bytes(host, segment, Range { start, end })?;
        if entry.terminated {
            self.put(b"\n");
        }
        Ok(())
    }

    /// Adds a range of a segment of lines.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn add_bytes<H: Host>(
        &mut self,
        host: &mut H,
        segment: &Segment,
        range: Range,
    ) -> Outcome<()> {
        let mut at = range.start;
        while at < range.end {
            let bytes = walk::read_piece(host, segment, at, range.end, walk::CHUNK as usize)?;
            self.put(&bytes);
            at = at.plus(bytes.len() as u64);
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.together.len() + bytes.len() > TOGETHER {
            self.flush();
        }
        match bytes.len() > TOGETHER {
            true => drop(self.hasher.update(bytes)),
            false => self.together.extend_from_slice(bytes),
        }
    }

    fn flush(&mut self) {
        self.hasher.update(&self.together);
        self.together.clear();
    }

    /// The hash of the block that ends here.
    pub fn finish(&mut self) -> Digest {
        self.flush();
        let digest = Digest(self.hasher.finalize().into());
        self.hasher.reset();
        digest
    }
}
