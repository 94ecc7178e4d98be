//! The state that all commands share: configuration, engine, output, interruption.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use papyra_persistence::config::{Config, Place};
use papyra_persistence::route::{Route, RoutedJournal};
use papyra_persistence::store::Kind;
use papyra_persistence::{Engine, Journal};

use crate::exit::Exit;
use crate::input::Input;
use crate::output::Output;
use crate::problem::{self, Problem};
use crate::progress::Meter;
use crate::signals::Interruption;
use crate::target::{self, Target};
use crate::{args, files};

/// The state that all commands share while they run.
pub(super) struct Context<'a> {
    pub output: &'a mut Output,
    pub interruption: &'a Interruption,
    /// Options over environment over file over defaults.
    pub config: &'a Config,
    /// The files to work on; none: the configured store.
    pub files: &'a [PathBuf],
    /// Loaded when it is first needed: what is wrong with the options is said before.
    pub engine: OnceCell<Engine>,
}

impl Context<'_> {
    /// Where each kind goes, and the stores to work on. There may be none.
    pub fn route(&self) -> Result<(Route, Vec<Target>), Problem> {
        target::route(self.config)
    }

    /// The journal of each file, or the configured one. Nothing is touched yet.
    pub fn journals(&self) -> Result<Vec<(RoutedJournal, Vec<Target>)>, Problem> {
        if self.files.is_empty() {
            return Ok(vec![self.routed()?]);
        }
        self.files.iter().map(|file| self.journal_in(file)).collect()
    }

    fn journal_in(&self, file: &Path) -> Result<(RoutedJournal, Vec<Target>), Problem> {
        if files::is_input(file) {
            return self.input(Input::new(self.config.profile().profile()));
        }
        let mut config = self.config.clone();
        config.settings.store.by_flag(Some(Place::Path(file.to_owned())), "--path");
        let (route, targets) = target::route(&config)?;
        Ok((self.journal(route)?, targets))
    }

    /// The journal on standard input.
    pub fn input(&self, input: Input) -> Result<(RoutedJournal, Vec<Target>), Problem> {
        let (route, targets) = target::input(input);
        Ok((self.journal(route)?, targets))
    }

    /// The journal in the stores of the route, with the configured limits, and how each store is named
    /// on the command line.
    pub fn routed(&self) -> Result<(RoutedJournal, Vec<Target>), Problem> {
        let (journal, targets) = self.routed_or_nowhere()?;
        if targets.is_empty() { Err(Problem::nowhere()) } else { Ok((journal, targets)) }
    }

    /// The same where dropping every record is fine.
    pub fn routed_or_nowhere(&self) -> Result<(RoutedJournal, Vec<Target>), Problem> {
        let (route, targets) = self.route()?;
        Ok((self.journal(route)?, targets))
    }

    fn journal(&self, route: Route) -> Result<RoutedJournal, Problem> {
        let journal = RoutedJournal::new(&self.engine()?, route)
            .with_retention(&self.config.retention())
            .with_jobs(args::jobs(self.config));
        let indexed = self.config.is_indexed();
        Ok(if indexed { journal } else { journal.without_index() })
    }

    /// The journal that has the records of this kind.
    pub fn journal_of(&self, kind: Kind) -> Result<Journal, Problem> {
        let (routed, _) = self.routed()?;
        routed.journal(kind).cloned().ok_or_else(Problem::nowhere)
    }

    pub fn engine(&self) -> Result<Engine, Problem> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine.clone());
        }
        let engine = self
            .config
            .engine()
            .build()
            .map_err(|error| Problem::new(Exit::Failed, "engine", problem::chain(&error)))?;
        Ok(self.engine.get_or_init(|| engine).clone())
    }

    /// Shows how far `operation` has come until the returned value is dropped.
    pub fn meter(&self, operation: &'static str) -> Meter {
        Meter::new(operation, self.output, self.interruption)
    }
}

/// The configuration with the options of the command over it.
pub(super) fn configured(
    file: Option<&Path>,
    apply: impl FnOnce(&mut Config) -> Result<(), Problem>,
) -> Result<Config, Problem> {
    let mut loader = Config::loader();
    if let Some(file) = file {
        loader = loader.file(file);
    }
    let mut config = loader.load()?;
    apply(&mut config)?;
    Ok(config)
}
