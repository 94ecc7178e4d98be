//! What `wasmtime` generates from `wit/`. Everything else in this crate wraps it.
#![allow(missing_docs, reason = "generated; the documentation is in wit/")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "papyra:persistence/engine",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:clocks/wall-clock@0.2.0": wasmtime_wasi::p2::bindings::clocks::wall_clock,
    },
    additional_derives: [PartialEq],
});
