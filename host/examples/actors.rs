//! A small system of actors that records what happens to it: actors start, crash, are restarted, and
//! messages to actors that are gone become dead letters. It never waits for its journal.
//!
//! ```text
//! cargo run --release --example actors -- STORE [SECONDS]
//! ```
//!
//! `STORE` is a path or a URL, such as `file:actors.ndjson?sync=interval:100ms` or `memory:`. Stop what
//! is behind the store and start it again while this runs: the actors do not notice, and in the end the
//! account adds up.
#![allow(clippy::print_stdout, reason = "a demonstration, not a library")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use papyra::journal::ScanOptions;
use papyra::recorder::{Audit, AuditCounts, DeadLetter, Event, Metric};
use papyra::store::Registry;
use papyra::{Engine, Journal, Recorder};
use serde_json::json;

const SYSTEM: &str = "demo";

enum Message {
    Work(u64),
    Crash,
    Stop,
}

/// An actor is a thread with a mailbox. It reports its own end to the supervisor.
struct Actor {
    mailbox: Sender<Message>,
    restarts: u32,
}

enum End {
    Stopped(u64),
    Crashed(u64),
}

struct System {
    recorder: Recorder,
    actors: HashMap<u64, Actor>,
    ends: (Sender<End>, Receiver<End>),
    dead_letters: u64,
    longest_call: Duration,
}

impl System {
    fn new(recorder: Recorder) -> Self {
        let (actors, ends) = (HashMap::new(), mpsc::channel());
        Self { recorder, actors, ends, dead_letters: 0, longest_call: Duration::ZERO }
    }

    /// Records an event, and keeps the time of the slowest call.
    fn tell(&mut self, actor: u64, event: &str, payload: &serde_json::Value) {
        let began = Instant::now();
        self.recorder.event(Event::new(SYSTEM, (SYSTEM, actor), event).payload(payload));
        self.longest_call = self.longest_call.max(began.elapsed());
    }

    fn spawn(&mut self, id: u64, restarts: u32) {
        let (mailbox, messages) = mpsc::channel();
        let ends = self.ends.0.clone();
        let recorder = self.recorder.clone();
        thread::spawn(move || {
            let end = work(id, &messages, &recorder);
            // The supervisor may be gone; then nobody needs to know.
            let _ = ends.send(end);
        });
        self.actors.insert(id, Actor { mailbox, restarts });
        match restarts {
            0 => self.tell(id, "ActorStarted", &json!({})),
            _ => self.tell(id, "ActorRestarted", &json!({"reason": "actor restarted"})),
        }
    }

    fn send(&mut self, id: u64, message: Message) {
        let number = if let Message::Work(number) = message { number } else { 0 };
        let delivered = self.actors.get(&id).is_some_and(|one| one.mailbox.send(message).is_ok());
        if !delivered {
            self.dead_letters += 1;
            let payload = json!({"number": number});
            let letter = DeadLetter::new(SYSTEM, "Work").target((SYSTEM, id)).payload(&payload);
            self.recorder.dead_letter(letter);
        }
    }

    fn supervise(&mut self) {
        loop {
            match self.ends.1.try_recv() {
                Ok(End::Stopped(id)) => {
                    self.actors.remove(&id);
                    self.tell(id, "ActorStopped", &json!({"reason": "stopped"}));
                }
                Ok(End::Crashed(id)) => {
                    let boom = json!({"error": "Error: boom", "reason": "Error: boom"});
                    self.tell(id, "ActorCrashed", &boom);
                    let restarts = self.actors.remove(&id).map_or(0, |actor| actor.restarts);
                    self.spawn(id, restarts + 1);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn audit(&self) {
        let alive = self.actors.len() as u64;
        let counts = AuditCounts {
            total_actors: alive,
            alive_actors: alive,
            dead_letters_count: self.dead_letters,
            ..AuditCounts::default()
        };
        self.recorder.audit(Audit::new(SYSTEM, counts));
        let queued = self.recorder.tally().queued;
        self.recorder.metric(Metric::new(SYSTEM, "records_queued", queued as f64));
    }
}

fn work(id: u64, messages: &Receiver<Message>, recorder: &Recorder) -> End {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Work(number) => {
                let payload = json!({"number": number, "result": number.wrapping_mul(number)});
                recorder.event(Event::new(SYSTEM, (SYSTEM, id), "WorkDone").payload(&payload));
            }
            Message::Crash => return End::Crashed(id),
            Message::Stop => return End::Stopped(id),
        }
    }
    End::Stopped(id)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let store = arguments.next().ok_or("usage: actors STORE [SECONDS]")?;
    let seconds: u64 = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let store = {
        let _inside = runtime.enter();
        Registry::standard().open(&store)?
    };
    let journal = Journal::with_store(&Engine::new()?, store);
    let recorder = Recorder::new(&journal)?;

    let mut system = System::new(recorder.clone());
    (0..8).for_each(|id| system.spawn(id, 0));
    let (began, mut turn) = (Instant::now(), 0_u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        turn += 1;
        // Nobody is number 8: every ninth message is a dead letter.
        (0..9).for_each(|id| system.send(id, Message::Work(turn)));
        if turn % 50 == 0 {
            system.send(turn % 8, Message::Crash);
        }
        system.supervise();
        if turn % 1_000 == 0 {
            system.audit();
            let tally = recorder.tally();
            println!(
                "{:>5.1} s  {turn:>6} turns  {:>8} written  {:>8} queued  {:>6} dropped",
                began.elapsed().as_secs_f64(),
                tally.written,
                tally.queued,
                tally.dropped()
            );
        }
        thread::sleep(Duration::from_micros(500));
    }
    (0..8).for_each(|id| system.send(id, Message::Stop));
    while !system.actors.is_empty() {
        system.supervise();
        thread::sleep(Duration::from_millis(1));
    }
    system.audit();
    println!("{turn} turns; the slowest call took {:?}", system.longest_call);
    drop(system);

    let tally = recorder.close_blocking(Duration::from_secs(30));
    let sum = tally.written + tally.dropped();
    println!(
        "accepted {} = written {} + dropped {} ({}, {} tries repeated)",
        tally.accepted,
        tally.written,
        tally.dropped(),
        if tally.accepted == sum { "exact" } else { "WRONG" },
        tally.retries
    );
    let report = runtime.block_on(journal.scan(ScanOptions::default()))?;
    for kind in &report.kinds {
        println!("in the journal: {:>8} of kind {:?}", kind.records, kind.kind);
    }
    println!("{} records, {} damaged", report.records, report.damaged);
    Ok(())
}
