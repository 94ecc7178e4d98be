//! A file of heads that is kept elsewhere: one line for each, with the time, the head, and the place of the journal.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::problem::Problem;
use crate::text;

/// A longer line is none of ours.
const LONGEST: u64 = 1 << 20;

/// The last head of this journal; none if there is none yet. A line without its end was torn by a crash.
pub(super) fn last(file: &Path, location: &str) -> Result<Option<String>, Problem> {
    let read = || -> io::Result<Option<String>> {
        let mut reader = match File::open(file) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (mut last, mut line) = (None, Vec::new());
        while Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line)? > 0 {
            let text = str::from_utf8(&line).unwrap_or_default();
            if let Some(head) = head_of(text, location) {
                last = Some(head.to_owned());
            }
            line.clear();
        }
        Ok(last)
    };
    read().map_err(|error| Problem::io(&format!("cannot read {}", file.display()), &error))
}

fn head_of<'l>(line: &'l str, location: &str) -> Option<&'l str> {
    let (_, rest) = line.strip_suffix('\n')?.split_once(' ')?;
    let (head, of) = rest.split_once(' ')?;
    (of == text::printable(location)).then_some(head)
}

/// Adds a head, and has it on the disk before this returns.
pub(super) fn append(file: &Path, location: &str, head: &str) -> Result<(), Problem> {
    let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
    let line = format!("{now} {head} {}\n", text::printable(location));
    let write = || -> io::Result<()> {
        let mut heads = OpenOptions::new().read(true).append(true).create(true).open(file)?;
        let new = heads.metadata()?.len() == 0;
        let apart = if !new && is_torn(&mut heads)? { "\n" } else { "" };
        heads.write_all(format!("{apart}{line}").as_bytes())?;
        heads.sync_all()?;
        match file.parent() {
            // Its name is a matter of the directory.
            Some(parent) if new => sync_directory(parent),
            _ => Ok(()),
        }
    };
    write().map_err(|error| Problem::io(&format!("cannot append to {}", file.display()), &error))
}

/// Returns true if the last line has no end, as after a crash.
fn is_torn(heads: &mut File) -> io::Result<bool> {
    heads.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    heads.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_head_of_a_journal_counts() {
        let dir = std::env::temp_dir().join(format!("papyra-anchor-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("heads");
        assert_eq!(last(&file, "a b").unwrap(), None);
        for (location, head) in [("a b", "1:aa"), ("c", "2:bb"), ("a b", "3:cc")] {
            append(&file, location, head).unwrap();
        }
        let heads = ["a b", "c", "a"].map(|location| last(&file, location).unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(heads, [Some("3:cc".to_owned()), Some("2:bb".to_owned()), None]);
    }

    #[test]
    fn whatever_a_crash_leaves_of_a_line_hides_neither_the_head_before_it_nor_the_next_one() {
        let dir = std::env::temp_dir().join(format!("papyra-torn-anchor-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("heads");
        // One location begins with the other.
        append(&file, "a b", "1:aa").unwrap();
        let whole = std::fs::read(&file).unwrap();
        append(&file, "a b c", "2:ü").unwrap();
        let both = std::fs::read(&file).unwrap();
        for length in whole.len()..both.len() {
            std::fs::write(&file, &both[..length]).unwrap();
            assert_eq!(last(&file, "a b").unwrap().as_deref(), Some("1:aa"), "{length}");
            append(&file, "a b", "3:cc").unwrap();
            assert_eq!(last(&file, "a b").unwrap().as_deref(), Some("3:cc"), "{length}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
