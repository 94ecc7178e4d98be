//! Servers that die, hang and drop connections under load: what was acknowledged is there, and
//! nothing is there twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use papyra_persistence::journal::FailureCode;
use papyra_persistence::{Engine, Journal};
use papyra_tests::numbered;
use papyra_tests::redis::{Aof, Server, lines};
use tokio::task::JoinSet;

const TASKS: usize = 4;
const BATCH: u64 = 20;

/// Tasks that append numbered records, each batch once whatever becomes of it.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<(Instant, u64)>>>,
    failed: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl Load {
    fn start(journal: &Journal) -> Self {
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (acknowledged, failed) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (journal, stop, next) = (journal.clone(), Arc::clone(&stop), Arc::clone(&next));
            let acknowledged: Arc<Mutex<Vec<_>>> = Arc::clone(&acknowledged);
            let failed: Arc<AtomicU64> = Arc::clone(&failed);
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    let batch: String = (first..first + BATCH).map(numbered::line).collect();
                    match journal.append_lines(&batch).await {
                        Ok(_) => acknowledged.lock().unwrap().push((Instant::now(), first)),
                        Err(error) => {
                            assert_eq!(error.code(), Some(FailureCode::Unavailable), "{error:?}");
                            failed.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            });
        }
        Self { stop, acknowledged, failed, tasks }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until so many more batches have been acknowledged.
    async fn go_on(&self, more: usize) {
        let wanted = self.count() + more;
        let until = Instant::now() + Duration::from_secs(60);
        while self.count() < wanted {
            assert!(Instant::now() < until, "appends do not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// When what was acknowledged, and how many calls have failed.
    async fn end(mut self) -> (Vec<(Instant, u64)>, u64) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap();
        }
        (self.acknowledged.lock().unwrap().clone(), self.failed.load(Ordering::Relaxed))
    }
}

/// How often each record is there. Batches are whole; but of one that nobody was told is written, a
/// beginning can be there if the server was killed more than once. Redis 7.0 cuts its file off after
/// the last whole command of a transaction that a kill has torn, and not before its MULTI; the next
/// transaction in the file then ends both.
async fn count(server: &Server, acknowledged: &[(Instant, u64)]) -> HashMap<u64, u64> {
    let text: String =
        lines(&server.store()).await.iter().map(|line| format!("{line}\n")).collect();
    let counts = numbered::count(text.as_bytes());
    assert!(counts.values().all(|times| *times == 1), "something is there twice");
    for first in counts.keys().map(|number| number / BATCH * BATCH) {
        let there: Vec<u64> = (first..first + BATCH).filter(|n| counts.contains_key(n)).collect();
        let told = acknowledged.iter().any(|(_, told)| *told == first);
        let beginning = there.iter().zip(first..).all(|(number, expected)| *number == expected);
        let whole = there.len() as u64 == BATCH;
        assert!(whole || (!told && beginning), "the batch {first} is torn: {there:?} are there");
    }
    counts
}

fn journal(server: &Server) -> Journal {
    Journal::new(&Engine::new().unwrap(), server.store())
}

async fn killing(aof: Aof, cycles: usize) {
    let mut server = Server::start(aof, &[]);
    let load = Load::start(&journal(&server));
    let mut kills = Vec::new();
    for cycle in 0..cycles {
        load.go_on(20 + 30 * (cycle % 3)).await;
        kills.push(Instant::now());
        server.kill();
        tokio::time::sleep(Duration::from_millis(30)).await;
        server.restart();
    }
    load.go_on(5).await;
    let (mut acknowledged, failed) = load.end().await;
    assert!(failed > 0, "no kill was noticed");
    // Redis may hold back its writes for so long while an fsync is under way.
    let held = match aof {
        Aof::Always => Duration::ZERO,
        _ => Duration::from_secs(2),
    };
    let promised =
        |when: &Instant| !kills.iter().any(|kill| *when <= *kill && *when + held > *kill);
    acknowledged.retain(|(when, _)| promised(when));
    let counts = count(&server, &acknowledged).await;
    for (_, first) in acknowledged {
        assert!(counts.contains_key(&first), "the acknowledged batch {first} is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_that_was_acknowledged_when_every_write_is_synced() {
    killing(Aof::Always, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_at_most_the_last_moments_when_syncing_every_second() {
    killing(Aof::EverySecond, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_two_seconds_fails_and_loses_nothing() {
    let server = Server::start(Aof::Off, &[]);
    let load = Load::start(&journal(&server));
    load.go_on(30).await;
    server.pause();
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.resume();
    load.go_on(30).await;
    let (acknowledged, failed) = load.end().await;
    assert_eq!(failed, 0);
    let counts = count(&server, &acknowledged).await;
    assert_eq!(counts.len(), acknowledged.len() * BATCH as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_closed_in_mid_pipeline_lose_and_double_nothing() {
    let server = Server::start(Aof::Off, &[]);
    let load = Load::start(&journal(&server));
    for _ in 0..20 {
        load.go_on(10).await;
        server.cli(&["client", "kill", "type", "normal", "skipme", "yes"]);
    }
    load.go_on(10).await;
    let (acknowledged, failed) = load.end().await;
    let counts = count(&server, &acknowledged).await;
    for (_, first) in &acknowledged {
        assert!(counts.contains_key(first), "the acknowledged batch {first} is lost");
    }
    let most = (acknowledged.len() as u64 + failed) * BATCH;
    assert!(counts.len() as u64 <= most);
}
