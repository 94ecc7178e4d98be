//! One consumer of one group, and what it is given.

use papyra_engine::consumer::{self, Batch, Pace, Subscription};
use papyra_engine::groups::{Source, Wait};
use papyra_engine::json::Kind;
use serde_json::Value;

use papyra_engine::testing::{NOW, record};
use papyra_engine::testing::{Streams, at};

pub fn subscription() -> Subscription {
    Subscription {
        kind: Kind::Event,
        group: "workers".into(),
        consumer: "w1".into(),
        start: "0".into(),
        resume: None,
        count: 100,
        wait: Wait::None,
        max_deliveries: 3,
    }
}

pub fn events(count: u64) -> Streams {
    let mut streams = Streams::new();
    for n in 1..=count {
        streams.push(0, at(n, 0), record("event", NOW + n as f64, 10).trim_end());
    }
    streams
}

pub fn fresh(host: &mut Streams, subscription: &Subscription) -> Batch {
    consumer::next(host, subscription, Source::Fresh, &mut Pace::default()).unwrap()
}

pub fn own(host: &mut Streams, subscription: &Subscription) -> Batch {
    let source = Source::OwnPending("0".into());
    consumer::next(host, subscription, source, &mut Pace::default()).unwrap()
}

pub fn lines(batch: &Batch) -> Vec<Value> {
    let lines: Vec<Value> =
        batch.records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), batch.count as usize);
    lines
}

pub fn ids(batch: &Batch) -> Vec<String> {
    lines(batch).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

pub fn pending(host: &Streams) -> Vec<u64> {
    let group = &host.groups[&(0, "workers".to_owned())];
    group.pending.keys().map(|at| at.major).collect()
}
