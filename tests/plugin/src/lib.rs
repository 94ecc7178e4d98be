//! A component of a third party: it imports a journal and knows nothing else of this project.

#[cfg(target_arch = "wasm32")]
mod component {
    #![allow(unsafe_code, reason = "generated code crosses the sandbox by raw pointers")]
    #![allow(missing_docs, reason = "the world is documented in wit/")]

    use self::papyra::persistence::journal;

    wit_bindgen::generate!({ path: "wit", world: "example:plugin/plugin", generate_all });

    struct Plugin;

    export!(Plugin);

    impl Guest for Plugin {
        fn note(line: String) -> Result<u64, String> {
            journal::append_lines(&line, false).map_err(|failure| failure.message)?;
            let options = journal::ScanOptions { max_findings: 0, sample: None };
            journal::scan(options).map(|report| report.records).map_err(|failure| failure.message)
        }
    }
}
