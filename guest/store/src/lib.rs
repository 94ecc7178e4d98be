//! The file protocol as a store for the engine, in runtimes other than our Rust host: no libc, no std I/O, no
//! network.
//!
//! | component | features | files are |
//! |---|---|---|
//! | `papyra-wasi.wasm` | `engine` | those of WASI 0.2 |
//! | `papyra-node.wasm` | `engine`, `imported` | opened by the host, which implements the interface `disk` |
//! | `papyra-python.wasm` | `engine`, `python` | the same, and read through WASI |
//!
//! Without `engine` each of them is a store by itself, which exports `storage` (`papyra-wasi-store.wasm` and so
//! on): for `wac plug`, and for the suite of all stores.
//!
//! Over WASI alone it learns what to work on from its environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `PAPYRA_PATH` | the journal; without it, the last argument of the program |
//! | `PAPYRA_QUARANTINE_DIR` | where a rewrite puts what it removes; without it there is no such place |
//! | `PAPYRA_SYNC` | `always` (default): an append returns once it is on the disk; `never`: once it is written |
//! | `PAPYRA_MAX_BYTES`, `PAPYRA_MAX_FILES` | either makes the journal a set of rotating files |
//!
//! Paths are looked up in the preopened directories: absolute ones by the longest name that is their
//! beginning; others in the one named `.`, else from the initial directory, else in the first.
//!
//! The promises are those of `papyra-file-store`, except for what WASI alone cannot promise:
//!
//! * **It has no locks.** One process at a time may write to the journal. Lines that another one
//!   writes in the last moment of a rewrite are lost; an append of another one can tear a batch of
//!   more than 64 KiB; a batch that is just being written can look torn.
//! * **It cannot set modes and owners.** A rewritten file has those of a new one.
//! * **A rewrite that was killed leaves its temporary**, and without locks nobody can tell it from one at
//!   work. The next rewrite refuses with `locked` until it is removed, or ten minutes old.
//! * **A name is durable only where the runtime can sync a directory** (wasmtime and Node can).
//! * **It cannot be cancelled** in the middle of a call, and waits as long as the runtime waits.

#![allow(missing_docs, reason = "the interfaces are documented in wit/")]
// What is only called in the sandbox is still compiled and tested natively.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "used by the component only"))]

#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(any(not(feature = "imported"), feature = "python"))]
mod names;
