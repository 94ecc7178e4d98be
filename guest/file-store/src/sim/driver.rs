//! Runs scripts on a simulated disk and knows what must be there afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::disk::{Nature, SimDisk};
use crate::disk::{Create, Disk, How};
use crate::error::Kind;
use crate::failed::Failed;
use crate::file_set::FileSet;
use crate::index;
use crate::one_file::OneFile;
use crate::rewrite::{Cancel, Edit, Rewrite};
use crate::rotating::{Limits, Rotating};
use crate::settings::{Durability, Settings};
use crate::writer::Writer;

/// The directory of the journal, made by the first append.
const DIR: &str = "/d/e";
/// Three lines.
pub(super) const MAX_BYTES: u64 = 60;

/// The length of every line, its end included.
pub(super) const LINE: usize = 20;

/// The journal of a world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kinds {
    /// `None`: one file.
    pub max_files: Option<u32>,
    pub durability: Durability,
    pub nature: Nature,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Batches of so many lines each, written together.
    Append(Vec<usize>),
    /// A program that takes no locks writes the beginning of a line.
    Tear,
    Sync,
    /// Removes what is damaged, into quarantine.
    Recover,
    /// Removes the oldest line of each file.
    Compact,
    /// Keeps an index that vouches for all there is.
    Check,
    /// Another process goes on from here.
    Reopen,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It must be there, whatever happens.
    Durable,
    /// It must be there unless the power is cut.
    Written,
    /// It must not be there as long as the process lives.
    Refused,
    /// It may be there.
    Unknown,
    /// A compaction is removing it.
    Leaving,
    /// A compaction has removed it.
    Gone,
}

/// What has happened before a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The process is there, or has died.
    Death,
    /// A sync has failed, which can take away what was not durable. The process is there.
    FailedSync,
    /// Everything that was not durable may be gone.
    PowerCut,
}

pub(super) struct World {
    pub kinds: Kinds,
    pub disk: SimDisk,
    pub fates: Vec<Fate>,
    writer: Writer,
    files: Arc<dyn FileSet>,
    /// Lines may be missing from files for other reasons than their age.
    compacted: bool,
    /// A failed sync may have left damage where lines were.
    pub broken: bool,
    /// Two processes have appended.
    pub others: bool,
    /// From this line on, the writer has written them.
    own: usize,
    /// What recoveries have removed.
    removed: Vec<Removal>,
}

/// Damage that a recovery has removed, or is removing.
#[derive(Clone, Debug)]
struct Removal {
    pieces: Vec<Vec<u8>>,
    /// The medium had it in the journal.
    durable: bool,
    done: bool,
}

/// How much of a batch is there if the append failed.
type Done = Result<(), Option<u64>>;

/// An append of another process.
pub(super) struct Beside {
    first: usize,
    lines: usize,
    done: Arc<Mutex<Option<Done>>>,
}

pub(super) fn line(number: usize) -> String {
    let check = number.wrapping_mul(2_654_435_761) % 1_000_000_000;
    let line = format!("{number:06} {check:012}\n");
    debug_assert_eq!(line.len(), LINE);
    line
}

/// The number of a line, if it is one of ours, whole.
fn number_of(text: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(text.get(..6)?).ok()?.parse().ok()?;
    (line(number).as_bytes() == text).then_some(number)
}

pub(super) fn files(disk: &SimDisk, kinds: Kinds) -> Arc<dyn FileSet> {
    let path = Path::new(DIR).join("j");
    let mut settings = Settings::new(Arc::new(disk.clone()), path.display().to_string(), path);
    settings.durability = kinds.durability;
    settings.create_parents = true;
    settings.quarantine_dir = Some(PathBuf::from("/d/q"));
    settings.lock_wait = Duration::from_millis(200);
    match kinds.max_files {
        None => Arc::new(OneFile::new(settings)),
        Some(max_files) => {
            Arc::new(Rotating::new(settings, Limits { max_bytes: MAX_BYTES, max_files }))
        }
    }
}

/// A line as it lies in a file, and whether it is whole.
struct Piece {
    start: u64,
    end: u64,
    number: Option<usize>,
}

fn pieces(content: &[u8]) -> Vec<Piece> {
    let mut at = 0;
    let piece = |text: &[u8]| {
        let start = at;
        at += text.len() as u64;
        Piece { start, end: at, number: number_of(text) }
    };
    content.split_inclusive(|byte| *byte == b'\n').map(piece).collect()
}

