//! The component: what its world exports, in terms of the modules beside this one.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]

mod ahead;
mod append;
mod checkpoint;
mod copy;
mod delivery;
mod disk;
mod evidence;
mod place;
mod rewrite;
mod snapshot;
mod storage;

wit_bindgen::generate!({
    path: "wit",
    world: "papyra:wasi/store",
    generate_all,
});

struct Component;

export!(Component);
