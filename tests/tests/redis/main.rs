//! Behaviour on a real Redis: one server, Cluster, Sentinel and TLS.

mod actors;
mod compaction;
mod conformance;
mod consumer;
mod edges;
mod failures;
mod fetch;
mod groups;
mod index;
mod kill;
mod records;
mod resharding;
mod rights;
mod socket;
mod tls;
mod topologies;
mod written;
