//! A small system of actors that records what happens to it: actors start, crash, are restarted, and
//! messages to actors that are gone become dead letters. It never waits for its journal.
//!
//! ```text
//! cargo run --release --example actors -- STORE [SECONDS]
//! ```
//!
//! `STORE` is a path or a URL, such as `file:actors.ndjson?sync=interval:100ms`, `redis://127.0.0.1` or
//! `memory:`. Stop the server behind the store and start it again while this runs: the actors do not
//! notice, and the final counts add up.
#![allow(clippy::print_stdout, reason = "a demonstration, not a library")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use papyra_persistence::journal::ScanOptions;
use papyra_persistence::recorder::{Audit, AuditCounts, DeadLetter, Event, Metric};
use papyra_persistence::store::Registry;
use papyra_persistence::{Engine, Journal, Recorder};
use serde_json::json;

const SYSTEM: &str = "demo";
/// Actors are numbered from 0. No actor has this number.
const ACTORS: u64 = 8;

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

/// The counts of the system at its end, for comparison with its journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Story {
    /// Rounds in which every actor was sent a message.
    pub turns: u64,
    /// Messages that no actor received.
    pub dead_letters: u64,
    /// Actors that crashed and were started again.
    pub restarts: u64,
    /// Duration of the slowest call of the recorder.
    pub slowest_call: Duration,
}

struct System<'r> {
    recorder: &'r Recorder,
    actors: HashMap<u64, Actor>,
    ends: (Sender<End>, Receiver<End>),
    story: Story,
    stopping: bool,
}

/// Runs the system for as many turns as `go_on` says, and records what happens.
pub fn run(recorder: &Recorder, mut go_on: impl FnMut(u64) -> bool) -> Story {
    let (actors, ends) = (HashMap::new(), mpsc::channel());
    let mut system = System { recorder, actors, ends, story: Story::default(), stopping: false };
    (0..ACTORS).for_each(|id| system.spawn(id, 0));
    while go_on(system.story.turns) {
        system.turn();
        thread::sleep(Duration::from_micros(500));
    }
    system.stopping = true;
    (0..ACTORS).for_each(|id| system.send(id, Message::Stop));
    while !system.actors.is_empty() {
        system.supervise();
        thread::sleep(Duration::from_millis(1));
    }
    system.audit();
    system.story
}

impl System<'_> {
    fn turn(&mut self) {
        self.story.turns += 1;
        let turn = self.story.turns;
        (0..=ACTORS).for_each(|id| self.send(id, Message::Work(turn)));
        if turn.is_multiple_of(50) {
            self.send(turn / 50 % ACTORS, Message::Crash);
        }
        self.supervise();
        if turn.is_multiple_of(500) {
            self.audit();
        }
    }

    /// Records an event, and keeps the time of the slowest call.
    fn tell(&mut self, actor: u64, event: &str, payload: &serde_json::Value) {
        let began = Instant::now();
        self.recorder.event(Event::new(SYSTEM, (SYSTEM, actor), event).payload(payload));
        self.story.slowest_call = self.story.slowest_call.max(began.elapsed());
    }

    fn spawn(&mut self, id: u64, restarts: u32) {
        match restarts {
            0 => self.tell(id, "ActorStarted", &json!({})),
            _ => self.tell(id, "ActorRestarted", &json!({"reason": "actor restarted"})),
        }
        let (mailbox, messages) = mpsc::channel();
        let ends = self.ends.0.clone();
        let recorder = self.recorder.clone();
        thread::spawn(move || {
            let end = work(id, &messages, &recorder);
            // Without a supervisor the end needs no report.
            let _ = ends.send(end);
        });
        self.actors.insert(id, Actor { mailbox, restarts });
    }

    fn send(&mut self, id: u64, message: Message) {
        let mailbox = self.actors.get(&id).map(|actor| &actor.mailbox);
        let undelivered = match mailbox.map(|mailbox| mailbox.send(message)) {
            Some(Ok(())) => return,
            Some(Err(returned)) => returned.0,
            None => Message::Work(self.story.turns),
        };
        self.story.dead_letters += 1;
        let (name, number) = match undelivered {
            Message::Work(number) => ("Work", number),
            Message::Crash => ("Crash", self.story.turns),
            Message::Stop => ("Stop", self.story.turns),
        };
        let payload = json!({"number": number});
        let letter = DeadLetter::new(SYSTEM, name).target((SYSTEM, id)).payload(&payload);
        self.recorder.dead_letter(letter);
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
                    self.story.restarts += 1;
                    self.spawn(id, restarts + 1);
                    if self.stopping {
                        self.send(id, Message::Stop);
                    }
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn audit(&self) {
        let alive = self.actors.len() as u64;
        let counts = AuditCounts {
            total_actors: ACTORS,
            alive_actors: alive,
            dead_letters_count: self.story.dead_letters,
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
            Message::Stop => break,
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

    let began = Instant::now();
    let story = run(&recorder, |turn| {
        if turn % 1_000 == 0 {
            let (seconds, tally) = (began.elapsed().as_secs_f64(), recorder.tally());
            let (written, queued, dropped) = (tally.written, tally.queued, tally.dropped());
            println!(
                "{seconds:>5.1} s  {turn:>6} turns  {written} written, {queued} queued, {dropped} dropped"
            );
        }
        began.elapsed() < Duration::from_secs(seconds)
    });
    println!("{story:?}");

    let tally = recorder.close_blocking(Duration::from_secs(30));
    let sum = tally.written + tally.dropped();
    println!(
        "accepted {} = written {} + dropped {} ({}, {} attempts repeated)",
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
