//! A slot of a Cluster on its way: its keys are there already, and it is not.

use std::time::Duration;

use papyra_persistence::store::groups::{Source, Wait};
use papyra_persistence::store::{ConsumerGroups, Kind, Run, Store};
use papyra_tests::redis::{Cluster, Server, append, lines, records};

const EVENTS: &str = "papyra:local:events";

/// A slot whose key has gone to another node that does not own it yet.
struct Moving<'a> {
    cluster: &'a Cluster,
    slot: String,
    from: &'a Server,
    to: &'a Server,
}

impl<'a> Moving<'a> {
    fn begin(cluster: &'a Cluster) -> Self {
        let slot = cluster.nodes[0].cli(&["cluster", "keyslot", EVENTS]);
        let from = cluster.owner(EVENTS);
        let to = cluster.nodes.iter().find(|node| node.port != from.port).unwrap();
        let moving = Self { cluster, slot, from, to };
        moving.set(to, &["importing", &id(from)]);
        moving.set(from, &["migrating", &id(to)]);
        let port = to.port.to_string();
        assert_eq!(from.cli(&["migrate", "127.0.0.1", &port, EVENTS, "0", "10000"]), "OK");
        moving
    }

    fn set(&self, node: &Server, words: &[&str]) {
        let said = node.cli(&[&["cluster", "setslot", &self.slot][..], words].concat());
        assert_eq!(said, "OK", "{words:?}");
    }

    fn end(self) {
        let others = self.cluster.nodes.iter();
        let others = others.filter(|node| node.port != self.to.port && node.port != self.from.port);
        for node in [self.to, self.from].into_iter().chain(others) {
            self.set(node, &["node", &id(self.to)]);
        }
    }
}

fn id(node: &Server) -> String {
    node.cli(&["cluster", "myid"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_on_its_way_is_written_read_and_consumed_as_ever() {
    let cluster = Cluster::start();
    let store = cluster.store("local");
    append(&store, Kind::Event, &records("event", 0..10)).await.unwrap();
    append(&store, Kind::Audit, &records("audit", 0..1)).await.unwrap();
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    let moving = Moving::begin(&cluster);
    // Longer than any retry: it is followed.
    for n in 10..13 {
        append(&store, Kind::Event, &records("event", n..n + 1)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let batch = [records("event", 13..14), records("audit", 1..2)].concat().join("\n") + "\n";
    let runs = [Kind::Event, Kind::Audit].map(|kind| Run { kind, lines: 1 });
    store.append(batch, &runs).await.unwrap();
    let audits = records("audit", 0..2);
    assert_eq!(lines(&store).await, [records("event", 0..14), audits.clone()].concat());
    let wait = Wait::Millis(2_000);
    let first = store.fetch(Kind::Event, "g", "c", Source::Fresh, 100, wait).await.unwrap();
    assert_eq!(first.frames.len(), 14);
    let fetch = async || store.fetch(Kind::Event, "g", "c", Source::Fresh, 9, wait).await;
    let (waited, written) = tokio::join!(fetch(), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        append(&store, Kind::Event, &records("event", 14..15)).await
    });
    written.unwrap();
    assert_eq!(waited.unwrap().frames.len(), 1, "it waits there as well");
    let own = Source::OwnPending("0-0".to_owned());
    let pending = store.fetch(Kind::Event, "g", "c", own, 100, Wait::None).await.unwrap();
    assert_eq!(pending.frames.len(), 15, "in a transaction");
    moving.end();
    append(&store, Kind::Event, &records("event", 15..16)).await.unwrap();
    assert_eq!(lines(&store).await, [records("event", 0..16), audits].concat(), "all of them once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_cannot_be_served_for_a_while_is_waited_for() {
    let cluster = Cluster::start();
    let store = cluster.store("local");
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    let moving = Moving::begin(&cluster);
    // Its new node does not know of the move any more, and sends everybody back.
    moving.set(moving.to, &["stable"]);
    let late = async {
        tokio::time::sleep(Duration::from_millis(2_000)).await;
        moving.end();
    };
    let records_1 = records("event", 1..2);
    let (written, ()) = tokio::join!(append(&store, Kind::Event, &records_1), late);
    written.unwrap();
    assert_eq!(lines(&store).await, records("event", 0..2));
}
