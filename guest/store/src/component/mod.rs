//! The component, of one of two kinds: with the engine in it (`papyra-wasi.wasm`), or a store by itself
//! (`papyra-wasi-store.wasm`), which any engine can be composed with.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]

mod ahead;
mod disk;
mod errors;
#[cfg(not(feature = "engine"))]
mod groups;
mod place;
mod snapshot;
#[cfg(not(feature = "engine"))]
mod storage;
mod store;

wit_bindgen::generate!({
    path: "wit",
    world: "papyra:wasi/store",
    generate_all,
    pub_export_macro: true,
    with: {
        "papyra:persistence/types@0.2.0": papyra_engine::bindings::papyra::persistence::types,
    },
});

#[cfg(feature = "engine")]
type Journal = papyra_engine::component::Component<store::FileStore>;

#[cfg(feature = "engine")]
papyra_engine::bindings::export!(Journal);

#[cfg(not(feature = "engine"))]
struct Component;

#[cfg(not(feature = "engine"))]
export!(Component with_types_in self);
