//! The program of `papyra_encode`.
#![allow(clippy::print_stderr, reason = "this is the program")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match papyra_encode::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("papyra-encode: {error}");
            ExitCode::FAILURE
        }
    }
}
