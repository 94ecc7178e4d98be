//! A process for the crash tests to kill: it appends, recovers or compacts through the library, and
//! says on standard output what has been acknowledged.
//!
//! ```text
//! papyra-worker append  STORE FIRST COUNT BATCH SYNC    SYNC: always, never, or milliseconds
//! papyra-worker recover STORE QUARANTINE_DIR ROUNDS
//! papyra-worker compact STORE MAX_RECORDS ROUNDS
//! papyra-worker record  STORE COUNT BATCH               flushes after each batch
//! papyra-worker consume STORE GROUP NAME MAX_DELIVERIES BATCH
//! ```
//!
//! A consumer dies of a record with the word `poison`. It ends when it has been given nothing for a
//! while.
//!
//! STORE is the path of a file, or a URL with parameters already, such as `rotating:a?max_files=3`.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use papyra_persistence::consumer::{Batch, Consumer, Wait};
use papyra_persistence::journal::{
    CompactOptions, FailureCode, JournalError, Limits, RecoverOptions, RecoveryMode, Retention,
};
use papyra_persistence::store::{Registry, Store};
use papyra_persistence::{Engine, Journal, Kind, Recorder};
use papyra_tests::numbered;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let engine = Engine::new()?;
    match args[..] {
        ["append", store, first, count, batch, sync] => {
            let sync = match sync.parse::<u64>() {
                Ok(millis) => format!("interval:{millis}ms"),
                Err(_) => sync.to_owned(),
            };
            let journal = Journal::with_store(&engine, open(store, "sync", &sync)?);
            append(&journal, first.parse()?, count.parse()?, batch.parse()?).await
        }
        ["recover", store, quarantine, rounds] => {
            let journal = Journal::with_store(&engine, open(store, "quarantine_dir", quarantine)?);
            let options = RecoverOptions {
                mode: RecoveryMode::Quarantine,
                max_findings: 10,
                record_audit: false,
                ..RecoverOptions::default()
            };
            repeat(rounds, async || journal.recover(options).await.map(|done| done.changed)).await
        }
        ["compact", store, max_records, rounds] => {
            let limits = Limits { max_records: Some(max_records.parse()?), ..Limits::default() };
            let policy = Retention { journal: limits, ..Retention::default() };
            let store = open(store, "create", "false")?;
            let journal = Journal::with_store(&engine, store).with_retention(policy);
            let options = CompactOptions { record_audit: false, ..CompactOptions::default() };
            repeat(rounds, async || journal.compact(options).await.map(|done| done.changed)).await
        }
        ["record", store, count, batch] => {
            let journal = Journal::with_store(&engine, open(store, "sync", "interval:200ms")?);
            record(&journal, count.parse()?, batch.parse()?).await
        }
        ["consume", store, group, name, max_deliveries, batch] => {
            let journal = Journal::with_store(&engine, Registry::standard().open(store)?);
            let consumer = journal.consumer(Kind::Event, group, name).count(batch.parse()?);
            let consumer = consumer.max_deliveries(max_deliveries.parse()?);
            consume(consumer.wait(Wait::For(Duration::from_millis(100))).build()).await
        }
        _ => bail!("usage: papyra-worker append|recover|compact|record|consume STORE …"),
    }
}

/// The store, with one parameter more.
fn open(store: &str, name: &str, value: &str) -> Result<Arc<dyn Store>> {
    let url = match store.contains('?') {
        true => format!("{store}&{name}={value}"),
        false => format!("file:{store}?{name}={value}"),
    };
    Ok(Registry::standard().open(&url)?)
}

/// Appends numbered records and says after each batch up to which number all are acknowledged.
async fn append(journal: &Journal, first: u64, count: u64, batch: u64) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut next = first;
    while next < first + count {
        let end = (next + batch).min(first + count);
        let lines: String = (next..end).map(numbered::line).collect();
        journal.append_lines(&lines).await.context("append")?;
        writeln!(out, "{end}")?;
        out.flush()?;
        next = end;
    }
    Ok(())
}

/// Records numbers from 0, and says after each flush up to which number all are acknowledged.
async fn record(journal: &Journal, count: u64, batch: u64) -> Result<()> {
    let recorder = Recorder::new(journal)?;
    let mut out = std::io::stdout().lock();
    for n in 0..count {
        recorder.record(Kind::Event, &serde_json::json!({ "n": n }));
        if (n + 1) % batch == 0 {
            let tally = recorder.flush().await;
            anyhow::ensure!(tally.dropped() == 0 && tally.written == n + 1, "{tally:?}");
            writeln!(out, "{}", n + 1)?;
            out.flush()?;
        }
    }
    Ok(())
}

/// What the others have left idle for so long is taken over.
const IDLE: Duration = Duration::from_millis(400);

/// So many times nothing is the end.
const PATIENCE: u32 = 8;

/// First what an earlier process of this name has left, then what comes, or what others leave.
async fn consume(mut consumer: Consumer) -> Result<()> {
    let mut last = None;
    loop {
        let batch = consumer.own_pending(last.as_deref()).await.context("own pending")?;
        if batch.last.is_none() {
            break;
        }
        last.clone_from(&batch.last);
        work_on(&mut consumer, &batch).await?;
    }
    let mut nothing = 0;
    while nothing < PATIENCE {
        let fresh = consumer.next().await.context("next")?;
        let left = consumer.claim_idle(IDLE, None).await.context("claim")?;
        nothing = if fresh.last.is_none() && left.last.is_none() { nothing + 1 } else { 0 };
        for batch in [fresh, left] {
            work_on(&mut consumer, &batch).await?;
        }
    }
    Ok(())
}

/// Says what it begins and what it has done, each before the next step.
async fn work_on(consumer: &mut Consumer, batch: &Batch) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for entry in &batch.entries {
        let number =
            entry.record.split_once("\"n\": ").and_then(|(_, rest)| rest.split([',', '}']).next());
        let number = number.context("a number")?;
        writeln!(out, "begun {number} {}.", entry.deliveries)?;
        out.flush()?;
        if entry.record.contains("poison") {
            std::process::abort();
        }
        writeln!(out, "done {number}.")?;
        out.flush()?;
        consumer.ack([&entry.id]).await.context("ack")?;
    }
    Ok(())
}

/// Repeats a maintenance operation; a store that is locked, or was replaced meanwhile, is tried again.
async fn repeat(
    rounds: &str,
    operation: impl AsyncFn() -> Result<bool, JournalError>,
) -> Result<()> {
    for round in 0..rounds.parse::<u64>()? {
        match operation().await {
            Ok(changed) => println!("{round} {changed}"),
            Err(error) if error.code() == Some(FailureCode::Locked) => {}
            Err(error) if error.code() == Some(FailureCode::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
