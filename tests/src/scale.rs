//! How large the tests are. `make test` runs them at the sizes here, `make long` and `make fuzz` run
//! the same tests with larger ones, which the environment gives.

use std::env;
use std::str::FromStr;
use std::time::Duration;

/// How many times a process is killed: `PAPYRA_KILL_CYCLES`, 100.
pub fn kill_cycles() -> usize {
    variable("PAPYRA_KILL_CYCLES", 100)
}

/// How many journals are damaged, half of them in sets of rotating files: `PAPYRA_DAMAGE_FILES`, 2,000. Over WASI it
/// is a twentieth as many, in Node and Python a hundredth each.
pub fn damage_files() -> usize {
    variable("PAPYRA_DAMAGE_FILES", 2_000)
}

/// How many random sequences of operations each store goes through: `PAPYRA_SEQUENCES`, 200.
pub fn sequences() -> u64 {
    variable("PAPYRA_SEQUENCES", 200)
}

/// For how long each fuzz test feeds random input: `PAPYRA_FUZZ_SECONDS`, 3.
pub fn fuzz_time() -> Duration {
    Duration::from_secs(variable("PAPYRA_FUZZ_SECONDS", 3))
}

/// How many times the components are built from clean: `PAPYRA_CLEAN_BUILDS`, 0.
pub fn clean_builds() -> usize {
    variable("PAPYRA_CLEAN_BUILDS", 0)
}

/// How many times programs are built from the packages alone: `PAPYRA_PACKED_BUILDS`, 0.
pub fn packed_builds() -> usize {
    variable("PAPYRA_PACKED_BUILDS", 0)
}

/// Whether the stores in other languages go through the suite with one file as well: `PAPYRA_ALL_SUITES`, 0.
pub fn all_suites() -> bool {
    variable("PAPYRA_ALL_SUITES", 0) > 0
}

/// Where the random tests begin, to repeat a failure or to try others: `PAPYRA_SEED`, 1.
pub fn seed() -> u64 {
    variable("PAPYRA_SEED", 1)
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    match env::var(name) {
        Err(env::VarError::NotPresent) => default,
        given => given
            .ok()
            .and_then(|given| given.parse().ok())
            .unwrap_or_else(|| panic!("{name} must be a whole number")),
    }
}
