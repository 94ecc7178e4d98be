//! Where a Redis store lies and how it is used.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use super::super::url::bad;
use super::super::{StoreUrl, UrlError};
use crate::units;

/// The variable that holds the password when the URL has none.
pub const PASSWORD_VARIABLE: &str = "PAPYRA_REDIS_PASSWORD";

/// The same for Sentinels that ask for a password of their own.
pub const SENTINEL_PASSWORD_VARIABLE: &str = "PAPYRA_REDIS_SENTINEL_PASSWORD";

/// What stands before the colon of a URL.
pub const SCHEMES: [&str; 5] = ["redis", "rediss", UNIX, "redis+cluster", "redis+sentinel"];

const UNIX: &str = "redis+unix";

/// The number of the database at a Unix socket; elsewhere it is part of the path.
const DATABASE: &str = "db";

const PARAMETERS: [&str; 12] = [
    "prefix",
    "system_id",
    "scan_sample_size",
    "max_read",
    "approx_trim",
    "quarantine_prefix",
    "timeout",
    "password_file",
    "tls",
    "ca",
    "cert",
    "key",
];

const DEFAULT_PORT: u16 = 6379;
const DEFAULT_SENTINEL_PORT: u16 = 26379;

/// How a journal in Redis is found and used. [`Default`] is what Papyra uses.
///
/// The fields are parameters of store URLs under the same names, except `url`, which is the URL
/// itself.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisConfig {
    /// The server, by default `redis://localhost:6379/0`:
    ///
    /// * `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss://…` with TLS
    /// * `redis+unix:PATH[?db=DATABASE]`, a server's Unix socket, or
    ///   `redis+unix://USER:PASSWORD@/PATH[?db=DATABASE]`; `%`, `?`, `:` and `@` in a path are
    ///   percent-encoded
    /// * `redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…`, some nodes of a Cluster
    /// * `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DATABASE]`, Sentinels and the name
    ///   under which they know the master; user and password are those of the server
    ///
    /// Without a password in it, `password_file` is used, or else the variable
    /// `PAPYRA_REDIS_PASSWORD`. Sentinels get the one in
    /// `PAPYRA_REDIS_SENTINEL_PASSWORD`.
    pub url: String,
    /// The first part of all keys, by default `papyra`.
    pub prefix: String,
    /// The second part of all keys, the name of the system, by default `local`.
    pub system_id: String,
    /// Scans look at so many of the newest entries of each stream, unless told otherwise. By default
    /// at all. (Papyra itself looks at 1,000, and overlooks what is older.)
    pub scan_sample_size: Option<u64>,
    /// At most so many entries in one `XRANGE` or `XREVRANGE`, by default 50,000, at least 1. All
    /// entries are read, however many such pages that takes.
    pub max_read: u32,
    /// Compaction lets Redis keep up to a node (100 entries) more than it would have to, which is
    /// much cheaper. By default true; the report then says how many really went.
    pub approx_trim: bool,
    /// Where entries are quarantined, `{quarantine_prefix}:{stream with _ for :}`. By default
    /// `{prefix}:{system_id}:quarantine`.
    pub quarantine_prefix: Option<String>,
    /// How long one call may take, connecting included, before it is `Unavailable`; by default 10 s.
    /// Waiting for new entries comes on top of it.
    pub timeout: Duration,
    /// File with the password. A line end at its end is not part of the password.
    pub password_file: Option<PathBuf>,
    /// TLS for Cluster and Sentinel; `rediss:` has it anyway.
    pub tls: bool,
    /// PEM file with the certificates to trust, instead of those of the operating system.
    pub ca: Option<PathBuf>,
    /// PEM files with a certificate and its key, for servers that ask their clients for one.
    pub cert: Option<PathBuf>,
    /// See `cert`.
    pub key: Option<PathBuf>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: "redis://localhost:6379/0".to_owned(),
            prefix: "papyra".to_owned(),
            system_id: "local".to_owned(),
            scan_sample_size: None,
            max_read: 50_000,
            approx_trim: true,
            quarantine_prefix: None,
            timeout: Duration::from_secs(10),
            password_file: None,
            tls: false,
            ca: None,
            cert: None,
            key: None,
        }
    }
}

