//! Translation of errors of Redis to those of a store.

use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use rustls::CertificateError;

use super::super::{StoreError, StoreErrorKind};

/// A store's error for an error of Redis. `doing` completes "cannot …".
pub fn store_error(doing: &str, location: &str, error: RedisError) -> StoreError {
    let error = first_refusal(error);
    let (kind, advice) = classify(&error);
    StoreError::new(kind, format!("cannot {doing} at {location}; {advice}")).caused_by(error)
}

/// The failure of a server that should be a master and has become a replica, as in a failover.
pub fn demoted(doing: &str, location: &str, error: RedisError) -> StoreError {
    let advice = "the server there has become a read-only replica; try again";
    let message = format!("cannot {doing} at {location}; {advice}");
    StoreError::new(StoreErrorKind::Unavailable, message).caused_by(first_refusal(error))
}

/// A transaction collects an error for each of its commands, and a batch has thousands.
fn first_refusal(error: RedisError) -> RedisError {
    let refusals = error.clone().into_server_errors();
    let first = refusals.and_then(|refusals| refusals.first().map(|(_, first)| first.clone()));
    first.map_or(error, RedisError::from)
}

/// The code with which the server has refused.
pub fn code(error: &StoreError) -> Option<&str> {
    cause(error).and_then(RedisError::code)
}

fn cause(error: &StoreError) -> Option<&RedisError> {
    std::error::Error::source(error)?.downcast_ref()
}

/// Returns true if the server has refused because the key does not exist.
pub fn is_missing_key(error: &StoreError) -> bool {
    cause(error).and_then(RedisError::detail).is_some_and(|detail| detail == "no such key")
}

/// Nothing came back in time.
pub fn timed_out(doing: &str, location: &str, limit: std::time::Duration) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("cannot {doing} at {location}: no answer within {limit:?}; check the server"),
    )
}

/// Returns true if the server certainly has not done what it was asked, and it may succeed a little
/// later or elsewhere: the slot has moved, a replica is taking over.
pub fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind as S;
    match error.kind() {
        ErrorKind::Server(S::Moved | S::Ask | S::TryAgain | S::ReadOnly) => true,
        ErrorKind::ClusterConnectionNotFound => true,
        _ => codes(error).any(|code| matches!(&*code, "MOVED" | "ASK" | "TRYAGAIN" | "READONLY")),
    }
}

/// Returns true if a replica was to write.
pub fn is_read_only(error: &RedisError) -> bool {
    codes(error).any(|code| code == "READONLY")
}

/// Returns true if the connection is of no more use.
pub fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error() || error.is_connection_dropped()
}

/// The codes of an error, and of all that a transaction has collected.
fn codes(error: &RedisError) -> impl Iterator<Item = String> {
    let nested = error.clone().into_server_errors();
    let nested = nested.iter().flat_map(|errors| errors.iter());
    let nested: Vec<String> = nested.map(|(_, error)| error.code().to_owned()).collect();
    nested.into_iter().chain(error.code().map(str::to_owned))
}

fn classify(error: &RedisError) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind as K;
    if let Some(known) = codes(error).find_map(|code| of_code(&code)) {
        return known;
    }
    if let Some(fault) = tls_fault(error) {
        return fault;
    }
    let says = |words: &str| error.detail().is_some_and(|detail| detail.contains(words));
    if says("DB index is out of range") {
        return (K::Unsupported, "the server has no database of that number; name another one");
    }
    // In a script such a refusal has no code of its own, and Redis 7.0 and 7.2 word it differently; and
    // redis-rs hides the code when the database is chosen.
    if ["executing the script can't", "ACL failure in script", "no permissions to run"]
        .into_iter()
        .any(says)
    {
        return (K::Denied, NOT_PERMITTED);
    }
    // The one refusal for want of a password that has no code: of a command with many arguments.
    if error.detail().is_some_and(|detail| detail.contains("unauthenticated")) {
        return (K::Denied, WRONG_PASSWORD);
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => (K::Denied, WRONG_PASSWORD),
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => {
            (K::Unavailable, "check that the server runs there and can be reached")
        }
        ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => {
            (K::Unavailable, "the Sentinels know no master of that name now")
        }
        ErrorKind::Parse => (K::Unavailable, "check that it is a Redis server"),
        _ => (K::Failed, "the server refuses; its reply says why"),
    }
}

