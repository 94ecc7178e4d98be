//! The Debian package, in a root of its own: a fresh Debian as debootstrap makes it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::portable::root;
use papyra_tests::scale;

use super::{VERSION, text};

const EXAMPLES: &str = "/usr/share/doc/papyra-cli/examples";
const UNITS: [&str; 2] = ["orders.service", "papyra-serve.service"];

#[test]
fn the_debian_package_installs_runs_and_leaves_nothing_behind() {
    if scale::packed_builds() == 0 {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    // The tag is for uploads to Debian itself.
    let judge = ["--fail-on", "error,warning", "--suppress-tags", "initial-upload-closes-no-bugs"];
    text(Command::new("lintian").args(judge).arg(&package));
    // Others may not make a root.
    if rustix::process::geteuid().is_root() {
        let fresh = Fresh::new(&dir.path().join("root"));
        fresh.installs(&package);
        fresh.runs();
        fresh.removes();
    }
}

fn package(into: &Path) -> PathBuf {
    text(Command::new("sh").arg(root().join(".ci/deb")).arg(into));
    let files = fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path());
    let mut packages = files.filter(|path| path.extension().is_some_and(|end| end == "deb"));
    packages.next().unwrap()
}

/// A Debian like this one, with man and systemd.
struct Fresh(PathBuf);

impl Fresh {
    fn new(at: &Path) -> Self {
        let release = fs::read_to_string("/etc/os-release").unwrap();
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let options = ["--variant=minbase", "--include=man-db,systemd"];
        text(Command::new("debootstrap").args(options).arg(suite.unwrap()).arg(at));
        Self(at.to_owned())
    }

    /// Runs a command inside.
    fn run(&self, words: &[&str]) -> String {
        let mut inside = Command::new("chroot");
        text(inside.arg(&self.0).args(words).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    fn installs(&self, package: &Path) {
        fs::copy(package, self.path("/tmp/papyra.deb")).unwrap();
        self.run(&["dpkg", "-i", "/tmp/papyra.deb"]);
    }

    fn runs(&self) {
        assert_eq!(self.run(&["papyra", "--version"]), format!("papyra {VERSION}\n"));
        let record = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";
        fs::write(self.path("/tmp/app.ndjson"), record).unwrap();
        let scan = self.run(&["papyra", "persistence", "scan", "--path", "/tmp/app.ndjson"]);
        assert!(scan.starts_with("/tmp/app.ndjson: healthy\n"), "{scan}");
        for page in ["papyra", "papyra-scan", "papyra-serve"] {
            assert!(self.run(&["man", page]).contains("SYNOPSIS"), "{page}");
        }
        let script = "/usr/share/bash-completion/completions/papyra";
        let says = self.run(&["bash", "-c", &format!("source {script}; complete -p papyra")]);
        assert!(says.contains("-F _papyra"), "{says}");
        // The examples are copied, and the service that they are about is there.
        for unit in UNITS {
            let copy = self.path("/etc/systemd/system").join(unit);
            fs::copy(self.path(EXAMPLES).join(unit), copy).unwrap();
        }
        let orders = self.path("/usr/bin/orders");
        fs::write(&orders, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&orders, fs::Permissions::from_mode(0o755)).unwrap();
        self.run(&["systemd-analyze", "verify", UNITS[0], UNITS[1]]);
    }

    fn removes(&self) {
        let files = self.run(&["dpkg", "-L", "papyra-cli"]);
        let files: Vec<_> = files.lines().filter(|path| path.contains("papyra")).collect();
        assert!(files.contains(&"/usr/bin/papyra"), "{files:?}");
        self.run(&["dpkg", "-P", "papyra-cli"]);
        for file in files {
            assert!(!self.path(file).exists(), "{file} stays");
        }
    }
}
