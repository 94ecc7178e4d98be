//! Puts the engine component where `include_bytes!(env!("PAPYRA_ENGINE_WASM"))` finds it.
//!
//! It is built by `guest/build.sh`, unless the environment names a finished one in
//! `PAPYRA_ENGINE_WASM`, which is then used as it is. The script starts this program again, with
//! arguments, as the encoder of components.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is how a build script speaks to cargo and to people"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const GIVEN: &str = "PAPYRA_ENGINE_WASM";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if !arguments.is_empty() {
        if let Err(error) = papyra_encode::run(&arguments) {
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
    if let Some(given) = env::var_os(GIVEN).filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        // The compiler resolves relative paths against this crate's sources, a person against
        // where they are: only an absolute path means the same to both.
        if !given.is_absolute() || !given.is_file() {
            return Err(format!(
                "{GIVEN} is `{}`; it must be the absolute path of an engine component, \
                 or unset to build the engine from source",
                given.display()
            ));
        }
        watch(&given);
        return Ok(given);
    }

    let root = Path::new(&cargo_env("CARGO_MANIFEST_DIR")?).join("..");
    for source in ["guest/engine", "guest/build.sh", "wit", "Cargo.toml", "Cargo.lock"] {
        watch(&root.join(source));
    }
    println!("cargo:rerun-if-env-changed=PAPYRA_WASM_TOOLCHAIN");

    let script = root.join("guest/build.sh");
    let out = PathBuf::from(cargo_env("OUT_DIR")?);
    let encoder =
        env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let mut command = Command::new("sh");
    command.arg(&script).arg(&out).env("PAPYRA_ENCODE", encoder);
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

fn watch(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

fn cargo_env(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}"))
}
