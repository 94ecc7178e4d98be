//! The content of one simulated file: as programs see it, and as the medium has it.

use std::io;

/// How a file system leaves the pages that a failed sync could not write. It calls them clean all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// As they are to be: ext4.
    #[default]
    New,
    /// As the medium has them: Btrfs.
    Old,
    /// Zeros: XFS, where nothing was allocated.
    Zero,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    pub live: Vec<u8>,
    /// What a power cut leaves at least.
    pub durable: Vec<u8>,
    /// Ranges that were written since the last sync.
    dirty: Vec<(usize, usize)>,
    /// Lengths that the file has had since the last sync.
    lengths: Vec<usize>,
    /// Failures to write back so far; each open description is told of each once.
    pub failures: u64,
    /// Open descriptions.
    pub open: usize,
    /// Descriptions that hold the lock, and whether they hold it alone.
    pub locks: Vec<(u64, bool)>,
}

impl Inode {
    /// A file with this content, on the medium.
    pub fn on_medium(content: Vec<u8>) -> Self {
        Self { live: content.clone(), durable: content, ..Self::default() }
    }

    pub fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.live.len() < end {
            self.lengths.push(end);
            self.live.resize(end, 0);
        }
        self.live[at..end].copy_from_slice(bytes);
        self.dirty.push((at, end));
    }

    pub fn set_len(&mut self, length: usize) {
        self.live.resize(length, 0);
        self.lengths.push(length);
    }

    /// Puts everything on the medium.
    pub fn sync(&mut self) {
        self.durable.clone_from(&self.live);
        self.settle();
    }

    fn settle(&mut self) {
        self.dirty.clear();
        self.lengths.clear();
    }

    /// What was written cannot be put on the medium.
    pub fn fail(&mut self, after: AfterFailure) {
        for (start, end) in std::mem::take(&mut self.dirty) {
            for at in start..end.min(self.live.len()) {
                self.live[at] = match after {
                    AfterFailure::New => continue,
                    AfterFailure::Old => self.durable.get(at).copied().unwrap_or(0),
                    AfterFailure::Zero => 0,
                };
            }
        }
        // The length is metadata, and gets there. What could not be written reads as zeros then.
        let mut durable = self.durable.clone();
        durable.resize(self.live.len(), 0);
        self.durable = durable;
        self.settle();
        self.failures += 1;
    }

    /// The sectors that were written since the last sync.
    fn dirty_sectors(&self, sector: usize) -> Vec<usize> {
        let sectors =
            self.dirty.iter().flat_map(|(start, end)| start / sector..end.div_ceil(sector));
        let mut sectors: Vec<_> = sectors.collect();
        sectors.sort_unstable();
        sectors.dedup();
        sectors
    }

    /// The number of contents that a power cut may leave.
    pub fn outcomes(&self, sector: usize) -> u64 {
        let sectors = u32::try_from(self.dirty_sectors(sector).len()).unwrap_or(u32::MAX);
        2_u64.saturating_pow(sectors).saturating_mul(self.possible_lengths().len() as u64)
    }

    fn possible_lengths(&self) -> Vec<usize> {
        let mut lengths = self.lengths.clone();
        lengths.extend([self.durable.len(), self.live.len()]);
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// One of the contents that a power cut may leave: any of the lengths, any of the sectors, and zeros where
    /// the length is ahead of the data.
    pub fn outcome(&self, sector: usize, choice: u64) -> Vec<u8> {
        let lengths = self.possible_lengths();
        let count = lengths.len() as u64;
        let mut content = self.durable.clone();
        content.resize(content.len().max(self.live.len()), 0);
        for (bit, number) in self.dirty_sectors(sector).into_iter().enumerate() {
            if (choice / count) >> bit & 1 == 1 {
                let end = ((number + 1) * sector).min(self.live.len());
                let start = (number * sector).min(end);
                content[start..end].copy_from_slice(&self.live[start..end]);
            }
        }
        let index = usize::try_from(choice % count).unwrap_or(0);
        content.resize(lengths[index], 0);
        content
    }

    pub fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let there = self.live.get(at..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }
}
