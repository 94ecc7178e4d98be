//! A working directory for the command, with a home of its own, so that nobody else's configuration
//! plays a part.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::command::{Ended, papyra, run, run_with};

/// A directory that goes when this is dropped.
#[derive(Debug)]
pub struct Place(tempfile::TempDir);

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// An empty one.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// With this `papyra.toml` in the working directory.
    pub fn with(config: &str) -> Self {
        let place = Self::new();
        place.put("papyra.toml", config);
        place
    }

    /// Where a file of this name lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    /// What is in a file.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file that can be read")
    }

    /// `papyra` with these words, which are separated by spaces.
    ///
    /// # Panics
    ///
    /// If it has not been built.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(papyra());
        let home = self.path("home");
        command.args(line.split(' ')).current_dir(self.0.path());
        // The compiled engine is shared with the other tests.
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
        command
            .env("HOME", &home)
            .env_remove("XDG_CONFIG_HOME")
            .env("XDG_CACHE_HOME", cache.expect("a home"));
        command
    }

    /// Runs `papyra` with these words.
    pub fn run(&self, line: &str) -> Ended {
        run(&mut self.command(line))
    }

    /// Hands these lines to `papyra persistence append`.
    pub fn append(&self, lines: &str) -> Ended {
        run_with(&mut self.command("persistence append"), lines.as_bytes())
    }
}

/// A small record.
#[must_use]
pub fn line(kind: &str, timestamp: u32) -> String {
    format!("{{\"kind\": \"{kind}\", \"timestamp\": {timestamp}}}\n")
}

/// One small record per timestamp.
#[must_use]
pub fn lines(kind: &str, timestamps: &[u32]) -> String {
    timestamps.iter().map(|timestamp| line(kind, *timestamp)).collect()
}
