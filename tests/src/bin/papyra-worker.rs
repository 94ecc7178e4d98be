//! A process for the crash tests to kill: it appends, recovers or compacts through the library, and
//! says on standard output what has been acknowledged.
//!
//! ```text
//! papyra-worker append  PATH FIRST COUNT BATCH SYNC    SYNC: always, never, or milliseconds
//! papyra-worker recover PATH EVIDENCE_DIR ROUNDS
//! papyra-worker compact PATH MAX_RECORDS ROUNDS
//! papyra-worker record  PATH COUNT BATCH             flushes after each batch
//! ```

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use papyra::journal::{
    CompactOptions, FailureCode, JournalError, Limits, RecoverOptions, RecoveryMode, Retention,
};
use papyra::store::{Durability, FileStore};
use papyra::{Engine, Journal, Kind, Recorder};
use papyra_tests::numbered;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let engine = Engine::new()?;
    match args[..] {
        ["append", path, first, count, batch, sync] => {
            let store = FileStore::builder(path).durability(durability(sync)?).build();
            let journal = Journal::new(&engine, store);
            append(&journal, first.parse()?, count.parse()?, batch.parse()?).await
        }
        ["recover", path, evidence, rounds] => {
            let store = FileStore::builder(path).evidence_dir(evidence).build();
            let journal = Journal::new(&engine, store);
            let options = RecoverOptions {
                mode: RecoveryMode::Quarantine,
                max_findings: 10,
                record_fact: false,
                ..RecoverOptions::default()
            };
            repeat(rounds, async || journal.recover(options).await.map(|done| done.changed)).await
        }
        ["compact", path, max_records, rounds] => {
            let limits = Limits { max_records: Some(max_records.parse()?), ..Limits::default() };
            let policy = Retention { journal: limits, ..Retention::default() };
            let journal = Journal::new(&engine, FileStore::open(path)).with_retention(policy);
            let options = CompactOptions { record_fact: false, ..CompactOptions::default() };
            repeat(rounds, async || journal.compact(options).await.map(|done| done.changed)).await
        }
        ["record", path, count, batch] => {
            let interval = Durability::Interval(Duration::from_millis(200));
            let store = FileStore::builder(path).durability(interval).build();
            record(&Journal::new(&engine, store), count.parse()?, batch.parse()?).await
        }
        _ => bail!("usage: papyra-worker append|recover|compact|record PATH …"),
    }
}

fn durability(sync: &str) -> Result<Durability> {
    Ok(match sync {
        "always" => Durability::Always,
        "never" => Durability::Never,
        millis => Durability::Interval(Duration::from_millis(millis.parse()?)),
    })
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
