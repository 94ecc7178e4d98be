//! The program: arguments in, a report and an exit code out.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]
#![allow(missing_docs, reason = "the interfaces are documented in wit/")]

use papyra_report::scan::{Scan, is_healthy, text};
use papyra_report::text::{printable, quoted};
use papyra_report::{Paint, scan_view};

use self::exports::wasi::cli0_2_0::run::Guest;
use self::papyra::persistence::journal::{self, ScanOptions, ScanReport, Severity};
use self::papyra::persistence::types::{Failure, FailureCode, Kind};
use self::wasi::cli0_2_0::{environment, stderr, stdout};
use self::wasi::cli0_2_12::exit::exit_with_code;
use self::wasi::io::streams::{OutputStream, StreamError};

wit_bindgen::generate!({
    path: "wit",
    world: "papyra:command/command-core",
    generate_all,
});

struct Component;

export!(Component);

/// As many findings as the command lists.
const FINDINGS: u32 = 20;
/// The most that a stream takes in one call that blocks.
const PIECE: usize = 4096;

const ANOMALIES: u8 = 2;
const USAGE: u8 = 64;

impl Guest for Component {
    fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let code = match arguments.get(1..).unwrap_or_default() {
            [command, path] if command == "scan" && !path.starts_with('-') => scan(path),
            _ => complain("this program knows one command: scan PATH", USAGE),
        };
        if code != 0 {
            exit_with_code(code);
        }
        Ok(())
    }
}

fn scan(path: &str) -> u8 {
    match journal::scan(ScanOptions { max_findings: FINDINGS, sample: None }) {
        Ok(report) => {
            let report = view(&report);
            let flags = format!("--path {}", quoted(path.as_bytes()));
            match write(&stdout::get_stdout(), &text(&report, &flags, Paint::NONE)) {
                // A reader that has gone has seen what it wanted.
                Ok(()) | Err(StreamError::Closed) if is_healthy(&report) => 0,
                Ok(()) | Err(StreamError::Closed) => ANOMALIES,
                Err(StreamError::LastOperationFailed(_)) => 1,
            }
        }
        Err(failure) => complain(&failure.message, code(&failure)),
    }
}

/// The command's exit code for a class of failure.
fn code(failure: &Failure) -> u8 {
    match failure.code {
        FailureCode::InvalidArgument | FailureCode::InvalidRecord | FailureCode::Unsupported => {
            USAGE
        }
        FailureCode::NotFound => 66,
        FailureCode::Unavailable => 69,
        FailureCode::Full => 73,
        FailureCode::Locked => 75,
        FailureCode::Denied => 77,
        FailureCode::Corrupt | FailureCode::Failed => 1,
    }
}

fn view(report: &ScanReport) -> Scan<'_> {
    let kinds = report.kinds.iter().map(|count| {
        let name = match count.kind {
            Kind::Event => "event",
            Kind::Audit => "audit",
            Kind::DeadLetter => "dead_letter",
            Kind::Metric => "metric",
        };
        (name, count.records)
    });
    // Its findings lie beside its location, as those of a file do.
    scan_view!(report, backend: "file", kinds: kinds.collect(), severity: severity)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Damage => "damage",
        Severity::Suspect => "suspect",
        Severity::Structure => "structure",
    }
}

fn complain(message: &str, code: u8) -> u8 {
    // When even that cannot be written, there is nobody left to tell.
    let _ = write(&stderr::get_stderr(), &format!("papyra: {}\n", printable(message)));
    code
}

fn write(stream: &OutputStream, text: &str) -> Result<(), StreamError> {
    for piece in text.as_bytes().chunks(PIECE) {
        stream.blocking_write_and_flush(piece)?;
    }
    Ok(())
}