/// The URL, which can hold a password, is shown without user and password.
impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("url", &Address::parse(&self.url).map_or(String::new(), |a| a.to_string()))
            .field("prefix", &self.prefix)
            .field("system_id", &self.system_id)
            .field("scan_sample_size", &self.scan_sample_size)
            .field("max_read", &self.max_read)
            .field("approx_trim", &self.approx_trim)
            .field("quarantine_prefix", &self.quarantine_prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl RedisConfig {
    /// For a server, and everything else as by default.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Of a store URL with parameters.
    pub(in super::super) fn of_url(url: &StoreUrl) -> Result<Self, UrlError> {
        let mut config = Self::new(format!("{}:{}", url.scheme(), url.rest()));
        if url.scheme() == UNIX {
            url.allow(&[&PARAMETERS[..], &[DATABASE]].concat())?;
            if let Some(database) = url.value(DATABASE, units::parse_count)? {
                config.url.push_str(&format!("?{DATABASE}={database}"));
            }
        } else {
            url.allow(&PARAMETERS)?;
        }
        let owned = |name| url.parameter(name).map(str::to_owned);
        let path = |name| url.parameter(name).map(PathBuf::from);
        let entries = |word: &str| {
            let number = units::parse_count(word)?;
            number.try_into().map_err(|_| "that is more than one read can return".to_owned())
        };
        config.prefix = owned("prefix").unwrap_or(config.prefix);
        config.system_id = owned("system_id").unwrap_or(config.system_id);
        config.scan_sample_size = url.value("scan_sample_size", units::parse_count)?;
        config.max_read = url.value("max_read", entries)?.unwrap_or(config.max_read);
        let approx_trim = url.value("approx_trim", units::parse_bool)?;
        config.approx_trim = approx_trim.unwrap_or(config.approx_trim);
        config.quarantine_prefix = owned("quarantine_prefix");
        config.timeout = url.value("timeout", units::parse_duration)?.unwrap_or(config.timeout);
        config.password_file = path("password_file");
        config.tls = url.value("tls", units::parse_bool)?.unwrap_or(config.tls);
        config.ca = path("ca");
        config.cert = path("cert");
        config.key = path("key");
        Ok(config)
    }

    /// The address, once everything has been found to make sense.
    pub(super) fn check(&self) -> Result<Address, UrlError> {
        if self.prefix.is_empty() || self.system_id.is_empty() {
            return Err(bad("prefix or system_id", "", "neither may be empty"));
        }
        if self.quarantine_prefix.as_ref().is_some_and(String::is_empty) {
            return Err(bad("quarantine_prefix", "", "it may not be empty"));
        }
        if self.max_read == 0 {
            return Err(bad("max_read", "0", "at least one entry must be read at a time"));
        }
        if self.timeout.is_zero() {
            return Err(bad("timeout", "0", "write a time with its unit: 500ms or 10s"));
        }
        if self.cert.is_some() != self.key.is_some() {
            return Err(bad("cert or key", "", "give both or neither"));
        }
        let mut address = Address::parse(&self.url)?;
        if self.tls && address.socket.is_some() {
            return Err(bad("tls", "true", "a Unix socket has none"));
        }
        address.tls |= self.tls;
        if let Some(path) = &self.password_file {
            if address.password.is_some() {
                let expected = "the URL has a password as well: give one";
                return Err(bad("password_file", &path.display().to_string(), expected));
            }
            address.password = Some(password_in(path)?);
        }
        if address.password.is_none() {
            address.password = variable(PASSWORD_VARIABLE);
        }
        Ok(address)
    }
}

/// The content of a file, without a line end at its end.
fn password_in(path: &Path) -> Result<String, UrlError> {
    let refuse = |expected: &str| bad("password_file", &path.display().to_string(), expected);
    let unreadable = |error: io::Error| refuse(&format!("it cannot be read: {error}"));
    let mut password = fs::read_to_string(path).map_err(unreadable)?;
    let end = password.trim_end_matches('\n').trim_end_matches('\r').len();
    password.truncate(end);
    if password.is_empty() { Err(refuse("it is empty")) } else { Ok(password) }
}

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What kind of servers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    Node,
    Cluster,
    /// With the name of the master.
    Sentinel(String),
}

