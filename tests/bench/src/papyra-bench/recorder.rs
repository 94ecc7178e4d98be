//! What a call of the recorder costs its caller, and how many records it sustains.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use papyra_persistence::recorder::{Accepted, Event, Recorder, Tally};
use papyra_persistence::store::{Durability, FileStore, Kind};
use papyra_persistence::{Engine, Journal, MemoryStore};
use papyra_tests::moody::{Mood, Moody};
use serde::Serialize;

use crate::files::{self, Files};
use crate::rows::{Line, figure};

const THREADS: u64 = 4;
/// What half of the promised rate is, which must lose nothing.
const HALF_RATE: f64 = 500_000.0;
/// What is offered to see what is sustained.
const OFFERED: f64 = 1_100_000.0;
/// What an engine may use that is to trap on every record.
const SCARCE: usize = 6 << 20;
/// A record that no engine with so little memory can judge.
const POISON: usize = 12 << 20;
const P50: f64 = 300.0;
const P99: f64 = 3_000.0;

#[derive(Serialize)]
struct Payload {
    error: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
struct Poison<'p> {
    poison: &'p str,
}

const PAYLOAD: Payload = Payload { error: "RuntimeError: boom", reason: "RuntimeError: boom" };

fn call(recorder: &Recorder, n: u64) -> Accepted {
    let event = Event::new("local", ("local", n), "ActorCrashed").payload(&PAYLOAD);
    recorder.event(event)
}

/// All rows; each figure is the median of so many rounds.
pub(crate) fn rows(files: &Files, rounds: usize) -> Result<Vec<Line>> {
    let engine = Engine::new()?;
    let path = files.scratch("recorder");
    let store = || -> Result<Journal> {
        files::remove(&path)?;
        let interval = Durability::Interval(Duration::from_millis(200));
        Ok(Journal::new(&engine, FileStore::builder(&path).durability(interval).build()))
    };
    let mut paced = Vec::new();
    let (mut rates, mut lost) = (Vec::new(), 0);
    let mut moods = [Mood::Hangs, Mood::Unavailable, Mood::Full, Mood::Failed, Mood::Panics]
        .map(|mood| (mood, Vec::new()));
    let mut trapped = Vec::new();
    for round in 0..rounds {
        eprintln!("recorder, round {} of {rounds}", round + 1);
        let recorder = Recorder::new(&store()?)?;
        paced.push(call_costs(&recorder, Duration::from_secs(2)));
        let tally = recorder.close_blocking(Duration::from_secs(60));
        exact(tally)?;
        lost = lost.max(tally.dropped());
        rates.push(sustained(&Recorder::new(&store()?)?)?);
        for (mood, samples) in &mut moods {
            let moody = Moody::default();
            moody.set(*mood);
            let recorder = Recorder::new(&Journal::new(&engine, moody.clone()))?;
            samples.push(call_costs(&recorder, Duration::from_secs(1)));
            exact(recorder.close_blocking(Duration::from_millis(1)))?;
            moody.set(Mood::Works);
        }
        trapped.push(costs_with_traps()?);
    }
    files::remove(&path)?;
    let mut lines = cost_rows("file store, interval, 500 k/s", &paced);
    lines.push(figure(
        "recorder, dropped at 500 k/s: file store, interval".to_owned(),
        "0 records".to_owned(),
        lost == 0,
        format!("{lost} records"),
    ));
    let rate = crate::contestant::median(rates);
    lines.push(figure(
        "recorder, sustained: file store, interval".to_owned(),
        "≥ 1000 k records/s".to_owned(),
        rate >= 1e6,
        format!("{:.0} k records/s", rate / 1e3),
    ));
    for (mood, samples) in &moods {
        lines.extend(cost_rows(&format!("store {mood:?}").to_lowercase(), samples));
    }
    lines.extend(cost_rows("engine traps", &trapped));
    Ok(lines)
}

