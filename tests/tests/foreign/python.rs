//! The engine in Python, with stores in Python, and the backend for Papyra.

use std::process::Command;

use papyra_tests::documents;
use papyra_tests::embed::readme::{self, printed};
use papyra_tests::embed::{older_papyra, python, python_command};
use papyra_tests::redis::{Aof, Server};

papyra_tests::embed_suite!(Python);
papyra_tests::embed_suite!(wasi PythonWasi);

/// Runs one of the Python package's own test programs.
fn passes(program: &str) {
    printed(python_command().arg(test_program(program)));
}

fn test_program(name: &str) -> String {
    format!("{}/../host/python/tests/{name}.py", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn forks_cancellations_and_failures_lose_nothing() {
    passes("test_faults");
}

#[test]
fn a_signal_never_kills_the_interpreter() {
    passes("test_interrupts");
}

#[test]
fn wrong_arguments_are_refused_with_what_is_right() {
    passes("test_values");
}

#[test]
fn files_are_kept_read_and_locked() {
    passes("test_files");
}

#[test]
fn an_append_that_fails_says_what_was_written() {
    passes("test_written");
    passes("test_injected");
}

#[test]
fn the_classes_have_the_fields_of_the_contract() {
    passes("test_wit");
}

#[test]
fn text_that_is_not_unicode_is_refused() {
    passes("test_text");
}

#[test]
fn forks_and_processes_neither_hang_nor_lose_errors() {
    passes("test_forks");
    passes("test_processes");
}

#[test]
fn log_records_are_kept_and_never_stop_the_program() {
    passes("test_logs");
}

#[test]
fn limited_address_space_is_enough_or_named() {
    passes("test_room");
}

#[test]
fn the_backends_do_for_papyra_what_its_own_backends_do() {
    passes("test_backend");
    passes("test_rotating");
}

#[test]
fn the_backends_work_with_the_older_papyra_too() {
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python");
    let path = format!("{}:{package}", older_papyra().display());
    for program in ["test_backend", "test_rotating"] {
        printed(python_command().env("PYTHONPATH", &path).arg(test_program(program)));
    }
}

#[test]
fn the_backend_in_redis_does_for_papyra_what_its_own_backend_does() {
    let server = Server::start(Aof::Off, &[]);
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python");
    let older = format!("{}:{package}", older_papyra().display());
    for path in [package, &older] {
        let mut command = python_command();
        command.env("PYTHONPATH", path).env("PAPYRA_REDIS_URL", server.url());
        printed(command.arg(test_program("test_redis")));
    }
}

#[test]
fn a_store_in_redis_loses_nothing_and_says_what_it_cannot_do() {
    let server = Server::start(Aof::Off, &["--maxmemory-policy", "noeviction"]);
    let mut command = python_command();
    printed(command.env("PAPYRA_REDIS_URL", server.url()).arg(test_program("test_redis_store")));
}

fn tour(mut command: Command) -> String {
    let engine = readme::environment(&command, "PAPYRA_PYTHON");
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
fn a_component_that_the_program_names_serves_it_too() {
    let dir = readme::home();
    let programs = documents::blocks("docs/python.md", "Another engine", "python");
    assert_eq!(programs.len(), 1);
    for program in programs {
        let mut python = python_command();
        assert_eq!(printed(python.current_dir(dir.path()).args(["-c", &program])), "1 damaged\n");
    }
}
