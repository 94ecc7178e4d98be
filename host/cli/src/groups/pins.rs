//! Which groups keep compaction from removing records.

use papyra_persistence::store::{Kind, Store};
use serde_json::{Value, json};

use crate::text::{count, printable};

/// The group that needs the oldest records of a kind.
#[derive(Debug)]
pub(crate) struct Pin {
    pub kind: Kind,
    pub group: String,
    pub pending: u64,
    pub oldest_pending: Option<String>,
    pub last_delivered: String,
}

impl Pin {
    /// Its name and what it needs, for people.
    pub fn text(&self) -> String {
        let group = format!("{} ({})", printable(&self.group), self.kind.name());
        match &self.oldest_pending {
            Some(oldest) => {
                let entries = count(self.pending, "pending entry", "pending entries");
                format!("{group} has {entries}, the oldest {}", printable(oldest))
            }
            None => {
                format!("{group} has not received what follows {}", printable(&self.last_delivered))
            }
        }
    }

    /// The same for programs.
    pub fn fields(&self) -> Value {
        json!({
            "kind": self.kind.name(),
            "group": self.group,
            "pending": self.pending,
            "oldest_pending": self.oldest_pending,
            "last_delivered": self.last_delivered,
        })
    }

    /// Where what it needs begins.
    fn from(&self) -> Option<(u64, u64)> {
        let oldest = self.oldest_pending.as_deref().and_then(id);
        oldest.into_iter().chain(id(&self.last_delivered)).min()
    }
}

/// For each of these kinds the group that needs the oldest records, if any group needs some. A store that
/// does not tell has none: the compaction that asks has been done.
pub(crate) async fn of(store: &dyn Store, kinds: &[Kind]) -> Vec<Pin> {
    let Some(groups) = store.groups() else { return Vec::new() };
    let mut pins = Vec::new();
    for kind in kinds.iter().copied() {
        let mut of_kind = Vec::new();
        for info in groups.list_groups(kind).await.unwrap_or_default() {
            if info.pending == 0 && info.lag == Some(0) {
                continue;
            }
            let summary = match info.pending {
                0 => None,
                _ => groups.summarize_pending(kind, &info.name).await.ok(),
            };
            of_kind.push(Pin {
                kind,
                group: info.name,
                pending: info.pending,
                oldest_pending: summary.and_then(|summary| summary.min),
                last_delivered: info.last_delivered,
            });
        }
        pins.extend(of_kind.into_iter().min_by_key(Pin::from));
    }
    pins
}

fn id(text: &str) -> Option<(u64, u64)> {
    let (millis, sequence) = text.split_once('-')?;
    Some((millis.parse().ok()?, sequence.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_needs_the_oldest_record_pins() {
        let pin = |group: &str, oldest: Option<&str>, last: &str| Pin {
            kind: Kind::Event,
            group: group.to_owned(),
            pending: u64::from(oldest.is_some()),
            oldest_pending: oldest.map(str::to_owned),
            last_delivered: last.to_owned(),
        };
        let (late, slow) = (pin("late", None, "10-0"), pin("slow", Some("9-0"), "12-0"));
        assert!(slow.from() < late.from(), "as numbers, not as text");
        assert_eq!(slow.text(), "slow (event) has 1 pending entry, the oldest 9-0");
        assert_eq!(late.text(), "late (event) has not received what follows 10-0");
    }
}
