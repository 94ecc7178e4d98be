//! The same engine in other languages. This module installs the packages that the tests need, and drives
//! every host through a small program in its own language, so that the tests are written once.

mod axe;
mod driver;
mod install;
pub mod packages;
pub mod readme;
pub mod suite;

use std::path::PathBuf;

pub use axe::axe;
pub use driver::{Driver, Reply};
pub use install::{node, node_command, older_papyra, python, python_command};

/// A host of the engine, and the store that it gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// `papyra-node.wasm`, whose files Node opens; `papyra-engine.wasm` with stores in JavaScript.
    Node,
    /// `papyra-python.wasm`, whose files Python opens; `papyra-engine.wasm` with stores in Python.
    Python,
    /// `papyra-wasi.wasm` in Node, through the WASI shim.
    NodeWasi,
    /// `papyra-wasi.wasm` in wasmtime-py.
    PythonWasi,
}

impl Host {
    /// Returns whether the host reaches files through WASI, with the guarantees of WASI only.
    #[must_use]
    pub fn is_wasi(self) -> bool {
        matches!(self, Self::NodeWasi | Self::PythonWasi)
    }

    /// The component that keeps files in this host's language.
    #[must_use]
    pub fn component(self) -> &'static str {
        match self {
            Self::Node | Self::NodeWasi => "papyra-node",
            Self::Python | Self::PythonWasi => "papyra-python",
        }
    }

    /// Returns what this host loads of a component.
    fn installed(self, name: &str) -> PathBuf {
        match self {
            Self::Node | Self::NodeWasi => node().join(name).join(name).with_extension("js"),
            Self::Python | Self::PythonWasi => install::wasm(name),
        }
    }
}

/// All tests of [`suite`] for one host.
#[macro_export]
macro_rules! embed_suite {
    (wasi $host:ident) => {
        mod through_wasi {
            $crate::embed_suite!($host;
                a_cursor_goes_on_after_the_last_page
                damage_is_found_and_recovered_as_by_the_command
                an_audit_record_says_what_was_done
                a_torn_line_stays_alone
                a_batch_that_does_not_fit_leaves_nothing
                an_index_spares_the_next_check_and_serves_all_hosts
                a_change_is_noticed_and_heads_are_those_of_the_command
                bytes_that_are_no_text_cross_unharmed
            );
        }
    };
    ($host:ident) => {
        $crate::embed_suite!($host;
            appended_records_come_back
            a_cursor_goes_on_after_the_last_page
            damage_is_found_and_recovered_as_by_the_command
            compaction_keeps_what_the_command_keeps
            an_audit_record_says_what_was_done
            a_torn_line_stays_alone
            rotating_files_are_those_of_the_command
            a_writer_at_work_loses_nothing_to_rewrites
            writers_of_two_languages_share_a_file
            a_lock_held_elsewhere_is_an_error
            a_leftover_of_a_killed_rewrite_is_no_obstacle
            a_batch_that_does_not_fit_leaves_nothing
            an_index_spares_the_next_check_and_serves_all_hosts
            a_change_is_noticed_and_heads_are_those_of_the_command
            a_quarantine_has_the_rights_of_its_journal
            a_large_hole_stays_a_hole
            bad_input_is_a_failure_and_writes_nothing
            a_bug_of_a_store_costs_one_instance
            a_store_that_returns_too_much_is_corrupt
            bytes_that_are_no_text_cross_unharmed
        );
    };
    ($host:ident; $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                use $crate::embed::Host;
                $crate::embed::suite::$name(Host::$host);
            }
        )*
    };
}
