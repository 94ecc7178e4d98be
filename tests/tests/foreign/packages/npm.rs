//! The package for npm.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use papyra_tests::documents::blocks;
use papyra_tests::embed::packages::{node_project, tarball};
use papyra_tests::embed::readme::{self, printed};
use papyra_tests::embed::{node, node_command};
use papyra_tests::scale;
use tempfile::TempDir;

use super::MAXIMUM;

const PAGE: &str = "docs/node.md";
const README: &str = "host/node/README.md";

/// Returns a directory with a damaged journal, in which programs find the package.
fn home() -> TempDir {
    let dir = readme::journal();
    // Deno finds what it names, and nothing else.
    fs::copy(node_project().join("package.json"), dir.path().join("package.json")).unwrap();
    symlink(node_project().join("node_modules"), dir.path().join("node_modules")).unwrap();
    dir
}

/// Runs a program of a page as a file of this name, on a journal of its own.
fn run(node: &[&Path], name: &str, program: &str) -> String {
    let dir = home();
    fs::write(dir.path().join(name), program).unwrap();
    let [program, given @ ..] = node else { panic!("a runtime") };
    printed(Command::new(program).args(given).arg(name).current_dir(dir.path()))
}

/// Runs the programs of a page and of the README of the package, of both systems of modules.
fn run_programs(node: &[&Path]) {
    for (name, section) in [(PAGE, "Programs"), (README, "Use")] {
        for (language, file) in [("js", "page.mjs"), ("cjs", "page.cjs")] {
            let [program] = &blocks(name, section, language)[..] else { panic!("one program") };
            let said = run(node, file, program);
            assert!(said.starts_with("1 damaged\n{"), "{name}, {language}: {said}");
        }
    }
}

#[test]
fn the_archive_has_the_engine_and_no_stray_file() {
    let list = printed(Command::new("tar").arg("-tzvf").arg(tarball()));
    let (mut total, mut names) = (0, Vec::new());
    for line in list.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        total += fields[2].parse::<u64>().unwrap();
        names.push(fields[5].strip_prefix("package/").unwrap());
    }
    assert!(total <= MAXIMUM, "{total} bytes");
    names.sort_unstable();
    let (sources, rest): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.starts_with("src/"));
    let mut expected = vec!["LICENSE".to_owned(), "README.md".to_owned()];
    for component in ["papyra-engine", "papyra-node", "papyra-wasi"] {
        let of = ["cjs", "core.wasm.gz", "core2.wasm.gz", "core3.wasm.gz"];
        expected.extend(of.map(|ending| format!("components/{component}.{ending}")));
    }
    expected.push("package.json".to_owned());
    assert_eq!(rest, expected);
    let known = |name: &&&str| name.ends_with(".js") || name.ends_with(".d.ts");
    let other: Vec<_> = sources.iter().filter(|name| !known(name)).collect();
    assert_eq!(other, [&"src/index.cjs", &"src/index.d.cts", &"src/types.d.cts"]);
}

#[test]
fn the_program_in_the_page_that_logs_runs() {
    let dir = readme::journal();
    let modules = dir.path().join("node_modules");
    fs::create_dir(&modules).unwrap();
    symlink(
        node_project().join("node_modules/papyra-persistence"),
        modules.join("papyra-persistence"),
    )
    .unwrap();
    symlink(node().join("node_modules/pino"), modules.join("pino")).unwrap();
    let section = "Logging with pino";
    let [program] = &blocks(PAGE, section, "js")[..] else { panic!("one program") };
    fs::write(dir.path().join("page.mjs"), program).unwrap();
    printed(Command::new("node").arg("page.mjs").current_dir(dir.path()));
    let log = fs::read_to_string(dir.path().join("log.ndjson")).unwrap();
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let [example] = &blocks(PAGE, section, "json")[..] else { panic!("one record") };
    let example: serde_json::Value = serde_json::from_str(example).unwrap();
    for pointer in ["/kind", "/system_id", "/actor_address", "/event_type", "/payload/message"] {
        assert_eq!(log.pointer(pointer), example.pointer(pointer), "{pointer}");
    }
    let names = |of: &serde_json::Value| -> Vec<String> {
        of["payload"]["fields"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&log), names(&example));
}