/// The same while the engine traps, over and over, on a record that needs more memory than it has.
fn costs_with_traps() -> Result<(f64, f64)> {
    let small = Engine::builder().memory_limit(SCARCE).build()?;
    let journal = Journal::new(&small, MemoryStore::new());
    let recorder = Recorder::new(&journal)?;
    let poison = "x".repeat(POISON);
    for _ in 0..4 {
        let _ = recorder.record(Kind::Event, &Poison { poison: &poison });
    }
    let costs = call_costs(&recorder, Duration::from_secs(1));
    exact(recorder.close_blocking(Duration::from_millis(1)))?;
    let traps = journal.metrics().write_errors;
    ensure!(traps > 0, "nothing has trapped, so this measures nothing");
    Ok(costs)
}

pub(crate) fn exact(tally: Tally) -> Result<()> {
    let sum = tally.written + tally.dropped() + tally.queued;
    ensure!(tally.accepted == sum && tally.queued == 0, "the account is exact: {tally:?}");
    Ok(())
}

fn call_costs(recorder: &Recorder, time: Duration) -> (f64, f64) {
    costs(time, &|work| work(), &|n| {
        call(recorder, n);
    })
}

/// The 50th and 99th percentile of the cost of a call in nanoseconds, with all threads together
/// calling at half the promised rate, each of them inside `around`. What reading the clock costs is in it.
pub(crate) fn costs(
    time: Duration,
    around: &(dyn Fn(&mut dyn FnMut()) + Sync),
    call: &(impl Fn(u64) + Sync),
) -> (f64, f64) {
    let end = Instant::now() + time;
    let one = || {
        let mut calls = Vec::with_capacity(2_000_000);
        around(&mut || paced(end, call, &mut calls));
        calls
    };
    let mut calls = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    calls.sort_unstable();
    let at = |share: f64| calls.get((calls.len() as f64 * share) as usize).copied().unwrap_or(0);
    (f64::from(at(0.5)), f64::from(at(0.99)))
}

fn paced(end: Instant, call: &impl Fn(u64), calls: &mut Vec<u32>) {
    pace(end, HALF_RATE, |n| {
        let before = Instant::now();
        call(n);
        calls.push(u32::try_from(before.elapsed().as_nanos()).unwrap_or(u32::MAX));
    });
}

/// Calls with a number, as often as the share of one thread in this rate.
fn pace(end: Instant, rate: f64, mut call: impl FnMut(u64)) {
    let began = Instant::now();
    let (rate, mut n) = (rate / THREADS as f64, 0_u64);
    while Instant::now() < end {
        let due = began.elapsed().as_secs_f64() * rate;
        while (n as f64) < due {
            call(n);
            n += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

/// Records written a second, up to the last one that was queued. More are offered than is promised, but
/// not as many as threads in a loop could: they would only measure who gets the processor.
fn sustained(recorder: &Recorder) -> Result<f64> {
    let began = Instant::now();
    let end = began + Duration::from_secs(3);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                pace(end, OFFERED, |n| {
                    call(recorder, n);
                });
            });
        }
    });
    let tally = recorder.close_blocking(Duration::from_secs(60));
    exact(tally)?;
    ensure!(tally.dropped() == tally.dropped_overflow, "{tally:?}");
    Ok(tally.written as f64 / began.elapsed().as_secs_f64())
}

fn cost_rows(what: &str, samples: &[(f64, f64)]) -> Vec<Line> {
    let median = |values: Vec<f64>| crate::contestant::median(values);
    let p50 = median(samples.iter().map(|(p50, _)| *p50).collect());
    let p99 = median(samples.iter().map(|(_, p99)| *p99).collect());
    [("p50", p50, P50), ("p99", p99, P99)]
        .map(|(name, ours, most)| {
            figure(
                format!("recorder, caller's cost {name}: {what}"),
                format!("≤ {most:.0} ns"),
                ours <= most,
                format!("{ours:.0} ns"),
            )
        })
        .into()
}
