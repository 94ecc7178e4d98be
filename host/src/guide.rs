//! The guide: the pages of `docs/`, as they are in the repository.
//!
//! The module exists in the documentation only. The Rust in the pages is compiled and run by
//! `cargo test --doc --all-features`.

/// A module for one page. The definitions in front win over those at the end of the page, which lead
/// from file to file.
macro_rules! page {
    ($(#[$attribute:meta])* $name:ident, $file:literal) => {
        $(#[$attribute])*
        #[doc = "[Architecture]: crate::guide::architecture"]
        #[doc = "[Configuration]: crate::guide::configuration"]
        #[doc = "[Consumer groups]: crate::guide::groups"]
        #[doc = "[Embedding]: crate::guide::embedding"]
        #[doc = "[File protocol]: crate::guide::file_protocol"]
        #[doc = "[Getting started]: crate::guide::getting_started"]
        #[doc = "[Guarantees]: crate::guide::guarantees"]
        #[doc = "[Journal]: crate::guide::journal"]
        #[doc = "[Node]: crate::guide::node"]
        #[doc = "[Operating]: crate::guide::operating"]
        #[doc = "[Journals of other programs]: crate::guide::other_programs"]
        #[doc = "[Performance]: crate::guide::performance"]
        #[doc = "[Python]: crate::guide::python"]
        #[doc = "[Redis]: crate::guide::redis"]
        #[doc = "[Ship records elsewhere]: crate::guide::shipping"]
        #[doc = "[WASI]: crate::guide::wasi"]
        #[doc = ""]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $name {}
    };
}

page!(getting_started, "getting-started.md");
page!(operating, "operating.md");
page!(shipping, "shipping.md");
page!(configuration, "configuration.md");
page!(journal, "journal.md");
page!(other_programs, "other-programs.md");
page!(guarantees, "guarantees.md");
page!(redis, "redis.md");
page!(
    #[cfg(any(not(doctest), feature = "redis"))]
    groups,
    "groups.md"
);
page!(
    #[cfg(any(not(doctest), all(feature = "conformance", feature = "tracing-layer")))]
    embedding,
    "embedding.md"
);
page!(node, "node.md");
page!(python, "python.md");
page!(wasi, "wasi.md");
page!(performance, "performance.md");
page!(architecture, "architecture.md");
page!(file_protocol, "file-protocol.md");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// That of the repository is not in the package.
#[cfg(all(doctest, papyra_checkout))]
#[doc = include_str!("../../README.md")]
mod repository {}
