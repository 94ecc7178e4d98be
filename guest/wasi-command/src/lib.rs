//! `scan PATH` as a program for every runtime with WASI 0.2.12: the report and the exit code of
//! `papyra persistence scan --path PATH`.
//!
//! It imports a journal. Composed with `papyra-wasi.wasm`, whose store takes the last argument for the
//! path, it is `papyra-command.wasm`.

#[cfg(target_arch = "wasm32")]
mod component;
