//! Advice for a store that does not exist.

use papyra_persistence::config::Place;

use crate::problem::Problem;

const CREATE: &str = "; check the name, or `append` to it to begin one";

/// The end of the message, if anything helps.
pub(super) fn advice(place: Option<&Place>, problem: &Problem) -> &'static str {
    if !problem.store_missing {
        return "";
    }
    let Some(Place::Path(path)) = place else {
        return CREATE;
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if path.to_string_lossy().contains("://") {
        "; this is a URL: give it with --store"
    } else if path.exists() {
        // Something else is missing, such as a directory for the quarantine.
        ""
    } else if parent.is_some_and(|parent| !parent.is_dir()) {
        "; there is no such directory either: check the path, and that its volume is mounted"
    } else {
        CREATE
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::exit::Exit;

    fn advice_for(path: &str, store_missing: bool) -> &'static str {
        let place = Place::Path(PathBuf::from(path));
        let problem = Problem::new(Exit::NotFound, "not-found", "whatever it says");
        advice(Some(&place), &Problem { store_missing, ..problem })
    }

    #[test]
    fn what_is_advised_can_work() {
        assert!(advice_for("x", true).contains("`append`"));
        assert!(advice_for("no/such/place/x", true).contains("directory"));
        assert!(advice_for("redis://localhost", true).contains("--store"));
        assert_eq!(advice_for("x", false), "");
        assert_eq!(advice_for("Cargo.toml", true), "");
    }
}
