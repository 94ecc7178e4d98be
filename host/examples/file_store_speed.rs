//! Compares the file store with the bare system calls: `cargo run --release --example file_store_speed DIR`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not a library")]

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use papyra_persistence::store::{
    Durability, Edit, FileStore, Kind, Position, Purpose, RewriteOptions, Run, Store,
};

const BATCHES: usize = 40;
const TURNS: usize = 15;

fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let dir = dir.join("file_store_speed");
    fs::create_dir_all(&dir).unwrap();
    let record = format!("{{\"kind\": \"event\", \"x\": \"{}\"}}\n", "x".repeat(272));
    let batch = record.repeat(1000);
    println!("batches of 1,000 records, {} bytes", batch.len());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    for round in 0..3 {
        for (name, durability) in [("never", Durability::Never), ("always", Durability::Always)] {
            let (ours, raw) = runtime
                .block_on(runtime.spawn(appends(dir.clone(), batch.clone(), durability)))
                .unwrap();
            println!("{round} {name}: {ours:.0} records/s, raw {raw:.0}, {:.2} of raw", ours / raw);
        }
        runtime.block_on(rewrite(&dir, &batch));
    }
    fs::remove_dir_all(&dir).unwrap();
}

/// Measures both in turns, since the speed of disks and machines varies.
async fn appends(dir: PathBuf, batch: String, durability: Durability) -> (f64, f64) {
    let (ours, bare) = (dir.join("ours"), dir.join("bare"));
    let _ = (fs::remove_file(&ours), fs::remove_file(&bare));
    let store = FileStore::builder(&ours).durability(durability).build();
    let mut file = File::options().append(true).create(true).open(&bare).unwrap();
    let mut times = [Duration::ZERO; 2];
    for _ in 0..TURNS {
        let batches = vec![batch.clone(); BATCHES];
        let began = Instant::now();
        for batch in &batches {
            file.write_all(batch.as_bytes()).unwrap();
            if durability == Durability::Always {
                file.sync_data().unwrap();
            }
        }
        times[1] += began.elapsed();
        let began = Instant::now();
        for batch in batches {
            store.append(batch, &[Run { kind: Kind::Event, lines: 1000 }]).await.unwrap();
        }
        times[0] += began.elapsed();
    }
    let [ours, bare] = times.map(|time| (TURNS * BATCHES * 1000) as f64 / time.as_secs_f64());
    (ours, bare)
}

async fn rewrite(dir: &std::path::Path, batch: &str) {
    let path = dir.join("large");
    fs::write(&path, batch.repeat(1000)).unwrap();
    File::open(&path).unwrap().sync_all().unwrap();
    let half = batch.len() as u64 * 500;
    let kept = dir.join("kept");
    fs::write(&kept, batch.repeat(500)).unwrap();
    File::open(&kept).unwrap().sync_all().unwrap();

    let copy = dir.join("copy");
    let _ = fs::remove_file(&copy);
    let began = Instant::now();
    assert!(Command::new("cp").arg(&kept).arg(&copy).status().unwrap().success());
    let cp = began.elapsed();
    File::open(&copy).unwrap().sync_all().unwrap();
    let synced = began.elapsed();

    let store = FileStore::open(&path);
    let began = Instant::now();
    let snapshot = store.snapshot().await.unwrap();
    let options =
        RewriteOptions { purpose: Purpose::Compact, keep_quarantine: false, force: false };
    let mut rewrite = snapshot.rewrite("large", options).await.unwrap();
    let at = |minor| Position { major: 0, minor };
    rewrite.edit(&[Edit::removal(at(0), at(half))]).await.unwrap();
    rewrite.commit().await.unwrap();
    let ours = began.elapsed();
    println!(
        "  keep half of {} MB: {ours:.0?}; cp {cp:.0?}, cp and fsync {synced:.0?}; {:.2} of cp",
        half * 2 / 1_000_000,
        ours.as_secs_f64() / cp.as_secs_f64()
    );
}
