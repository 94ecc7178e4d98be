//! The malformed line that costs the engine most, looked for by climbing from each line to a dearer one.
//!
//! Work is counted in instructions of the sandboxed engine, which no other load on the machine changes. A second
//! climb goes by the time that the engine takes natively, and is reported only: processors differ in what they
//! foresee. What was found is tried at the largest length that a line may have.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use papyra_engine::health::scan::{self, ScanOptions};
use papyra_engine::testing::Lines;
use papyra_persistence::FileStore;
use papyra_persistence::bindings::EnginePre;
use papyra_persistence::engine::add_to_linker;
use papyra_tests::command::persistence;
use papyra_tests::generate::Generator;
use papyra_tests::portable::State;
use papyra_tests::random::Random;
use papyra_tests::scale;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::WasiCtxBuilder;

/// A malformed line may take so many times the work of a sound one.
const BAR: f64 = 20.0;
/// The length of the lines that are tried, and of those that are tried again when they are dear. All of them come
/// in one piece.
const SHORT: usize = 32 << 10;
const LONG: usize = 512 << 10;
/// The longest line that is looked at.
const LONGEST: usize = 16 << 20;
/// How many lines are climbed from.
const CLIMBERS: usize = 24;
const FEW: ScanOptions = ScanOptions { max_findings: 5, sample: None };

/// What lines are made of.
const PIECES: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\\"",
    b":",
    b",",
    b" ",
    b"        ",
    b"\t",
    b"\r",
    b"\0",
    b"\x1e",
    b"\x01",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\xff",
    b"x",
    b"0",
    b"-1.5e-7",
    b"1234567890123456789",
    b"NaN",
    b"null",
    b"true",
    b"\\u0041",
    b"\\ud800",
    b"\\n",
    b"\"\"",
    b"{\"",
    b"\":",
    b"\"a\":",
    b"{\"a\":",
    b"[[",
    b"\"kind\":\"event\"",
    b"\"timestamp\":1",
    b"{\"kind\":\"event\",\"timestamp\":1}",
    b"{\"kind\":\"dead_letter\",\"record\":{\"kind\":\"event\",\"timestamp\":1}",
    b"{\"timestamp\": 1.5, \"kind\": \"audit\", \"te",
];

/// Dear lines, from which every search begins.
const KNOWN: [&[(&[u8], u8)]; 8] = [
    &[(b"{\"", 1)],
    &[(b"{", 1)],
    &[(b"}{\":x", 1)],
    &[(b"}{\":xxxxxxxxxxxxxxxxxxxxxxxxxx", 1)],
    &[(b"{\"a\":", 1), (b"}", 1)],
    &[(b"{\"\":", 1)],
    &[(b"{\"kind\":\"event\",\"timestamp\":1}", 1)],
    &[(b"{\"kind\":\"event\",\"timestamp\":1}x", 1)],
];

/// A line: pieces of it, each repeated to fill its share. A share of 0 stands once.
#[derive(Clone, PartialEq)]
struct Shape {
    parts: Vec<(Vec<u8>, u8)>,
    /// The pieces follow each other at random, which no processor foresees.
    mixed: bool,
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts.iter().map(|(unit, share)| (unit.escape_ascii().to_string(), share));
        f.write_str(if self.mixed { "mixed " } else { "" })?;
        f.debug_list().entries(parts).finish()
    }
}

impl Shape {
    /// The line of this length, without its line end.
    fn line(&self, length: usize) -> Vec<u8> {
        let shares: usize = self.parts.iter().map(|(_, share)| usize::from(*share)).sum();
        let mut line = Vec::with_capacity(length);
        let mut random = Random::new(length as u64);
        while self.mixed && line.len() < length {
            line.extend(&self.parts[random.below(self.parts.len())].0);
        }
        for (unit, share) in &self.parts {
            let part = length * usize::from(*share) / shares.max(1) / unit.len().max(1);
            line.extend(unit.repeat(if self.mixed { 0 } else { part.max(1) }));
        }
        line.truncate(length);
        line
    }

    fn mutated(&self, other: &Self, random: &mut Random) -> Self {
        let mut shape = self.clone();
        for _ in 0..random.between(1, 4) {
            shape.mutate(other, random);
        }
        shape
    }

    fn mutate(&mut self, other: &Self, random: &mut Random) {
        let parts = self.parts.len();
        let at = random.below(parts);
        let (unit, share) = &mut self.parts[at];
        let from = random.below(unit.len() + 1);
        let to = random.between(from, unit.len().min(from + 8));
        let piece = PIECES[random.below(PIECES.len())];
        match random.below(11) {
            0..=3 if unit.len() < 200 => drop(unit.splice(from..from, piece.iter().copied())),
            4 if unit.len() < 200 => drop(unit.splice(from..to, piece.iter().copied())),
            5 if to - from < unit.len() => drop(unit.drain(from..to)),
            6 if unit.len() < 200 => unit.extend_from_within(from..to),
            7 => *share = [0, 1, 1, 2, 9][random.below(5)],
            8 if parts < 6 => {
                let more = other.parts[random.below(other.parts.len())].clone();
                self.parts.insert(random.below(parts + 1), more);
            }
            9 if parts > 1 => drop(self.parts.remove(at)),
            10 => self.mixed = !self.mixed && self.parts.iter().all(|(unit, _)| !unit.is_empty()),
            _ => {}
        }
    }
}

