//! The verdict before a system starts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod support;

use papyra_engine::recover::Mode;
use papyra_engine::startup::{self, StartupMode, StartupOutcome};
use support::{NOW, VecHost, record};

fn check(data: &str, mode: StartupMode, recovery: Mode) -> (StartupOutcome, String) {
    let mut host = VecHost::new(data);
    let report = startup::startup_check(&mut host, mode, recovery).unwrap();
    (report.outcome, String::from_utf8(host.data).unwrap())
}

#[test]
fn each_mode_gives_its_verdict() {
    use StartupMode::{Fail, Ignore, Recover, ScanOnly};
    use StartupOutcome::{Healthy, Ignored, Recovered, Refused, Tolerated};

    let good = record("event", NOW, 1);
    let damaged = format!("{good}garbage\n{good}");
    let suspect = format!("{good}{{\"kind\": \"what\", \"timestamp\": 1}}\n");
    let cases = [
        (Ignore, &damaged, Ignored, &damaged),
        (ScanOnly, &good, Healthy, &good),
        (ScanOnly, &damaged, Tolerated, &damaged),
        (Fail, &good, Healthy, &good),
        (Fail, &damaged, Refused, &damaged),
        (Fail, &suspect, Refused, &suspect),
        (Recover, &good, Healthy, &good),
        (Recover, &damaged, Recovered, &good.repeat(2)),
        (Recover, &suspect, Tolerated, &suspect),
    ];
    for (mode, before, outcome, after) in cases {
        assert_eq!(check(before, mode, Mode::Repair), (outcome, after.clone()), "{mode:?}");
    }
    assert_eq!(check(&suspect, Recover, Mode::Quarantine), (Recovered, good));
}

#[test]
fn ignore_does_not_read_the_store() {
    let mut host = VecHost::new("garbage\n");
    startup::startup_check(&mut host, StartupMode::Ignore, Mode::Repair).unwrap();
    assert_eq!(host.reads, 0);
}
