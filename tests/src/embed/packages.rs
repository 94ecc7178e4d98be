//! The packages as users get them: what `pack.sh` makes of finished components, installed where nothing else is.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::install::{self, output, sources};
use super::suite::temp;
use crate::portable;
use crate::python::python;

/// Returns the package for npm.
///
/// # Panics
///
/// If it cannot be made.
pub fn tarball() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    let made = || pack("node", &[("PAPYRA_NODE_MODULES", install::node().join("node_modules"))]);
    DONE.get_or_init(made).clone()
}

/// Returns the wheel.
///
/// # Panics
///
/// If it cannot be made.
pub fn wheel() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(|| pack("python", &[])).clone()
}

/// Runs the script of a language, unless a run before has had the same input.
fn pack(language: &str, environment: &[(&str, PathBuf)]) -> PathBuf {
    let components = portable::component("papyra-engine.wasm");
    let components = components.parent().expect("a directory");
    let (home, _lock) = install::home();
    let from = sources().join(language);
    let mut input = DefaultHasher::new();
    contents(components, &mut input);
    for directory in ["", "src", "papyra_persistence"] {
        contents(&from.join(directory), &mut input);
    }
    let out = home.join("packages").join(format!("{language}-{:x}", input.finish()));
    if !out.exists() {
        let new = out.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        let mut script = Command::new("env");
        script.args(environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
        script.arg(from.join("pack.sh")).arg(components).arg(&new);
        output(&script, "the package could not be made");
        fs::rename(new, &out).expect("a name");
    }
    let files =
        fs::read_dir(out).expect("a directory").map(|entry| entry.expect("an entry").path());
    let [file] = &files.collect::<Vec<_>>()[..] else { panic!("one file") };
    file.clone()
}

/// Adds the names and contents of the files of a directory, if there is one.
fn contents(directory: &Path, to: &mut impl Hasher) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.is_file()) {
        (file, fs::read(file).expect("a file")).hash(to);
    }
}

/// Returns a project in which the package for npm is installed, by npm, and nothing else.
///
/// # Panics
///
/// If npm fails.
pub fn node_project() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let tarball = tarball();
        let project = install::home().0.join("packages/project");
        let _ = fs::remove_dir_all(&project);
        fs::create_dir_all(&project).expect("a directory");
        fs::write(project.join("package.json"), "{}").expect("a file");
        let mut npm = Command::new("npm");
        npm.args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"]);
        output(npm.arg(tarball).current_dir(&project), "npm could not install the package");
        project
    };
    DONE.get_or_init(install).clone()
}

/// Returns the interpreter of a virtual environment in which the wheel is installed, by pip, and nothing else but
/// what pip installs for it.
///
/// # Panics
///
/// If pip fails.
pub fn wheel_python() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(|| python("wheel", &[&wheel().to_string_lossy()])).clone()
}

/// The same with what the backends for Papyra need.
///
/// # Panics
///
/// If pip fails.
pub fn papyra_python() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    let wanted = || format!("{}[papyra,redis]", wheel().display());
    DONE.get_or_init(|| python("wheel-papyra", &[&wanted()])).clone()
}

/// Returns a command that finds nothing of this repository: neither by its directory nor by its environment.
#[must_use]
pub fn elsewhere(program: &Path) -> (Command, tempfile::TempDir) {
    let dir = temp();
    let mut command = Command::new(program);
    command.current_dir(dir.path()).env_remove("PYTHONPATH").env_remove("NODE_PATH");
    (command, dir)
}
