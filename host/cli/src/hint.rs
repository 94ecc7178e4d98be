//! What to do when there is no journal.

use papyra_persistence::config::{Config, Place, Value};

use super::problem::Problem;

/// What follows the message, if anything helps.
pub(super) fn for_missing(config: &Config, problem: &Problem) -> &'static str {
    if !problem.message.contains("there is no journal") {
        return "";
    }
    let store = config.entries().iter().find(|entry| entry.key == "store");
    let Some(Value::Store(Place::Path(path))) = store.and_then(|entry| entry.value.as_ref()) else {
        return "; check the name, or `append` to it to begin one";
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if path.to_string_lossy().contains("://") {
        "; this is a URL: give it with --store"
    } else if parent.is_some_and(|parent| !parent.is_dir()) {
        "; there is no such directory either: check the path, and whether what it is on is mounted"
    } else {
        "; check the name, or `append` to it to begin one"
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::exit::Exit;
    use super::*;

    fn hint(path: &str, message: &str) -> &'static str {
        let mut config = Config::defaults();
        config.set("store", Value::Store(Place::Path(PathBuf::from(path))), "--path");
        for_missing(&config, &Problem::new(Exit::NotFound, "not-found", message))
    }

    #[test]
    fn what_is_advised_can_work() {
        let missing = "there is no journal at x";
        assert!(hint("x", missing).contains("`append`"));
        assert!(hint("no/such/place/x", missing).contains("directory"));
        assert!(hint("redis://localhost", missing).contains("--store"));
        assert_eq!(hint("x", "cannot write the quarantine in"), "");
    }
}
