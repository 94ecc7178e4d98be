//! Puts the engine component where `include_bytes!(env!("PAPYRA_ENGINE_WASM"))` finds it.
//!
//! It is the first of these that is there:
//!
//! 1. the finished one that the environment names in `PAPYRA_ENGINE_WASM`, as it is;
//! 2. in a checkout, the one that `guest/build.sh` builds. The script starts this program again, with
//!    arguments, as the encoder of components;
//! 3. in a packed crate, the one that was packed with it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is how a build script speaks to cargo and to people"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "build/encode.rs"]
mod encode;

const GIVEN: &str = "PAPYRA_ENGINE_WASM";
const PACKED: &str = "artifacts/papyra-engine.wasm";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if !arguments.is_empty() {
        if let Err(error) = encode::run(&arguments) {
            eprintln!("{error}");
            std::process::exit(1);
        }
        return;
    }
    println!("cargo:rerun-if-env-changed={GIVEN}");
    match engine() {
        Ok(component) => println!("cargo:rustc-env={GIVEN}={}", component.display()),
        Err(message) => {
            eprintln!("{message}");
            std::process::exit(1);
        }
    }
}

fn engine() -> Result<PathBuf, String> {
    let package = PathBuf::from(cargo_env("CARGO_MANIFEST_DIR")?);
    let root = package.join("..");
    let script = root.join("guest/build.sh");
    // Its README is tested as well.
    println!("cargo:rustc-check-cfg=cfg(papyra_checkout)");
    if script.is_file() {
        println!("cargo:rustc-cfg=papyra_checkout");
    }
    match env::var_os(GIVEN).filter(|given| !given.is_empty()) {
        Some(given) => finished(given.into()),
        None if script.is_file() => built(&root, &script),
        None => packed(package.join(PACKED)),
    }
}

fn finished(given: PathBuf) -> Result<PathBuf, String> {
    // The compiler resolves relative paths against this crate's sources, a person against
    // where they are: only an absolute path means the same to both.
    if !given.is_absolute() || !given.is_file() {
        return Err(format!(
            "{GIVEN} is `{}`; it must be the absolute path of an engine component, \
             or unset to take the engine of this crate",
            given.display()
        ));
    }
    watch(&given);
    Ok(given)
}

fn built(root: &Path, script: &Path) -> Result<PathBuf, String> {
    for source in ["guest/engine", "guest/build.sh", "wit", "Cargo.toml", "Cargo.lock"] {
        watch(&root.join(source));
    }
    println!("cargo:rerun-if-env-changed=PAPYRA_WASM_TOOLCHAIN");

    let out = PathBuf::from(cargo_env("OUT_DIR")?);
    let encoder =
        env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let mut command = Command::new("sh");
    command.arg(script).arg(&out).env("PAPYRA_ENCODE", encoder);
    let status = command.status().map_err(|error| {
        format!("cannot run {}: {error}; it needs a POSIX `sh` in PATH", script.display())
    })?;
    if !status.success() {
        return Err(format!(
            "the engine component was not built ({status}); the reason is above. `make setup` \
             installs what is missing; `make engine` repeats this step alone"
        ));
    }
    Ok(out.join("papyra-engine.wasm"))
}

fn packed(component: PathBuf) -> Result<PathBuf, String> {
    watch(&component);
    if component.is_file() {
        return Ok(component);
    }
    Err(format!(
        "{} is missing, so this is neither a packed crate nor part of a checkout; set {GIVEN} to \
         the absolute path of an engine component",
        component.display()
    ))
}

fn watch(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

fn cargo_env(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}"))
}
