//! The engine in Python, with stores in Python, and the backend for Papyra.

use std::process::Command;

use papyra_tests::documents;
use papyra_tests::embed::readme::{self, printed};
use papyra_tests::embed::{older_papyra, python, python_command};

papyra_tests::embed_suite!(Python);
papyra_tests::embed_suite!(wasi PythonWasi);

const BACKEND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/tests/test_backend.py");
const INTERRUPTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/tests/test_interrupts.py");
const VALUES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/tests/test_values.py");
const FAULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/tests/test_faults.py");

#[test]
fn forks_cancellations_and_failures_lose_nothing() {
    printed(python_command().arg(FAULTS));
}

#[test]
fn a_signal_never_kills_the_interpreter() {
    printed(python_command().arg(INTERRUPTS));
}

#[test]
fn wrong_arguments_are_refused_with_what_is_right() {
    printed(python_command().arg(VALUES));
}

#[test]
fn the_backend_does_for_papyra_what_its_own_backend_does() {
    printed(python_command().arg(BACKEND));
}

#[test]
fn the_backend_works_with_the_older_papyra_too() {
    let mut command = python_command();
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python");
    let path = format!("{}:{package}", older_papyra().display());
    printed(command.env("PYTHONPATH", path).arg(BACKEND));
}

fn tour(mut command: Command) -> String {
    let engine = readme::environment(&command, "PAPYRA_ENGINE");
    printed(
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/example/tour.py"))
            .arg(engine),
    )
}

#[test]
fn the_example_prints_what_it_should() {
    assert_eq!(tour(python_command()), readme::TOUR);
}

#[test]
fn pip_installs_a_package_that_works() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.arg("--target").arg(dir.path());
    printed(pip.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python")));
    let mut command = python_command();
    command.env("PYTHONPATH", dir.path());
    assert_eq!(tour(command), readme::TOUR);
}

#[test]
fn the_programs_in_the_page_run() {
    let dir = readme::home();
    let mut ran = 0;
    for program in documents::blocks("docs/python.md", "Programs", "python") {
        printed(python_command().current_dir(dir.path()).args(["-c", &program]));
        ran += 1;
    }
    assert_eq!(ran, 2);
}
