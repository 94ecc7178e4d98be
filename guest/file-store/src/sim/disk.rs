//! The simulated disk.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::inode::{AfterFailure, Inode};
use super::names::Names;
use crate::disk::{Create, Disk, DiskFile, FileId, FileKind, How, Metadata, Tried};

/// What the file system is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nature {
    /// The number of bytes that the medium writes as a whole.
    pub sector: usize,
    /// Changes of names reach the medium in their order.
    pub ordered: bool,
    /// See [`AfterFailure`].
    pub after: AfterFailure,
    /// It can refuse to rename onto a name that is taken.
    pub rename_new: bool,
}

impl Default for Nature {
    fn default() -> Self {
        Self { sector: 16, ordered: true, after: AfterFailure::New, rename_new: true }
    }
}

/// What the name of a directory leads to.
const DIRECTORY: u64 = u64::MAX;

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before it.
    Death,
    /// It fails with this error, having done nothing.
    Error(io::ErrorKind),
    /// It fails with this error, and so do all after it.
    Broken(io::ErrorKind),
    /// It is done, and reported as failed.
    Done,
    /// The same, and whoever then looks a name up is told that this fails, too.
    DoneUnseen,
    /// Of a write, only a part is done; anything else is done.
    Short,
}

/// A disk, for any number of processes at a time.
#[derive(Clone, Default)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

/// Runs before an operation, as another process would.
type Meanwhile = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    nature: Nature,
    inodes: BTreeMap<u64, Inode>,
    names: Names,
    now: Duration,
    /// Operations that change something, so far.
    operations: usize,
    fault: Option<(usize, Fault)>,
    meanwhile: Option<(usize, Meanwhile)>,
    dead: bool,
    broken: Option<io::ErrorKind>,
    /// The next name that is looked up is not found out about.
    unseen: bool,
    descriptions: u64,
}

impl State {
    fn is_dir(&self, path: &Path) -> bool {
        path == Path::new("/") || self.names.live.get(path) == Some(&DIRECTORY)
    }

    /// Makes the name of a file, or of a directory.
    fn make(&mut self, path: &Path, number: u64) -> io::Result<()> {
        if !self.is_dir(&crate::names::parent(path)) {
            return Err(missing());
        }
        if self.names.live.contains_key(path) {
            return Err(taken());
        }
        self.names.change(vec![(path.to_owned(), Some(number))]);
        Ok(())
    }

    fn inode(&mut self, number: u64) -> &mut Inode {
        self.inodes.entry(number).or_default()
    }

    /// The lowest number that nothing refers to, as file systems give them out.
    fn free_number(&self) -> u64 {
        (1..).find(|number| !self.inodes.contains_key(number)).unwrap_or(0)
    }

    /// Forgets a file that has neither names nor handles. On the medium it may still have names.
    fn forget(&mut self, number: u64) {
        let unused = self.inodes.get(&number).is_some_and(|inode| inode.open == 0);
        if unused && self.names.links(number) == 0 && !self.names.refers_to(number) {
            self.inodes.remove(&number);
        }
    }

    fn forget_all(&mut self) {
        for number in self.inodes.keys().copied().collect::<Vec<_>>() {
            self.forget(number);
        }
    }
}

/// Whether an operation is to be done, and what it then returns.
enum Turn {
    Do,
    DoInPart,
    DoAndFail,
}

impl SimDisk {
    pub fn new(nature: Nature) -> Self {
        Self { state: Arc::new(Mutex::new(State { nature, ..State::default() })) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations there were that change something.
    pub fn operations(&self) -> usize {
        self.state().operations
    }

    /// Has this happen at an operation, counted from now on, from 0.
    pub fn fail_at(&self, operation: usize, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.operations + operation, fault));
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        let mut state = self.state();
        (state.fault, state.broken, state.unseen) = (None, None, false);
    }

    /// Has this run before an operation, counted from now on, from 0.
    pub fn run_at(&self, operation: usize, run: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        state.meanwhile = Some((state.operations + operation, Box::new(run)));
    }

    /// Nothing runs before an operation any more.
    pub fn forget_meanwhile(&self) {
        self.state().meanwhile = None;
    }

