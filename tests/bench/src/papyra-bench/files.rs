//! The journals that are measured, made once and kept for the next time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use papyra_tests::generate::Generator;

const MB: u64 = 1_000_000;

/// Where everything lies.
pub(crate) struct Files {
    folder: PathBuf,
    /// 300 MB, or what was asked for.
    pub(crate) journal: PathBuf,
    /// Its number of records.
    pub(crate) records: u64,
    /// A tenth of it from another seed, for what is ten times slower.
    pub(crate) sample: PathBuf,
    /// The newer half of the journal's records.
    pub(crate) kept: PathBuf,
    /// 200 records.
    pub(crate) small: PathBuf,
}

impl Files {
    /// Makes what is missing.
    pub(crate) fn prepare(folder: &Path, bytes: u64) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let name = |name: &str| folder.join(format!("{name}-{}mb.ndjson", bytes / MB));
        let (journal, sample) = (name("journal"), name("sample"));
        generate(&journal, 1, bytes)?;
        generate(&sample, 2, bytes / 10)?;
        let kept = name("kept");
        let records = keep_half(&journal, &kept)?;
        let small = folder.join("small.ndjson");
        if !small.exists() {
            fs::write(&small, Generator::new(4).journal(200))?;
        }
        Ok(Self { folder: folder.to_owned(), journal, records, sample, kept, small })
    }

    /// A journal of several GB, and the same with a line of 1 GiB in the middle.
    pub(crate) fn large(&self, bytes: u64) -> Result<[(&'static str, PathBuf); 2]> {
        let name = |name: &str| self.folder.join(format!("{name}-{}mb.ndjson", bytes / MB));
        let (plain, long) = (name("large"), name("long-line"));
        generate(&plain, 3, bytes)?;
        make(&long, |out| {
            let mut generator = Generator::new(3);
            generator.write(out, bytes / 3)?;
            out.write_all(br#"{"kind":"event","timestamp":1700000000.5,"text":""#)?;
            io::copy(&mut io::repeat(b'x').take(1 << 30), out)?;
            out.write_all(b"\"}\n")?;
            generator.write(out, bytes / 3).map(drop)
        })?;
        Ok([("", plain), (", one line of 1 GiB", long)])
    }

    /// A path for what is written and thrown away.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.scratch"))
    }
}

fn generate(path: &Path, seed: u64, bytes: u64) -> Result<()> {
    make(path, |out| Generator::new(seed).write(out, bytes).map(drop))
}

/// Complete or absent: an interrupted run leaves nothing that looks like a journal.
fn make(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    eprintln!("making {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let make = || {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
        write(&mut out)?;
        out.into_inner()?.sync_all()?;
        fs::rename(&unfinished, path)
    };
    make().with_context(|| format!("cannot make {}", path.display()))
}

/// Returns the number of records in the whole journal.
fn keep_half(journal: &Path, kept: &Path) -> Result<u64> {
    let bytes = fs::read(journal)?;
    let newlines: Vec<_> = memchr::memchr_iter(b'\n', &bytes).collect();
    let kept_records = newlines.len() / 2;
    let from = newlines[newlines.len() - kept_records - 1] + 1;
    make(kept, |out| out.write_all(&bytes[from..]))?;
    Ok(newlines.len() as u64)
}

pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Waits until the disk has nothing left to do from earlier measurements, which would otherwise be
/// counted against whoever comes next.
pub(crate) fn settle(near: &Path) -> Result<()> {
    let folder = File::open(near.parent().unwrap_or(near))?;
    rustix::fs::syncfs(&folder).context("cannot sync the file system")?;
    // The blocks of deleted files are given back a little later (`discard`), and that is felt too.
    std::thread::sleep(Duration::from_millis(300));
    Ok(())
}
