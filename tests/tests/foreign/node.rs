//! The engine in Node, with files that Node opens and stores in JavaScript.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use papyra_tests::command::{papyra, run};
use papyra_tests::documents;
use papyra_tests::embed::readme::{self, printed};
use papyra_tests::embed::{node, node_command};
use papyra_tests::generate::Generator;
use papyra_tests::portable::component;

papyra_tests::embed_suite!(Node);
papyra_tests::embed_suite!(wasi NodeWasi);

#[test]
fn a_program_run_by_jco_prints_and_ends_as_the_command_does() {
    let home = node();
    let dir = tempfile::tempdir().expect("a directory");
    let sound = Generator::new(3).journal(50);
    fs::write(dir.path().join("sound.ndjson"), &sound).expect("a journal");
    fs::write(dir.path().join("damaged.ndjson"), [&sound[..], b"x\n"].concat()).expect("a journal");
    for (name, code) in [("sound.ndjson", 0), ("damaged.ndjson", 2), ("missing.ndjson", 66)] {
        let mut jco = Command::new("node");
        jco.arg(home.join("node_modules/@bytecodealliance/jco/dist/jco.js")).arg("run");
        jco.arg("--jco-import").arg(home.join("src/preopen-here.js"));
        jco.arg(fs::canonicalize(component("papyra-command.wasm")).expect("a component"));
        let theirs = run(jco.args(["scan", name]).current_dir(dir.path()));
        let mut ours = Command::new(papyra());
        let ours = run(ours.args(["persistence", "scan", "--path", name]).current_dir(dir.path()));
        assert_eq!((theirs.code, ours.code), (Some(code), Some(code)), "{name}: {theirs:?}");
        assert_eq!(theirs.stdout, ours.stdout, "{name}");
    }
}

#[test]
fn the_tests_of_the_package_pass() {
    for name in ["faults", "injected", "locks", "pino", "room", "rotating", "text", "written"] {
        printed(node_command().args(["--test", &format!("test/{name}.js")]));
    }
}

#[test]
fn the_types_that_the_package_states_are_consistent() {
    printed(node_command().args(["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]));
}

#[test]
fn the_example_prints_what_it_should() {
    let mut command = node_command();
    command.args(["example/tour.js", "papyra-node/papyra-node.js"]);
    assert_eq!(printed(&mut command), readme::TOUR);
}

/// Returns a directory as the pages assume it: with the files they name, and the packages installed.
fn page_home() -> tempfile::TempDir {
    // Before the page's files are copied, which this makes.
    let home = node();
    let dir = readme::home();
    let modules = dir.path().join("node_modules");
    fs::create_dir(&modules).expect("a directory");
    let packages = "node_modules/@bytecodealliance";
    symlink(home.join(packages), dir.path().join(packages)).expect("a link");
    symlink(&home, modules.join("papyra-persistence")).expect("a link");
    fs::create_dir(modules.join(".bin")).expect("a directory");
    symlink(home.join("node_modules/.bin/jco"), modules.join(".bin/jco")).expect("a link");
    fs::copy(home.join("src/preopen-here.js"), dir.path().join("preopen-here.js")).expect("a copy");
    fs::write(dir.path().join("package.json"), r#"{"type": "module"}"#).expect("a file");
    dir
}

#[test]
fn an_engine_that_the_program_has_transpiled_serves_it_too() {
    let dir = page_home();
    let section = "Another engine";
    let [transpile] = &documents::blocks("docs/node.md", section, "sh")[..] else {
        panic!("one command")
    };
    printed(Command::new("sh").args(["-ec", transpile]).current_dir(dir.path()));
    let [program] = &documents::blocks("docs/node.md", section, "js")[..] else {
        panic!("one program")
    };
    fs::write(dir.path().join("page.js"), program).expect("a file can be written");
    let said = printed(Command::new("node").arg("page.js").current_dir(dir.path()));
    assert_eq!(said, "1 damaged\n");
}

#[test]
fn the_command_in_the_page_runs_a_program_in_a_foreign_runtime() {
    let dir = page_home();
    let command = component("papyra-command.wasm");
    fs::copy(command, dir.path().join("papyra-command.wasm")).expect("a copy");
    let [block] = &documents::blocks("docs/wasi.md", "Run the program", "sh")[..] else {
        panic!("one command")
    };
    let ended = run(Command::new("sh").args(["-ec", block]).current_dir(dir.path()));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.starts_with("app.ndjson: 1 damaged"), "{ended:?}");
}
