//! What a journal is up to a place, in a few words that can be kept elsewhere.

use std::fmt;
use std::str::FromStr;

use super::Digest;
use crate::host::Position;

/// A place in each segment, oldest first, and the chain value up to it. As text `LENGTH:HASH`; of several segments
/// joined by `+`. In a store that frames entries a place is `MAJOR-MINOR`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head(pub Vec<(Position, Digest)>);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (Position { major, minor }, digest)) in self.0.iter().enumerate() {
            let joined = if index == 0 { "" } else { "+" };
            match major {
                0 => write!(f, "{joined}{minor}:{digest}")?,
                _ => write!(f, "{joined}{major}-{minor}:{digest}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let one = |text: &str| {
            let (place, digest) = text.split_once(':').ok_or("a head is LENGTH:HASH")?;
            let (major, minor) = place.split_once('-').unwrap_or(("0", place));
            let number = |text: &str| text.parse().map_err(|_| "the length of a head is a number");
            Ok((Position { major: number(major)?, minor: number(minor)? }, digest.parse()?))
        };
        text.split('+').map(one).collect::<Result<_, _>>().map(Self)
    }
}
