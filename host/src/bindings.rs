//! What `wasmtime` generates from `wit/`. Everything else in this crate wraps it.
#![allow(missing_docs, reason = "generated; the documentation is in wit/")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "papyra:persistence/engine",
    imports: { "wasi:clocks/wall-clock": trappable, default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq],
});
