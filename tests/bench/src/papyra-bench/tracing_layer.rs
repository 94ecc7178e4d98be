//! What an event of `tracing` costs its caller where the layer records it.

use std::time::Duration;

use anyhow::Result;
use papyra_persistence::recorder::{Recorder, TracingLayer};
use papyra_persistence::store::{Durability, FileStore};
use papyra_persistence::{Engine, Journal};
use papyra_tests::moody::{Mood, Moody};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::layer::SubscriberExt;

use crate::files::{self, Files};
use crate::recorder::{costs, exact};
use crate::rows::{Line, figure};

const P50: f64 = 1_000.0;

/// Both rows: with a queue that is emptied all the time, and with one that only grows, until it is full.
pub(crate) fn rows(files: &Files, rounds: usize) -> Result<Vec<Line>> {
    let engine = Engine::new()?;
    let path = files.scratch("tracing");
    let (mut emptied, mut growing) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("tracing layer, round {} of {rounds}", round + 1);
        files::remove(&path)?;
        let interval = Durability::Interval(Duration::from_millis(200));
        let store = FileStore::builder(&path).durability(interval).build();
        let recorder = Recorder::new(&Journal::new(&engine, store))?;
        emptied.push(cost(&recorder));
        exact(recorder.close_blocking(Duration::from_secs(60)))?;

        let moody = Moody::default();
        moody.set(Mood::Hangs);
        let recorder = Recorder::new(&Journal::new(&engine, moody.clone()))?;
        growing.push(cost(&recorder));
        exact(recorder.close_blocking(Duration::from_millis(1)))?;
        moody.set(Mood::Works);
    }
    files::remove(&path)?;
    let row = |what: &str, samples: Vec<f64>| {
        let p50 = crate::contestant::median(samples);
        figure(
            format!("tracing layer, caller's cost p50, one span, three fields: {what}"),
            format!("≤ {P50:.0} ns"),
            p50 <= P50,
            format!("{p50:.0} ns"),
        )
    };
    Ok(vec![row("file store, interval, 500 k/s", emptied), row("store hangs", growing)])
}

/// The median cost of an event in nanoseconds.
fn cost(recorder: &Recorder) -> f64 {
    let layer = TracingLayer::new(recorder);
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let in_a_span = |work: &mut dyn FnMut()| {
        dispatcher::with_default(&dispatch, || {
            tracing::info_span!("request", id = 7).in_scope(work);
        });
    };
    let (p50, _) = costs(Duration::from_secs(2), &in_a_span, &|n| {
        tracing::info!(actor = n, attempt = 3, reason = "RuntimeError: boom", "restarted");
    });
    p50
}