/// An inode number, and what is in the file.
type Content = (u64, Vec<u8>);

/// All that a reader sees, oldest first; `None` without a journal.
fn contents(files: &dyn FileSet) -> crate::Result<Option<Vec<Content>>> {
    let view = match files.view() {
        Err(error) if error.kind == Kind::NotFound => return Ok(None),
        view => view?,
    };
    let read = |member: &crate::Member| match &member.file {
        Some(file) => (file.id().inode, file.read(0, member.length).unwrap()),
        None => (0, Vec::new()),
    };
    Ok(Some(view.members.iter().map(read).collect()))
}

pub(super) fn visible(files: &dyn FileSet) -> Result<Vec<usize>, crate::Error> {
    let contents = contents(files)?.unwrap_or_default();
    Ok(contents
        .iter()
        .flat_map(|(_, text)| pieces(text))
        .filter_map(|piece| piece.number)
        .collect())
}

impl World {
    pub fn new(kinds: Kinds) -> Self {
        let disk = SimDisk::new(kinds.nature);
        let files = files(&disk, kinds);
        Self {
            writer: Writer::new(Arc::clone(&files)),
            files,
            kinds,
            disk,
            fates: Vec::new(),
            compacted: false,
            broken: false,
            others: false,
            own: 0,
            removed: Vec::new(),
        }
    }

    /// The same journal on the disk that is left.
    pub fn on(&self, disk: SimDisk) -> Self {
        let files = files(&disk, self.kinds);
        Self {
            writer: Writer::new(Arc::clone(&files)),
            files,
            kinds: self.kinds,
            disk,
            fates: self.fates.clone(),
            compacted: self.compacted,
            broken: self.broken,
            others: self.others,
            own: self.fates.len(),
            removed: self.removed.clone(),
        }
    }

    /// What is not there now never comes back, and what is, stays.
    pub fn forget(&mut self) {
        let found: BTreeSet<usize> = visible(&*self.files).unwrap().into_iter().collect();
        for (number, fate) in self.fates.iter_mut().enumerate() {
            *fate = match found.contains(&number) {
                // A process that has died has synced nothing.
                true if *fate == Fate::Durable => Fate::Durable,
                true => Fate::Written,
                false => Fate::Gone,
            };
        }
        self.own = self.fates.len();
        self.compacted = true;
        self.removed.retain(|removal| removal.done);
    }

    /// Runs a script until the process dies.
    pub fn run(&mut self, steps: &[Step]) {
        for step in steps {
            if self.disk.is_dead() {
                return;
            }
            match step {
                Step::Append(batches) => drop(self.append(batches)),
                Step::Tear => self.tear(),
                Step::Sync => drop(self.sync()),
                Step::Recover => drop(self.rewrite(true)),
                Step::Compact => drop(self.rewrite(false)),
                Step::Check => drop(self.check_in()),
                Step::Reopen => {
                    // A store that is let go of syncs what waits, but nobody hears of a failure.
                    if self.sync().is_err() {
                        self.give_up();
                    }
                    self.writer = Writer::new(Arc::clone(&self.files));
                    self.own = self.fates.len();
                }
            }
        }
    }

    /// What waits for a sync may be gone, and nobody makes it good.
    fn give_up(&mut self) {
        for fate in &mut self.fates {
            if *fate == Fate::Written {
                *fate = Fate::Unknown;
            }
        }
    }

    pub fn append(&mut self, batches: &[usize]) -> Result<(), crate::Error> {
        let mut texts = Vec::new();
        for lines in batches {
            let first = self.fates.len();
            texts.push((first..first + lines).map(line).collect::<String>());
            // What it is if the process dies here.
            self.fates.extend(std::iter::repeat_n(Fate::Unknown, *lines));
        }
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let first = self.fates.len() - batches.iter().sum::<usize>();
        let appended = self.writer.append(&borrowed);
        if self.disk.is_dead() {
            return Ok(());
        }
        match appended {
            Ok(()) => {
                let durable = self.kinds.durability == Durability::Always;
                self.fates[first..].fill(if durable { Fate::Durable } else { Fate::Written });
                if matches!(self.kinds.durability, Durability::Interval(_)) {
                    let _ = self.writer.remember(texts.into_iter());
                }
                Ok(())
            }
            Err(Failed { error, left }) => {
                if let Some(left) = left {
                    // Whole lines are there, or nothing of them.
                    let there = usize::try_from(left).unwrap() / LINE;
                    let end = self.fates.len();
                    self.fates[(first + there).min(end)..].fill(Fate::Refused);
                    if !(left as usize).is_multiple_of(LINE) {
                        self.fates[first + there] = Fate::Unknown;
                    }
                    // What is said to be there is.
                    self.fates[first..first + there].fill(Fate::Unknown);
                }
                Err(error)
            }
        }
    }

