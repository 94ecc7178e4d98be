//! The engine in Node, with stores in JavaScript.

use std::fs;

use papyra_tests::embed::suite::{self, printed};
use papyra_tests::embed::{node, node_command};

papyra_tests::embed_suite!(Node);
papyra_tests::embed_suite!(wasi NodeWasi);

#[test]
fn the_types_that_the_package_states_are_consistent() {
    printed(node_command().args(["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]));
}

#[test]
fn the_example_prints_what_it_should() {
    let mut command = node_command();
    command.args(["example/tour.js", "papyra-engine/papyra-engine.js"]);
    assert_eq!(printed(&mut command), suite::TOUR);
}

#[test]
fn the_programs_in_the_readme_run() {
    let home = node();
    let mut ran = 0;
    for program in suite::readme_blocks("Node", "js") {
        let dir = suite::readme_home();
        // Beside the package, as in a program that has installed it.
        let script = home.join(format!("readme-{ran}.mjs"));
        fs::write(&script, program).expect("a file can be written");
        for name in ["papyra-engine", "papyra-wasi"].iter().filter(|name| home.join(name).exists()) {
            let link = dir.path().join(name);
            std::os::unix::fs::symlink(home.join(name), link).expect("a link can be made");
        }
        printed(node_command().arg(&script).current_dir(dir.path()));
        ran += 1;
    }
    assert_eq!(ran, 1);
}
