//! The compiled engine, kept in a file from which the next start maps it.
//!
//! The cache of wasmtime compresses what it keeps, and inflating that took half of a start. This one keeps it as it
//! is. What is in the file is run outside the sandbox, hence:
//!
//! * The directory and the file must belong to this user, and nobody else may be able to write to them.
//! * A checksum over all bytes is compared before any of them is mapped.
//! * The file's name says what it was compiled from, by which wasmtime, for which processor and settings.
//!
//! Whatever does not fit is compiled afresh and replaced by a rename.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use twox_hash::XxHash3_128;
use wasmtime::component::Component;

/// The maximum of files that are kept, each of some 2.5 MB: one per build and processor. The oldest go first.
const KEPT: usize = 8;

/// The bytes of the checksum, behind the code.
const CHECKSUM: usize = size_of::<u128>();

const PREFIX: &str = "engine-";
const TEMPORARY: &str = ".engine-";

/// A directory for compiled code that only this user can write to.
pub(super) struct CodeCache(PathBuf);

impl CodeCache {
    /// Opens a directory and makes it if it is not there. `None`, with a warning, if it cannot be used or trusted.
    pub fn open(directory: &Path) -> Option<Self> {
        let opened = std::path::absolute(directory).and_then(|directory| {
            DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
            only_ours(&fs::symlink_metadata(&directory)?)?;
            Ok(Self(directory))
        });
        opened.map_err(|error| warn("cannot cache compiled code here", directory, &error)).ok()
    }

    /// Returns the component as it was compiled before, if it was.
    pub fn load(&self, engine: &wasmtime::Engine, wasm: &[u8]) -> Option<Component> {
        let path = self.path(engine, wasm);
        let component = map(engine, &path);
        match component {
            Ok(component) => Some(component),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                warn("compiled code is not used, and made again", &path, &error);
                None
            }
        }
    }

    /// Keeps what was compiled, and removes what is too old.
    pub fn keep(&self, engine: &wasmtime::Engine, wasm: &[u8], component: &Component) {
        let path = self.path(engine, wasm);
        let code = component.serialize().map_err(io::Error::other);
        if let Err(error) = code.and_then(|code| self.replace(&path, &code)) {
            warn("cannot cache compiled code", &path, &error);
        }
        self.tidy();
    }

    fn path(&self, engine: &wasmtime::Engine, wasm: &[u8]) -> PathBuf {
        let mut compiler = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut compiler);
        let (wasm, compiler) = (XxHash3_128::oneshot(wasm), compiler.finish());
        self.0.join(format!("{PREFIX}{wasm:032x}-{compiler:016x}"))
    }

    /// There is no sync: after a power cut the checksum tells.
    fn replace(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        // Engines of this process can be made at the same time.
        static MADE: AtomicU64 = AtomicU64::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let temporary = self.0.join(format!("{TEMPORARY}{}-{made}", process::id()));
        let _ = fs::remove_file(&temporary);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written = file
            .write_all(code)
            .and_then(|()| file.write_all(&XxHash3_128::oneshot(code).to_le_bytes()))
            .and_then(|()| fs::rename(&temporary, path));
        written.inspect_err(|_| drop(fs::remove_file(&temporary)))
    }

    fn tidy(&self) {
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        let ours = |name: &OsStr| {
            name.to_str()
                .is_some_and(|name| name.starts_with(PREFIX) || name.starts_with(TEMPORARY))
        };
        let mut files: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(Result::ok)
            .filter(|entry| ours(&entry.file_name()))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        for (_, path) in files.iter().skip(KEPT) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Maps the code in a file, after its owner, rights and checksum were looked at.
#[allow(unsafe_code, reason = "compiled code is trusted like this program, which wrote it")]
fn map(engine: &wasmtime::Engine, path: &Path) -> io::Result<Component> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits();
    let mut file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    only_ours(&file.metadata()?)?;
    sound(&mut file)?;
    // The very file that was looked at, whatever has the name by now.
    let same = format!("/dev/fd/{}", file.as_raw_fd());
    // SAFETY: Only this user could write the file, this code is what did, and the checksum says that the bytes are
    // those that wasmtime gave. wasmtime compares its version and settings itself.
    unsafe { Component::deserialize_file(engine, same) }.map_err(io::Error::other)
}

/// Compares the checksum at the end with that of all bytes before it.
fn sound(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let torn = || io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong");
    let mut code = file.take(length.checked_sub(CHECKSUM as u64).ok_or_else(torn)?);
    let mut hasher = XxHash3_128::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match code.read(&mut buffer)? {
            0 => break,
            read => hasher.write(&buffer[..read]),
        }
    }
    let mut expected = [0; CHECKSUM];
    code.into_inner().read_exact(&mut expected)?;
    if u128::from_le_bytes(expected) == hasher.finish_128() { Ok(()) } else { Err(torn()) }
}

/// Refuses what somebody else owns or can write to, and symbolic links.
fn only_ours(metadata: &fs::Metadata) -> io::Result<()> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if metadata.is_symlink() {
        return refused("it is a symbolic link");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refused("it belongs to somebody else");
    }
    if metadata.mode() & 0o022 != 0 {
        return refused("others can write to it; chmod go-w allows it");
    }
    Ok(())
}

fn warn(what: &str, path: &Path, error: &io::Error) {
    tracing::warn!(path = %path.display(), %error, "{what}");
}

#[cfg(test)]
mod tests;
