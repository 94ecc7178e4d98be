//! The state that all commands share: configuration, engine, output, interruption.

use std::cell::OnceCell;
use std::path::Path;

use papyra_persistence::config::Config;
use papyra_persistence::route::{Route, RoutedJournal};
use papyra_persistence::store::Kind;
use papyra_persistence::{Engine, Journal};

use crate::args;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::{self, Problem};
use crate::progress::Meter;
use crate::signals::Interruption;
use crate::target::{self, Target};

/// The state that all commands share while they run.
pub(super) struct Context<'a> {
    pub output: &'a mut Output,
    pub interruption: &'a Interruption,
    /// Options over environment over file over defaults.
    pub config: &'a Config,
    /// Loaded when it is first needed: what is wrong with the options is said before.
    pub engine: OnceCell<Engine>,
}

impl Context<'_> {
    /// Where each kind goes, and the stores to work on. There may be none.
    pub fn route(&self) -> Result<(Route, Vec<Target>), Problem> {
        target::route(self.config)
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
        let journal = RoutedJournal::new(&self.engine()?, route)
            .with_retention(&self.config.retention())
            .with_jobs(args::jobs(self.config));
        let indexed = self.config.is_indexed();
        Ok((if indexed { journal } else { journal.without_index() }, targets))
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
