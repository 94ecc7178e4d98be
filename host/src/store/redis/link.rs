//! The connection to one server, to the master that Sentinels name, or to a Cluster.
//!
//! One connection carries everything at once; a wait for new entries has a connection of its own (see
//! [`Link::waiting`]). A connection that breaks is made anew by the next call.

mod ask;
mod connect;
mod pauses;
mod tls;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Arg, Cmd, Pipeline, RedisError, ServerError, Value};

use self::connect::{Connector, Driver};
use self::pauses::Pauses;
use super::super::{StoreError, UrlError, Written};
use super::config::{RedisConfig, Topology};
use super::failure::{demoted, is_broken, is_elsewhere, is_read_only, store_error, timed_out};

/// The duration without a reply after which a request that must not be repeated is preceded by a
/// question: a broken connection is then found out before anything is at stake.
const IDLE: Duration = Duration::from_millis(500);

/// The maximum number of connections that are kept for the next wait.
const MAX_WAITING: usize = 8;

/// May a request be sent a second time when it is not known whether the first has arrived?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    Yes,
    No,
}

#[derive(Clone)]
enum Connection {
    Node(Node),
    Cluster(ClusterConnection),
}

/// A connection to one server.
#[derive(Clone)]
pub struct Node {
    connection: MultiplexedConnection,
    /// Beside a connection that redis-rs does not drive itself. It is held and never looked at.
    #[expect(dead_code, reason = "dropping the last one ends the connection")]
    driver: Option<Arc<Driver>>,
}

enum Request<'a> {
    Single(&'a Cmd),
    Transaction(&'a Pipeline),
}

impl Request<'_> {
    /// The first key of the first command.
    fn key(&self) -> Option<&[u8]> {
        let command = match self {
            Request::Single(command) => *command,
            Request::Transaction(commands) => commands.cmd_iter().next()?,
        };
        let mut words = command.args_iter().filter_map(|word| match word {
            Arg::Simple(word) => Some(word),
            _ => None,
        });
        match words.next()? {
            b"EVAL" => words.nth(2),
            b"MEMORY" | b"XGROUP" | b"XINFO" => words.nth(1),
            b"XREADGROUP" => {
                words.find(|word| *word == b"STREAMS")?;
                words.next()
            }
            _ => words.next(),
        }
    }
}

impl Connection {
    async fn send(&mut self, request: &Request<'_>) -> Result<Value, RedisError> {
        let connection: &mut (dyn ConnectionLike + Send) = match self {
            Self::Node(node) => &mut node.connection,
            Self::Cluster(connection) => connection,
        };
        let reply = match request {
            Request::Single(command) => connection.req_packed_command(command).await?,
            Request::Transaction(commands) => {
                let count = commands.len();
                let replies = connection.req_packed_commands(commands, count + 1, 1).await?;
                replies.into_iter().next().unwrap_or_default()
            }
        };
        match reply {
            Value::ServerError(error) => Err(error.into()),
            Value::Array(replies) => match refused_by_replica(&replies) {
                Some(error) => Err(error.clone().into()),
                None => Ok(Value::Array(replies)),
            },
            reply => Ok(reply),
        }
    }
}

/// A replica takes a script into a transaction and refuses it only when it writes. It has not written
/// anything else either.
fn refused_by_replica(replies: &[Value]) -> Option<&ServerError> {
    replies.iter().find_map(|reply| match reply {
        Value::ServerError(error) if error.code() == "READONLY" => Some(error),
        _ => None,
    })
}

/// Holds the connection, shared by all clones of a store.
pub struct Link {
    connector: Connector,
    location: String,
    timeout: Duration,
    current: Mutex<Current>,
    /// Something has been written: there is, or was, a master.
    written: AtomicBool,
    /// Held while connecting, so that one does it for all.
    connecting: tokio::sync::Mutex<()>,
    /// Connections for waiting, and since when they are idle.
    waiting: Mutex<Vec<(Connection, Instant)>>,
}