    fn tear(&self) {
        let how = How::APPEND.create(Create::No);
        if let Ok(file) = self.disk.open(&self.files.settings().path, how) {
            let _ = file.append(&[std::io::IoSlice::new(b"torn")]);
        }
    }

    pub fn sync(&mut self) -> Result<(), crate::Error> {
        let synced = self.writer.begin_sync().and_then(|syncing| match syncing {
            None => Ok(()),
            Some(syncing) => {
                let synced = syncing.run();
                self.writer.end_sync(&syncing, synced)
            }
        });
        if synced.is_err() && self.kinds.durability == Durability::Never {
            self.give_up();
        }
        if synced.is_ok() && !self.disk.is_dead() {
            for fate in &mut self.fates[self.own..] {
                if *fate == Fate::Written {
                    *fate = Fate::Durable;
                }
            }
        }
        synced
    }

    /// Removes damage, or the oldest line of each file.
    pub fn rewrite(&mut self, recover: bool) -> Result<usize, crate::Error> {
        let view = match self.files.view() {
            Err(error) if error.kind == Kind::NotFound => return Ok(0),
            view => view?,
        };
        let mut rewritten = 0;
        let leftovers = view.besides.iter().any(|file| file.why == crate::Why::Leftover);
        let newest =
            view.members.iter().filter(|member| member.file.is_some()).map(|m| m.number).min();
        for member in &view.members {
            let Some(file) = &member.file else { continue };
            let text = file.read(0, member.length).unwrap();
            let pieces = pieces(&text);
            let goes: Vec<&Piece> = if recover {
                pieces.iter().filter(|piece| piece.number.is_none()).collect()
            } else {
                pieces.iter().filter(|piece| piece.number.is_some()).take(1).collect()
            };
            if goes.is_empty() && !(recover && leftovers && Some(member.number) == newest) {
                continue;
            }
            rewritten += usize::from(!goes.is_empty());
            let leaving: Vec<usize> = goes.iter().filter_map(|piece| piece.number).collect();
            let before: Vec<Fate> = leaving.iter().map(|number| self.fates[*number]).collect();
            for number in &leaving {
                self.fates[*number] = Fate::Leaving;
            }
            self.compacted |= !leaving.is_empty();
            let bytes = |piece: &&Piece| text[piece.start as usize..piece.end as usize].to_vec();
            let removed: Vec<Vec<u8>> = goes.iter().map(bytes).collect();
            if recover && !removed.is_empty() {
                let durable = self.disk.has_on_medium(file.id());
                self.removed.push(Removal { pieces: removed.clone(), durable, done: false });
            }
            let files = Arc::clone(&self.files);
            let edits: Vec<Edit> = goes
                .iter()
                .map(|piece| Edit { start: piece.start, end: piece.end, line_end: false })
                .collect();
            let begun = Rewrite::begin(files, file.id(), member.length, recover, Cancel::default());
            let done = begun.and_then(|mut rewrite| {
                rewrite.edit(&edits)?;
                rewrite.commit()
            });
            if self.disk.is_dead() {
                return Ok(0);
            }
            match done {
                Ok(done) => {
                    for number in &leaving {
                        self.fates[*number] = Fate::Gone;
                    }
                    if recover && !removed.is_empty() {
                        let [path] = &done.quarantine[..] else { panic!("{done:?}") };
                        let kept = self.disk.content(Path::new(path));
                        assert_eq!(kept, Some(removed.concat()), "the quarantine");
                        self.removed
                            .iter_mut()
                            .rev()
                            .take(1)
                            .for_each(|removal| removal.done = true);
                    }
                }
                Err(error) => {
                    // An error that does not say that it is in doubt leaves everything in place.
                    if !error.message.contains("power cut")
                        && !error.message.contains("cannot tell")
                    {
                        for (number, fate) in leaving.iter().zip(before) {
                            self.fates[*number] = fate;
                        }
                        if recover && !removed.is_empty() {
                            self.removed.pop();
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(rewritten)
    }

    /// Keeps an index: which file has which content, as far as it goes.
    pub fn check_in(&mut self) -> Result<(), crate::Error> {
        let Some(contents) = contents(&*self.files)? else { return Ok(()) };
        // Nobody vouches for damage.
        let mut all = contents.iter().flat_map(|(_, text)| pieces(text));
        if all.any(|piece| piece.number.is_none()) {
            return Ok(());
        }
        let lines = contents.iter().map(|(inode, text)| {
            format!(
                "{inode} {}\n",
                text.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            )
        });
        let saved = index::save(&*self.files, &lines.collect::<String>());
        if saved.is_err() {
            self.writer.distrust();
            if self.kinds.durability == Durability::Never {
                self.give_up();
            }
        }
        saved
    }

    /// What an index vouches for is so.
    fn check_index(&self, context: &dyn Fn() -> String) {
        let text = index::load(&*self.files);
        let contents = contents(&*self.files).unwrap().unwrap_or_default();
        for line in text.lines() {
            let (inode, vouched) = line.split_once(' ').unwrap();
            let there = contents.iter().find(|(id, _)| id.to_string() == inode);
            let Some((_, there)) = there else { continue };
            let there: String = there.iter().map(|byte| format!("{byte:02x}")).collect();
            // A file that has been given the number since has other bytes from its first line on.
            if !vouched.is_empty() && there.get(..2 * LINE) == vouched.get(..2 * LINE) {
                assert!(
                    there.starts_with(vouched),
                    "the index vouches for {vouched}, and there is {there}; {}",
                    context()
                );
            }
        }
    }

    /// Everything that must be there is, once, unaltered and in order; nothing that must not be.
    pub fn check(&self, after: After, context: &dyn Fn() -> String) {
        let context = &|| format!("{}; on the disk: {}", context(), self.listing());
        let found = match visible(&*self.files) {
            Ok(found) => found,
            Err(error) => panic!("cannot be read: {error}; {}", context()),
        };
        let set: BTreeSet<usize> = found.iter().copied().collect();
        assert_eq!(set.len(), found.len(), "doubled in {found:?}; {}", context());
        // Without syncs, a rotation drops old files before newer ones are on the medium.
        let unsynced = self.kinds.durability == Durability::Never;
        let nothing = unsynced && self.kinds.max_files.is_some() && after == After::PowerCut;
        // And the names of files reach the medium in the order that the file system chooses.
        let any_order = self.others || nothing && !self.kinds.nature.ordered;
        assert!(any_order || found.is_sorted(), "out of order: {found:?}; {}", context());
        let required = |fate: &Fate| {
            !nothing && (*fate == Fate::Durable || *fate == Fate::Written && after == After::Death)
        };
        let oldest = found.iter().min().copied();
        for (number, fate) in self.fates.iter().enumerate() {
            let there = set.contains(&number);
            if required(fate) && !there {
                // Rotations drop the oldest.
                let older = oldest.is_some_and(|oldest| number < oldest);
                let may_go =
                    self.kinds.max_files.is_some() && (older || self.compacted || self.others);
                assert!(may_go, "{number} is lost from {found:?}; {}", context());
            }
            let forbidden =
                *fate == Fate::Gone || *fate == Fate::Refused && after != After::PowerCut;
            assert!(!there || !forbidden, "{number} is {fate:?} and in {found:?}; {}", context());
        }
        assert!(found.iter().all(|number| *number < self.fates.len()), "{found:?}; {}", context());
        if let Some(max_files) = self.kinds.max_files {
            let names = self.visible_names();
            assert!(names.len() <= max_files as usize, "{names:?}; {}", context());
            let acknowledged = self.fates.iter().filter(|fate| required(fate)).count();
            let least = (max_files as usize - 1).max(1).min(acknowledged);
            assert!(self.compacted || found.len() >= least, "only {found:?}; {}", context());
        }
        self.check_index(context);
        self.check_removed(after, context);
    }

    /// What was damaged is still in the journal, or in quarantine.
    fn check_removed(&self, after: After, context: &dyn Fn() -> String) {
        let names = self.disk.names();
        let contents = names.iter().filter_map(|path| Some((path, self.disk.content(path)?)));
        let (quarantine, journal): (Vec<_>, Vec<_>) =
            contents.partition(|(path, _)| path.to_string_lossy().ends_with(".quarantine"));
        let contains = |text: &[u8], piece: &[u8]| text.windows(piece.len()).any(|at| at == piece);
        for removal in &self.removed {
            let whole = removal.pieces.concat();
            let kept = quarantine.iter().any(|(_, text)| *text == whole);
            let there = |piece: &Vec<u8>| journal.iter().any(|(_, text)| contains(text, piece));
            let required = removal.done || after == After::Death || removal.durable;
            let safe = kept || !removal.done && removal.pieces.iter().all(there);
            assert!(safe || !required, "{removal:?} is lost, {quarantine:?}; {}", context());
        }
    }

    /// Has another process append a batch before the operation of this number.
    pub fn append_beside(&mut self, operation: usize, lines: usize) -> Beside {
        let first = self.fates.len();
        let text: String = (first..first + lines).map(line).collect();
        self.fates.extend(std::iter::repeat_n(Fate::Unknown, lines));
        self.others = true;
        let done = Arc::new(Mutex::new(None));
        let (files, result) = (files(&self.disk, self.kinds), Arc::clone(&done));
        self.disk.run_at(operation, move || {
            let appended = Writer::new(files).append(&[&text]);
            *result.lock().unwrap() = Some(appended.map_err(|failed| failed.left));
        });
        Beside { first, lines, done }
    }

    /// Notes what became of that.
    pub fn note(&mut self, Beside { first, lines, done }: &Beside) {
        self.disk.forget_meanwhile();
        let durable = self.kinds.durability == Durability::Always;
        let fate = match *done.lock().unwrap() {
            Some(Ok(())) if durable => Fate::Durable,
            // The other process is gone, and with it what would have synced this.
            Some(Ok(())) => Fate::Written,
            None | Some(Err(Some(0))) => Fate::Refused,
            Some(Err(_)) => Fate::Unknown,
        };
        if !self.disk.is_dead() {
            self.fates[*first..first + lines].fill(fate);
            self.own = self.fates.len();
        }
    }

    /// All files, and the numbers of the lines in them.
    fn listing(&self) -> String {
        let file = |path: PathBuf| {
            let text = self.disk.content(&path).unwrap_or_default();
            let numbers: Vec<_> = pieces(&text).iter().map(|piece| piece.number).collect();
            format!("{} {numbers:?}", path.display())
        };
        self.disk.names().into_iter().map(file).collect::<Vec<_>>().join(", ")
    }

    fn visible_names(&self) -> Vec<String> {
        let names = self.disk.list(Path::new(DIR)).unwrap_or_default();
        names.into_iter().filter(|name| !name.starts_with('.')).collect()
    }

    /// Recovers, and finds nothing more to do, nothing left behind, and a journal that can be appended to.
    pub fn check_recovery(&mut self, after: After, context: &dyn Fn() -> String) {
        if contents(&*self.files).unwrap().is_none() {
            // What is left beside a journal that is not there yet waits for it.
            self.append(&[1]).unwrap();
        }
        let recovered = self.rewrite(true);
        assert!(recovered.is_ok(), "cannot be recovered: {recovered:?}; {}", context());
        self.check(after, context);
        assert_eq!(self.rewrite(true).unwrap(), 0, "there is more to recover; {}", context());
        self.check_in().unwrap();
        let hidden = self.disk.names();
        let hidden = hidden.iter().filter(|path| {
            let name = crate::name_of(path);
            name.starts_with('.') && !name.ends_with("-index") && !name.ends_with("-quarantine")
        });
        assert_eq!(hidden.count(), 0, "{:?} are left; {}", self.disk.names(), context());
        let appended = self.append(&[1, 2]);
        assert!(appended.is_ok(), "cannot be appended to: {appended:?}; {}", context());
        self.check(after, context);
        // Of a file that is gone, the next rewrite finds what was to be its quarantine.
        self.rewrite(false).unwrap();
        self.check(after, context);
        let names = self.disk.names();
        let unfinished =
            names.iter().filter(|path| path.to_string_lossy().ends_with("-quarantine")).count();
        assert_eq!(unfinished, 0, "{names:?} are left; {}", context());
    }
}
