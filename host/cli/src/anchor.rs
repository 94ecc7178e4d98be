//! A file of heads that is kept elsewhere: one line for each, with the time, the head, and the place of the journal.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use crate::problem::Problem;
use crate::text;

/// A longer line is none of ours.
const LONGEST: u64 = 1 << 20;

/// The last head of this journal; none if there is none yet.
pub(super) fn last(file: &Path, location: &str) -> Result<Option<String>, Problem> {
    let read = || -> io::Result<Option<String>> {
        let mut reader = match File::open(file) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (mut last, mut line) = (None, String::new());
        while io::Read::take(&mut reader, LONGEST).read_line(&mut line)? > 0 {
            if let Some(head) = head_of(&line, location) {
                last = Some(head.to_owned());
            }
            line.clear();
        }
        Ok(last)
    };
    read().map_err(|error| Problem::io(&format!("cannot read {}", file.display()), &error))
}

fn head_of<'l>(line: &'l str, location: &str) -> Option<&'l str> {
    let (_, rest) = line.trim_end_matches('\n').split_once(' ')?;
    let (head, of) = rest.split_once(' ')?;
    (of == text::printable(location)).then_some(head)
}

/// Adds a head, and has it on the disk before this returns.
pub(super) fn append(file: &Path, location: &str, head: &str) -> Result<(), Problem> {
    let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
    let line = format!("{now} {head} {}\n", text::printable(location));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(file)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| Problem::io(&format!("cannot append to {}", file.display()), &error))
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
}
