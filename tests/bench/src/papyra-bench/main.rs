//! Measures everything that is promised, against peers, in one run: each round runs every contestant
//! once, so that a machine that is slower for a while is slower for all of them.

mod contestant;
mod files;
mod library;
mod memory;
mod ours;
mod peers;
mod recorder;
mod redis;
mod rows;
mod tracing_layer;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use clap::Parser;
use papyra_tests::moody::WISHED;

use crate::files::Files;
use crate::ours::Papyra;

/// What scan, compact and read may use, whatever the size of the journal.
const RESIDENT: u64 = 128 << 20;

/// Measures everything that is promised, against peers.
#[derive(Parser)]
struct Arguments {
    /// How often each contestant runs, after one run to warm up
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The size of the journal that is scanned and compacted
    #[arg(long, default_value = "300MB")]
    bytes: ByteSize,
    /// The size of the journal that memory use is measured with; 0 leaves these rows out
    #[arg(long, default_value = "3GB")]
    large: ByteSize,
    /// Only contestants whose name contains this, or one of these if it is repeated
    #[arg(long, default_value = "")]
    only: Vec<String>,
    /// Another command to measure, such as that of an older build; its rows must mean the same
    #[arg(long, value_name = "FILE")]
    papyra: Option<PathBuf>,
    /// Where the journals are made and kept
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

fn main() -> Result<ExitCode> {
    let mut raw = std::env::args_os().skip(1);
    if raw.next().is_some_and(|first| first == memory::PROBE) {
        memory::probe(raw)?;
        return Ok(ExitCode::SUCCESS);
    }
    expect_panics();
    measure(&Arguments::parse())
}

/// Says nothing about panics that the benchmark asks for.
fn expect_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some(WISHED) {
            usual(panic);
        }
    }));
}

fn measure(arguments: &Arguments) -> Result<ExitCode> {
    let files = Files::prepare(&arguments.dir, arguments.bytes.as_u64())?;
    let papyra = Papyra::find(arguments.papyra.as_deref())?;
    if papyra.is_none() {
        eprintln!("papyra is not built: its rows are missing (cargo build --release --workspace)");
    }
    let large = match arguments.large.as_u64() {
        0 => Vec::new(),
        bytes => files.large(bytes)?.to_vec(),
    };

    let mut all = library::contestants(&files)?;
    if let Some(papyra) = &papyra {
        all.extend(papyra.contestants(&files)?);
        all.extend(large.first().map(|(_, journal)| papyra.read_tail(journal)));
    }
    all.extend(peers::contestants(&files)?);
    all.extend(redis::contestants(&files)?);
    let wanted = |name: &str| arguments.only.iter().any(|part| name.contains(part));
    all.retain(|one| wanted(one.name));

    for round in 0..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        for one in &mut all {
            one.run(round > 0)?;
        }
    }

    let mut lines: Vec<_> = rows::ROWS
        .iter()
        .filter_map(|(what, name, promise)| rows::judge(&all, what, name, promise))
        .collect();
    if let Some(papyra) = &papyra {
        for (name, journal) in &large {
            for (operation, options) in [
                ("scan", &["--json"][..]),
                ("read", &[]),
                ("compact", &["--max-records", "1000000"]),
            ] {
                eprintln!("memory: {operation}{name}");
                let journal = if operation == "compact" {
                    let copy = files.scratch("compact-large");
                    std::fs::copy(journal, &copy).context("cannot copy the large journal")?;
                    copy
                } else {
                    journal.clone()
                };
                let peak = memory::peak(&papyra.command(operation, &journal, options))?;
                let what =
                    format!("memory, {}: papyra {operation}{name}", arguments.large.display().si());
                lines.push(rows::memory(what, peak, RESIDENT));
            }
        }
        files::remove(&files.scratch("compact-large"))?;
    }

    if arguments.only.iter().any(|part| "recorder".contains(part)) {
        lines.extend(recorder::rows(&files, arguments.rounds.max(1))?);
    }
    if arguments.only.iter().any(|part| "tracing".contains(part)) {
        lines.extend(tracing_layer::rows(&files, arguments.rounds.max(1))?);
    }

    println!("{}", machine());
    let kept = rows::print(&lines);
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What it ran on.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{}, {cores} cores, Linux {}", cpu.trim_start_matches([' ', '\t', ':']), kernel.trim())
}
