//! The journal in Redis against bare clients of the same server.

use std::fs;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use papyra_persistence::journal::ScanOptions;
use papyra_persistence::{Engine, Journal, Kind};
use papyra_tests::redis::{Aof, Server};
use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::contestant::{Contestant, Sample, Unit, timed};
use crate::files::Files;
use crate::peers::BATCH;

/// Records that are appended in one measurement.
const APPENDED: usize = 200_000;
/// And in one batch: the server keeps a batch until it is whole, and larger ones fall out of its caches.
const APPENDED_AT_ONCE: usize = 500;
/// Tasks that append at the same time, as in a running system.
const APPENDERS: usize = 4;
/// Bytes of the journal that are scanned.
const FILLED: u64 = 100_000_000;
/// Records that are consumed in one measurement, and how many at a time.
const CONSUMED: usize = 50_000;
const AT_A_TIME: u32 = 100;
/// Entries that the bare loop reads at a time.
const PAGE: usize = 1_000;

const KEYS: [&str; 4] = [
    "papyra:local:events",
    "papyra:local:audits",
    "papyra:local:dead_letters",
    "papyra:local:metrics",
];

/// A server with something in it, and those who use it.
struct Bench {
    runtime: Runtime,
    server: Server,
    engine: Engine,
}

impl Bench {
    fn new(engine: &Engine) -> Result<Arc<Self>> {
        let server = Server::start(Aof::Off, &[]);
        Ok(Arc::new(Self { runtime: Runtime::new()?, server, engine: engine.clone() }))
    }

    fn journal(&self) -> Journal {
        Journal::new(&self.engine, self.server.store())
    }

    fn connect(&self) -> Result<MultiplexedConnection> {
        let client = redis::Client::open(self.server.url())?;
        Ok(self.runtime.block_on(client.get_multiplexed_async_connection())?)
    }
}

pub(crate) fn contestants(files: &Files) -> Result<Vec<Contestant>> {
    let engine = Engine::new()?;
    let writing = Bench::new(&engine)?;
    let reading = Bench::new(&engine)?;
    fill(&reading, files)?;
    let consuming = Bench::new(&engine)?;
    let record = record() + "\n";
    for _ in 0..CONSUMED / BATCH {
        consuming.runtime.block_on(consuming.journal().append_lines(&record.repeat(BATCH)))?;
    }
    Ok(vec![
        append(&writing),
        benchmark(&writing),
        scan(&reading),
        xrange(&reading),
        consume(&consuming),
        xreadgroup(&consuming),
    ])
}

/// As long as those of the generated journal are on average.
fn record() -> String {
    format!(r#"{{"kind": "event", "timestamp": 1738000000.5, "text": "{}"}}"#, "y".repeat(560))
}

fn fill(bench: &Bench, files: &Files) -> Result<()> {
    let journal = bench.journal();
    let mut text = Vec::new();
    fs::File::open(&files.journal)?.take(FILLED).read_to_end(&mut text)?;
    let whole = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&text[..whole])?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for batch in lines.chunks(BATCH) {
        bench.runtime.block_on(journal.append_lines(&batch.concat()))?;
    }
    Ok(())
}

fn append(bench: &Arc<Bench>) -> Contestant {
    let bench = Arc::clone(bench);
    Contestant::new("redis, append", Unit::RecordsPerSecond, move || {
        bench.server.cli(&["flushall"]);
        let journal = bench.journal();
        let batch: Arc<str> = (record() + "\n").repeat(APPENDED_AT_ONCE).into();
        bench.runtime.block_on(journal.append_lines(&batch))?;
        timed(|| {
            bench.runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for _ in 0..APPENDERS {
                    let (journal, batch) = (journal.clone(), Arc::clone(&batch));
                    tasks.spawn(async move {
                        for _ in 0..APPENDED / APPENDED_AT_ONCE / APPENDERS {
                            journal.append_lines(&batch).await?;
                        }
                        anyhow::Ok(())
                    });
                }
                while let Some(done) = tasks.join_next().await {
                    done??;
                }
                anyhow::Ok(())
            })?;
            Ok(APPENDED as u64)
        })
    })
}

