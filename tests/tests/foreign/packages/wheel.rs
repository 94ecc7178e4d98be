//! The wheel.

use std::fs;
use std::path::Path;
use std::process::Command;

use papyra_tests::documents::blocks;
use papyra_tests::embed::packages::{elsewhere, papyra_python, wheel, wheel_python};
use papyra_tests::embed::readme::{self, printed};
use papyra_tests::redis::{Aof, Server};

use super::MAXIMUM;

const PAGE: &str = "docs/python.md";

/// Runs a program on a damaged journal of its own.
fn run(python: &Path, program: &str) -> String {
    let dir = readme::journal();
    printed(elsewhere(python).0.current_dir(dir.path()).args(["-c", program]))
}

/// Runs a file of the package's sources, which are not in the path.
fn run_file(interpreter: &Path, name: &str) -> String {
    let file = format!("{}/../host/python/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = fs::canonicalize(file).unwrap();
    let (mut python, _dir) = elsewhere(interpreter);
    let installed = interpreter.with_file_name("../lib");
    let component = |name: &str| {
        let found = printed(Command::new("find").arg(&installed).args(["-name", name]));
        found.trim().to_owned()
    };
    python.env("PAPYRA_ENGINE", component("papyra-engine.wasm"));
    python.env("PAPYRA_PYTHON", component("papyra-python.wasm"));
    printed(python.env("PYTHONDONTWRITEBYTECODE", "1").arg(file))
}

#[test]
fn the_wheel_has_the_components_and_no_stray_file() {
    let size = fs::metadata(wheel()).unwrap().len();
    assert!(size <= MAXIMUM, "{size} bytes");
    let file = wheel().file_name().unwrap().to_string_lossy().into_owned();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(file, format!("papyra_persistence-{version}-py3-none-any.whl"));
    let list = "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep='\\n')";
    let list = printed(Command::new("python3").args(["-c", list]).arg(wheel()));
    let inside = list.lines().filter_map(|name| name.strip_prefix("papyra_persistence/"));
    let is_code = |name: &&str| name.ends_with(".py") || name.starts_with("redis/scripts/");
    let mut other: Vec<_> = inside.filter(|name| !is_code(name)).collect();
    other.sort_unstable();
    let components = ["papyra-engine.wasm", "papyra-python.wasm", "papyra-wasi.wasm"];
    assert_eq!(other, [&components[..], &["py.typed"]].concat());
    let info = format!("papyra_persistence-{version}.dist-info/");
    let outside = list.lines().filter(|name| !name.starts_with("papyra_persistence/"));
    let mut outside: Vec<_> = outside.map(|name| name.strip_prefix(&info).unwrap()).collect();
    outside.sort_unstable();
    assert_eq!(outside, ["METADATA", "RECORD", "WHEEL", "licenses/LICENSE"]);
}

#[test]
fn the_programs_run_with_the_installed_wheel_alone() {
    for (name, section) in [(PAGE, "Programs"), ("host/python/README.md", "Use")] {
        let [program] = &blocks(name, section, "python")[..] else { panic!("one program") };
        assert_eq!(run(&wheel_python(), program), "1 damaged\n");
    }
    assert_eq!(run_file(&wheel_python(), "example/tour.py"), readme::TOUR);
}

#[test]
fn the_backend_runs_with_what_its_extra_installs() {
    let programs = blocks(PAGE, "An application of Papyra", "python");
    assert_eq!(programs.len(), 1);
    for program in programs {
        run(&papyra_python(), &program);
    }
}

#[test]
fn the_programs_that_use_redis_run_with_what_the_extras_install() {
    let server = Server::start(Aof::Off, &[]);
    let [journal, backend] = &blocks(PAGE, "Journals in Redis", "python")[..] else {
        panic!("two programs")
    };
    let ran = |program: &str| {
        run(&papyra_python(), &program.replace("redis://localhost:6379/0", &server.url()))
    };
    assert!(ran(journal).ends_with(" ActorStarted\n"));
    let list = "\nimport anyio\nprint(len(anyio.run(persistence.list_events)))";
    assert_eq!(ran(&format!("{backend}{list}")), "1\n");
}

#[test]
fn a_log_record_is_an_event() {
    let [program] = &blocks(PAGE, "Log records", "python")[..] else { panic!("one program") };
    let last = "print(open('app.ndjson').read().splitlines()[-1])";
    let event = run(&wheel_python(), &format!("{program}\n{last}"));
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    let expected = [
        ("/kind", "event"),
        ("/event_type", "WARNING"),
        ("/actor_address", "root"),
        ("/payload/message", "3 actors are left"),
        ("/payload/fields/system", "orders"),
    ];
    for (place, value) in expected {
        assert_eq!(event.pointer(place).and_then(|value| value.as_str()), Some(value), "{event}");
    }
}

#[test]
fn the_engine_of_the_wheel_serves_every_store() {
    let program = "
from papyra_persistence import Draft, Engine, FileStore, Journal, MemoryStore, WasiJournal

engine = Engine()
journal = Journal(engine, MemoryStore())
journal.append([Draft('event', timestamp=5)])
for page in journal.query():
    print(page.records, end='')
print(Journal(engine, FileStore('app.ndjson')).scan().damaged)
print(WasiJournal(engine, 'app.ndjson').scan().damaged)
";
    let said = run(&wheel_python(), program);
    assert_eq!(said, "{\"kind\": \"event\", \"timestamp\": 5.0}\n1\n1\n");
}

#[test]
fn a_forked_child_compiles_what_its_parent_has_not() {
    let program = "
import os, signal
from papyra_persistence import Draft, Engine, FileStore, Journal, MemoryStore

engine = Engine(cache=False)
Journal(engine, FileStore('app.ndjson')).inspect()
child = os.fork()
if child == 0:
    signal.alarm(300)  # It would wait for ever.
    Journal(engine, MemoryStore()).append([Draft('event')])
    os._exit(0)
print(os.waitpid(child, 0)[1])
";
    assert_eq!(run(&wheel_python(), program), "0\n");
}

/// The other tests run with the oldest wasmtime that the wheel accepts, see `requirements.txt`.
#[test]
fn the_tests_of_the_package_pass_with_the_newest_wasmtime_too() {
    let version = "from importlib import metadata; print(metadata.version('wasmtime'))";
    let version = run(&papyra_python(), version);
    assert!(version.starts_with("50."), "not what `<51` means: {version}");
    for name in ["files", "logs", "text", "values", "written"] {
        run_file(&papyra_python(), &format!("tests/test_{name}.py"));
    }
}

#[test]
fn an_installation_from_sources_says_what_is_missing() {
    let program = "
from papyra_persistence import Engine
try:
    Engine()
except FileNotFoundError as error:
    print(error)
";
    let mut python = papyra_tests::embed::python_command();
    let said = printed(python.args(["-c", program]));
    assert!(said.contains("papyra-python.wasm is missing: papyra-persistence was installed from"));
    assert!(said.contains("`make dist`") && said.lines().count() == 1, "{said}");
}
