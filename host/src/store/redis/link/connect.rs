//! Making connections.

use std::fs;
use std::path::Path;
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates, TlsMode,
};

use super::super::super::UrlError;
use super::super::config::{Address, RedisConfig, SENTINEL_PASSWORD_VARIABLE, Topology, variable};
use super::Connection;

/// Knows how to get to the servers.
pub struct Connector {
    address: Address,
    config: RedisConfig,
    /// Asking the Sentinels takes the client for itself.
    sentinel: tokio::sync::Mutex<Option<SentinelClient>>,
}

impl Connector {
    pub fn new(config: &RedisConfig) -> Result<Self, UrlError> {
        let address = config.check()?;
        Ok(Self { address, config: config.clone(), sentinel: tokio::sync::Mutex::default() })
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
            // An application that has chosen another one keeps it.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.config.timeout))
            .set_response_timeout(patience);
        match self.topology() {
            Topology::Node => {
                let client = self.node()?;
                let connection = client.get_multiplexed_async_connection_with_config(&settings);
                Ok(Connection::Node(connection.await?))
            }
            Topology::Sentinel(name) => {
                let mut sentinel = self.sentinel.lock().await;
                let client = match &mut *sentinel {
                    Some(client) => client,
                    empty => empty.insert(self.sentinels(name)?),
                };
                let connection = client.get_async_connection_with_config(&settings).await?;
                Ok(Connection::Node(connection))
            }
            Topology::Cluster => {
                let connection = self.cluster(patience)?.get_async_connection().await?;
                Ok(Connection::Cluster(connection))
            }
        }
    }

    fn node(&self) -> Result<Client, RedisError> {
        let mut infos = self.infos()?.into_iter();
        let missing = || RedisError::from((ErrorKind::InvalidClientConfig, "no host is named"));
        let info = infos.next().ok_or_else(missing)?;
        match self.certificates()? {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    /// Retries of redis-rs also repeat what may have been done already, so they are off; `Link` knows
    /// what can be repeated.
    fn cluster(&self, patience: Option<Duration>) -> Result<ClusterClient, RedisError> {
        let mut builder = ClusterClientBuilder::new(self.infos()?)
            .retries(0)
            .connection_timeout(self.config.timeout)
            .response_timeout(patience.unwrap_or(Duration::from_secs(u32::MAX.into())))
            .overall_response_timeout(None);
        if let Some(certificates) = self.certificates()? {
            builder = builder.certs(certificates);
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
            if let Some(certificates) = self.certificates()? {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
        }
        builder.build()
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        let address = |(host, port): &(String, u16)| match self.address.tls {
            false => ConnectionAddr::Tcp(host.clone(), *port),
            true => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            },
        };
        let socket = self.address.socket.clone().map(ConnectionAddr::Unix);
        self.address.hosts.iter().map(address).chain(socket).collect()
    }

    fn infos(&self) -> Result<Vec<ConnectionInfo>, RedisError> {
        let mut settings = RedisConnectionInfo::default().set_db(self.address.database);
        if let Some(user) = &self.address.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.address.password {
            settings = settings.set_password(password);
        }
        let info = |address: ConnectionAddr| {
            Ok(address.into_connection_info()?.set_redis_settings(settings.clone()))
        };
        self.addresses().into_iter().map(info).collect()
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>, RedisError> {
        let read = |path: &Path| fs::read(path).map_err(|error| unreadable(path, &error));
        let root_cert = self.config.ca.as_deref().map(read).transpose()?;
        let client_tls = match (&self.config.cert, &self.config.key) {
            (Some(cert), Some(key)) => {
                Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
            }
            _ => None,
        };
        let wanted = self.address.tls && (root_cert.is_some() || client_tls.is_some());
        Ok(wanted.then_some(TlsCertificates { client_tls, root_cert }))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> RedisError {
    let detail = format!("{}: {error}", path.display());
    (ErrorKind::InvalidClientConfig, "cannot read a certificate", detail).into()
}
