use papyra::{Engine, Journal, store::FileStore, journal::*};
use std::time::Instant;
#[tokio::main]
async fn main() {
    let engine = Engine::new().unwrap();
    let path = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len() as f64;
    let j = Journal::new(&engine, FileStore::open(&path)).with_jobs(1);
    for _ in 0..n {
            let t=Instant::now();
            let r = j.scan(ScanOptions{max_findings:10,sample:None}).await.unwrap();
            let d=t.elapsed();
            println!("{:?} {:.0} MB/s records {} damaged {}", d, bytes/1e6/d.as_secs_f64(), r.records, r.damaged);
    }
}
