//! `papyra.toml`: where it is, and what is written on which line.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Fault, Origin};
use crate::store::open_regular;

/// The name that is looked for.
const NAME: &str = "papyra.toml";

/// No configuration is longer. Whatever is, is not one.
const LONGEST: u64 = 1 << 20;

/// A file that was found.
pub(super) struct Found {
    pub path: PathBuf,
    pub text: String,
    /// It was asked for by name, and not merely come across in the working directory.
    pub trusted: bool,
}

/// Something that is written in a file.
pub(super) struct Written {
    pub key: String,
    /// `None` for what cannot be the value of any setting, such as a list.
    pub word: Option<String>,
    /// It is a number, and not a string.
    pub bare: bool,
    pub origin: Origin,
}

/// Reads the file that somebody has named.
pub(super) fn named(path: &Path) -> Result<Found, ConfigError> {
    // It can be a pipe: `--config <(…)`. To wait for one that was named is what was asked for.
    let text = read(path, File::open(path))?;
    Ok(Found { path: path.to_owned(), text, trusted: true })
}

/// The first file that there is: in the working directory, the user's, the machine's.
pub(super) fn find(home: Option<PathBuf>) -> Result<Option<Found>, ConfigError> {
    let here = PathBuf::from(NAME);
    if let Some(owner) = stranger(&here) {
        let origin = Origin::File { path: Arc::from(&*here), line: 1 };
        let message = format!(
            "it is not obeyed, because {owner} can change it; name it with --config if you trust it"
        );
        return Err(ConfigError::Wrong(vec![Fault::new(&origin, message)]));
    }
    let places = [
        Some((here, false)),
        home.map(|home| (home.join("papyra").join(NAME), true)),
        Some((Path::new("/etc/papyra").join(NAME), true)),
    ];
    for (path, trusted) in places.into_iter().flatten() {
        if path.symlink_metadata().is_ok() {
            // What merely lies there is opened as carefully as a journal: a named pipe would be waited for.
            let opened = open_regular(&path);
            let text = read(&path, opened.map(|(file, _)| file))?;
            return Ok(Some(Found { path, text, trusted }));
        }
    }
    Ok(None)
}

/// Who else can write a file that lies in the working directory, which can be anywhere: it would
/// decide what this user's commands do.
fn stranger(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let me = rustix::process::geteuid().as_raw();
    other_writer(metadata.uid(), metadata.gid(), metadata.mode(), me)
}

/// The same of the owner, the group and the mode of a file. Root may write everywhere; the group that
/// has a user's number is that user's own, so that a umask of 002 does no harm.
fn other_writer(owner: u32, group: u32, mode: u32, me: u32) -> Option<String> {
    if owner != me && owner != 0 {
        Some(format!("user {owner}"))
    } else if mode & 0o002 != 0 {
        Some("everybody".to_owned())
    } else if mode & 0o020 != 0 && group != me && group != 0 {
        Some(format!("group {group}"))
    } else {
        None
    }
}

fn read(path: &Path, opened: io::Result<File>) -> Result<String, ConfigError> {
    let mut bytes = Vec::new();
    let read = opened.and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    read.map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(failed(io::Error::other("it is longer than 1 MiB")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        let origin = Origin::File { path: Arc::from(path), line };
        ConfigError::Wrong(vec![Fault::new(&origin, "the line is not UTF-8")])
    })
}

/// Everything that is written in a file, with its line; or why it is not TOML.
pub(super) fn entries(path: &Path, text: &str) -> Result<Vec<Written>, Box<Fault>> {
    let reader = Reader { path: Arc::from(path), text };
    let table = DeTable::parse(text).map_err(|error| {
        let origin = reader.origin(error.span().unwrap_or_default());
        // The first line: the others can show what is written there.
        let message = error.message().lines().next().unwrap_or_default();
        Box::new(Fault::new(&origin, format!("this is not TOML: {message}")))
    })?;
    let mut written = Vec::new();
    reader.collect("", table.get_ref(), &mut written);
    Ok(written)
}

struct Reader<'t> {
    path: Arc<Path>,
    text: &'t str,
}

impl Reader<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Origin::File { path: self.path.clone(), line }
    }

    /// TOML itself is parsed with a bound on its depth, so this ends.
    fn collect(&self, prefix: &str, table: &DeTable<'_>, written: &mut Vec<Written>) {
        for (name, value) in table {
            let key = match prefix {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            let word = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.collect(&key, inner, written);
                    // An empty table under a name that does not exist is a mistake as well.
                    if !inner.is_empty() || super::is_table(&key) {
                        continue;
                    }
                    None
                }
                DeValue::String(word) => Some(word.to_string()),
                DeValue::Integer(number) if number.radix() == 10 => {
                    Some(number.as_str().to_owned())
                }
                DeValue::Integer(number) => {
                    let number = u64::from_str_radix(number.as_str(), number.radix());
                    number.ok().map(|number| number.to_string())
                }
                DeValue::Boolean(yes) => Some(yes.to_string()),
                DeValue::Float(number) => Some(number.as_str().to_owned()),
                _ => None,
            };
            let bare = !matches!(value.get_ref(), DeValue::String(_));
            written.push(Written { key, word, bare, origin: self.origin(name.span()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(String, Option<String>, String)> {
        let entries = entries(Path::new("p.toml"), text).unwrap_or_default();
        entries.into_iter().map(|w| (w.key, w.word, w.origin.to_string())).collect()
    }

    #[test]
    fn every_entry_has_its_line_however_tables_are_written() {
        let text = "jobs = 4\n\n[retention]\nmax_age = \"30d\"\nevents.max_records = 1_000\n\
                    route = { default = \"file:a\" }\nlog = [1]\n";
        let mut found = lines(text);
        found.sort_by(|a, b| a.2.cmp(&b.2));
        let entry = |key: &str, word: Option<&str>, line: u32| {
            (key.to_owned(), word.map(str::to_owned), format!("p.toml:{line}"))
        };
        assert_eq!(
            found,
            [
                entry("jobs", Some("4"), 1),
                entry("retention.max_age", Some("30d"), 4),
                entry("retention.events.max_records", Some("1000"), 5),
                entry("retention.route.default", Some("file:a"), 6),
                entry("retention.log", None, 7),
            ]
        );
    }

    #[test]
    fn what_is_not_toml_names_the_line() {
        for (text, line) in [("a = 1\nb = \n", 2), ("jobs = 1\njobs = 2\n", 2), ("[a\n", 1)] {
            let fault = entries(Path::new("p.toml"), text).err().map(|fault| fault.to_string());
            let fault = fault.unwrap();
            assert!(fault.starts_with(&format!("p.toml:{line}: this is not TOML")), "{fault}");
        }
    }

    #[test]
    fn a_file_that_only_its_reader_and_root_can_write_is_obeyed() {
        for (owner, group, mode) in
            [(7, 7, 0o600), (7, 7, 0o664), (0, 0, 0o664), (0, 7, 0o664), (7, 100, 0o644)]
        {
            assert_eq!(other_writer(owner, group, mode, 7), None, "{owner} {group} {mode:o}");
        }
        for (owner, group, mode, who) in [
            (8, 7, 0o600, "user 8"),
            (7, 7, 0o666, "everybody"),
            (7, 100, 0o664, "group 100"),
            (0, 100, 0o620, "group 100"),
        ] {
            assert_eq!(other_writer(owner, group, mode, 7).as_deref(), Some(who));
        }
    }
}
