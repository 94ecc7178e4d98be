//! The one conformance suite over Redis and Redis Cluster: the same operations and the same results
//! as for files and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use papyra::conformance::{self, Fixture, Summary};
use papyra::store::{RedisConfig, RedisStore, Store};
use papyra_tests::redis::{Aof, Cluster, Server};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Keys of its own in a server that all checks share.
struct Redis {
    store: RedisStore,
    /// Where a single entry of a bare client and the evidence are found.
    client: redis::Client,
    cluster: bool,
}

impl Redis {
    fn new(url: &str, client: &str, cluster: bool) -> Self {
        let mut config = RedisConfig::new(url);
        config.system_id = format!("s{}", NEXT.fetch_add(1, Ordering::Relaxed));
        // Small pages, so that the checks see many.
        config.max_read = 7;
        let store = RedisStore::new(config).unwrap();
        Self { store, client: redis::Client::open(client).unwrap(), cluster }
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

    async fn evidence(&self, names: &[String]) -> Option<Vec<u8>> {
        if self.cluster {
            return None;
        }
        let mut connection = self.client.get_multiplexed_async_connection().await.unwrap();
        let mut bytes = Vec::new();
        for name in names {
            let entries: redis::streams::StreamRangeReply =
                redis::cmd("XRANGE").arg(name).arg("-").arg("+").query_async(&mut connection).await.unwrap();
            for entry in entries.ids {
                bytes.extend(entry.get::<Vec<u8>>("data").unwrap());
                bytes.push(b'\n');
            }
        }
        Some(bytes)
    }

    async fn debris(&self) -> Option<Vec<String>> {
        if self.cluster {
            return None;
        }
        let mut connection = self.client.get_multiplexed_async_connection().await.unwrap();
        let pattern = format!("papyra:{}:quarantine*", self.store.config().system_id);
        Some(redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap())
    }
}

async fn run(make: impl Fn() -> Redis) -> Summary {
    let make = async || Ok(Box::new(make()) as Box<dyn Fixture>);
    conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"))
}

const IN_PLACE: [&str; 5] = [
    "a snapshot outlives a rewrite",
    "a torn tail never swallows the next line",
    "a torn tail goes with the line end that isolates it",
    "a missing line end is added",
    "a missing line end is not added twice",
];

#[tokio::test(flavor = "multi_thread")]
async fn redis_passes_the_suite() {
    let server = Server::start(Aof::Off, &[]);
    let summary = run(|| Redis::new(&server.url(), &server.url(), false)).await;
    assert_eq!(summary.not_applicable().collect::<Vec<_>>(), IN_PLACE, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_passes_the_suite() {
    let cluster = Cluster::start();
    let summary = run(|| Redis::new(&cluster.url(), &cluster.nodes[0].url(), true)).await;
    let mut expected = IN_PLACE.to_vec();
    expected.insert(1, "evidence is what was removed");
    assert_eq!(summary.not_applicable().collect::<Vec<_>>(), expected, "{summary}");
}
