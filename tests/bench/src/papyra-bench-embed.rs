//! Measures the engine in other languages, in one interleaved run: each round runs every host once.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use papyra_persistence::journal::ScanOptions;
use papyra_persistence::store::FileStore;
use papyra_persistence::{Engine, Journal};
use papyra_tests::embed::readme::printed;
use papyra_tests::embed::{Driver, Host, Reply, python_command};
use papyra_tests::generate::Generator;
use serde_json::{Value, json};

/// Measures the engine in other languages.
#[derive(Parser)]
struct Arguments {
    /// How often each host runs, after one run to warm up
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The size of the journal
    #[arg(long, default_value = "60MB")]
    bytes: bytesize::ByteSize,
    /// Leave out Papyra's own backend, which takes minutes
    #[arg(long)]
    without_papyra: bool,
    /// Where the journal is made and kept
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// A host, how it is named, what it is promised to reach, and what it took.
struct Row {
    name: &'static str,
    bar: f64,
    driver: Driver,
    seconds: Vec<f64>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let journal = journal(&arguments)?;
    let mut rows = Vec::new();
    for (name, host, bar) in HOSTS {
        let mut driver = Driver::start(*host);
        driver.open(&journal, json!({}));
        rows.push(Row { name, bar: *bar, driver, seconds: Vec::new() });
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let engine = Engine::new()?;
    let mut ours = Vec::new();
    for round in 0..=arguments.rounds {
        let seconds = runtime.block_on(scan_here(&engine, &journal))?;
        if round > 0 {
            ours.push(seconds);
        }
        for row in &mut rows {
            let reply = row.driver.ask("scan", json!({"max_findings": 20}));
            let Reply::Done { seconds, .. } = reply else {
                anyhow::bail!("{}: {reply:?}", row.name)
            };
            if round > 0 {
                row.seconds.push(seconds);
            }
        }
    }
    let bytes = arguments.bytes.as_u64() as f64;
    println!("| scan of {} | MB/s | our host = 1 | promised |", arguments.bytes.display().si());
    println!("|---|---|---|---|");
    println!("| our host, one instance | {:.0} | 1 | |", bytes / 1e6 / median(ours.clone()));
    for row in &rows {
        let ratios = ours.iter().zip(&row.seconds).map(|(ours, theirs)| ours / theirs).collect();
        let speed = bytes / 1e6 / median(row.seconds.clone());
        let bar = if row.bar > 0.0 { format!("{}", row.bar) } else { String::new() };
        println!("| {} | {speed:.0} | {:.2} | {bar} |", row.name, median(ratios));
    }
    if !arguments.without_papyra {
        papyra(&journal)?;
    }
    Ok(())
}

/// Bytes of the journal that Papyra writes; for short records it takes three times as long per byte.
const WRITTEN: u64 = 12_000_000;

const HOSTS: &[(&str, Host, f64)] = &[
    ("Node, `papyra-node.wasm`", Host::Node, 0.8),
    ("Node, `papyra-wasi.wasm`", Host::NodeWasi, 0.4),
    ("wasmtime-py, `papyra-python.wasm`", Host::Python, 0.8),
    ("wasmtime-py, `papyra-wasi.wasm`", Host::PythonWasi, 0.8),
];

async fn scan_here(engine: &Engine, journal: &Path) -> Result<f64> {
    let journal = Journal::new(engine, FileStore::open(journal)).with_jobs(1);
    let began = Instant::now();
    journal.scan(ScanOptions::default()).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// Papyra's own backend against ours, on the same file.
fn papyra(journal: &Path) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../host/python/tests/bench_backend.py");
    let output = printed(python_command().arg(script).arg(journal).arg(WRITTEN.to_string()));
    let measured: Value = serde_json::from_str(&output).context("not a document")?;
    for (file, rows) in measured.as_object().into_iter().flatten() {
        println!("\n| Papyra's operation, {file} | its own backend | ours | times | promised |");
        println!("|---|---|---|---|---|");
        for row in rows.as_array().into_iter().flatten() {
            let (theirs, ours) = (row["theirs"].as_f64(), row["ours"].as_f64());
            let (theirs, ours) = (theirs.unwrap_or_default(), ours.unwrap_or_default());
            let name = row["name"].as_str().unwrap_or_default();
            println!("| `{name}` | {theirs:.1} s | {ours:.3} s | {:.0} | 100 |", theirs / ours);
        }
    }
    Ok(())
}

fn journal(arguments: &Arguments) -> Result<PathBuf> {
    std::fs::create_dir_all(&arguments.dir)?;
    let path = std::path::absolute(arguments.dir.join("embed.ndjson"))?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    Generator::new(1).write(&mut file, arguments.bytes.as_u64())?;
    std::io::Write::flush(&mut file)?;
    Ok(path)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
