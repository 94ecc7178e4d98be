//! Where the stores are that are compared with the model.

use std::sync::Arc;

use papyra_persistence::store::{
    Durability, FileStore, RedisConfig, RedisStore, RotatingStore, Store,
};
use papyra_tests::redis::{Aof, Cluster, Server};
use tempfile::TempDir;

type Open = Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>;

/// An empty place for one journal.
pub struct Place {
    open: Open,
    /// A view that was taken before a rewrite returns everything after it as well.
    pub views_outlive_rewrites: bool,
    /// Records of several kinds in one batch come back in the order of the batch.
    pub keeps_mixed_batches: bool,
    _dir: Option<TempDir>,
}

impl Place {
    fn on_disk(open: impl Fn(&TempDir) -> Open) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            open: open(&dir),
            views_outlive_rewrites: true,
            keeps_mixed_batches: true,
            _dir: Some(dir),
        }
    }

    pub fn file() -> Self {
        Self::on_disk(|dir| {
            let (path, quarantine) = (dir.path().join("a.ndjson"), dir.path().join("quarantine"));
            Box::new(move || {
                let builder = FileStore::builder(&path).durability(Durability::Never);
                Arc::new(builder.quarantine_dir(&quarantine).build())
            })
        })
    }

    /// Files of differing size, so many of them that nothing is dropped.
    pub fn rotating(seed: u64) -> Self {
        Self::on_disk(|dir| {
            let (path, quarantine) = (dir.path().join("a.ndjson"), dir.path().join("quarantine"));
            Box::new(move || {
                let builder = RotatingStore::builder(&path).durability(Durability::Never);
                let builder = builder.max_bytes(150 + seed % 7 * 180).max_files(1_000);
                Arc::new(builder.quarantine_dir(&quarantine).build())
            })
        })
    }

    /// A new handle, as another process would have it.
    pub fn open(&self) -> Arc<dyn Store> {
        (self.open)()
    }
}

/// A server, or several, for all sequences.
pub struct Redis {
    url: String,
    nodes: Vec<Server>,
    is_cluster: bool,
}

/// So many sequences, then everything is thrown away.
const FLUSH_EVERY: u64 = 200;

impl Redis {
    pub fn server() -> Self {
        let server = Server::start(Aof::Off, &[]);
        Self { url: server.url(), nodes: vec![server], is_cluster: false }
    }

    pub fn cluster() -> Self {
        let cluster = Cluster::start();
        Self { url: cluster.url(), nodes: cluster.nodes, is_cluster: true }
    }

    /// Keys of its own.
    pub fn place(&self, seed: u64) -> Place {
        if seed.is_multiple_of(FLUSH_EVERY) {
            self.nodes.iter().for_each(|node| drop(node.cli(&["flushall"])));
        }
        let mut config = RedisConfig::new(self.url.clone());
        config.system_id = format!("s{seed}");
        // The model is exact.
        config.approx_trim = false;
        // Small pages, so that also short journals have several.
        config.max_read = 1 + (seed % 5) as u32;
        Place {
            open: Box::new(move || Arc::new(RedisStore::new(config.clone()).unwrap())),
            views_outlive_rewrites: false,
            keeps_mixed_batches: !self.is_cluster,
            _dir: None,
        }
    }
}
