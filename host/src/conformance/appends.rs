//! Checks of `Store::append`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;

use super::model::{
    append, append_kinds, ensure, entries, events, flaw, lines, members, not_applicable, same,
};
use super::{Fixture, Stop, Test, test};
use crate::store::Kind;

pub const TESTS: &[Test] = &[
    test("append-visible", "What an append has written is there when it returns.", |f| {
        Box::pin(visible(f))
    }),
    test("append-order", "Lines come back in the order of appends.", |f| Box::pin(order(f))),
    test("append-exact", "Lines come back byte for byte.", |f| Box::pin(exact(f))),
    test(
        "append-kinds",
        "The runs say of which kind each line is, and lines of a kind keep their order.",
        |f| Box::pin(kinds(f)),
    ),
    test("append-empty", "An empty batch changes nothing.", |f| Box::pin(empty(f))),
    test("append-large", "Large batches and long lines come back whole.", |f| Box::pin(large(f))),
    test("append-concurrent", "Concurrent batches are all written, and do not interleave.", |f| {
        Box::pin(concurrent(f))
    }),
    test(
        "append-durable",
        "When an append returns, another process finds what it has written.",
        |f| Box::pin(durable(f)),
    ),
    test(
        "append-cancelled",
        "An append that is dropped writes the whole batch or nothing, and is in nobody's way.",
        |f| Box::pin(cancelled(f)),
    ),
];

async fn visible(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..20);
    for (batch, end) in all.chunks(4).zip((4..).step_by(4)) {
        append(&*store, batch).await?;
        let found = lines(&*store).await?.len();
        ensure(found == end, || format!("{found} lines of {end} are there"))?;
    }
    Ok(())
}

async fn order(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..40);
    for batch in all.chunks(7) {
        append(&*store, batch).await?;
    }
    same("after 6 batches", &lines(&*store).await?, &all)
}

/// The store never looks into lines, so these need not be records.
async fn exact(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let line = r#"{"kind": "event", "timestamp": 1700000000"#;
    let ends = ["}", "}", "} ", "}\t", "}\r", r#", "x": "ü€𝄞"}"#, r#", "x": "\\n\u0000"}"#, "}"];
    let all: Vec<String> = ends.iter().map(|end| format!("{line}{end}")).collect();
    append(&*store, &all).await?;
    for one in &all {
        append(&*store, std::slice::from_ref(one)).await?;
    }
    same("unusual lines", &lines(&*store).await?, &[all.clone(), all].concat())
}

async fn kinds(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let mut written = Vec::new();
    for round in 0..3 {
        written.extend(append_kinds(&*store, round).await?);
    }
    let snapshot = store.snapshot().await?;
    for kind in Kind::ALL {
        let mut found = Vec::new();
        for segment in members(&*snapshot) {
            if segment.kind.is_some_and(|of| of != kind) {
                continue;
            }
            for entry in entries(&*store, &*snapshot, &segment, 1 << 16).await? {
                found.push(String::from_utf8_lossy(&entry.bytes).into_owned());
            }
            if segment.kind.is_none() {
                found.retain(|line| line.contains(&format!(r#""kind": "{kind}""#)));
            }
        }
        let expected = written.iter().filter(|(of, _)| *of == kind);
        let expected: Vec<String> = expected.map(|(_, line)| line.clone()).collect();
        same(kind.name(), &found, &expected)?;
    }
    Ok(())
}

async fn empty(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..3);
    append(&*store, &all).await?;
    store.append(String::new(), &[]).await?;
    same("after an empty batch", &lines(&*store).await?, &all)
}

async fn large(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let mut all = events(0..30_000);
    append(&*store, &all).await?;
    let filler = "z".repeat(1_500_000);
    let long = format!(r#"{{"kind": "event", "timestamp": 1700000000, "x": "{filler}"}}"#);
    append(&*store, std::slice::from_ref(&long)).await?;
    all.push(long);
    let found = lines(&*store).await?;
    let differs = found.iter().zip(&all).position(|(found, expected)| found != expected);
    ensure(found.len() == all.len() && differs.is_none(), || {
        format!("{} lines of {}, of which {differs:?} is different", found.len(), all.len())
    })
}

async fn durable(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..9);
    for (batch, end) in all.chunks(3).zip((3..).step_by(3)) {
        append(&*store, batch).await?;
        let Some(other) = fixture.reopen().await else {
            return not_applicable("the fixture cannot open the store a second time");
        };
        let expected = all.get(..end).unwrap_or_default();
        same("another process", &lines(&*other).await?, expected)?;
    }
    Ok(())
}

/// How long a batch may take after one that was dropped.
const SOON: Duration = Duration::from_secs(5);

async fn cancelled(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let mut batches = Vec::new();
    for round in 0..4 {
        let dropped = events(round * 100..round * 100 + 4);
        // It is dropped after this many steps, unless it is done.
        let mut steps = round;
        let mut doing = Box::pin(append(&*store, &dropped));
        std::future::poll_fn(|context| {
            let over = doing.as_mut().poll(context).is_ready() || steps == 0;
            steps = steps.saturating_sub(1);
            context.waker().wake_by_ref();
            if over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        drop(doing);
        let next = events(round * 100 + 50..round * 100 + 52);
        match tokio::time::timeout(SOON, append(&*store, &next)).await {
            Ok(done) => done?,
            Err(_) => return flaw(format!("the next append did not end within {SOON:?}")),
        }
        batches.push((dropped, false));
        batches.push((next, true));
    }
    let found = lines(&*store).await?;
    let mut rest = found.as_slice();
    while !rest.is_empty() {
        let next = batches.iter().position(|(batch, _)| rest.starts_with(batch));
        let Some(next) = next else {
            return flaw(format!("a batch is torn apart at {:?}", rest.first()));
        };
        let (batch, _) = batches.remove(next);
        rest = rest.get(batch.len()..).unwrap_or_default();
    }
    let lost = batches.iter().any(|(_, kept)| *kept);
    ensure(!lost, || "a batch after one that was dropped is missing".to_owned())
}

async fn concurrent(fixture: &dyn Fixture) -> Result<(), Stop> {
    const WRITERS: u32 = 8;
    const BATCHES: u32 = 12;
    const LINES: u32 = 5;
    let store = fixture.store();
    // Without it, one may be done before the next one begins.
    let start = Arc::new(Barrier::new(WRITERS as usize));
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let (store, start) = (Arc::clone(&store), Arc::clone(&start));
        tasks.push(tokio::spawn(async move {
            let mut result = Ok::<(), Stop>(());
            for batch in 0..BATCHES {
                start.wait().await;
                let first = (writer * BATCHES + batch) * LINES;
                let done = append(&*store, &events(first..first + LINES)).await;
                result = result.and(done);
            }
            result
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