const WRONG_PASSWORD: &str = "check user and password (in the URL, or PAPYRA_REDIS_PASSWORD)";

const NOT_PERMITTED: &str =
    "the user lacks a permission on the server; docs/redis.md lists what each command needs";

/// Returns the class and the advice for a fault of the server's certificate, or of ours. Trying again does
/// not help.
fn tls_fault(error: &RedisError) -> Option<(StoreErrorKind, &'static str)> {
    use CertificateError as C;
    let denied = |advice| Some((StoreErrorKind::Denied, advice));
    let Some(cause) = tls_error(error) else {
        // A Cluster's connection keeps only the text of what has failed, and Sentinel's may.
        let text = error.to_string();
        return match text.contains("invalid peer certificate") {
            true if text.contains("UnknownIssuer") => denied(UNTRUSTED),
            true => denied(UNACCEPTABLE),
            false => None,
        };
    };
    match cause {
        rustls::Error::InvalidCertificate(reason) => denied(match reason {
            C::UnknownIssuer => UNTRUSTED,
            C::NotValidForName | C::NotValidForNameContext { .. } => {
                "the server's certificate is for another name; name the server as it does"
            }
            C::Expired | C::ExpiredContext { .. } => {
                "the server's certificate has expired; renew it, or set this host's clock right"
            }
            C::NotValidYet | C::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet; check this host's clock"
            }
            _ => UNACCEPTABLE,
        }),
        rustls::Error::AlertReceived(_) => denied(
            "the server refuses TLS with this client; give it the certificate that it asks for with \
             `cert` and `key`",
        ),
        rustls::Error::InvalidMessage(_) => {
            Some((StoreErrorKind::Unsupported, "it does not speak TLS; write redis: for rediss:"))
        }
        _ => None,
    }
}

const UNTRUSTED: &str = "the server's certificate is not trusted; give the certificate of its \
                         authority, or its own if it is self-signed, with `ca`";

/// Among others for a self-signed certificate that says it is an authority's.
const UNACCEPTABLE: &str = "the server's certificate is not acceptable; if it is self-signed, give it \
                            with `ca`";

/// The failure of TLS in an error of Redis, which holds it as an I/O error.
fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let cause = std::error::Error::source(error)?;
    let cause = cause.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

fn of_code(code: &str) -> Option<(StoreErrorKind, &'static str)> {
    use StoreErrorKind as K;
    Some(match code {
        "OOM" => (K::Full, "the server has reached its maxmemory: raise it, or compact"),
        "NOAUTH" | "WRONGPASS" => (K::Denied, WRONG_PASSWORD),
        "NOPERM" => (K::Denied, NOT_PERMITTED),
        "READONLY" => (K::Denied, "it is a read-only replica: name its master"),
        "WRONGTYPE" => (K::Corrupt, "a key of the journal holds something other than a stream"),
        "NOGROUP" | "UNBLOCKED" => (K::NotFound, "there is no such stream or consumer group"),
        "LOADING" => (K::Unavailable, "the server is still loading its data; try again"),
        "MISCONF" => (K::Unavailable, "the server cannot save to its disk; see its log"),
        "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "BUSY" | "NOREPLICAS" => {
            (K::Unavailable, "the server cannot serve this now; try again")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_connections_are_broken_and_answers_are_not() {
        let dropped = RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(is_broken(&dropped) && !is_elsewhere(&dropped));
        let refused = RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "no"));
        assert!(!is_broken(&refused) && is_elsewhere(&refused));
        let error = store_error("append", "here", refused);
        assert_eq!(error.kind(), StoreErrorKind::Denied);
    }
}