/// A sound line of this length: a record that holds many.
fn sound(length: usize) -> Vec<u8> {
    let (front, back) =
        (&b"{\"kind\":\"event\",\"timestamp\":1763700000,\"rows\":["[..], &b"0]}"[..]);
    let mut generator = Generator::with_pool(7, 100);
    let mut line = front.to_vec();
    let mut row = Vec::new();
    while line.len() + row.len() + back.len() < length {
        line.extend(&row);
        row.clear();
        generator.line(&mut row);
        row.pop();
        row.push(b',');
    }
    line.extend(back);
    line.resize(length, b' ');
    line
}

/// Counts the instructions of the engine.
struct Meter {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    pre: EnginePre<State>,
    dir: tempfile::TempDir,
}

impl Meter {
    fn new() -> Self {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        add_to_linker(&mut linker).unwrap();
        let bytes = papyra_persistence::Engine::component_bytes();
        let component = Component::new(&engine, bytes).unwrap();
        let pre = EnginePre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { runtime, engine, pre, dir }
    }

    fn put(&self, mut line: Vec<u8>) -> PathBuf {
        let path = self.dir.path().join("line.ndjson");
        line.push(b'\n');
        fs::write(&path, line).unwrap();
        path
    }

    /// The work of a scan, in instructions.
    fn scan(&self, line: Vec<u8>) -> f64 {
        let state = State::with(WasiCtxBuilder::new(), FileStore::open(self.put(line)));
        let mut store = Store::new(&self.engine, state);
        store.set_fuel(u64::MAX).unwrap();
        self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await.unwrap();
            let options =
                papyra_persistence::journal::ScanOptions { max_findings: 5, sample: None };
            let journal = instance.papyra_persistence_journal();
            journal.call_scan(&mut store, options).await.unwrap().unwrap();
        });
        (u64::MAX - store.get_fuel().unwrap()) as f64
    }

    /// The least time of a few runs of a command on the line.
    fn command(&self, line: &[u8], operation: &str, args: &[&str]) -> Duration {
        let run = |_| {
            let mut command = persistence(operation, self.put(line.to_vec()));
            command.args(args);
            let began = Instant::now();
            command.output().unwrap();
            began.elapsed()
        };
        (0..5).map(run).min().unwrap()
    }
}

/// The least time of a few scans by the engine as it runs natively.
fn native(line: &[u8], scans: usize) -> Duration {
    let run = |_| {
        let mut host = Lines::new([line, b"\n"].concat());
        let began = Instant::now();
        scan::scan(&mut host, FEW).unwrap();
        began.elapsed()
    };
    (0..scans).map(run).min().unwrap()
}

/// Looks for the dearest shape by what a line of it costs for each byte. Takes half of the time for fuzzing.
fn climb(cost: impl Fn(&Shape, usize) -> f64) -> (Shape, usize) {
    let mut random = Random::new(scale::seed());
    let known = KNOWN.map(|parts| Shape {
        parts: parts.iter().map(|(unit, share)| (unit.to_vec(), *share)).collect(),
        mixed: false,
    });
    let mut climbers: Vec<_> =
        known.into_iter().map(|shape| (cost(&shape, SHORT), shape)).collect();
    let (began, mut tried) = (Instant::now(), 0);
    while began.elapsed() < scale::fuzz_time() / 2 {
        tried += 1;
        let of = random.below(climbers.len());
        let other = climbers[random.below(climbers.len())].1.clone();
        let piece = || (PIECES[Random::new(tried as u64).below(PIECES.len())].to_vec(), 1);
        let shape = match random.once_in(20) {
            true => Shape { parts: vec![piece()], mixed: false },
            false => climbers[of].1.mutated(&other, &mut random),
        };
        if climbers.iter().any(|(_, known)| *known == shape) {
            continue;
        }
        let mut found = cost(&shape, SHORT);
        // What only shows when the line is long is looked for among the dear ones.
        if found > climbers[of].0 * 0.9 {
            found = found.max(cost(&shape, LONG));
        }
        if climbers.len() < CLIMBERS {
            climbers.push((found, shape));
        } else if found > climbers[of].0 {
            climbers[of] = (found, shape);
        }
    }
    let dearest = climbers.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    (dearest.unwrap().1, tried)
}

#[test]
fn no_malformed_line_takes_more_than_twenty_times_the_work_of_a_sound_one() {
    let meter = Meter::new();
    let plain = sound(LONGEST);
    let usual = meter.scan(plain.clone());
    let by_work = climb(|shape, length| meter.scan(shape.line(length)) / length as f64);
    let by_time =
        climb(|shape, length| native(&shape.line(length), 5).as_secs_f64() / length as f64);
    let times = |ours: Duration, plain: Duration| ours.as_secs_f64() / plain.as_secs_f64();
    for (shape, tried) in [by_work, by_time] {
        let line = shape.line(LONGEST);
        let work = meter.scan(line.clone());
        let time = times(native(&line, 5), native(&plain, 5));
        let command = |operation, args: &[&str]| {
            times(meter.command(&line, operation, args), meter.command(&plain, operation, args))
        };
        let scan = command("scan", &[]);
        let kept = meter.dir.path().join("quarantine").display().to_string();
        let recover = command("recover", &["--mode", "quarantine", "--quarantine-dir", &kept]);
        eprintln!(
            "dearest of {tried}: {shape:?}; {:.1} x the work of a sound line, {time:.1} x the time, by the \
             command {scan:.1} x, to recover {recover:.1} x",
            work / usual
        );
        assert!(work <= BAR * usual, "{shape:?}: {work} of {usual} instructions");
    }
}
