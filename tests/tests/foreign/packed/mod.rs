//! The packages, as those who install them get them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod away;
mod crates;
mod debian;
mod release;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use papyra_tests::portable::{component, root};

/// Of all packages.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The directory with the packed crates.
fn archives() -> &'static Path {
    static PACKED: OnceLock<PathBuf> = OnceLock::new();
    PACKED.get_or_init(|| {
        let out = root().join("target/crates/out");
        fs::create_dir_all(&out).unwrap();
        let lock = File::create(out.join(".lock")).unwrap();
        lock.lock().unwrap();
        let components = component("papyra-engine.wasm");
        let script = root().join("host/pack.sh");
        text(Command::new("sh").arg(script).arg(components.parent().unwrap()).arg(&out));
        out
    })
}

/// Unpacks a crate into a directory, and returns its own.
fn unpacked(name: &str, into: &Path) -> PathBuf {
    let archive = archives().join(format!("{name}-{VERSION}.crate"));
    text(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into));
    into.join(format!("{name}-{VERSION}"))
}

/// What a command prints, if it does not fail.
fn text(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
