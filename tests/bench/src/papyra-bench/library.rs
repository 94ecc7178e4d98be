//! What the library does with the same files, inside this process.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use papyra_engine::health::scan;
use papyra_persistence::journal::ScanOptions;
use papyra_persistence::store::{Durability, FileStore, RotatingStore, Store};
use papyra_persistence::{Engine, Journal};
use papyra_tests::native::NativeFile;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::contestant::{Contestant, Sample, Unit, median, timed};
use crate::files::{self, Files};
use crate::peers::{BATCH, BATCHES, SYNCED_BATCHES, fresh, prepared};

/// Tasks that append at the same time, as in a running system.
const APPENDERS: usize = 4;

pub(crate) fn contestants(files: &Files) -> Result<Vec<Contestant>> {
    let runtime = Arc::new(Runtime::new()?);
    let engine = Engine::new()?;
    Ok(vec![
        sandboxed(&runtime, &engine, &files.journal),
        native(&files.journal),
        append("append, never", files, &runtime, &engine, (BATCHES, Durability::Never), one_file),
        append(
            "append, always",
            files,
            &runtime,
            &engine,
            (SYNCED_BATCHES, Durability::Always),
            one_file,
        ),
        append(
            "append, rotating",
            files,
            &runtime,
            &engine,
            (BATCHES, Durability::Never),
            rotating,
        ),
        pause("rotation, never", files, &runtime, Durability::Never),
        pause("rotation, always", files, &runtime, Durability::Always),
    ])
}

fn sandboxed(runtime: &Arc<Runtime>, engine: &Engine, path: &Path) -> Contestant {
    let journal = Journal::new(engine, FileStore::open(path)).with_jobs(1);
    let runtime = Arc::clone(runtime);
    Contestant::new("engine, one instance", Unit::BytesPerSecond, move || {
        timed(|| {
            let options = ScanOptions { max_findings: 10, sample: None };
            let report = runtime.block_on(journal.scan(options))?;
            ensure!(report.damaged == 0, "the generated journal is sound");
            Ok(report.bytes)
        })
    })
}

fn native(path: &Path) -> Contestant {
    let path = path.to_owned();
    Contestant::new("engine, native", Unit::BytesPerSecond, move || {
        timed(|| {
            let options = scan::ScanOptions { max_findings: 10, sample: None };
            let report = scan::scan(&mut NativeFile::open(&path)?, options)
                .map_err(|failure| anyhow::anyhow!(failure.message))?;
            ensure!(report.is_healthy(), "the generated journal is sound");
            Ok(report.bytes)
        })
    })
}

fn append(
    name: &'static str,
    files: &Files,
    runtime: &Arc<Runtime>,
    engine: &Engine,
    (batches, durability): (usize, Durability),
    store: fn(&Path, Durability) -> Arc<dyn Store>,
) -> Contestant {
    let path = files.scratch("append-engine");
    let (runtime, engine) = (Arc::clone(runtime), engine.clone());
    Contestant::new(name, Unit::RecordsPerSecond, move || {
        let batches: Vec<String> =
            prepared(batches).into_iter().map(String::from_utf8).collect::<Result<_, _>>()?;
        clear_sealed(&path)?;
        drop(fresh(&path)?);
        let journal = Journal::with_store(&engine, store(&path, durability));
        let batches: Arc<[String]> = batches.into();
        // Writers' instances are made with the first batches of a process's life.
        runtime.block_on(append_all(&journal, &batches, 2 * APPENDERS))?;
        fs::OpenOptions::new().write(true).open(&path)?.set_len(0)?;
        timed(|| {
            runtime.block_on(append_all(&journal, &batches, batches.len()))?;
            Ok((batches.len() * BATCH) as u64)
        })
    })
}

/// By tasks that do not wait for each other.
async fn append_all(journal: &Journal, batches: &Arc<[String]>, count: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for task in 0..APPENDERS {
        let (journal, batches) = (journal.clone(), Arc::clone(batches));
        tasks.spawn(async move {
            for batch in batches.iter().take(count).skip(task).step_by(APPENDERS) {
                journal.append_lines(batch).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn one_file(path: &Path, durability: Durability) -> Arc<dyn Store> {
    Arc::new(FileStore::builder(path).durability(durability).build())
}

/// As many files of 50 MB as hold all that is appended and no more, so that the oldest is dropped.
fn rotating(path: &Path, durability: Durability) -> Arc<dyn Store> {
    Arc::new(RotatingStore::builder(path).durability(durability).max_files(3).build())
}

fn clear_sealed(path: &Path) -> Result<()> {
    (1..5).try_for_each(|number| files::remove(&path.with_added_extension(number.to_string())))
}

/// By how much the slowest append that rotates takes longer than the usual one, with full-sized files
/// being sealed and dropped.
fn pause(
    name: &'static str,
    files: &Files,
    runtime: &Arc<Runtime>,
    durability: Durability,
) -> Contestant {
    let path = files.scratch("rotation");
    let runtime = Arc::clone(runtime);
    Contestant::new(name, Unit::Time, move || {
        let batches: Vec<String> =
            prepared(40).into_iter().map(String::from_utf8).collect::<Result<_, _>>()?;
        clear_sealed(&path)?;
        drop(fresh(&path)?);
        let store = rotating(&path, durability);
        let (mut longest, mut usual) = (Duration::ZERO, Vec::new());
        // 300 MB: five rotations, three of which drop a file.
        for batch in batches.iter().cycle().take(500) {
            let before = fs::metadata(&path)?.ino();
            let batch = batch.clone();
            let start = Instant::now();
            runtime.block_on(store.append(batch, &[]))?;
            let time = start.elapsed();
            if fs::metadata(&path)?.ino() == before {
                usual.push(time.as_secs_f64());
            } else {
                longest = longest.max(time);
            }
        }
        ensure!(!longest.is_zero(), "nothing has rotated");
        let time = longest.saturating_sub(Duration::from_secs_f64(median(usual)));
        clear_sealed(&path)?;
        files::remove(&path)?;
        Ok(Sample { time, amount: 1 })
    })
}
