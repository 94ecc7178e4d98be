//! axe-core, which finds what keeps people from using a page.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::install::{home, output};

/// The script of the pinned axe-core.
///
/// # Panics
///
/// If npm fails.
#[must_use]
pub fn axe() -> String {
    let (home, _lock) = home();
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"), home.join("browser"));
    fs::create_dir_all(&to).expect("a directory can be made");
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), to.join(file)).expect("a copy");
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]);
    output(npm.current_dir(&to), "this test needs npm; type:  apt-get install nodejs npm");
    fs::read_to_string(to.join("node_modules/axe-core/axe.min.js")).expect("axe-core is there")
}
