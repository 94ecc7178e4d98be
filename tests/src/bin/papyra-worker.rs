//! A process for the crash tests to kill: it appends, recovers or compacts through the library, and
//! says on standard output what has been acknowledged.
//!
//! ```text
//! papyra-worker append  STORE FIRST COUNT BATCH SYNC    SYNC: always, never, or milliseconds
//! papyra-worker recover STORE EVIDENCE_DIR ROUNDS
//! papyra-worker compact STORE MAX_RECORDS ROUNDS
//! ```
//!
//! STORE is the path of a file, or a URL with parameters already, such as `rotating:a?max_files=3`.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use papyra::journal::{
    CompactOptions, FailureCode, JournalError, Limits, RecoverOptions, RecoveryMode, Retention,
};
use papyra::store::{Registry, Store};
use papyra::{Engine, Journal};
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
        ["recover", store, evidence, rounds] => {
            let journal = Journal::with_store(&engine, open(store, "evidence", evidence)?);
            let options =
                RecoverOptions { mode: RecoveryMode::Quarantine, dry_run: false, max_findings: 10 };
            repeat(rounds, async || journal.recover(options).await.map(|done| done.changed)).await
        }
        ["compact", store, max_records, rounds] => {
            let limits = Limits { max_records: Some(max_records.parse()?), ..Limits::default() };
            let policy = Retention { journal: limits, ..Retention::default() };
            let store = open(store, "create", "false")?;
            let journal = Journal::with_store(&engine, store).with_retention(policy);
            let options =
                CompactOptions { dry_run: false, force: false, keep_evidence: false, as_of: None };
            repeat(rounds, async || journal.compact(options).await.map(|done| done.changed)).await
        }
        _ => bail!("usage: papyra-worker append|recover|compact STORE …"),
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
