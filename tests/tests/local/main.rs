//! Behaviour on this machine alone: files, memory, the command and the servers that it starts.

mod bad_input;
mod circles;
mod component;
mod concurrency;
mod config;
mod config_file;
mod conformance;
mod consumer;
mod disk_full;
mod file_store;
mod garbage;
mod generator;
mod groups;
mod metrics;
mod obstacles;
mod recorder;
mod recorder_faults;
mod reports;
mod rotating;
mod rotating_store;
mod routing;
mod serve;
mod support;
mod transcripts;
mod traps;
