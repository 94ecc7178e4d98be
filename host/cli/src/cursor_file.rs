//! `--cursor-file`: where reading has come, from one run to the next.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::output::Output;
use crate::problem::Problem;

/// Longer than any cursor.
const LONGEST: u64 = 2 << 20;

/// A file with the cursor of what was delivered last.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    /// A crash can leave it behind; the next write replaces it.
    temporary: PathBuf,
    saved: Option<String>,
}

impl CursorFile {
    /// Reads the file; there may be none yet.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let saved = match read(path) {
            Ok(text) if text.trim().is_empty() => {
                let message = "holds no cursor; remove it to read everything again";
                return Err(Problem::usage(format!("{} {message}", path.display())));
            }
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let what = format!("cannot read the cursor in {}", path.display());
                return Err(Problem::io(&what, &error));
            }
        };
        let Some(name) = path.file_name() else {
            return Err(Problem::usage(format!("{} is not a file for a cursor", path.display())));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".papyra-cursor");
        Ok(Self { path: path.to_owned(), temporary: path.with_file_name(hidden), saved })
    }

    /// The cursor that was saved last.
    pub fn saved(&self) -> Option<String> {
        self.saved.clone()
    }

    /// Replaces the cursor; after a crash the file holds this one or the one before.
    pub fn save(&mut self, cursor: &str) -> Result<(), Problem> {
        if self.saved.as_deref() == Some(cursor) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let mut file = File::create(&self.temporary)?;
            file.write_all(format!("{cursor}\n").as_bytes())?;
            // Without it, a power cut could leave the new name with nothing in it.
            file.sync_data()?;
            fs::rename(&self.temporary, &self.path)
        };
        write().map_err(|error| {
            let what = format!("cannot write the cursor to {}", self.path.display());
            Problem::io(&what, &error)
        })?;
        self.saved = Some(cursor.to_owned());
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Saves the cursor of what has been written to standard output.
pub(super) fn delivered(
    cursor: Option<&str>,
    saved: Option<&mut CursorFile>,
    output: &mut Output,
) -> Result<(), Problem> {
    let (Some(cursor), Some(saved)) = (cursor, saved) else { return Ok(()) };
    output.flush()?;
    // A reader that has gone has not got it all.
    if output.is_closed() { Ok(()) } else { saved.save(cursor) }
}