/// How far a request has come when its time is up.
#[derive(Default)]
struct Progress {
    /// The last attempt has been sent, and its outcome is not known.
    sent: AtomicBool,
    /// The connection it uses; 0 for none yet.
    generation: AtomicU64,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Counts connections, so that a request drops only the one that it has seen break.
    generation: u64,
    /// When something was heard last.
    heard: Option<Instant>,
}

impl Link {
    pub fn new(config: &RedisConfig) -> Result<Self, UrlError> {
        let connector = Connector::new(config)?;
        Ok(Self {
            location: connector.location(),
            connector,
            timeout: config.timeout,
            current: Mutex::default(),
            written: AtomicBool::default(),
            connecting: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// The address without secrets.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Returns true if keys can lie on different servers.
    pub fn is_cluster(&self) -> bool {
        *self.connector.topology() == Topology::Cluster
    }

    /// Tells that something has been written.
    pub fn note_written(&self) {
        self.written.store(true, Ordering::Relaxed);
    }

    /// A replica where a master was, or has to be, can be one only for now.
    fn failed(&self, doing: &str, error: RedisError) -> StoreError {
        let had_master =
            *self.connector.topology() != Topology::Node || self.written.load(Ordering::Relaxed);
        match had_master && is_read_only(&error) {
            true => demoted(doing, &self.location, error),
            false => store_error(doing, &self.location, error),
        }
    }

    /// Sends one command. `doing` completes "cannot …".
    pub async fn call(
        &self,
        doing: &str,
        repeat: Repeat,
        command: &Cmd,
    ) -> Result<Value, StoreError> {
        self.run(doing, repeat, &Request::Single(command)).await
    }

    /// Sends a transaction, whose keys must lie on one server, and returns the replies to its
    /// commands, errors included.
    pub async fn transact(&self, doing: &str, commands: &Pipeline) -> Result<Value, StoreError> {
        self.run(doing, Repeat::No, &Request::Transaction(commands)).await
    }

    /// The same for a batch. The error says what is written, for which only the connection can speak: what
    /// was never sent, or refused by the server, is not written.
    pub async fn append(&self, doing: &str, commands: &Pipeline) -> Result<Value, StoreError> {
        let (result, sent) =
            self.run_and_tell(doing, Repeat::No, &Request::Transaction(commands)).await;
        let written = if sent { Written::Unknown } else { Written::None };
        result.map_err(|error| error.wrote(written))
    }

    /// Sends a command that can wait for up to `wait` on the server, on a connection on which nothing
    /// else waits. Dropping the call ends the wait: the connection is closed.
    pub async fn waiting(
        &self,
        doing: &str,
        wait: Duration,
        command: &Cmd,
    ) -> Result<Value, StoreError> {
        let request = Request::Single(command);
        let mut pauses = Pauses::new(self.timeout);
        loop {
            let connected = tokio::time::timeout(self.timeout, self.free()).await;
            let mut connection = connected
                .map_err(|_| timed_out(doing, &self.location, self.timeout))?
                .map_err(|error| store_error(doing, &self.location, error))?;
            // The server keeps the time; this is for a server that hangs.
            let limit = wait.saturating_add(self.timeout);
            let reply = tokio::time::timeout(limit, connection.send(&request)).await;
            let error = match reply.map_err(|_| timed_out(doing, &self.location, limit))? {
                Ok(reply) => {
                    self.keep(connection);
                    return Ok(reply);
                }
                Err(error) => error,
            };
            if self.is_cluster()
                && let Some(target) = ask::target(&error)
            {
                self.keep(connection);
                let asking = self.asking(&target, &request, None);
                match tokio::time::timeout(limit, asking).await {
                    Ok(Ok(reply)) => return Ok(reply),
                    Ok(Err(error)) if !is_elsewhere(&error) => {
                        return Err(self.failed(doing, error));
                    }
                    Ok(Err(error)) if !pauses.next().await => return Err(self.failed(doing, error)),
                    Ok(Err(_)) => continue,
                    Err(_) => return Err(timed_out(doing, &self.location, limit)),
                }
            }
            let moves = *self.connector.topology() != Topology::Node && is_elsewhere(&error);
            if !moves || pauses.are_over() {
                if !moves && !is_broken(&error) && !is_elsewhere(&error) {
                    self.keep(connection);
                }
                return Err(self.failed(doing, error));
            }
            // All that were kept lead to the same wrong place.
            lock(&self.waiting).clear();
            pauses.next().await;
        }
    }

    /// A connection on which nothing waits. One that has been silent for a while must answer first.
    async fn free(&self) -> Result<Connection, RedisError> {
        loop {
            let kept = lock(&self.waiting).pop();
            let Some((mut connection, since)) = kept else {
                return self.connector.connect(None).await;
            };
            let ping = redis::cmd("PING");
            let silent = since.elapsed() >= IDLE;
            if !silent || connection.send(&Request::Single(&ping)).await.is_ok() {
                return Ok(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut kept = lock(&self.waiting);
        if kept.len() < MAX_WAITING {
            kept.push((connection, Instant::now()));
        }
    }

    async fn run(
        &self,
        doing: &str,
        repeat: Repeat,
        request: &Request<'_>,
    ) -> Result<Value, StoreError> {
        self.run_and_tell(doing, repeat, request).await.0
    }

    /// Also returns true if the request has been sent and its outcome is not known.
    async fn run_and_tell(
        &self,
        doing: &str,
        repeat: Repeat,
        request: &Request<'_>,
    ) -> (Result<Value, StoreError>, bool) {
        let progress = Progress::default();
        let attempts = self.attempts(repeat, request, &progress);
        let result = tokio::time::timeout(self.timeout, attempts).await;
        let sent = progress.sent.load(Ordering::Relaxed);
        let doing = match sent && repeat == Repeat::No {
            true => format!("{doing} (it is not known whether that was done)"),
            false => doing.to_owned(),
        };
        let result = match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(&doing, error)),
            Err(_) => {
                // Whatever hangs there: the next call starts afresh.
                self.drop_connection(progress.generation.load(Ordering::Relaxed));
                Err(timed_out(&doing, &self.location, self.timeout))
            }
        };
        (result, sent)
    }

    async fn attempts(
        &self,
        repeat: Repeat,
        request: &Request<'_>,
        progress: &Progress,
    ) -> Result<Value, RedisError> {
        let mut broken = 0;
        let mut pauses = Pauses::new(self.timeout);
        loop {
            let (generation, mut connection) = self.connected(repeat, request, progress).await?;
            progress.sent.store(true, Ordering::Relaxed);
            let error = match connection.send(request).await {
                Ok(reply) => {
                    lock(&self.current).heard = Some(Instant::now());
                    return Ok(reply);
                }
                Err(error) => error,
            };
            if is_broken(&error) {
                self.forget(generation);
                if repeat == Repeat::No || broken == 1 {
                    return Err(error);
                }
                broken += 1;
            } else {
                progress.sent.store(false, Ordering::Relaxed);
                if !is_elsewhere(&error) {
                    return Err(error);
                }
                if self.is_cluster()
                    && let Some(target) = ask::target(&error)
                {
                    progress.sent.store(true, Ordering::Relaxed);
                    match self.asking(&target, request, Some(self.timeout)).await {
                        Err(error) if is_elsewhere(&error) => {}
                        Err(error) => {
                            // Nothing has been sent to a node that cannot be reached.
                            let sent = is_broken(&error) && !error.is_connection_refusal();
                            progress.sent.store(sent, Ordering::Relaxed);
                            return Err(error);
                        }
                        Ok(reply) => return Ok(reply),
                    }
                    progress.sent.store(false, Ordering::Relaxed);
                }
                // A plain server can move too: its name may lead to another one by now.
                self.follow(generation, request);
                let moves = *self.connector.topology() != Topology::Node;
                if !moves || !pauses.next().await {
                    return Err(error);
                }
            }
        }
    }

    /// Sends a request where an `ASK` leads, for this one time. The next request asks the old node again, for
    /// as long as the slot is its own.
    async fn asking(
        &self,
        (host, port): &(String, u16),
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Value, RedisError> {
        let mut connection = self.connector.redirected((host.as_str(), *port), patience).await?;
        let commands = ask::commands(request);
        let Connection::Node(node) = &mut connection else { return Ok(Value::Nil) };
        let replies = node.connection.req_packed_commands(&commands, 0, commands.len()).await?;
        ask::reply(replies)
    }

    /// The connection, made if there is none; for what must not be repeated, one that answers.
    async fn connected(
        &self,
        repeat: Repeat,
        request: &Request<'_>,
        progress: &Progress,
    ) -> Result<(u64, Connection), RedisError> {
        for _ in 0..2 {
            let (generation, mut connection, heard) = self.current_or_new().await?;
            progress.generation.store(generation, Ordering::Relaxed);
            if repeat == Repeat::Yes || heard.is_some_and(|heard| heard.elapsed() < IDLE) {
                return Ok((generation, connection));
            }
            match connection.send(&Request::Single(&self.probe(request))).await {
                Err(error) if is_broken(&error) => self.forget(generation),
                _ => return Ok((generation, connection)),
            }
        }
        let (generation, connection, _) = self.current_or_new().await?;
        progress.generation.store(generation, Ordering::Relaxed);
        Ok((generation, connection))
    }

    /// Asks whether the server is there that a request goes to. On a Cluster a `PING` goes to all
    /// masters, of which one that hangs must not hold up what the others are asked.
    fn probe(&self, request: &Request<'_>) -> Cmd {
        let mut probe = redis::cmd("TYPE");
        match request.key().filter(|_| self.is_cluster()) {
            Some(key) => probe.arg(key),
            None => return redis::cmd("PING"),
        };
        probe
    }

    async fn current_or_new(&self) -> Result<(u64, Connection, Option<Instant>), RedisError> {
        if let Some(found) = self.current() {
            return Ok(found);
        }
        let _one = self.connecting.lock().await;
        if let Some(found) = self.current() {
            return Ok(found);
        }
        let connection = self.connector.connect(Some(self.timeout)).await?;
        let mut current = lock(&self.current);
        current.generation += 1;
        current.connection = Some(connection.clone());
        current.heard = Some(Instant::now());
        Ok((current.generation, connection, current.heard))
    }

    fn current(&self) -> Option<(u64, Connection, Option<Instant>)> {
        let current = lock(&self.current);
        let connection = current.connection.clone()?;
        Some((current.generation, connection, current.heard))
    }

    /// A Cluster's connection mends itself, but what it last heard no longer counts.
    fn forget(&self, generation: u64) {
        if !self.is_cluster() {
            self.drop_connection(generation);
            return;
        }
        let mut current = lock(&self.current);
        if current.generation == generation {
            current.heard = None;
        }
    }

    /// Sees to it that the next attempt goes to another place. A Cluster's connection learns where a
    /// slot has gone when a single command is sent there, but not when a transaction is.
    fn follow(&self, generation: u64, request: &Request<'_>) {
        match request {
            Request::Single(_) if self.is_cluster() => {}
            _ => self.drop_connection(generation),
        }
    }

    /// The next call makes another one.
    fn drop_connection(&self, generation: u64) {
        let mut current = lock(&self.current);
        if current.generation == generation {
            current.heard = None;
            current.connection = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by all clones of a store and by everything that it has handed out.
pub type SharedLink = Arc<Link>;
