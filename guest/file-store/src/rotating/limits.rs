//! How large a set of files may grow.

/// How large a set of files may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of a file; a single record may be larger.
    pub max_bytes: u64,
    /// The maximum number of files, with the one that is appended to.
    pub max_files: u32,
}

impl Limits {
    /// The number of files of these sizes, newest first, that can stay beside a new one whose first record
    /// has `record` bytes: the bound on disk use must hold.
    pub(super) fn keep(&self, sizes: &[u64], record: u64) -> usize {
        let most = sizes.len().min(self.max_files as usize - 1);
        let (record, max_bytes) = (u128::from(record), u128::from(self.max_bytes));
        let holds = |kept: &usize| {
            let kept = sizes.get(..*kept).unwrap_or_default().iter().copied().map(u128::from);
            // A file that is larger than a file may be is one record.
            let largest = kept.clone().filter(|size| *size > max_bytes).max().unwrap_or(0);
            let bound = u128::from(self.max_files) * max_bytes + largest.max(record);
            kept.sum::<u128>() + record.max(max_bytes) <= bound
        };
        (1..=most).rev().find(holds).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_keeps_to_the_bound() {
        let set = |max_bytes, max_files| Limits { max_bytes, max_files };
        let keep = |sizes: &[u64], record| set(100, 4).keep(sizes, record);
        assert_eq!(keep(&[100, 100, 100, 100], 10), 3);
        assert_eq!(keep(&[10], 100), 1);
        // One record that is too large is what the bound allows for; a second one needs room.
        assert_eq!(keep(&[1000, 100, 100], 10), 3);
        assert_eq!(keep(&[1000, 100, 1000], 10), 2);
        assert_eq!(keep(&[1000, 100, 100], 350), 1);
        assert_eq!(keep(&[1000, 100, 100], 450), 0);
        assert_eq!(keep(&[u64::MAX, u64::MAX, 1], u64::MAX), 0);
        assert_eq!(set(u64::MAX, 1000).keep(&[u64::MAX], u64::MAX), 1);
        assert_eq!(set(100, 1).keep(&[100], 1), 0);
    }
}
