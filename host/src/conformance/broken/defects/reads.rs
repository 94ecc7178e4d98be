//! Stores that read wrongly, forward and backward.

use super::super::wrapper::{Asked, go};
use super::{Case, On, case};
use crate::store::{Chunk, Payload, Position, StoreError, StoreErrorKind};

pub fn bytes(chunk: &Chunk) -> Vec<u8> {
    match &chunk.data {
        Payload::Text(text) => text.clone().into_bytes(),
        Payload::Raw(bytes) => bytes.clone(),
    }
}

pub fn with(mut chunk: Chunk, bytes: Vec<u8>) -> Chunk {
    chunk.data = Payload::Raw(bytes);
    chunk
}

pub fn empty(start: Position, last: bool) -> Chunk {
    Chunk { start, data: Payload::Raw(Vec::new()), frames: Vec::new(), last }
}

impl Asked<'_> {
    pub async fn read(self) -> Result<Chunk, StoreError> {
        self.view.read(self.segment, self.at, self.max).await
    }

    pub async fn read_back(self) -> Result<Chunk, StoreError> {
        self.view.read_back(self.segment, self.at, self.max).await
    }

    fn known(self) -> bool {
        self.view.segments().iter().any(|segment| segment.name == self.segment)
    }

    fn end(self) -> Position {
        let found = self.view.segments().iter().find(|segment| segment.name == self.segment);
        found.map_or(self.at, |segment| segment.end)
    }

    fn outside(self) -> bool {
        (self.at.major, self.at.minor) > (self.end().major, self.end().minor)
    }
}

