//! Builds from the packed crates alone: no checkout around them, no tools for WebAssembly, no standard library
//! for a target of WebAssembly.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::documents;
use papyra_tests::portable::root;
use papyra_tests::scale;

use super::{VERSION, text, unpacked};

/// All that a build may find, beside cargo and rustc.
const TOOLS: [&str; 6] = ["ar", "as", "cc", "gcc", "ld", "sh"];

#[test]
fn the_readmes_program_and_the_command_build_from_the_archives_alone() {
    if scale::packed_builds() == 0 {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bare = Bare::new(dir.path());

    let program = dir.path().join("program");
    fs::create_dir_all(program.join("src")).unwrap();
    let [source] = &documents::blocks("README.md", "In a program", "rust")[..] else {
        panic!("the README has another number of programs in Rust");
    };
    fs::write(program.join("src/main.rs"), source).unwrap();
    let named = "[package]\nname = \"program\"\nedition = \"2024\"\n\n";
    fs::write(program.join("Cargo.toml"), named.to_owned() + &dependencies()).unwrap();
    // The versions that are downloaded already.
    fs::copy(root().join("Cargo.lock"), program.join("Cargo.lock")).unwrap();
    let printed = text(bare.cargo("run").current_dir(&program));
    let [tally, record] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed}") };
    assert_eq!(tally, "1 records, 0 damaged");
    assert!(record.contains("\"event_type\": \"ActorStarted\""), "{record}");

    text(bare.cargo_for_command().current_dir(dir.path().join(format!("papyra-cli-{VERSION}"))));
    let command = bare.target.join("debug/papyra");
    assert_eq!(text(Command::new(&command).arg("--version")), format!("papyra {VERSION}\n"));
    text(Command::new(&command).args(["persistence", "scan", "--path"]).arg(bare.journal()));
}

/// What the page tells a project to say that has unpacked the crates beside itself.
fn dependencies() -> String {
    let blocks = documents::blocks("docs/embedding.md", "Add the crate", "toml");
    blocks.into_iter().find(|block| block.contains("[patch.crates-io]")).unwrap()
}

#[test]
fn the_page_unpacks_the_crates_of_this_version() {
    for name in ["papyra-persistence", "papyra-file-store"] {
        let said = format!("\n{name} = {{ path = \"../{name}-{VERSION}\" }}\n");
        assert!(dependencies().contains(&said), "docs/embedding.md is not about {VERSION}");
    }
    assert!(dependencies().contains(&format!("\npapyra-persistence = \"{VERSION}\"\n")));
}

/// A machine on which nobody has thought of WebAssembly.
struct Bare {
    /// The only directory in `PATH`.
    bin: PathBuf,
    /// Where the crates are unpacked.
    crates: PathBuf,
    /// Of builds before, so that only what was packed is compiled again.
    target: PathBuf,
    temporary: PathBuf,
}

impl Bare {
    fn new(dir: &Path) -> Self {
        let at = |name: &str| {
            let path = dir.join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let bare = Self {
            bin: at("bin"),
            crates: dir.to_owned(),
            target: root().join("target/packed"),
            temporary: at("temporary"),
        };
        for name in ["papyra-file-store", "papyra-report", "papyra-persistence", "papyra-cli"] {
            unpacked(name, &bare.crates);
        }
        for tool in TOOLS {
            let found = text(Command::new("sh").arg("-c").arg(format!("command -v {tool}")));
            symlink(found.trim(), bare.bin.join(tool)).unwrap();
        }
        bare.install_rust(&at("sysroot/lib/rustlib"));
        bare
    }

    /// The compiler in use, with the standard library of this machine alone.
    fn install_rust(&self, libraries: &Path) {
        let real = PathBuf::from(text(Command::new("rustc").args(["--print", "sysroot"])).trim());
        let version = text(Command::new("rustc").arg("-vV"));
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        symlink(real.join("lib/rustlib").join(host), libraries.join(host)).unwrap();
        let sysroot = libraries.ancestors().nth(2).unwrap().display();
        let rustc = self.bin.join("rustc");
        let real_rustc = real.join("bin/rustc");
        let script =
            format!("#!/bin/sh\nexec '{}' --sysroot '{sysroot}' \"$@\"\n", real_rustc.display());
        fs::write(&rustc, script).unwrap();
        fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(real.join("bin/cargo"), self.bin.join("cargo")).unwrap();

        let asked = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
        let wasm = text(Command::new(&rustc).args(asked));
        assert!(!Path::new(wasm.trim()).exists(), "the target is not hidden: {wasm}");
    }

    /// The same for the command, whose crate stands alone.
    fn cargo_for_command(&self) -> Command {
        let mut cargo = self.cargo("build");
        for name in ["papyra-file-store", "papyra-report", "papyra-persistence"] {
            let path = self.crates.join(format!("{name}-{VERSION}"));
            cargo.arg("--config").arg(format!("patch.crates-io.{name}.path='{}'", path.display()));
        }
        cargo
    }

    /// Cargo that finds nothing else.
    fn cargo(&self, task: &str) -> Command {
        let mut cargo = Command::new(self.bin.join("cargo"));
        for (name, _) in env::vars() {
            let network = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];
            let of_cargo = name.starts_with("CARGO") || name.starts_with("RUST");
            if (of_cargo && !network.iter().any(|kept| name.starts_with(kept)))
                || name.starts_with("PAPYRA_")
            {
                cargo.env_remove(name);
            }
        }
        cargo.arg(task).args(["--quiet", "--config", "profile.dev.debug=0"]);
        cargo.env("PATH", &self.bin).env("RUSTC", self.bin.join("rustc"));
        cargo.env("CARGO_TARGET_DIR", &self.target).env("TMPDIR", &self.temporary);
        cargo
    }

    /// Where the README's program leaves its journal.
    fn journal(&self) -> PathBuf {
        self.temporary.join("papyra-example.ndjson")
    }
}
