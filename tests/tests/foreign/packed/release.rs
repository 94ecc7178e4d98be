//! What `make release` refuses.

use std::process::Command;

use papyra_tests::portable::root;

use super::VERSION;

#[test]
fn a_release_that_is_not_written_down_everywhere_is_refused() {
    // Nothing is built before these are checked.
    for (version, said) in [
        ("", "usage: make release VERSION=0.2.0"),
        ("v0.2.0", "usage: make release VERSION=0.2.0"),
        ("99.0.0", &format!("Cargo.toml has version `{VERSION}`, not 99.0.0")),
    ] {
        let ended = Command::new("sh").arg(root().join(".ci/release")).arg(version).output();
        let ended = ended.unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && errors.contains(said), "{version}: {errors}");
    }
}
