//! `papyra-encode`: the encoder of the host's build script as a program, for `guest/build.sh`.
#![allow(clippy::print_stderr, reason = "this is the program")]

#[path = "../../../host/build/encode.rs"]
mod encode;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match encode::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("papyra-encode: {error}");
            ExitCode::FAILURE
        }
    }
}
