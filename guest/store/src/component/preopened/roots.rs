//! Where a path lies: the preopened directories.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::errors::error;
use crate::component::wasi::filesystem::preopens;
use crate::component::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, OpenFlags, PathFlags,
};
use crate::names;

/// The directories that this component may use.
#[derive(Debug)]
pub(in crate::component) struct Roots {
    directories: Vec<Descriptor>,
    names: Vec<String>,
    /// Where the program was started, if the runtime says.
    cwd: Option<String>,
}

impl Roots {
    pub fn new(cwd: Option<String>) -> Self {
        let (directories, names) = preopens::get_directories().into_iter().unzip();
        Self { directories, names, cwd }
    }

    /// The preopened directory in which a path lies, and the path in it.
    pub fn find(&self, path: &Path) -> io::Result<(&Descriptor, String)> {
        let found = path.to_str().and_then(|path| {
            let (index, path) = names::find(&self.names, self.cwd.as_deref(), path)?;
            Some((self.directories.get(index)?, path))
        });
        found.ok_or_else(|| {
            let what =
                "it is in no directory that this component may use; preopen the one it is in";
            io::Error::new(ErrorKind::PermissionDenied, what)
        })
    }

    /// Opens a file, or a directory, that is there.
    pub fn open(
        &self,
        path: &Path,
        follow: PathFlags,
        flags: OpenFlags,
        access: DescriptorFlags,
    ) -> io::Result<Descriptor> {
        let (root, name) = self.find(path)?;
        let name = if name.is_empty() { "." } else { &name };
        root.open_at(follow, name, flags, access).map_err(error)
    }
}
