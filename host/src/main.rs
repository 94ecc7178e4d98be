//! The `papyra` command. Everything is in [`cli`], which uses nothing of the library that an
//! embedder could not use as well.

mod cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
