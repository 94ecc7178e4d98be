//! The files that a command was given: names as they are, patterns that no shell has expanded, and `-` for
//! standard input.

use std::path::{Path, PathBuf};

use glob::MatchOptions;

use crate::exit::Exit;
use crate::problem::Problem;

/// As a shell does it: what is hidden, such as an index, must be named.
const LIKE_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Returns whether this name means standard input.
pub(super) fn is_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Puts the files that match in the place of each pattern. A file of just that name is itself.
pub(super) fn expand(words: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut files = Vec::new();
    for word in words {
        match word.to_str().filter(|text| text.contains(['*', '?', '['])) {
            Some(pattern) if !word.exists() => files.extend(matches(pattern)?),
            _ => files.push(word.clone()),
        }
    }
    if files.iter().filter(|file| is_input(file)).count() > 1 {
        return Err(Problem::usage("`-` can be given once: standard input has one end"));
    }
    Ok(files)
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>, Problem> {
    let found = glob::glob_with(pattern, LIKE_A_SHELL)
        .map_err(|error| Problem::usage(format!("{pattern}: {error}; quote or correct it")))?;
    let found: Vec<_> = found
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::io(&format!("cannot look for {pattern}"), &error.into()))?;
    match found.is_empty() {
        true => Err(Problem::new(
            Exit::NotFound,
            "not-found",
            format!("no file matches {pattern}; check the directory and the pattern"),
        )),
        false => Ok(found),
    }
}

/// Refuses standard input where a command needs a journal that stays.
pub(super) fn refuse_input<'p>(
    files: impl IntoIterator<Item = &'p PathBuf>,
) -> Result<(), Problem> {
    match files.into_iter().any(|file| is_input(file)) {
        true => Err(Problem::usage(
            "standard input can be given to scan, read, inspect and recover only; a file of this \
             name is `./-`",
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_what_a_shell_would_and_a_name_is_itself() {
        let dir = std::env::temp_dir().join(format!("papyra-files-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["b.ndjson", "a.ndjson", "a[1].ndjson", ".a.ndjson.papyra-index"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let expanded = |name: &str| {
            let files = expand(&[dir.join(name)]).map_err(|problem| problem.exit)?;
            let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            Ok::<_, Exit>(files.iter().map(name).collect::<Vec<_>>().join(" "))
        };
        let found = ["*", "?.ndjson", "a[1].ndjson", "c.ndjson", "c*", "a[", "a[*"].map(expanded);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(found[0].as_deref(), Ok("a.ndjson a[1].ndjson b.ndjson"));
        assert_eq!(found[1].as_deref(), Ok("a.ndjson b.ndjson"));
        assert_eq!(found[2].as_deref(), Ok("a[1].ndjson"));
        assert_eq!(found[3].as_deref(), Ok("c.ndjson"));
        assert_eq!(found[4], Err(Exit::NotFound));
        assert_eq!((&found[5], &found[6]), (&Err(Exit::Usage), &Err(Exit::Usage)));
    }

    #[test]
    fn standard_input_can_be_given_once() {
        let (input, file) = (PathBuf::from("-"), PathBuf::from("./-"));
        assert!(expand(&[input.clone(), file.clone()]).is_ok());
        assert!(expand(&[input.clone(), input.clone()]).is_err());
        assert!(refuse_input(&[file]).is_ok() && refuse_input(&[input]).is_err());
    }
}