/// A server URL taken apart. Shown without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub topology: Topology,
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<String>,
    /// None for a Unix socket.
    pub hosts: Vec<(String, u16)>,
    pub socket: Option<PathBuf>,
    pub database: i64,
}

impl Address {
    /// The message of an error holds nothing of the URL, which can be a password at any place when it
    /// is not well formed.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        Self::parts(url)
            .map_err(|expected| bad("address of a Redis", &format!("{scheme}://…"), expected))
    }

    fn parts(url: &str) -> Result<Self, &'static str> {
        if let Some((scheme, rest)) = url.split_once(':')
            && scheme.eq_ignore_ascii_case(UNIX)
        {
            return Self::at_socket(rest);
        }
        let (scheme, rest) = url.split_once("://").ok_or("write redis://HOST:PORT/DATABASE")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (login, hosts),
            None => ("", authority),
        };
        let (user, password) = user_and_password(login)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let (topology, database) = match scheme.to_ascii_lowercase().as_str() {
            "redis" | "rediss" => (Topology::Node, path),
            "redis+cluster" if path.is_empty() || path == "0" => (Topology::Cluster, ""),
            "redis+cluster" => return Err("a Cluster has no databases: leave out what follows /"),
            "redis+sentinel" => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                if name.is_empty() {
                    return Err("name the master: redis+sentinel://HOST:PORT,HOST:PORT/MASTER");
                }
                (Topology::Sentinel(decoded(name)?), database)
            }
            _ => {
                return Err(
                    "known are redis, rediss, redis+unix, redis+cluster and redis+sentinel",
                );
            }
        };
        let database = match database {
            "" => 0,
            number => number_of(number).ok_or("what follows / is the number of a database")?,
        };
        let default = match topology {
            Topology::Sentinel(_) => DEFAULT_SENTINEL_PORT,
            Topology::Node | Topology::Cluster => DEFAULT_PORT,
        };
        let hosts: Vec<_> =
            hosts.split(',').map(|host| host_and_port(host, default)).collect::<Result<_, _>>()?;
        if topology == Topology::Node && hosts.len() > 1 {
            return Err("several hosts are written redis+cluster:// or redis+sentinel://");
        }
        let tls = scheme.eq_ignore_ascii_case("rediss");
        Ok(Self { topology, tls, user, password, hosts, socket: None, database })
    }

    /// Parses the part after `redis+unix:`.
    fn at_socket(rest: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write redis+unix:PATH, with %40 for @ and %3A for : in it, or \
                            redis+unix://USER:PASSWORD@/PATH";
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').ok_or(FORM)?);
                match authority {
                    "" => ("", path),
                    authority => (authority.strip_suffix('@').ok_or(FORM)?, path),
                }
            }
            None => ("", rest),
        };
        if path.is_empty() || path.ends_with('/') || path.contains([':', '@', '#', '\0']) {
            return Err(FORM);
        }
        let database = match query.split_once('=') {
            None if query.is_empty() => 0,
            Some((DATABASE, number)) => {
                number_of(number).ok_or("db is the number of a database")?
            }
            _ => return Err("the only parameter of a socket is db"),
        };
        let (user, password) = user_and_password(login)?;
        let socket = Some(decoded(path)?.into());
        Ok(Self {
            topology: Topology::Node,
            tls: false,
            user,
            password,
            hosts: Vec::new(),
            socket,
            database,
        })
    }
}

