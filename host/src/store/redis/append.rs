//! Writing batches.

use redis::{Cmd, Pipeline, RedisError, Value};

use super::super::{Kind, Run, StoreError, StoreErrorKind, Written};
use super::RedisStore;
use super::failure::store_error;
use super::link::Repeat;
use super::{reply, scripts};

const DOING: &str = "append";

/// Consecutive lines of one kind, without their line ends.
struct Lines<'a> {
    kind: Kind,
    /// The number of the first in its batch.
    number: usize,
    lines: Vec<&'a str>,
}

impl RedisStore {
    /// Appends a batch. It is one transaction on one server. The kinds of a Cluster lie on different
    /// servers: each kind is one transaction, and if one fails, those before it are taken back.
    pub(super) async fn append_batch(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        let parts = split(&lines, runs)?;
        if !self.link.is_cluster() {
            return self.transaction(&parts).await.map(drop);
        }
        drop(parts);
        // A task of its own: an append that is dropped must not leave some kinds written and others not.
        let (store, runs) = (self.clone(), runs.to_vec());
        let task = tokio::spawn(async move { store.append_by_kind(&lines, &runs).await });
        task.await.unwrap_or_else(|cause| {
            Err(StoreError::new(StoreErrorKind::Failed, "the append was ended").caused_by(cause))
        })
    }

    async fn append_by_kind(&self, lines: &str, runs: &[Run]) -> Result<(), StoreError> {
        let parts = split(lines, runs)?;
        let mut written = Vec::new();
        for kind in Kind::ALL {
            let of_kind: Vec<_> = parts.iter().filter(|part| part.kind == kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            match self.transaction(of_kind).await {
                Ok(ids) => written.extend(ids),
                Err(error) => {
                    let gone = written.is_empty() || self.take_back(&written).await;
                    return Err(if gone { error } else { error.wrote(Written::Some) });
                }
            }
        }
        Ok(())
    }

    /// Returns what was written: kinds and ids.
    async fn transaction<'a>(
        &self,
        parts: impl IntoIterator<Item = &'a Lines<'a>>,
    ) -> Result<Vec<(Kind, Value)>, StoreError> {
        let mut commands = Pipeline::new();
        commands.atomic();
        let mut kinds = Vec::new();
        for part in parts {
            let (key, kind) = (self.keys.of(part.kind), part.kind.name());
            let mut lines = part.lines.iter();
            if let Some(line) = lines.next() {
                let mut first = scripts::first(key);
                first.arg(part.number).arg(kind).arg(*line);
                commands.add_command(first);
            }
            for line in lines {
                commands.add_command(add(key, kind, line));
            }
            kinds.extend(std::iter::repeat_n(part.kind, part.lines.len()));
        }
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let replies = self.link.append(DOING, &commands).await?;
        let replies = reply::array(replies).ok_or_else(|| reply::unexpected("XADD"))?;
        let mut written = Vec::with_capacity(replies.len());
        let mut failed = None;
        for (kind, reply) in kinds.into_iter().zip(replies) {
            match reply {
                Value::ServerError(error) => failed = Some(failed.unwrap_or(error)),
                id => written.push((kind, id)),
            }
        }
        match failed {
            None => {
                self.link.note_written();
                Ok(written)
            }
            // A transaction of Redis goes on after a command that fails, such as one on a key of the
            // wrong type beside good ones.
            Some(error) => {
                let gone = self.take_back(&written).await;
                let left = if gone { Written::None } else { Written::Some };
                Err(store_error(DOING, self.link.location(), RedisError::from(error)).wrote(left))
            }
        }
    }

    /// Removes what was written of a batch that failed. Returns whether all of it is gone.
    async fn take_back(&self, written: &[(Kind, Value)]) -> bool {
        let mut gone = true;
        for (kind, key) in self.keys.iter() {
            let mut command = redis::cmd("XDEL");
            command.arg(key);
            let ids = written.iter().filter(|(of, _)| *of == kind);
            let ids: Vec<_> = ids.filter_map(|(_, id)| reply::text(id.clone())).collect();
            if ids.is_empty() {
                continue;
            }
            command.arg(ids);
            if let Err(error) = self.link.call("take back a batch", Repeat::Yes, &command).await {
                tracing::warn!(%error, "part of a batch that failed remains");
                gone = false;
            }
        }
        gone
    }
}

/// With room for all of it at once.
fn add(key: &str, kind: &str, line: &str) -> Cmd {
    let words = ["XADD", key, "*", "kind", kind, "data", line];
    let mut command = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
    for word in words {
        command.arg(word);
    }
    command
}

/// Runs are guest-controlled: they must fit the lines.
fn split<'a>(lines: &'a str, runs: &[Run]) -> Result<Vec<Lines<'a>>, StoreError> {
    let nonsense = || {
        StoreError::new(
            StoreErrorKind::Failed,
            "the lines of the batch do not fit its kinds; nothing of it was written",
        )
        .wrote(Written::None)
    };
    let Some(body) = lines.strip_suffix('\n') else {
        return if lines.is_empty() && runs.iter().all(|run| run.lines == 0) {
            Ok(Vec::new())
        } else {
            Err(nonsense())
        };
    };
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', body.as_bytes()).chain([body.len()]);
    let mut rest = ends.filter_map(|end| body.get(std::mem::replace(&mut start, end + 1)..end));
    let mut number = 0;
    let mut parts = Vec::with_capacity(runs.len());
    for run in runs.iter().filter(|run| run.lines > 0) {
        let lines: Vec<&str> = rest.by_ref().take(run.lines as usize).collect();
        if lines.len() != run.lines as usize {
            return Err(nonsense());
        }
        let count = lines.len();
        parts.push(Lines { kind: run.kind, number, lines });
        number += count;
    }
    match rest.next() {
        None => Ok(parts),
        Some(_) => Err(nonsense()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_do_not_fit_the_lines_are_refused() {
        let run = |lines| Run { kind: Kind::Event, lines };
        assert_eq!(split("a\nb\n", &[run(1), run(0), run(1)]).unwrap().len(), 2);
        assert!(split("", &[]).unwrap().is_empty());
        for (lines, runs) in [
            ("a\nb\n", vec![run(1)]),
            ("a\n", vec![run(2)]),
            ("a", vec![run(1)]),
            ("", vec![run(1)]),
        ] {
            assert!(split(lines, &runs).is_err(), "{lines:?}");
        }
    }
}
