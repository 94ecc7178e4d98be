//! Defects that are planted in the protocol are found.

use super::random::random;
use super::tests::{SHORT, all_crashes, all_failures, is_long};

/// Every defect that can be planted makes one of these fail.
#[test]
fn planted_defects_are_found() {
    if !is_long() {
        return;
    }
    let mut missed = Vec::new();
    for defect in crate::defects::ALL {
        crate::defects::plant(Some(defect));
        let found = |run: &dyn Fn()| {
            let run = std::panic::AssertUnwindSafe(run);
            std::panic::catch_unwind(run).is_err()
        };
        // What takes the least time comes first.
        let how = if found(&|| random(500)) {
            "a random sequence"
        } else if found(&|| _ = all_crashes(SHORT)) {
            "a crash"
        } else if found(&|| _ = all_failures(false)) {
            "a failure"
        } else if found(&|| random(5_000)) {
            "many random sequences"
        } else {
            missed.push(defect);
            "NOTHING"
        };
        println!("{defect:?}: found by {how}");
    }
    crate::defects::plant(None);
    assert!(missed.is_empty(), "not found: {missed:?}");
}
