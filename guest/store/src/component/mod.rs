//! The components: the file protocol with the engine in it, or as a store by itself, which any engine can be
//! composed with.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]

mod bytes;
mod errors;
#[cfg(not(feature = "engine"))]
mod exported;
#[cfg(feature = "imported")]
mod imported;
#[cfg(any(not(feature = "imported"), feature = "python"))]
mod preopened;
mod snapshot;
mod store;

#[cfg(feature = "imported")]
use self::imported::{Reading, place};
#[cfg(not(feature = "imported"))]
use self::preopened::{Reading, place};

/// The bindings of a world, in the types of the engine.
macro_rules! bindings {
    ($world:tt) => {
        wit_bindgen::generate!({
            path: "wit",
            world: $world,
            generate_all,
            pub_export_macro: true,
            with: {
                "papyra:persistence/types@0.2.0": papyra_engine::bindings::papyra::persistence::types,
            },
        });
    };
    ($world:tt without types) => {
        wit_bindgen::generate!({
            path: "wit",
            world: $world,
            generate_all,
            pub_export_macro: true,
        });
    };
}

#[cfg(not(feature = "imported"))]
bindings!("papyra:stores/wasi-store");
#[cfg(all(feature = "imported", not(feature = "python"), feature = "engine"))]
bindings!("papyra:stores/files" without types);
#[cfg(all(feature = "imported", not(feature = "python"), not(feature = "engine")))]
bindings!("papyra:stores/node-store");
#[cfg(all(feature = "python", feature = "engine"))]
bindings!("papyra:stores/files-read-by-wasi" without types);
#[cfg(all(feature = "python", not(feature = "engine")))]
bindings!("papyra:stores/python-store");

#[cfg(feature = "engine")]
type Journal = papyra_engine::component::Component<store::FileStore>;

#[cfg(feature = "engine")]
papyra_engine::bindings::export!(Journal);

#[cfg(any(not(feature = "engine"), feature = "imported"))]
struct Component;

#[cfg(any(not(feature = "engine"), feature = "imported"))]
export!(Component with_types_in self);

#[cfg(feature = "imported")]
impl Guest for Component {
    fn release() {
        store::release();
    }
}
