//! Random sequences of operations, on every store and on a model: a plain list of records, with a
//! journal in memory to answer questions about it. Both must say the same after every step.
//!
//! A failure names its seed; `PAPYRA_SEED=<seed> PAPYRA_SEQUENCES=1` repeats it alone.

mod expected;
mod places;
mod steps;

use papyra_persistence::Engine;
use papyra_tests::random::Random;
use papyra_tests::scale;

use expected::Model;
use places::Place;
use steps::Run;

/// Operations of one sequence.
const MOST_STEPS: usize = 12;

async fn compare(engine: &Engine, place: &Place, seed: u64) {
    let mut random = Random::new(seed);
    let mut run = Run::new(engine, place, seed);
    // A store exists from its first record on.
    run.append(&mut random).await;
    for _ in 0..random.between(1, MOST_STEPS) {
        run.step(&mut random).await;
    }
    run.check().await;
}

/// Each sequence has a place of its own.
async fn compare_all(place: impl Fn(u64) -> Place) {
    let engine = Engine::new().unwrap();
    let first = scale::seed();
    for seed in first..first + scale::sequences() {
        let place = place(seed);
        compare(&engine, &place, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_what_the_model_does() {
    compare_all(|_| Place::file()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_files_do_what_the_model_does() {
    compare_all(Place::rotating).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_does_what_the_model_does() {
    let server = places::Redis::server();
    compare_all(|seed| server.place(seed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_does_what_the_model_does() {
    let cluster = places::Redis::cluster();
    compare_all(|seed| cluster.place(seed)).await;
}