#[test]
fn an_installation_depends_on_nothing_and_has_the_version_of_the_crate() {
    let modules = fs::read_dir(node_project().join("node_modules")).unwrap();
    let mut names: Vec<_> = modules.map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name != ".package-lock.json");
    assert_eq!(names, ["papyra-persistence"]);
    let package = fs::read(node_project().join("node_modules/papyra-persistence/package.json"));
    let package: serde_json::Value = serde_json::from_slice(&package.unwrap()).unwrap();
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    assert!(package["dependencies"].is_null() && package["private"].is_null());
}

#[test]
fn the_programs_run_with_the_installed_package_alone() {
    run_programs(&[Path::new("node")]);
}

#[test]
fn the_example_runs_with_the_installed_package() {
    let tour = fs::read_to_string(node().join("example/tour.js")).unwrap();
    assert_eq!(run(&[Path::new("node")], "tour.mjs", &tour), readme::TOUR);
}

#[test]
fn both_ways_to_load_the_package_share_its_classes() {
    let program = r#"
        const required = require("papyra-persistence");
        import("papyra-persistence").then((imported) => {
          const same = Object.keys(required).every((name) => required[name] === imported[name]);
          console.log(Object.keys(required).length, same);
        });"#;
    assert_eq!(run(&[Path::new("node")], "both.cjs", program), "7 true\n");
}

#[test]
fn the_engine_of_the_package_serves_a_store_of_the_program() {
    let program = r#"
        import { Engine, Journal, MemoryStore } from "papyra-persistence";
        const journal = Journal.open(await Engine.load(), new MemoryStore());
        journal.append([{ kind: "event", timestamp: 5 }]);
        for (const page of journal.query()) process.stdout.write(page.records);"#;
    let said = run(&[Path::new("node")], "memory.mjs", program);
    assert_eq!(said, "{\"kind\": \"event\", \"timestamp\": 5.0}\n");
}

#[test]
fn the_program_over_wasi_needs_the_shim_alone() {
    let dir = readme::journal();
    let modules = dir.path().join("node_modules");
    fs::create_dir(&modules).unwrap();
    let package = node_project().join("node_modules/papyra-persistence");
    printed(Command::new("cp").arg("-R").arg(package).arg(&modules));
    let shim = "@bytecodealliance";
    symlink(node().join("node_modules").join(shim), modules.join(shim)).unwrap();
    let [program] = &blocks(PAGE, "Over WASI", "js")[..] else { panic!("one program") };
    fs::write(dir.path().join("page.mjs"), program).unwrap();
    let mut node = Command::new("node");
    assert_eq!(printed(node.arg("page.mjs").current_dir(dir.path())), "refused\n");
}

#[test]
fn the_tests_of_the_packed_types_pass() {
    printed(node_command().env("PAPYRA_TARBALL", tarball()).args(["--test", "test/package.js"]));
}

#[test]
fn other_runtimes_run_the_programs_too() {
    if !scale::all_suites() {
        return;
    }
    let tools = tempfile::tempdir().unwrap();
    fs::write(tools.path().join("package.json"), "{}").unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--foreground-scripts"]);
    npm.args(["node@22.23.3", "bun@1.4.5", "deno@2.9.6"]).current_dir(tools.path());
    printed(&mut npm);
    let bin = tools.path().join("node_modules/.bin");
    run_programs(&[&bin.join("node")]);
    run_programs(&[&bin.join("bun"), Path::new("run")]);
    run_programs(&[&bin.join("deno"), Path::new("run"), Path::new("--allow-all")]);
}
