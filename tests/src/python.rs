//! Python with pinned packages, in virtual environments below `target`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::download::download;

const NEEDED: &str = "this test needs Python 3.10 or newer with venv and pip; type:  apt-get install \
                      python3-venv";

/// The interpreter of an environment with these packages, such as `name==1.2.3`, made if it is not there
/// yet. Test programs that want the same one at the same time wait for each other.
///
/// # Panics
///
/// If Python is missing or pip fails.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    let home = target().join("python");
    fs::create_dir_all(&home).expect("a directory can be made");
    let lock = File::create(home.join(format!("{name}.lock"))).expect("a file can be made");
    lock.lock().expect("a lock can be had");

    let venv = home.join(name);
    let interpreter = venv.join("bin/python");
    let wanted = packages.join("\n");
    let stamp = venv.join("packages.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return interpreter;
    }
    let _ = fs::remove_dir_all(&venv);
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&interpreter).args(pip).args(packages));
    fs::write(stamp, wanted).expect("a file can be written");
    interpreter
}

/// What a program in Python writes when it is given this input.
///
/// # Panics
///
/// If it fails.
pub fn filter(interpreter: &Path, program: &str, input: &str) -> String {
    let mut child = Command::new(interpreter)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(NEEDED);
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that has failed does not read; its exit code says so.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\nit was given\n{input}");
    String::from_utf8(output.stdout).expect("text")
}

fn run(command: &Command) {
    let output = download(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{NEEDED} ({command:?}: {errors})");
}

/// The directory that cargo builds into.
fn target() -> PathBuf {
    let me = std::env::current_exe().expect("a test has a path");
    let target = me.ancestors().find(|dir| dir.join("release").is_dir() || dir.ends_with("target"));
    target.expect("a target directory").to_owned()
}
