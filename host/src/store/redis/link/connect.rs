//! Making connections.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, TlsMode,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::super::super::UrlError;
use super::super::config::{Address, RedisConfig, SENTINEL_PASSWORD_VARIABLE, Topology, variable};
use super::tls::{self, Trust};
use super::{Connection, Node};

/// Knows how to get to the servers.
pub struct Connector {
    address: Address,
    timeout: Duration,
    trust: Trust,
    /// Asking the Sentinels takes the client for itself.
    sentinel: tokio::sync::Mutex<Option<SentinelClient>>,
}

/// Ends the task that drives a connection, and with it a wait on the server, once nobody has it.
pub struct Driver(JoinHandle<()>);

impl Driver {
    fn start(driver: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self(tokio::spawn(driver)))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connector {
    pub fn new(config: &RedisConfig) -> Result<Self, UrlError> {
        let address = config.check()?;
        let trust = Trust::read(config)?;
        Ok(Self { address, timeout: config.timeout, trust, sentinel: Default::default() })
    }

    pub fn location(&self) -> String {
        self.address.to_string()
    }

    pub fn topology(&self) -> &Topology {
        &self.address.topology
    }

    /// A new connection. Replies may take as long as `patience`, or any time; that must be more than
    /// any command waits on the server, or what it delivers after the client has given up is lost to
    /// it (redis-rs gives up after 500 ms unless told otherwise). Deadlines are the caller's.
    pub async fn connect(&self, patience: Option<Duration>) -> Result<Connection, RedisError> {
        if self.address.tls {
            // redis-rs uses what the process has chosen.
            tls::provider();
        }
        match self.topology() {
            Topology::Node => {
                let first = self.addresses().into_iter().next();
                let missing = (ErrorKind::InvalidClientConfig, "no host is named");
                self.node(first.ok_or(missing)?, patience).await.map(Connection::Node)
            }
            Topology::Sentinel(name) => {
                let mut sentinel = self.sentinel.lock().await;
                let client = match &mut *sentinel {
                    Some(client) => client,
                    empty => empty.insert(self.sentinels(name)?),
                };
                let settings = self.settings(patience);
                let connection = client.get_async_connection_with_config(&settings).await?;
                Ok(Connection::Node(Node { connection, driver: None }))
            }
            Topology::Cluster => {
                let connection = self.cluster(patience)?.get_async_connection().await?;
                Ok(Connection::Cluster(connection))
            }
        }
    }

    /// A connection to the node to which another node of a Cluster redirects.
    pub async fn redirected(
        &self,
        (host, port): (&str, u16),
        patience: Option<Duration>,
    ) -> Result<Connection, RedisError> {
        let address = self.tcp(&(host.to_owned(), port));
        self.node(address, patience).await.map(Connection::Node)
    }

    async fn node(
        &self,
        address: ConnectionAddr,
        patience: Option<Duration>,
    ) -> Result<Node, RedisError> {
        let settings = self.settings(patience);
        let pinned = match (&address, &self.trust.pinned) {
            (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) => Some((host, *port, tls)),
            _ => None,
        };
        if let Some((host, port, tls)) = pinned {
            return self.pinned(host, port, tls, settings).await;
        }
        let info = address.into_connection_info()?.set_redis_settings(self.login());
        let client = match &self.trust.certificates {
            Some(certificates) if self.address.tls => {
                Client::build_with_tls(info, certificates.clone())?
            }
            _ => Client::open(info)?,
        };
        let connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
        Ok(Node { connection, driver: None })
    }

    /// A connection that trusts the certificates of the file `ca`, and one that is itself in there.
    async fn pinned(
        &self,
        host: &str,
        port: u16,
        tls: &Arc<ClientConfig>,
        settings: AsyncConnectionConfig,
    ) -> Result<Node, RedisError> {
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(name, stream).await?;
        let login = self.login();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&login, stream, settings).await?;
        Ok(Node { connection, driver: Some(Driver::start(driver)) })
    }

    fn settings(&self, patience: Option<Duration>) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(patience)
    }

    /// Retries of redis-rs also repeat what may have been done already, so they are off; `Link` knows
    /// what can be repeated.
    fn cluster(&self, patience: Option<Duration>) -> Result<ClusterClient, RedisError> {
        let mut builder = ClusterClientBuilder::new(self.infos()?)
            .retries(0)
            .connection_timeout(self.timeout)
            .response_timeout(patience.unwrap_or(Duration::from_secs(u32::MAX.into())))
            .overall_response_timeout(None);
        if let Some(certificates) = self.trust.certificates.as_ref().filter(|_| self.address.tls) {
            builder = builder.certs(certificates.clone());
        }
        builder.build()
    }

    fn sentinels(&self, name: &str) -> Result<SentinelClient, RedisError> {
        let mut builder =
            SentinelClientBuilder::new(self.addresses(), name, SentinelServerType::Master)?
                .set_client_to_redis_db(self.address.database);
        if let Some(user) = &self.address.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &self.address.password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = variable(SENTINEL_PASSWORD_VARIABLE) {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.address.tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            if let Some(certificates) = &self.trust.certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates.clone());
            }
        }
        builder.build()
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        let hosts = self.address.hosts.iter().map(|host| self.tcp(host));
        let socket = self.address.socket.clone().map(ConnectionAddr::Unix);
        hosts.chain(socket).collect()
    }

    fn tcp(&self, (host, port): &(String, u16)) -> ConnectionAddr {
        let (host, port) = (host.clone(), *port);
        match self.address.tls {
            false => ConnectionAddr::Tcp(host, port),
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        }
    }

    fn login(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_db(self.address.database);
        if let Some(user) = &self.address.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.address.password {
            settings = settings.set_password(password);
        }
        settings
    }

    fn infos(&self) -> Result<Vec<ConnectionInfo>, RedisError> {
        let info = |address: ConnectionAddr| {
            Ok(address.into_connection_info()?.set_redis_settings(self.login()))
        };
        self.addresses().into_iter().map(info).collect()
    }
}
