//! Checks of `Store::append`.

use std::sync::Arc;

use super::model::{append, ensure, events, flaw, lines, same, snapshot_lines};
use super::{Fixture, Stop};
use crate::store::{Kind, Run};

pub async fn order(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..40);
    for batch in all.chunks(7) {
        append(&*store, batch).await?;
    }
    same("after 6 batches", &lines(&*store).await?, &all)
}

pub async fn kinds(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let kinds = [Kind::Audit, Kind::Event, Kind::DeadLetter, Kind::Metric];
    let mut written = Vec::new();
    for round in 0..3 {
        let mut batch = String::new();
        let mut runs = Vec::new();
        for kind in kinds {
            for n in 0..2 {
                let line =
                    format!(r#"{{"kind": "{kind}", "timestamp": 1700000000, "n": {round}{n}}}"#);
                batch.push_str(&line);
                batch.push('\n');
                written.push((kind, line));
            }
            runs.push(Run { kind, lines: 2 });
        }
        store.append(batch, &runs).await?;
    }
    let found = lines(&*store).await?;
    ensure(found.len() == written.len(), || format!("{} entries of 24", found.len()))?;
    for kind in kinds {
        let of_kind = |line: &&String| line.contains(&format!(r#""kind": "{kind}""#));
        let found: Vec<String> = found.iter().filter(of_kind).cloned().collect();
        let expected = written.iter().filter(|(of, _)| *of == kind);
        let expected: Vec<String> = expected.map(|(_, line)| line.clone()).collect();
        same(kind.name(), &found, &expected)?;
    }
    Ok(())
}

pub async fn empty(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..3);
    append(&*store, &all).await?;
    store.append(String::new(), &[]).await?;
    same("after an empty batch", &lines(&*store).await?, &all)
}

pub async fn large(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..30_000);
    append(&*store, &all).await?;
    same("after 30,000 lines at once", &lines(&*store).await?, &all)
}

pub async fn stable(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..20);
    append(&*store, &all[..10]).await?;
    let snapshot = store.snapshot().await?;
    append(&*store, &all[10..]).await?;
    let old = snapshot_lines(&*store, &*snapshot).await?;
    same("the snapshot", &old, &all[..10])?;
    same("the store", &lines(&*store).await?, &all)
}

pub async fn concurrent(fixture: &dyn Fixture) -> Result<(), Stop> {
    const WRITERS: u32 = 8;
    const BATCHES: u32 = 12;
    const LINES: u32 = 5;
    let store = fixture.store();
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            for batch in 0..BATCHES {
                let first = (writer * BATCHES + batch) * LINES;
                append(&*store, &events(first..first + LINES)).await?;
            }
            Ok::<(), Stop>(())
        }));
    }
    for task in tasks {
        match task.await {
            Ok(result) => result?,
            Err(error) => return flaw(format!("an append has panicked: {error}")),
        }
    }
    let found = lines(&*store).await?;
    let batches: Vec<&[String]> = found.chunks(LINES as usize).collect();
    ensure(batches.len() == (WRITERS * BATCHES) as usize, || {
        format!("{} lines instead of {}", found.len(), WRITERS * BATCHES * LINES)
    })?;
    let mut next = vec![0; WRITERS as usize];
    for batch in batches {
        let writer = (0..WRITERS).find(|writer| {
            let first = (writer * BATCHES + next[*writer as usize]) * LINES;
            next[*writer as usize] < BATCHES && batch == events(first..first + LINES)
        });
        match writer {
            Some(writer) => next[writer as usize] += 1,
            None => return flaw(format!("a batch is torn apart or out of order: {batch:?}")),
        }
    }
    Ok(())
}
