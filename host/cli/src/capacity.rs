//! The threads and the address space that the limits of this process leave to a command.
//!
//! Found out before anything is started: what comes later (tokio, the engine) panics or waits for ever where it
//! does not get them.

use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

use papyra_persistence::config::Config;
use papyra_persistence::engine::{can_reserve, spare_threads};
use tokio::runtime::{Builder, Runtime};

use crate::args;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// Threads that no command lives without for long: for blocking calls, signals and standard input. Each is
/// done without before a further worker is.
const OTHERS: usize = 3;

/// The advice for too few threads.
pub(super) const THREAD_LIMIT: &str =
    "raise the limit on processes and threads (ulimit -u, or pids.max of the control group)";

/// The advice for too little address space, of which each thread takes some.
const ADDRESS_LIMIT: &str = "raise the limit on address space (ulimit -v)";

/// Where this much can be reserved, address space is not limited.
const ROOMY: u64 = 1 << 40;

/// The address space of a command before its first job: to compile the engine takes most of it.
const BASE: u64 = 256 << 20;

/// The address space of a job beside the memory of its engine: stacks, and what the allocator sets apart
/// for each thread.
const BESIDE: u64 = 136 << 20;

/// Long enough that a thread that has been started is never missed.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The threads and jobs that a command can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Capacity {
    /// Threads that run the engine; 0: the main thread does.
    workers: usize,
    /// No more threads than these can be started, or not for sure.
    scarce: bool,
    /// A thread waits for signals.
    pub signals: bool,
}

impl Capacity {
    /// Finds out what the command `name` can have of `threads` workers. Fewer jobs than were asked for are
    /// put into `config`, and what is amiss is said.
    pub fn find(
        name: &str,
        threads: usize,
        config: &mut Config,
        output: &Output,
    ) -> Result<Self, Problem> {
        let jobs = args::jobs(config);
        let memory = config.settings.engine_memory_limit.value.saturating_add(BESIDE);
        let need = |jobs: usize| BASE.saturating_add(memory.saturating_mul(jobs as u64));
        let fitting = (1..=jobs).rev().find(|jobs| can_reserve(need(*jobs))).ok_or_else(|| {
            short(format!(
                "{name} takes {} MiB of address space, and the limit leaves less; {ADDRESS_LIMIT}",
                need(1) >> 20
            ))
        })?;
        let tight = !can_reserve(ROOMY);
        let parallel = threads > 1;
        let threads = threads.min(fitting);
        // What is never started must not be tried where each thread takes address space for good.
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        let wanted = threads + OTHERS + if tight { 0 } else { cores + OTHERS };
        let spare = spare_threads(wanted);
        let advice = match (tight, spare < wanted) {
            (true, true) => format!("{ADDRESS_LIMIT}, or {THREAD_LIMIT}"),
            (true, false) => ADDRESS_LIMIT.to_owned(),
            (false, _) => THREAD_LIMIT.to_owned(),
        };
        let mut capacity = Self::of(threads, spare, wanted, name == "append").ok_or_else(|| {
            short(format!("{name} cannot start the threads that it takes; {advice}"))
        })?;
        capacity.scarce |= tight;
        // Only where there is a worker for each job.
        let working = if parallel { capacity.workers.max(1) } else { jobs }.min(fitting);
        if working < jobs {
            config.settings.jobs.value = Some(working as u64);
        }
        if let Some(note) = capacity.note(if parallel { jobs } else { working }, working) {
            output.note(&format!("{note}; {advice} for the rest"));
        }
        Ok(capacity)
    }

    /// What to do with this number of threads. `None`: it cannot be done.
    fn of(threads: usize, spare: usize, wanted: usize, reads_input: bool) -> Option<Self> {
        // One for blocking calls, and one for standard input.
        let needed = 1 + usize::from(reads_input);
        let workers = match spare.saturating_sub(OTHERS) {
            _ if spare >= wanted => threads,
            // One worker does no more than the main thread.
            0 | 1 => 0,
            left => threads.min(left),
        };
        (spare >= needed).then_some(Self {
            workers,
            scarce: spare < wanted,
            signals: spare > needed,
        })
    }

    /// What the command does without, if anything.
    fn note(self, jobs: usize, working: usize) -> Option<String> {
        let mut without = Vec::new();
        if working < jobs {
            without.push(format!("working with {working} of {jobs} jobs"));
        }
        if !self.signals {
            without.push("not waiting for the operation when interrupted".to_owned());
        }
        (!without.is_empty()).then(|| without.join(", "))
    }

    /// A runtime that starts no thread later than now where threads are scarce.
    pub fn runtime(self) -> io::Result<Runtime> {
        let mut builder = match self.workers {
            0 => Builder::new_current_thread(),
            workers => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
        };
        builder.enable_all();
        if self.scarce {
            builder.max_blocking_threads(1).thread_keep_alive(FOR_EVER);
        }
        let runtime = builder.build()?;
        if self.scarce {
            drop(runtime.spawn_blocking(|| ()));
        }
        Ok(runtime)
    }
}

fn short(message: String) -> Problem {
    Problem::new(Exit::Failed, "limit", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_come_last() {
        let of = |spare, input| Capacity::of(16, spare, 40, input);
        let (workers, scarce) = (0, true);
        let bare = Capacity { workers, scarce, signals: false };
        assert_eq!((of(0, false), of(1, true)), (None, None));
        assert_eq!((of(1, false), of(2, true)), (Some(bare), Some(bare)));
        let whole = Capacity { signals: true, ..bare };
        for spare in 3..5 {
            assert_eq!(of(spare, true), Some(whole));
        }
        assert_eq!(of(5, true), Some(Capacity { workers: 2, ..whole }));
        assert_eq!(of(39, true), Some(Capacity { workers: 16, ..whole }));
        assert_eq!(of(40, true), Some(Capacity { workers: 16, scarce: false, ..whole }));
    }

    #[test]
    fn what_is_missing_is_said() {
        let whole = Capacity { workers: 0, scarce: true, signals: true };
        assert_eq!(whole.note(1, 1), None);
        assert_eq!(whole.note(16, 1).as_deref(), Some("working with 1 of 16 jobs"));
        let note = Capacity { signals: false, ..whole }.note(1, 1).unwrap();
        assert!(note.starts_with("not waiting for"), "{note}");
    }
}
