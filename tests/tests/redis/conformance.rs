//! The one conformance suite over Redis and Redis Cluster: the same operations and the same results
//! as for files and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use papyra_persistence::conformance::{self, Fixture, Summary};
use papyra_persistence::store::{RedisConfig, RedisStore, Store};
use papyra_tests::redis::{Aof, Cluster, Server};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs `redis-cli` on the server.
type Cli = Arc<dyn Fn(&[&str]) -> String + Send + Sync>;

/// Keys of its own in a server that all checks share.
struct Redis {
    store: RedisStore,
    cli: Cli,
}

impl Redis {
    fn new(url: &str, cli: &Cli) -> Self {
        let mut config = RedisConfig::new(url);
        config.system_id = format!("s{}", NEXT.fetch_add(1, Ordering::Relaxed));
        // Small pages, so that the checks see many.
        config.max_read = 7;
        Self { store: RedisStore::new(config).unwrap(), cli: Arc::clone(cli) }
    }
}

#[async_trait]
impl Fixture for Redis {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    fn snapshots_outlive_rewrites(&self) -> bool {
        false
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for name in names {
            let reply = (self.cli)(&["xrange", name, "-", "+"]);
            let mut words = reply.lines();
            while let Some(word) = words.next() {
                if word == "data" {
                    bytes.extend(words.next().unwrap().as_bytes());
                    bytes.push(b'\n');
                }
            }
        }
        Some(bytes)
    }

    async fn debris(&self) -> Option<Vec<String>> {
        let kinds = ["events", "audits", "dead_letters", "metrics"];
        let system = &self.store.config().system_id;
        let name = |kind| format!("papyra:{system}:quarantine:papyra_{system}_{kind}");
        let there = |name: &String| (self.cli)(&["exists", name]) == "1";
        Some(kinds.map(name).into_iter().filter(there).collect())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(Arc::new(RedisStore::new(self.store.config().clone()).unwrap()))
    }
}

async fn run(make: impl Fn() -> Redis) -> Summary {
    let make = async || Ok(Box::new(make()) as Box<dyn Fixture>);
    conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Entries lie in streams, and are removed in place.
const IN_PLACE: [&str; 10] = [
    "segment-bytes",
    "append-written",
    "append-after-failure",
    "rewrite-line-end",
    "snapshot-rewrites",
    "tail-bytes",
    "tail-isolated",
    "tail-removed",
    "tail-terminated",
    "tail-terminated-once",
];

#[tokio::test(flavor = "multi_thread")]
async fn redis_passes_the_suite() {
    let server = Server::start(Aof::Off, &[]);
    let url = server.url();
    let cli: Cli = Arc::new(move |args: &[&str]| server.cli(args));
    let summary = run(|| Redis::new(&url, &cli)).await;
    assert_eq!(summary.not_applicable().collect::<Vec<_>>(), IN_PLACE, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_passes_the_suite() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let cli: Cli = Arc::new(move |args: &[&str]| cluster.cli(args));
    let summary = run(|| Redis::new(&url, &cli)).await;
    assert_eq!(summary.not_applicable().collect::<Vec<_>>(), IN_PLACE, "{summary}");
}
