//! What others do with the same files.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use papyra_tests::generate::Generator;
use serde::de::IgnoredAny;

use crate::contestant::{Contestant, Unit, timed};
use crate::files::{self, Files};

/// As much as the engine asks its store for at once.
const READ: usize = 1 << 20;
/// Records in an appended batch.
pub(crate) const BATCH: usize = 1_000;
/// Batches in one measurement, with and without waiting for the disk.
pub(crate) const BATCHES: usize = 300;
pub(crate) const SYNCED_BATCHES: usize = 150;

pub(crate) fn contestants(files: &Files) -> Result<Vec<Contestant>> {
    let mut all = vec![
        parser("serde_json", &files.journal, |line| {
            serde_json::from_slice::<IgnoredAny>(line).map(drop).map_err(Into::into)
        }),
        parser("sonic-rs", &files.journal, |line| {
            sonic_rs::from_slice::<IgnoredAny>(line).map(drop).map_err(Into::into)
        }),
        jq(&files.sample)?,
        copy("cp", files, Then::Nothing),
        copy("cp and fsync", files, Then::Sync),
        copy("cp, fsync, rename", files, Then::Replace),
    ];
    all.push(append("write", files, BATCHES, false));
    all.push(append("write and fdatasync", files, SYNCED_BATCHES, true));
    Ok(all)
}

/// Parses each line, read in pieces of the same size as the engine reads.
fn parser(
    name: &'static str,
    journal: &Path,
    parse: impl Fn(&[u8]) -> Result<()> + 'static,
) -> Contestant {
    let journal = journal.to_owned();
    Contestant::new(name, Unit::BytesPerSecond, move || {
        timed(|| {
            let mut file = File::open(&journal)?;
            let mut buffer = vec![0; READ];
            let (mut filled, mut total) = (0, 0);
            loop {
                if filled == buffer.len() {
                    buffer.resize(buffer.len() * 2, 0);
                }
                let count = file.read(&mut buffer[filled..])?;
                if count == 0 {
                    ensure!(filled == 0, "the journal is torn");
                    return Ok(total);
                }
                filled += count;
                total += count as u64;
                let mut start = 0;
                for newline in memchr::memchr_iter(b'\n', &buffer[..filled]) {
                    parse(&buffer[start..newline])?;
                    start = newline + 1;
                }
                buffer.copy_within(start..filled, 0);
                filled -= start;
            }
        })
    })
}

fn jq(sample: &Path) -> Result<Contestant> {
    let present = Command::new("jq").arg("--version").stdout(Stdio::null()).status();
    if !present.is_ok_and(|status| status.success()) {
        bail!("jq is missing: type `make setup`, or `apt-get install jq`");
    }
    let sample = sample.to_owned();
    Ok(Contestant::new("jq -c empty", Unit::BytesPerSecond, move || {
        timed(|| {
            let status = Command::new("jq").args(["-c", "empty"]).arg(&sample).status()?;
            ensure!(status.success(), "jq: {status}");
            Ok(fs::metadata(&sample)?.len())
        })
    }))
}

/// What is done after copying.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Nothing,
    /// The copy is made durable.
    Sync,
    /// It is, and takes the place of the whole journal, whose blocks the file system then gives
    /// back: the least that any safe replacement of a file takes.
    Replace,
}

/// Copies what `compact` keeps.
fn copy(name: &'static str, files: &Files, then: Then) -> Contestant {
    let (journal, from) = (files.journal.clone(), files.kept.clone());
    let (to, replaced) = (files.scratch("copy"), files.scratch("copy-replaced"));
    Contestant::new(name, Unit::Time, move || {
        files::remove(&to)?;
        if then == Then::Replace {
            files::remove(&replaced)?;
            fs::copy(&journal, &replaced)?;
        }
        files::settle(&to)?;
        timed(|| {
            let status = Command::new("cp").arg(&from).arg(&to).status()?;
            ensure!(status.success(), "cp: {status}");
            if then != Then::Nothing {
                File::open(&to)?.sync_all()?;
            }
            if then == Then::Replace {
                fs::rename(&to, &replaced)?;
                File::open(replaced.parent().context("no directory")?)?.sync_all()?;
            }
            Ok(1)
        })
    })
}

fn append(name: &'static str, files: &Files, batches: usize, durable: bool) -> Contestant {
    let to = files.scratch("append-raw");
    Contestant::new(name, Unit::RecordsPerSecond, move || {
        let batches = prepared(batches);
        let mut file = fresh(&to)?;
        timed(|| {
            for batch in &batches {
                file.write_all(batch)?;
                if durable {
                    file.sync_data()?;
                }
            }
            Ok((batches.len() * BATCH) as u64)
        })
    })
}

/// The batches that every append contestant appends, the same ones each time.
pub(crate) fn prepared(batches: usize) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(11);
    (0..batches).map(|_| generator.journal(BATCH)).collect()
}

/// An empty file to append to.
pub(crate) fn fresh(path: &PathBuf) -> Result<File> {
    files::remove(path)?;
    let file = OpenOptions::new().create_new(true).append(true).open(path);
    files::settle(path)?;
    file.with_context(|| format!("cannot create {}", path.display()))
}
