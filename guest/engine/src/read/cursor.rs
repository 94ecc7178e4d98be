//! Where to go on reading, in a form that survives appends, rotation, recovery and compaction.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::host::Position;
use crate::read::landmarks::Landmarks;
use crate::retention::Retainer;

/// Everything a query needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    version: u32,
    /// Between what has been looked at and what has not.
    pub place: Option<Landmarks>,
    /// How many records may still be returned.
    pub left: Option<u64>,
    /// How far the walk back over visible records has come.
    pub retainer: Retainer,
    /// Between the hidden records of a kind and the visible ones, per kind, as long as it lies ahead.
    pub kind_boundaries: [Option<Landmarks>; 4],
    /// Segments side by side, oldest first: how far each has been looked at. One place for all would
    /// miss what arrives in one segment with a position that another has already passed, which in
    /// Redis is every entry of the same millisecond.
    pub abreast: Vec<(String, Position)>,
}

const VERSION: u32 = 4;

/// The maximum length of a cursor, in bytes. One for a file has some 30 KB at most, one for 256 streams 20 KB and
/// their names.
const LONGEST: usize = 1 << 20;

impl Cursor {
    pub fn new(retainer: Retainer, left: Option<u64>) -> Self {
        Self {
            version: VERSION,
            place: None,
            left,
            retainer,
            kind_boundaries: Default::default(),
            abreast: Vec::new(),
        }
    }

    /// # Errors
    ///
    /// `InvalidArgument` if the text is not a cursor of this version.
    pub fn parse(text: &str) -> Outcome<Self> {
        if text.len() > LONGEST {
            return Err(not_a_cursor());
        }
        let cursor: Self = serde_json::from_str(text).map_err(|_| not_a_cursor())?;
        if cursor.version != VERSION {
            return Err(not_a_cursor());
        }
        Ok(cursor)
    }

    pub fn write(&self) -> Outcome<String> {
        crate::walk::partition::write_result(self)
    }
}

fn not_a_cursor() -> Failure {
    Failure::argument("this is not a cursor of this engine version; start again without one")
}
