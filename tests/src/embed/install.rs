//! Installs the pinned packages that the tests of other languages need, below `target/embed`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use papyra_persistence::Engine;

use crate::download::download;
use crate::portable;

/// The directory of this repository with the hosts in other languages.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host")
}

/// Returns the directory for installations, and its lock: test programs that start together wait for each
/// other.
pub(super) fn home() -> (PathBuf, File) {
    let home = directory();
    fs::create_dir_all(&home).expect("a directory can be made");
    let lock = File::create(home.join(".lock")).expect("a file can be made");
    lock.lock().expect("a lock can be had");
    (home, lock)
}

fn directory() -> PathBuf {
    let me = std::env::current_exe().expect("a test has a path");
    let target = me.ancestors().find(|dir| dir.join("release").is_dir() || dir.ends_with("target"));
    target.expect("a target directory").join("embed")
}

/// Returns a directory with the layout of the Node package, everything installed, and the engine in
/// `papyra-engine/papyra-engine.js`.
///
/// # Panics
///
/// If Node is missing or too old, or npm fails.
pub fn node() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(install_node).clone()
}

fn install_node() -> PathBuf {
    let (home, _lock) = home();
    let (from, to) = (sources().join("node"), home.join("node"));
    let needs = "these tests need Node 20 or newer with npm; type:  apt-get install nodejs npm";
    let version = output(Command::new("node").arg("--version"), needs);
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    assert!(major.is_some_and(|major: u32| major >= 20), "{needs} (this is {version})");

    let fresh = [from.join("package.json"), from.join("package-lock.json")];
    let stamp = stamp(&fresh.each_ref().map(|path| fs::read(path).expect("a source file")));
    if fs::read_to_string(to.join("stamp")).ok().as_ref() != Some(&stamp) {
        let _ = fs::remove_dir_all(&to);
        fs::create_dir_all(&to).expect("a directory can be made");
        for file in &fresh {
            fs::copy(file, to.join(file.file_name().unwrap_or_default())).expect("a copy");
        }
        let mut npm = Command::new("npm");
        // `npm ci` refuses locks that lack packages of other platforms, as those of partial mirrors do.
        npm.args(["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]);
        output(npm.current_dir(&to), needs);
        fs::write(to.join("stamp"), stamp).expect("a file can be written");
    }
    for dir in ["src", "test", "example"] {
        copy_dir(&from.join(dir), &to.join(dir));
    }
    fs::copy(from.join("tsconfig.json"), to.join("tsconfig.json")).expect("a copy");
    for (name, bytes) in components(["papyra-node", "papyra-node-store"]) {
        let wasm = component(&home, name, &bytes);
        let (dir, done) = (to.join(name), to.join(name).join("source"));
        if fs::read(&done).ok().as_deref() == Some(&bytes[..]) {
            continue;
        }
        let mut jco = Command::new("npx");
        jco.args(["--no-install", "jco", "transpile", "--instantiation", "sync", "--quiet", "-o"]);
        output(jco.arg(dir).arg(wasm).current_dir(&to), needs);
        fs::write(done, bytes).expect("a file can be written");
    }
    to
}

/// Returns the command `node`, to run in the directory of [`node`].
pub fn node_command() -> Command {
    let mut command = Command::new("node");
    command.current_dir(node());
    command
}

/// Returns the interpreter of a virtual environment with everything installed.
///
/// # Panics
///
/// If Python is missing or too old, or pip fails.
pub fn python() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(install_python).clone()
}

fn install_python() -> PathBuf {
    let (home, _lock) = home();
    let from = sources().join("python");
    let requirements = fs::read_to_string(from.join("requirements.txt")).expect("a source file");
    let packages: Vec<&str> = requirements.lines().filter(|line| !line.starts_with('#')).collect();
    let interpreter = crate::python::python("embed", &packages);
    let (old, wanted) =
        (home.join("papyra-old"), include_str!("../../../host/python/papyra-old.txt"));
    if fs::read_to_string(old.join("stamp")).ok().as_deref() != Some(wanted) {
        let _ = fs::remove_dir_all(&old);
        let into = old.to_string_lossy();
        pip(&interpreter, &["--no-deps", "--target", &into, wanted.trim()]);
        fs::write(old.join("stamp"), wanted).expect("a file can be written");
    }
    for (name, bytes) in components(["papyra-python", "papyra-python-store"]) {
        component(&home, name, &bytes);
    }
    interpreter
}

fn pip(interpreter: &Path, arguments: &[&str]) {
    let mut command = Command::new(interpreter);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    output(command.args(arguments), "pip could not install what the tests need");
}

/// Returns the command `python`, with the package in its path; `PAPYRA_ENGINE` names the engine.
pub fn python_command() -> Command {
    let mut command = Command::new(python());
    command.env("PYTHONPATH", sources().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PAPYRA_ENGINE", wasm("papyra-engine"));
    command.env("PAPYRA_PYTHON", wasm("papyra-python"));
    command
}

/// Returns the directory that comes first in `PYTHONPATH` for the older of the two versions of Papyra.
pub fn older_papyra() -> PathBuf {
    directory().join("papyra-old")
}

/// Returns the file of a component that [`node`] or [`python`] has written.
pub(super) fn wasm(name: &str) -> PathBuf {
    directory().join(name).with_extension("wasm")
}

/// The components to host: names and contents.
fn components([files, store]: [&'static str; 2]) -> Vec<(&'static str, Vec<u8>)> {
    let built = |name: &'static str| {
        let component = portable::component(&format!("{name}.wasm"));
        (name, fs::read(component).expect("a component"))
    };
    let engine = ("papyra-engine", Engine::component_bytes().to_vec());
    vec![engine, built(files), built(store), built("papyra-wasi")]
}

/// Writes a component as a file, unless it is there already.
fn component(home: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let wasm = home.join(name).with_extension("wasm");
    if fs::read(&wasm).ok().as_deref() != Some(bytes) {
        fs::write(&wasm, bytes).expect("a file can be written");
    }
    wasm
}

/// Changes when one of the files does, and when this repository moves.
fn stamp(files: &[Vec<u8>]) -> String {
    let contents: Vec<_> = files.iter().map(|file| String::from_utf8_lossy(file)).collect();
    format!("{}\n{}", env!("CARGO_MANIFEST_DIR"), contents.join("\n"))
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("a directory of this repository") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().unwrap_or_default())).expect("a copy");
    }
}

pub(super) fn output(command: &Command, needs: &str) -> String {
    let output = download(command);
    assert!(
        output.status.success(),
        "{needs}\n{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