pub const CASES: &[Case] = &[
    case("read-segment", On::Lines, "an unknown segment is empty", |d| {
        d.read =
            |asked| {
                go(async move {
                    if asked.known() { asked.read().await } else { Ok(empty(asked.at, true)) }
                })
            };
    }),
    case("read-segment", On::Streams, "an unknown segment is a failure", |d| {
        d.read_back = |asked| {
            go(async move {
                let failed = |_| StoreError::new(StoreErrorKind::Failed, "no such key");
                asked.read_back().await.map_err(failed)
            })
        };
    }),
    case("read-segment", On::Parts, "an unknown segment is the active one", |d| {
        d.read = |asked| {
            go(async move {
                let name = asked.view.segments()[0].name.clone();
                if asked.known() {
                    return asked.read().await;
                }
                asked.view.read(&name, asked.at, asked.max).await
            })
        };
    }),
    case("read-positions", On::Lines, "reading behind the end fails", |d| {
        d.read = |asked| {
            go(async move {
                if asked.outside() {
                    return Err(StoreError::new(StoreErrorKind::Failed, "behind the end"));
                }
                asked.read().await
            })
        };
    }),
    case("read-positions", On::Lines, "a position with a major number is taken as 0", |d| {
        d.read = |mut asked| {
            if asked.at.major > 0 {
                asked.at = Position { major: 0, minor: 0 };
            }
            go(asked.read())
        };
    }),
    case("read-positions", On::Streams, "reading back from behind the end fails", |d| {
        d.read_back = |asked| {
            go(async move {
                if asked.outside() {
                    return Err(StoreError::new(StoreErrorKind::Failed, "behind the end"));
                }
                asked.read_back().await
            })
        };
    }),
    case("read-start", On::Lines, "a chunk says that it starts at 0", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.start.minor = 0;
                Ok(chunk)
            })
        };
    }),
    case("read-start", On::Streams, "a chunk starts after its first entry", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.start.minor += 1;
                Ok(chunk)
            })
        };
    }),
    case("read-whole", On::Lines, "a byte is missing after every border", |d| {
        d.read = |asked| {
            go(async move {
                let chunk = asked.read().await?;
                let mut all = bytes(&chunk);
                if asked.at.minor > 0 && all.len() > 1 {
                    all.remove(0);
                    all.push(b'x');
                }
                Ok(with(chunk, all))
            })
        };
    }),
    case("read-whole", On::Lines, "the byte before a border comes again", |d| {
        d.read = |mut asked| {
            go(async move {
                let start = asked.at;
                asked.at.minor = start.minor.saturating_sub(1);
                let mut chunk = asked.read().await?;
                chunk.start = start;
                Ok(chunk)
            })
        };
    }),
    case("read-whole", On::Streams, "an entry is missing after every border", |d| {
        d.read = |mut asked| {
            go(async move {
                let first = asked.view.segments().iter().find(|one| one.name == asked.segment);
                if first.is_some_and(|segment| segment.start != asked.at) && asked.max < 1_000 {
                    asked.at.minor += 1;
                }
                asked.read().await
            })
        };
    }),
    case("read-progress", On::Lines, "reading less than 4 bytes gives none", |d| {
        d.read = |asked| {
            go(async move {
                if asked.known() && asked.max < 4 {
                    return Ok(empty(asked.at, asked.at == asked.end()));
                }
                asked.read().await
            })
        };
    }),
    case("read-progress", On::Streams, "the end is never the last chunk", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.last = false;
                Ok(chunk)
            })
        };
    }),
    case("read-last", On::Lines, "a short read is taken for the end", |d| {
        d.read = |mut asked| {
            asked.max = asked.max.min(100);
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.last |= bytes(&chunk).len() >= 100;
                Ok(chunk)
            })
        };
    }),
    case("read-last", On::Streams, "every chunk is the last", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.last = true;
                Ok(chunk)
            })
        };
    }),
    case("read-size", On::Lines, "the size that was asked for does not matter", |d| {
        d.read = |mut asked| {
            asked.max = u32::MAX;
            go(asked.read())
        };
    }),
    case("read-size", On::Streams, "reading back returns all there is", |d| {
        d.read_back = |mut asked| {
            asked.max = u32::MAX;
            go(asked.read_back())
        };
    }),
    case("read-back-whole", On::Lines, "reading back skips a byte at every border", |d| {
        d.read_back = |mut asked| {
            go(async move {
                if asked.at != asked.end() && asked.at.minor > 1 && asked.max < 1_000 {
                    asked.at.minor -= 1;
                }
                asked.read_back().await
            })
        };
    }),
    case("read-back-whole", On::Lines, "reading back repeats a byte at every border", |d| {
        d.read_back = |mut asked| {
            go(async move {
                if asked.at != asked.end() && asked.at.major == 0 && asked.at.minor > 0 {
                    asked.at.minor += 1;
                    asked.max = asked.max.saturating_add(1);
                }
                asked.read_back().await
            })
        };
    }),
    case("read-back-whole", On::Streams, "reading back skips an entry at every border", |d| {
        d.read_back = |mut asked| {
            go(async move {
                if asked.at != asked.end() && asked.max < 1_000 {
                    asked.at.minor = asked.at.minor.saturating_sub(1);
                }
                asked.read_back().await
            })
        };
    }),
    case("read-back-whole", On::Streams, "reading back begins at the oldest entry", |d| {
        d.read_back = |asked| {
            go(async move {
                let mut chunk = asked.read_back().await?;
                if !chunk.frames.is_empty() && !chunk.last {
                    let first = asked.view.segments().iter().find(|one| one.name == asked.segment);
                    let start = first.map_or(asked.at, |segment| segment.start);
                    chunk = asked.view.read(asked.segment, start, asked.max).await?;
                }
                Ok(chunk)
            })
        };
    }),
    case("read-back-last", On::Lines, "reading back ends after one chunk", |d| {
        d.read_back = |asked| {
            go(async move {
                let mut chunk = asked.read_back().await?;
                chunk.last = true;
                Ok(chunk)
            })
        };
    }),
    case("read-back-last", On::Streams, "reading back ends before the first entry", |d| {
        d.read_back = |asked| {
            go(async move {
                let mut chunk = asked.read_back().await?;
                let first = asked.view.segments().iter().find(|one| one.name == asked.segment);
                let next = first.map(|segment| segment.start.minor + 1);
                chunk.last |= Some(chunk.start.minor) == next && !chunk.frames.is_empty();
                Ok(chunk)
            })
        };
    }),
];
