//! From the configuration, options included, to stores.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use papyra_persistence::config::{Config, Place};
use papyra_persistence::route::Route;
use papyra_persistence::store::{Kind, Registry, Store};

use crate::input::Input;
use crate::problem::Problem;
use crate::text;

/// A store, ready for a journal.
pub(super) type Opened = Arc<dyn Store>;

/// One of the stores that a command works on.
pub(super) struct Target {
    pub store: Opened,
    /// Where it was said to be.
    pub place: Place,
    /// Which kinds go there.
    pub kinds: Vec<Kind>,
    /// What names it on the command line, to be typed again.
    pub flags: String,
}

/// Where each kind goes. Nothing is touched before the first operation.
pub(super) fn route(config: &Config) -> Result<(Route, Vec<Target>), Problem> {
    let opened = config.route_and_places(&Registry::standard())?;
    let (route, places) = opened.ok_or_else(|| {
        Problem::usage(
            "no store is named: give FILE or --store URL, or set `store` in papyra.toml or \
             PAPYRA_STORE",
        )
    })?;
    let target = |((store, kinds), place): ((&Opened, Vec<Kind>), &Place)| Target {
        store: store.clone(),
        kinds,
        flags: flags(place),
        place: place.clone(),
    };
    let targets = route.stores().zip(&places).map(target).collect();
    Ok((route, targets))
}

/// Standard input.
pub(super) fn input(input: Input) -> (Route, Vec<Target>) {
    let (store, place): (Opened, _) = (Arc::new(input), Place::Path(PathBuf::from("-")));
    let target =
        Target { store: store.clone(), kinds: Kind::ALL.to_vec(), flags: flags(&place), place };
    (Route::single(store), vec![target])
}

fn flags(place: &Place) -> String {
    match place {
        Place::Path(path) => {
            let word = text::quoted(path.as_os_str());
            // One that begins with `-` would be taken for an option.
            let joint = if word.starts_with('-') { '=' } else { ' ' };
            format!("--path{joint}{word}")
        }
        // A redacted URL cannot be typed again as it stands; its owner knows the password.
        other => format!("--store {}", text::quoted(OsStr::new(&other.shown()))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use papyra_persistence::Durability;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_store_can_be_typed_again_without_its_password() {
        assert_eq!(flags(&Place::Path(PathBuf::from("a"))), "--path a");
        assert_eq!(flags(&Place::Path(PathBuf::from("a b"))), "--path 'a b'");
        assert_eq!(flags(&Place::Path(PathBuf::from("-a"))), "--path=-a");
        let secret = flags(&Place::Url("redis://:hunter2@h".into()));
        assert_eq!(secret, "--store 'redis://***@h'");
    }

    #[test]
    fn a_setting_that_the_store_does_not_have_is_for_other_stores() {
        let mut config = Config::parse("store = \"memory:\"\nsync = \"never\"").unwrap();
        assert!(route(&config).is_ok());
        let five = Durability::Interval(Duration::from_millis(5));
        crate::args::apply_sync(Some(five), &mut config);
        assert!(route(&config).is_err());
    }

    #[test]
    fn a_wrong_url_in_the_configuration_is_wrong_configuration() {
        let config = Config::parse("store = \"floppy:a\"").unwrap();
        assert_eq!(route(&config).map(|_| ()).unwrap_err().exit, Exit::Configuration);
    }
}