/// 50 clients, as it has them unless told otherwise, with 100 commands on their way each.
fn benchmark(bench: &Arc<Bench>) -> Contestant {
    let bench = Arc::clone(bench);
    Contestant::new("redis-benchmark -P 100", Unit::RecordsPerSecond, move || {
        bench.server.cli(&["flushall"]);
        let (port, count) = (bench.server.port.to_string(), APPENDED.to_string());
        let output = Command::new("redis-benchmark")
            .args(["-p", &port, "-P", "100", "-n", &count, "--csv"])
            .args(["xadd", KEYS[0], "*", "kind", "event", "data", &record()])
            .output()
            .context("redis-benchmark")?;
        // The name of the test is the command itself, so count the columns from the end.
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().last().and_then(|line| line.rsplit(',').nth(6));
        let rate = rate.and_then(|rate| rate.trim_matches('"').parse::<f64>().ok());
        let rate = rate.with_context(|| format!("no rate in {text}"))?;
        let time = std::time::Duration::from_secs_f64(APPENDED as f64 / rate);
        Ok(Sample { time, amount: APPENDED as u64 })
    })
}

fn scan(bench: &Arc<Bench>) -> Contestant {
    let bench = Arc::clone(bench);
    let journal = bench.journal().with_jobs(1);
    Contestant::new("redis, scan", Unit::RecordsPerSecond, move || {
        timed(|| {
            let options = ScanOptions { max_findings: 10, sample: None };
            let report = bench.runtime.block_on(journal.scan(options))?;
            ensure!(report.damaged == 0, "the generated journal is sound");
            Ok(report.records)
        })
    })
}

/// Reads everything and looks at nothing.
fn xrange(bench: &Arc<Bench>) -> Contestant {
    let bench = Arc::clone(bench);
    Contestant::new("redis, bare XRANGE", Unit::RecordsPerSecond, move || {
        let mut connection = bench.connect()?;
        timed(|| {
            let mut total = 0;
            for key in KEYS {
                let mut from = "-".to_owned();
                loop {
                    let mut command = redis::cmd("XRANGE");
                    command.arg(key).arg(&from).arg("+").arg("COUNT").arg(PAGE);
                    let reply: Value =
                        bench.runtime.block_on(command.query_async(&mut connection))?;
                    let Value::Array(entries) = reply else { anyhow::bail!("{reply:?}") };
                    total += entries.len() as u64;
                    match entries.last() {
                        Some(last) if entries.len() == PAGE => from = format!("({}", id(last)?),
                        _ => break,
                    }
                }
            }
            Ok(total)
        })
    })
}

fn id(entry: &Value) -> Result<String> {
    match entry {
        Value::Array(parts) => match parts.first() {
            Some(Value::BulkString(id)) => Ok(String::from_utf8(id.clone())?),
            _ => anyhow::bail!("no id"),
        },
        _ => anyhow::bail!("no entry"),
    }
}

fn regroup(bench: &Bench, group: &str) {
    bench.server.cli(&["xgroup", "destroy", KEYS[0], group]);
    bench.server.cli(&["xgroup", "create", KEYS[0], group, "0"]);
}

fn consume(bench: &Arc<Bench>) -> Contestant {
    let bench = Arc::clone(bench);
    Contestant::new("redis, consume and ack", Unit::RecordsPerSecond, move || {
        regroup(&bench, "ours");
        let journal = bench.journal();
        timed(|| {
            bench.runtime.block_on(async {
                let mut consumer =
                    journal.consumer(Kind::Event, "ours", "c").count(AT_A_TIME).build();
                let mut total = 0;
                loop {
                    let batch = consumer.next().await?;
                    if batch.entries.is_empty() {
                        ensure!(total == CONSUMED as u64, "{total} records");
                        return Ok(total);
                    }
                    total += batch.entries.len() as u64;
                    consumer.ack(batch.ids()).await?;
                }
            })
        })
    })
}

fn xreadgroup(bench: &Arc<Bench>) -> Contestant {
    let bench = Arc::clone(bench);
    Contestant::new("redis, bare XREADGROUP and XACK", Unit::RecordsPerSecond, move || {
        regroup(&bench, "bare");
        let mut connection = bench.connect()?;
        timed(|| {
            bench.runtime.block_on(async {
                let mut total = 0;
                loop {
                    let mut read = redis::cmd("XREADGROUP");
                    read.arg("GROUP").arg("bare").arg("c").arg("COUNT").arg(AT_A_TIME);
                    read.arg("STREAMS").arg(KEYS[0]).arg(">");
                    let reply: redis::streams::StreamReadReply =
                        read.query_async(&mut connection).await?;
                    let Some(stream) = reply.keys.first() else {
                        ensure!(total == CONSUMED as u64, "{total} records");
                        return Ok(total);
                    };
                    total += stream.ids.len() as u64;
                    let ids: Vec<&str> = stream.ids.iter().map(|entry| &*entry.id).collect();
                    let _: u64 = redis::cmd("XACK")
                        .arg(KEYS[0])
                        .arg("bare")
                        .arg(ids)
                        .query_async(&mut connection)
                        .await?;
                }
            })
        })
    })
}