    /// The process has died.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// All names, of files only.
    pub fn names(&self) -> Vec<PathBuf> {
        let state = self.state();
        let files = state.names.live.iter().filter(|(_, number)| **number != DIRECTORY);
        files.map(|(path, _)| path.clone()).collect()
    }

    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let number = state.names.live.get(path)?;
        state.inodes.get(number).map(|inode| inode.live.clone())
    }

    /// The medium has all of this file, and its name.
    pub fn has_on_medium(&self, id: FileId) -> bool {
        let state = self.state();
        state.names.refers_to(id.inode)
            && state.inodes.get(&id.inode).is_some_and(|inode| inode.live == inode.durable)
    }

    /// The disk as the next process finds it after all of them have died.
    pub fn after_death(&self) -> Self {
        let state = self.state();
        let mut inodes = state.inodes.clone();
        for inode in inodes.values_mut() {
            (inode.open, inode.failures) = (0, 0);
            inode.locks.clear();
        }
        let mut next = State {
            nature: state.nature,
            inodes,
            names: state.names.clone(),
            now: state.now,
            ..State::default()
        };
        next.forget_all();
        Self { state: Arc::new(Mutex::new(next)) }
    }

    /// The number of disks that a power cut may leave.
    pub fn outcomes(&self) -> u64 {
        let state = self.state();
        let contents = state.inodes.values().map(|inode| inode.outcomes(state.nature.sector));
        contents.fold(state.names.outcomes(state.nature.ordered), u64::saturating_mul)
    }

    /// One of them.
    pub fn after_power_cut(&self, choice: &mut dyn FnMut(u64) -> u64) -> Self {
        let state = self.state();
        let ordered = state.nature.ordered;
        let mut names = state.names.outcome(ordered, choice(state.names.outcomes(ordered)));
        // What was in a directory goes with its name.
        let there = names.clone();
        names.retain(|path, _| {
            path.ancestors().skip(1).all(|dir| dir == Path::new("/") || there.contains_key(dir))
        });
        let mut inodes = BTreeMap::new();
        for (number, inode) in &state.inodes {
            let sector = state.nature.sector;
            let content = inode.outcome(sector, choice(inode.outcomes(sector)));
            if names.values().any(|there| there == number) {
                inodes.insert(*number, Inode::on_medium(content));
            }
        }
        let next = State {
            nature: state.nature,
            inodes,
            names: Names::on_medium(names),
            now: state.now,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(next)) }
    }

    /// Begins an operation that changes something.
    fn begin(&self) -> io::Result<Turn> {
        let mut state = self.state();
        let number = state.operations;
        if let Some((_, run)) = state.meanwhile.take_if(|(at, _)| *at == number) {
            drop(state);
            run();
            state = self.state();
        }
        if state.dead {
            return Err(io::Error::other("dead"));
        }
        state.operations += 1;
        if let Some(kind) = state.broken {
            return Err(kind.into());
        }
        match state.fault {
            Some((at, fault)) if at == number => match fault {
                Fault::Death => {
                    state.dead = true;
                    Err(io::Error::other("dead"))
                }
                Fault::Error(kind) => Err(kind.into()),
                Fault::Broken(kind) => {
                    state.broken = Some(kind);
                    Err(kind.into())
                }
                Fault::Done => Ok(Turn::DoAndFail),
                Fault::DoneUnseen => {
                    state.unseen = true;
                    Ok(Turn::DoAndFail)
                }
                Fault::Short => Ok(Turn::DoInPart),
            },
            _ => Ok(Turn::Do),
        }
    }

    fn change_names(&self, change: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let turn = self.begin()?;
        let mut state = self.state();
        change(&mut state)?;
        state.forget_all();
        match turn {
            Turn::DoAndFail => Err(io::Error::other("the answer is lost")),
            Turn::Do | Turn::DoInPart => Ok(()),
        }
    }

    fn description(&self, number: u64, appends: bool) -> Arc<dyn DiskFile> {
        let mut state = self.state();
        state.descriptions += 1;
        let description = state.descriptions;
        let inode = state.inode(number);
        inode.open += 1;
        let told = inode.failures;
        Arc::new(SimFile {
            disk: self.clone(),
            number,
            description,
            told: Mutex::new(told),
            appends: Mutex::new(appends),
        })
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn taken() -> io::Error {
    io::ErrorKind::AlreadyExists.into()
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: How) -> io::Result<Arc<dyn DiskFile>> {
        let found = self.state().names.live.get(path).copied();
        match (found, how.create) {
            (Some(_), Create::New) => Err(taken()),
            (Some(number), _) => Ok(self.description(number, how.append)),
            (None, Create::No) => Err(missing()),
            (None, Create::IfMissing | Create::New) => {
                self.change_names(|state| {
                    let number = state.free_number();
                    state.make(path, number)?;
                    state.inodes.insert(number, Inode::default());
                    Ok(())
                })?;
                let found = self.state().names.live.get(path).copied();
                Ok(self.description(found.ok_or_else(missing)?, how.append))
            }
        }
    }

    fn metadata(&self, path: &Path, _: bool) -> io::Result<Metadata> {
        let mut state = self.state();
        if std::mem::take(&mut state.unseen) {
            return Err(io::Error::other("the answer is lost, too"));
        }
        if state.is_dir(path) {
            return Ok(Metadata {
                id: FileId { device: 0, inode: 0 },
                length: 0,
                links: 1,
                modified: None,
                owner: None,
                kind: FileKind::Directory,
            });
        }
        state.metadata(*state.names.live.get(path).ok_or_else(missing)?)
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.metadata(path, true).map(|_| path.to_owned())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(|state| {
            let number = *state.names.live.get(from).ok_or_else(missing)?;
            state.names.change(vec![(from.to_owned(), None), (to.to_owned(), Some(number))]);
            Ok(())
        })
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.state().nature.rename_new {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.state().names.live.contains_key(to) {
            return Err(taken());
        }
        self.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(|state| {
            let number = *state.names.live.get(from).ok_or_else(missing)?;
            state.make(to, number)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !self.state().names.live.contains_key(path) {
            return Err(missing());
        }
        self.change_names(|state| {
            state.names.change(vec![(path.to_owned(), None)]);
            Ok(())
        })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change_names(|state| state.make(path, DIRECTORY))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let names = state.names.live.keys().filter(|path| crate::names::parent(path) == dir);
        Ok(names.map(|path| crate::names::name_of(path)).collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change_names(|state| {
            let ordered = state.nature.ordered;
            state.names.sync(dir, ordered);
            Ok(())
        })
    }

    fn now(&self) -> Duration {
        let mut state = self.state();
        // Looking at the clock takes time, too, or nothing would ever come to its end.
        state.now += Duration::from_micros(1);
        state.now
    }

    fn wall_clock(&self) -> Duration {
        self.now()
    }

    fn sleep(&self, duration: Duration) {
        self.state().now += duration;
    }

    fn later(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl State {
    fn metadata(&self, number: u64) -> io::Result<Metadata> {
        let inode = self.inodes.get(&number).ok_or_else(missing)?;
        Ok(Metadata {
            id: FileId { device: 0, inode: number },
            length: inode.live.len() as u64,
            links: self.names.links(number),
            modified: None,
            owner: None,
            kind: FileKind::Regular,
        })
    }
}

/// One open description.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    number: u64,
    description: u64,
    /// The failures to write back that it has been told of.
    told: Mutex<u64>,
    appends: Mutex<bool>,
}

impl SimFile {
    fn write(&self, bytes: &[u8], at: Option<u64>) -> io::Result<usize> {
        let turn = self.disk.begin()?;
        let mut state = self.disk.state();
        let inode = state.inode(self.number);
        let at = at.map_or(inode.live.len(), |at| usize::try_from(at).unwrap_or(usize::MAX));
        let count = match turn {
            Turn::DoInPart => bytes.len().div_ceil(2),
            Turn::Do | Turn::DoAndFail => bytes.len(),
        };
        inode.write(&bytes[..count], at);
        Ok(count)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.unlock();
        let mut state = self.disk.state();
        let number = self.number;
        if let Some(inode) = state.inodes.get_mut(&number) {
            inode.open -= 1;
        }
        state.forget(number);
    }
}

impl DiskFile for SimFile {
    fn id(&self) -> FileId {
        FileId { device: 0, inode: self.number }
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.disk.state().metadata(self.number)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.disk.state().inode(self.number).read(buffer, at)
    }

    fn append(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(*self.appends.lock().unwrap(), "only for a file that is appended to");
        self.write(&pieces.iter().flat_map(|piece| piece.to_vec()).collect::<Vec<_>>(), None)
    }

    fn start_appending(&self) -> io::Result<()> {
        *self.appends.lock().unwrap() = true;
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let written = self.write(bytes, Some(at))?;
        match bytes.get(written..) {
            Some(rest) if !rest.is_empty() => self.write_at(rest, at + written as u64),
            _ => Ok(()),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.begin()?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.disk.state().inode(self.number).set_len(length);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let begun = self.disk.begin();
        let mut state = self.disk.state();
        if state.dead {
            return Err(io::Error::other("dead"));
        }
        let after = state.nature.after;
        let inode = state.inode(self.number);
        match begun {
            Ok(Turn::DoAndFail) | Err(_) => inode.fail(after),
            Ok(Turn::Do | Turn::DoInPart) => inode.sync(),
        }
        let mut told = self.told.lock().unwrap();
        if std::mem::replace(&mut *told, inode.failures) < inode.failures {
            return Err(begun.err().unwrap_or_else(|| io::Error::other("writing back has failed")));
        }
        Ok(())
    }

    fn lock(&self, exclusive: bool) -> io::Result<Tried> {
        let mut state = self.disk.state();
        let locks = &mut state.inode(self.number).locks;
        let others = locks.iter().filter(|(description, _)| *description != self.description);
        let free = others.clone().count() == 0
            || !exclusive && others.into_iter().all(|(_, alone)| !alone);
        if !free {
            return Ok(Tried::Busy);
        }
        locks.retain(|(description, _)| *description != self.description);
        locks.push((self.description, exclusive));
        Ok(Tried::Locked)
    }

    fn unlock(&self) {
        let mut state = self.disk.state();
        if let Some(inode) = state.inodes.get_mut(&self.number) {
            inode.locks.retain(|(description, _)| *description != self.description);
        }
    }

    fn copy_from(&self, source: &dyn DiskFile, start: u64, end: u64, at: u64) -> io::Result<u64> {
        let bytes = source.read(start, end)?;
        self.write(&bytes, Some(at)).map(|count| count as u64)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
