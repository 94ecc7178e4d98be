//! The engine in Node, with stores in JavaScript.

use papyra_tests::embed::suite::printed;
use papyra_tests::embed::{self, Host};

papyra_tests::embed_suite!(Host::Node);

#[test]
fn the_types_that_the_package_states_are_consistent() {
    let home = embed::node();
    let mut check = std::process::Command::new("node");
    check.arg("node_modules/typescript/bin/tsc").args(["-p", "tsconfig.json"]).current_dir(home);
    printed(&mut check);
}