fn user_and_password(login: &str) -> Result<(Option<String>, Option<String>), &'static str> {
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(decoded(password)?)),
        None => (login, None),
    };
    let user = Some(user).filter(|user| !user.is_empty()).map(decoded).transpose()?;
    Ok((user, password))
}

fn number_of(database: &str) -> Option<i64> {
    database.parse().ok().filter(|number| *number >= 0)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = &self.socket {
            let path = socket.display().to_string();
            write!(f, "{UNIX}:")?;
            for c in path.chars() {
                match c {
                    '%' | '?' | ':' | '@' | '#' => write!(f, "%{:02X}", u32::from(c))?,
                    c => write!(f, "{c}")?,
                }
            }
            return match self.database {
                0 => Ok(()),
                database => write!(f, "?{DATABASE}={database}"),
            };
        }
        let scheme = match (&self.topology, self.tls) {
            (Topology::Node, false) => "redis",
            (Topology::Node, true) => "rediss",
            (Topology::Cluster, _) => "redis+cluster",
            (Topology::Sentinel(_), _) => "redis+sentinel",
        };
        write!(f, "{scheme}://")?;
        for (index, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host.contains(':') {
                true => write!(f, "{comma}[{host}]:{port}")?,
                false => write!(f, "{comma}{host}:{port}")?,
            }
        }
        match &self.topology {
            Topology::Node => write!(f, "/{}", self.database),
            Topology::Cluster => Ok(()),
            Topology::Sentinel(name) => write!(f, "/{name}/{}", self.database),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

fn decoded(text: &str) -> Result<String, &'static str> {
    units::percent_decoded(text).ok_or("what is percent-encoded must be UTF-8")
}

fn host_and_port(text: &str, default: u16) -> Result<(String, u16), &'static str> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("x"))),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err("write redis://HOST:PORT/DATABASE, an IPv6 address in brackets");
    }
    let port = port.map_or(Ok(default), str::parse);
    Ok((host.to_owned(), port.map_err(|_| "a port is a number up to 65535")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_user_and_password() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("rediss://me:p%40ss@h:1/3", "rediss://h:1/3"),
            ("redis://:secret@[::1]:7/", "redis://[::1]:7/0"),
            ("redis+cluster://u:p@a,b:7000", "redis+cluster://a:6379,b:7000"),
            ("redis+sentinel://u:p@a,b:7/main/2", "redis+sentinel://a:26379,b:7/main/2"),
            ("redis+unix:/run/r.sock", "redis+unix:/run/r.sock"),
            ("redis+unix:///run/r.sock?db=2", "redis+unix:/run/r.sock?db=2"),
            ("redis+unix://u:secret@/a%40b", "redis+unix:/a%40b"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.to_string(), shown);
            let config = format!("{:?}", RedisConfig::new(url));
            assert!(config.contains(shown) && !config.contains("secret"), "{config}");
        }
        let address = Address::parse("redis://me:p%40ss@h/").unwrap();
        assert_eq!(
            (address.user.as_deref(), address.password.as_deref()),
            (Some("me"), Some("p@ss"))
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_showing_the_password() {
        for url in [
            "redis://u:secret@",
            "redis://u:secret@h:port",
            "redis://u:secret@h/-1",
            "redis://u:secret@a,b",
            "redis://u:secret#x@h#insecure",
            "redis+cluster://u:secret@a/1",
            "redis+sentinel://u:secret@a",
            "redis:u:secret@h",
            "redis+unix:u:secret@h",
            "redis+unix:",
            "redis+unix://secret",
            "redis+unix://u:secret/a",
            "redis+unix:/:secret@/a",
            "redis+unix:/a?db=secret",
            "redis+unix:/a?secret=1",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let good = RedisConfig::default();
        assert!(good.check().is_ok());
        for bad in [
            RedisConfig { prefix: String::new(), ..good.clone() },
            RedisConfig { max_read: 0, ..good.clone() },
            RedisConfig { timeout: Duration::ZERO, ..good.clone() },
            RedisConfig { cert: Some("a".into()), ..good.clone() },
            RedisConfig { quarantine_prefix: Some(String::new()), ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
