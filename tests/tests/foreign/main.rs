//! What others run or read: the engine in Node, Python and plain WASI hosts, and what Prometheus,
//! systemd and Kubernetes make of the output and of the examples.

mod deploy;
mod download;
mod golden;
mod interop;
mod node;
mod packages;
mod packed;
mod portable;
mod prometheus;
mod python;
mod stores;
