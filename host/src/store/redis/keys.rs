//! The keys of one journal. Nothing outside of this list is ever read or written.

use super::super::Kind;

/// The names of a journal's streams.
#[derive(Clone, Debug)]
pub struct Keys {
    streams: [String; 4],
    quarantine: String,
    index: String,
    checkpoint: String,
}

impl Keys {
    pub fn new(prefix: &str, system_id: &str, quarantine_prefix: Option<&str>) -> Self {
        let streams = Kind::ALL.map(|kind| format!("{prefix}:{system_id}:{}", kind.plural()));
        let quarantine = match quarantine_prefix {
            Some(prefix) => prefix.to_owned(),
            None => format!("{prefix}:{system_id}:quarantine"),
        };
        let beside = |name: &str| format!("{prefix}:{system_id}:{name}");
        Self { streams, quarantine, index: beside("index"), checkpoint: beside("checkpoint") }
    }

    /// Kinds and their streams.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &str)> {
        Kind::ALL.into_iter().zip(self.streams.iter().map(String::as_str))
    }

    /// The stream of a kind.
    pub fn of(&self, kind: Kind) -> &str {
        let found = self.iter().find(|(of, _)| *of == kind);
        found.map_or("", |(_, key)| key)
    }

    /// Where the index is kept.
    pub fn index(&self) -> &str {
        &self.index
    }

    /// Where versions before 0.2 kept one.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Where entries of a stream are quarantined.
    pub fn quarantine(&self, stream: &str) -> String {
        format!("{}:{}", self.quarantine, stream.replace(':', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_papyra() {
        let keys = Keys::new("papyra", "local", None);
        assert_eq!(keys.of(Kind::DeadLetter), "papyra:local:dead_letters");
        assert_eq!(keys.index(), "papyra:local:index");
        assert_eq!(
            keys.quarantine(keys.of(Kind::Event)),
            "papyra:local:quarantine:papyra_local_events"
        );
        let keys = Keys::new("p", "s", Some("q"));
        assert_eq!(keys.quarantine(keys.of(Kind::Metric)), "q:p_s_metrics");
    }
}
