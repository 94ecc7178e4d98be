//! The engine compiled for this machine, on stores in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod append;
mod audit;
mod consumer;
mod consumers;
mod cursor;
mod dead_letters;
mod index;
mod inspect;
mod parallel;
mod profile;
mod query;
mod recover;
mod retention;
mod salvage;
mod scan;
mod startup;
mod verify;
