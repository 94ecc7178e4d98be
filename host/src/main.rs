//! The `papyra` command. Everything is in [`cli`], which uses nothing of the library that an
//! embedder could not use as well.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
