//! Real Redis servers: started on free ports in directories of their own, killed, paused, restarted,
//! and gone with the test that started them.

mod cluster;
mod sentinel;
mod tls;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use papyra_persistence::store::{
    Kind, Payload, Position, RedisConfig, RedisStore, Run, Store, StoreError, StoreErrorKind,
};
use tempfile::TempDir;

pub use self::cluster::Cluster;
pub use self::sentinel::Watched;
pub use self::tls::Certificates;

/// What to type where there is no Redis.
const MISSING: &str = "there is no redis-server, and these tests need a real one; type: \
                       apt-get install --no-install-recommends redis-server redis-tools \
                       redis-sentinel openssl";

/// How long a server may take to answer after it was started.
const START: Duration = Duration::from_secs(20);

/// When a server writes its data to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aof {
    /// Not at all.
    Off,
    /// Before it acknowledges.
    Always,
    /// Once a second; what is written is safe from the death of the process, not of the machine.
    EverySecond,
}

/// A server. It is killed when this is dropped.
pub struct Server {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    dir: TempDir,
    args: Vec<String>,
    process: Option<Child>,
    program: &'static str,
    password: Option<String>,
}

impl Server {
    /// A server with this persistence and these further options.
    ///
    /// # Panics
    ///
    /// If there is no `redis-server`, with the command that installs it.
    pub fn start(aof: Aof, options: &[&str]) -> Self {
        let (append, sync) = match aof {
            Aof::Off => ("no", "no"),
            Aof::Always => ("yes", "always"),
            Aof::EverySecond => ("yes", "everysec"),
        };
        let mut all = vec!["--save", "", "--appendonly", append, "--appendfsync", sync];
        all.extend(options);
        Self::launch("redis-server", free_port(), &all)
    }

    fn launch(program: &'static str, port: u16, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut args = vec!["--bind".to_owned(), "127.0.0.1".to_owned()];
        if !options.contains(&"--port") {
            args.extend(["--port".to_owned(), port.to_string()]);
        }
        args.extend(options.iter().map(|option| (*option).to_owned()));
        let password = options.iter().position(|option| *option == "--requirepass");
        let password = password.and_then(|at| options.get(at + 1)).map(|word| (*word).to_owned());
        let mut server = Self { port, dir, args, process: None, program, password };
        server.restart();
        server
    }

    /// Starts the server again, on the same port and with the same files.
    ///
    /// # Panics
    ///
    /// If it does not answer within 20 seconds.
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_until_it_answers();
    }

    fn spawn(&mut self) {
        self.kill();
        let log = File::create(self.dir.path().join("log")).expect("a log");
        let mut command = Command::new(self.program);
        let file = self.dir.path().join("config");
        if file.exists() {
            command.arg(file);
        }
        let started = command
            .args(&self.args)
            .arg("--dir")
            .arg(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn();
        self.process = Some(started.unwrap_or_else(|error| panic!("{MISSING} ({error})")));
    }

    fn wait_until_it_answers(&self) {
        let until = Instant::now() + START;
        while !self.answers() {
            assert!(Instant::now() < until, "redis-server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        // A refusal is an answer as well, a server that loads is not.
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
        let mut reply = [0; 64];
        // A server with TLS answers this by closing the connection.
        let asked = stream.write_all(b"PING\r\n").and_then(|()| stream.read(&mut reply));
        asked.map_or_else(
            |error| error.kind() == ErrorKind::ConnectionReset,
            |count| !reply[..count].starts_with(b"-LOADING"),
        )
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Where its files are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops it in its tracks: connections stay open and nothing answers.
    pub fn pause(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = self.process.as_ref().expect("the server runs");
        let pid = rustix::process::Pid::from_child(process);
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// Its URL, with the password if it has one.
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}/0", self.port),
            None => format!("redis://127.0.0.1:{}/0", self.port),
        }
    }

    /// A bare connection, to write what no store of ours would write. It waits for as long as an answer
    /// takes: 500 ms, the client's own limit, are too short for many megabytes on a busy machine.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connected = client.get_multiplexed_async_connection_with_config(&patient).await;
        connected.expect("a server that answers")
    }

    /// A store in it, with everything as by default.
    pub fn store(&self) -> RedisStore {
        RedisStore::new(RedisConfig::new(self.url())).expect("a store")
    }

    /// What `redis-cli` prints for a command.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["--no-auth-warning", "-p", &self.port.to_string()]);
        if let Some(password) = &self.password {
            command.args(["-a", password]);
        }
        let output =
            command.args(args).output().unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        assert!(output.status.success(), "redis-cli {args:?}: {text}");
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.resume();
        }
        self.kill();
    }
}

/// A port that is free now, and whose neighbour for a Cluster's bus is free too.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        if port < 50_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

/// Every entry of a store as text, stream by stream.
///
/// # Panics
///
/// If it cannot be read.
pub async fn lines(store: &dyn Store) -> Vec<String> {
    let snapshot = match store.snapshot().await {
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Vec::new(),
        snapshot => snapshot.expect("a snapshot"),
    };
    let mut lines = Vec::new();
    for segment in snapshot.segments() {
        let mut at = segment.start;
        loop {
            let chunk = snapshot.read(&segment.name, at, 1 << 18).await.expect("a chunk");
            let Payload::Raw(data) = &chunk.data else { panic!("raw bytes") };
            let mut from = 0;
            for frame in &chunk.frames {
                let to = frame.end as usize;
                lines.push(String::from_utf8_lossy(&data[from..to]).into_owned());
                from = to;
                at = Position { major: frame.at.major, minor: frame.at.minor + 1 };
            }
            if chunk.last {
                break;
            }
        }
    }
    lines
}

/// Appends lines of one kind.
///
/// # Errors
///
/// As the store says.
pub async fn append(store: &dyn Store, kind: Kind, lines: &[String]) -> Result<(), StoreError> {
    let mut batch = lines.join("\n");
    batch.push('\n');
    store.append(batch, &[Run { kind, lines: lines.len() as u32 }]).await
}

/// Numbered records of one kind.
pub fn records(kind: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    let record =
        |n| format!(r#"{{"kind": "{kind}", "timestamp": {}, "n": {n}}}"#, 1_763_700_000 + n);
    numbers.map(record).collect()
}
