use std::fs;
use std::time::{Duration, Instant};

use super::{Aof, Server, free_port};

/// A master, its replica, and a Sentinel that makes the replica the master when that dies.
pub struct Watched {
    /// The master until it dies.
    pub master: Server,
    /// Becomes the master then.
    pub replica: Server,
    /// Sees to that.
    pub sentinel: Server,
}

impl Watched {
    /// Starts all three, and waits until the replica has caught up and the Sentinel knows it.
    ///
    /// # Panics
    ///
    /// If that does not happen within half a minute.
    pub fn start() -> Self {
        let master = Server::start(Aof::Off, &["--repl-diskless-sync-delay", "0"]);
        let replica =
            Server::start(Aof::Off, &["--replicaof", &format!("127.0.0.1 {}", master.port)]);
        let sentinel = sentinel(master.port);
        let watched = Self { master, replica, sentinel };
        let until = Instant::now() + Duration::from_secs(30);
        while !watched.is_ready() {
            assert!(Instant::now() < until, "the Sentinel does not see the replica");
            std::thread::sleep(Duration::from_millis(50));
        }
        watched
    }

    fn is_ready(&self) -> bool {
        self.replica.cli(&["info", "replication"]).contains("master_link_status:up")
            && self.sentinel.cli(&["sentinel", "master", "main"]).contains("num-slaves\n1")
    }

    /// The URL that names the Sentinel and the master's name.
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/main", self.sentinel.port)
    }

    /// Waits until the Sentinel has made the replica the master.
    ///
    /// # Panics
    ///
    /// If it does not within half a minute.
    pub fn wait_for_failover(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.replica.cli(&["role"]).starts_with("master") {
            assert!(Instant::now() < until, "no failover: {}", self.sentinel.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A Sentinel rewrites its configuration file, so it gets one.
fn sentinel(master: u16) -> Server {
    let port = free_port();
    let mut server = Server {
        port,
        dir: tempfile::tempdir().expect("a temporary directory"),
        args: ["--sentinel"].map(str::to_owned).to_vec(),
        process: None,
        program: "redis-server",
        password: None,
    };
    let config = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\n"
    );
    fs::write(server.dir.path().join("config"), config).expect("a configuration");
    server.restart();
    server
}
