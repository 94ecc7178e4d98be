//! The engine as a component: what `wit/` declares, in terms of the modules beside this one.
//!
//! What is exported works on whatever implements [`Host`](crate::host::Host): the imports of
//! `papyra-engine.wasm`, or a store that is linked with the engine.

mod consumer;
mod imports;
mod journal;

use std::marker::PhantomData;

pub use self::imports::Imports;

/// What the component exports, on a store of type `H`.
#[derive(Debug)]
pub struct Component<H>(PhantomData<H>);

#[cfg(all(feature = "imports", target_arch = "wasm32"))]
mod exports {
    #![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]

    type Importing = super::Component<super::Imports>;

    crate::bindings::export!(Importing with_types_in crate::bindings);
}
