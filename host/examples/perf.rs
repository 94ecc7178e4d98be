use papyra::{Engine, Journal, store::FileStore, journal::*};
use std::time::Instant;
#[tokio::main]
async fn main() {
    let t=Instant::now();
    let engine = Engine::new().unwrap();
    println!("engine {:?}", t.elapsed());
    let path = std::env::args().nth(1).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len() as f64;
    for _ in 0..4 {
        for jobs in [1,2] {
            let j = Journal::new(&engine, FileStore::open(&path)).with_jobs(jobs);
            let t=Instant::now();
            let r = j.scan(ScanOptions{max_findings:10,sample:None}).await.unwrap();
            let d=t.elapsed();
            println!("jobs {jobs}: {:?} {:.0} MB/s records {} damaged {}", d, bytes/1e6/d.as_secs_f64(), r.records, r.damaged);
        }
        let j = Journal::new(&engine, FileStore::open(&path)).with_retention(Retention{journal: Limits{max_records: Some(260000), max_age_seconds: None, max_total_bytes: None}, per_kind: vec![]});
        let t=Instant::now();
        let c = j.compact(CompactOptions{dry_run:true,force:false,keep_evidence:false,as_of:None}).await.unwrap();
        println!("compact dry {:?} {} -> {}", t.elapsed(), c.records_before, c.records_after);
    }
}
