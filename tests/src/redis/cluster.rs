use std::process::Command;
use std::time::{Duration, Instant};

use papyra_persistence::store::{RedisConfig, RedisStore};

use super::{MISSING, Server, free_port};

/// A Redis Cluster of three masters on this machine.
pub struct Cluster {
    /// All of them masters.
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts three nodes and makes a Cluster of them.
    ///
    /// # Panics
    ///
    /// If that does not work within half a minute.
    pub fn start() -> Self {
        let options = [
            "--save",
            "",
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "2000",
            "--cluster-config-file",
            "nodes.conf",
        ];
        let node = |_| Server::launch("redis-server", free_port(), &options);
        let nodes: Vec<Server> = (0..3).map(node).collect();
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "create"]);
        command.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        command.arg("--cluster-yes");
        let output = command.output().unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let cluster = Self { nodes };
        let until = Instant::now() + Duration::from_secs(30);
        let ready = |node: &Server| node.cli(&["cluster", "info"]).contains("cluster_state:ok");
        while !cluster.nodes.iter().all(ready) {
            assert!(Instant::now() < until, "the cluster does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster
    }

    /// Its URL, which names two of the nodes.
    pub fn url(&self) -> String {
        let [first, second, ..] = &self.nodes[..] else { panic!("three nodes") };
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", first.port, second.port)
    }

    /// A store with keys of its own.
    pub fn store(&self, system_id: &str) -> RedisStore {
        let mut config = RedisConfig::new(self.url());
        config.system_id = system_id.to_owned();
        RedisStore::new(config).expect("a store")
    }

    /// The node that has a key.
    pub fn owner(&self, key: &str) -> &Server {
        let has = |node: &&Server| node.cli(&["exists", key]) == "1";
        self.nodes.iter().find(has).expect("some node has the key")
    }

    /// What `redis-cli -c`, which follows redirections, prints for a command.
    pub fn cli(&self, args: &[&str]) -> String {
        let all: Vec<&str> = ["-c"].iter().chain(args).copied().collect();
        self.nodes[0].cli(&all)
    }

    /// Moves the slot of a key, and the key, to another node, as an operator does.
    ///
    /// # Panics
    ///
    /// If it cannot be moved.
    pub fn move_slot(&self, key: &str) {
        let slot = self.nodes[0].cli(&["cluster", "keyslot", key]);
        let from = self.owner(key);
        let to = self.nodes.iter().find(|node| node.port != from.port).expect("another node");
        let id = |node: &Server| node.cli(&["cluster", "myid"]);
        let set = |node: &Server, words: &[&str]| {
            let said = node.cli(&[&["cluster", "setslot", &slot][..], words].concat());
            assert_eq!(said, "OK", "{words:?}");
        };
        set(to, &["importing", &id(from)]);
        set(from, &["migrating", &id(to)]);
        let port = to.port.to_string();
        let said = from.cli(&["migrate", "127.0.0.1", &port, key, "0", "10000"]);
        assert_eq!(said, "OK", "{key} stays");
        // Whoever gets it first, then who had it, then the others.
        let others = self.nodes.iter().filter(|n| n.port != to.port && n.port != from.port);
        for node in [to, from].into_iter().chain(others) {
            set(node, &["node", &id(to)]);
        }
    }
}
