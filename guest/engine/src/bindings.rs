//! Everything that `wit-bindgen` generates from `wit/`: the types of the contract, which the whole
//! engine uses, and the functions that cross the sandbox. Natively the imports panic; nothing calls
//! them there.

#![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]
#![allow(missing_docs, reason = "generated; the documentation is in wit/")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "papyra:persistence/engine",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "papyra_engine::bindings",
    // Cursors, surveys and indexes hold some of them, and the golden vectors all.
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});
