//! The engine as a component: what `wit/` declares, in terms of the modules beside this one.
//!
//! What is exported works on whatever implements [`Host`](crate::host::Host): the imports of
//! `papyra-engine.wasm`, or a store that is linked with the engine.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]

mod consumer;
mod convert;
mod deliver;
mod imports;
mod journal;

use std::marker::PhantomData;

pub use self::imports::Imports;

wit_bindgen::generate!({
    path: "../../wit",
    world: "papyra:persistence/engine",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "papyra_engine::component",
});

/// What the component exports, on a store of type `H`.
#[derive(Debug)]
pub struct Component<H>(PhantomData<H>);

#[cfg(feature = "imports")]
type Importing = Component<Imports>;

#[cfg(feature = "imports")]
export!(Importing with_types_in self);
