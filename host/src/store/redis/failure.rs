//! Translation of errors of Redis to those of a store.

use redis::{ErrorKind, RedisError, ServerErrorKind};

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
        // `ASKING` is never sent: a slot on its way to another server is waited for.
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

const WRONG_PASSWORD: &str =
    "check user and password (in the URL, or PAPYRA_REDIS_PASSWORD) and the user's permissions";

fn of_code(code: &str) -> Option<(StoreErrorKind, &'static str)> {
    use StoreErrorKind as K;
    Some(match code {
        "OOM" => (K::Full, "the server has reached its maxmemory: raise it, or compact"),
        "NOAUTH" | "WRONGPASS" | "NOPERM" => (K::Denied, WRONG_PASSWORD),
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
        let dropped = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(is_broken(&dropped) && !is_elsewhere(&dropped));
        let refused = RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "no"));
        assert!(!is_broken(&refused) && is_elsewhere(&refused));
        let error = store_error("append", "here", refused);
        assert_eq!(error.kind(), StoreErrorKind::Denied);
    }
}
