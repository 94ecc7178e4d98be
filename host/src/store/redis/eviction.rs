//! Detects servers that may evict the journal to make room.

use redis::Value;

use super::link::{Link, Repeat};
use super::reply;

const DOING: &str = "look at the eviction policy";

/// A warning if the server evicts keys that never expire, as those of a journal are. `None` too where neither
/// `INFO` nor `CONFIG GET` is permitted.
pub async fn warning(link: &Link) -> Option<String> {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let settings = match link.call(DOING, Repeat::Yes, &info).await {
        Ok(reply) => of_info(reply),
        Err(error) => {
            tracing::debug!(%error, "INFO is not to be had");
            let mut config = redis::cmd("CONFIG");
            config.arg("GET").arg("maxmemory*");
            of_config(&link.call(DOING, Repeat::Yes, &config).await.ok()?)
        }
    };
    let policy = settings.into_iter().find_map(evicting)?;
    Some(format!(
        "{} has maxmemory and the policy {policy}, so it deletes whole journals when it is full; set \
         maxmemory-policy to noeviction, or to one of volatile-*",
        link.location()
    ))
}

/// `maxmemory` and the policy of one server.
type Settings = (u64, String);

fn evicting((maxmemory, policy): Settings) -> Option<String> {
    (maxmemory > 0 && policy.starts_with("allkeys-")).then_some(policy)
}

/// One text, or in a Cluster one for each node.
fn of_info(reply: Value) -> Vec<Settings> {
    if let Value::Map(nodes) = reply {
        return nodes.into_iter().flat_map(|(_, reply)| of_info(reply)).collect();
    }
    let text = match reply {
        Value::VerbatimString { text, .. } => Some(text),
        other => reply::text(other),
    };
    let settings = text.and_then(|text| {
        let line = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.map(|value| value.trim().to_owned())
        };
        Some((line("maxmemory:")?.parse().ok()?, line("maxmemory_policy:")?))
    });
    settings.into_iter().collect()
}

fn of_config(reply: &Value) -> Vec<Settings> {
    let field = |name| reply::field(reply.clone(), name);
    let maxmemory = field("maxmemory").as_ref().and_then(reply::number);
    maxmemory.zip(field("maxmemory-policy").and_then(reply::text)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_evicts_keys_that_never_expire_is_a_danger() {
        let info = |policy: &str, maxmemory: u64| {
            let text =
                format!("# Memory\r\nmaxmemory:{maxmemory}\r\nmaxmemory_policy:{policy}\r\n");
            of_info(Value::BulkString(text.into_bytes())).into_iter().find_map(evicting)
        };
        assert_eq!(info("allkeys-lru", 100).as_deref(), Some("allkeys-lru"));
        assert_eq!(info("allkeys-lru", 0), None, "no limit, no eviction");
        assert_eq!(info("volatile-lru", 100), None);
        assert_eq!(info("noeviction", 100), None);
        assert!(of_info(Value::Nil).is_empty());
        let words = ["maxmemory", "7", "maxmemory-policy", "allkeys-lfu"];
        let words = words.map(|word| Value::BulkString(word.as_bytes().to_vec()));
        assert_eq!(of_config(&Value::Array(words.to_vec())), [(7, "allkeys-lfu".to_owned())]);
    }
}
