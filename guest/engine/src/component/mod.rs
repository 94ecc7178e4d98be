//! The engine as a component: what `wit/` declares, in terms of the modules beside this one.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]

mod consumer;
mod convert;
mod deliver;
mod imports;
mod journal;

wit_bindgen::generate!({
    path: "../../wit",
    world: "papyra:persistence/engine",
    generate_all,
});

struct Component;

export!(Component);
