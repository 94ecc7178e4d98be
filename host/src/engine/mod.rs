//! The sandboxed engine: loading, linking, limits.
pub mod bindings;
